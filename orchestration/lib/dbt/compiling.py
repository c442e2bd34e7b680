"""The process that compiles for Python: dbt, from the project that was parsed for builds, on no data set.

It reads the names and the reporting time zone from its input, and writes what `compiled.py` keeps of each name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.lib.core.processes import answers, die_with_parent, end_at_once, look_for_garbage_rarely
from orchestration.lib.dbt.project import command, parsed_project, target

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def main() -> None:
    look_for_garbage_rarely()
    die_with_parent()
    request = json.load(sys.stdin)
    answer = answers()
    _, manifest = parsed_project()
    os.environ["JOURNEYS_WAREHOUSE"] = ":memory:"
    os.environ["JOURNEYS_RESOLVED_SEEDS"] = "seeds"
    # no build is under way: the clock is the project's own
    for name in [name for name in os.environ if name.startswith("JOURNEYS_BUILD_")]:
        del os.environ[name]
    json.dump(dict(compile_nodes(manifest, request["names"], request["time_zone"])), answer)
    answer.close()


def compile_nodes(manifest: Manifest, names: Sequence[str], time_zone: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name, SQL and relations of models and analyses, as a full build runs them."""
    from dbt.cli.main import dbtRunner

    variables = json.dumps({"reporting_time_zone": time_zone})
    result = dbtRunner(manifest=manifest).invoke(
        command(
            "compile",
            *("--full-refresh", "--vars", variables, "--select", *sorted(names)),
            work=target() / "compiled",
        )
    )
    results: Any = result.result
    if not result.success:
        raise SystemExit(str(result.exception or [found.message for found in results if found.message]))
    if unknown := set(names) - {found.node.name for found in results}:
        raise SystemExit(f"No model and no analysis is named {', '.join(sorted(unknown))}.")
    for found in results:
        if found.node.name in names:
            yield (
                found.node.name,
                {
                    "sql": found.node.compiled_code.strip(),
                    "relations": dict(_relations(manifest, found.node.unique_id)),
                },
            )


def _relations(manifest: Manifest, unique_id: str) -> Iterator[tuple[str, str]]:
    """Name and relation of what a node reads; an ephemeral model is part of the SQL, so its own parents count."""
    node: Any = manifest.nodes[unique_id]
    for parent in node.depends_on.nodes:
        found: Any = manifest.nodes.get(parent) or manifest.sources[parent]
        if found.relation_name:
            yield found.name, found.relation_name
        else:
            yield from _relations(manifest, parent)


if __name__ == "__main__":
    main()
    end_at_once(0)
