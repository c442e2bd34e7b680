"""The same by pm4py, run by the Python of its own environment: `python -m benchmarks.flows_pm4py <folder>`.

pm4py has no intervals of phases: of its own it has the filter that keeps the critical events; what its user then writes
is pandas.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pm4py

from benchmarks.flows_pandas import ORDERING, STEP_TYPES, as_of, intervals, read, steps_of_paths, timed


def main(folder: Path) -> None:
    """Works everything out from the Parquet files of a folder, and writes results and efforts next to them."""
    steps, matches = read(folder)
    # the form it likes: sorted, with its own index columns
    log, ready = timed(
        {
            ORDERING: lambda: pm4py.format_dataframe(
                steps, case_id="instance", activity_key="event", timestamp_key="occurred_at"
            )
        }
    )
    log = log[ORDERING]
    keys = {"case_id_key": "instance", "timestamp_key": "occurred_at"}
    results, efforts = timed(
        {
            "directly-follows": lambda: [
                (
                    name,
                    pm4py.discover_dfg(log, activity_key=name, **keys)[0],
                    pm4py.discover_performance_dfg(log, activity_key=name, **keys)[0],
                )
                for name in STEP_TYPES
            ],
            "variants": lambda: [
                (name, pm4py.get_variants(steps_of_paths(log, name), activity_key=name, **keys)) for name in STEP_TYPES
            ],
            "phase intervals": lambda: intervals(matches, as_of(folder)),
        }
    )
    found: list[dict[str, Any]] = [
        {
            "step_type": name,
            "from_name": pair[0],
            "to_name": pair[1],
            "transition_count": int(count),
            "middle_seconds": float(performance[pair]["median"]),
        }
        for name, graph, performance in results["directly-follows"]
        for pair, count in graph.items()
    ]
    pd.DataFrame(found).to_parquet(folder / "pm4py directly-follows.parquet", index=False)
    taken = [
        {"step_type": name, "variant": " > ".join(path), "instance_count": int(count)}
        for name, counted in results["variants"]
        for path, count in counted.items()
    ]
    pd.DataFrame(taken).to_parquet(folder / "pm4py variants.parquet", index=False)
    results["phase intervals"].to_parquet(folder / "pm4py phase intervals.parquet", index=False)
    (folder / "pm4py.json").write_text(json.dumps({"efforts": efforts | ready, "version": pm4py.__version__}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
