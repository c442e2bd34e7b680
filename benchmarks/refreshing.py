"""Runs `make run` as users do, in a copy of the project, and says what each stage of it cost."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring import Cost, MeasuredFailure, Sample, measured, measured_program
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT

MADE = (".git", ".venv", "var", "serving", "target", "logs", "__pycache__", ".*_cache")
# A macro of ours that models in the middle of the graph use, and a body of the same result.
MACRO = ("macros/engine/seconds_between.sql", "((epoch_us(", "((0 + epoch_us(")
BUILD = "build_warehouse"
# What a run does before the first step of its job and after the last: imports, the look, the report.
BEFORE, AFTER = "start", "end"


@dataclass(frozen=True)
class Refresh:
    """What a run cost: all of it, its stages in their order, and the seconds of the models that were built."""

    total: Cost
    stages: Mapping[str, Cost]
    models: Mapping[str, float]


@dataclass(frozen=True)
class DataSet:
    """A folder with extracts, and with what runs of a project make of them."""

    folder: Path
    project: Path

    @property
    def extracts(self) -> Path:
        return self.folder / "extracts"

    @property
    def warehouse(self) -> Path:
        return self.folder / "var" / "bench" / "warehouse.duckdb"

    @property
    def release(self) -> Path | None:
        """The folder of the current release."""
        link = self.folder / "serving" / "customer_journeys.duckdb"
        return link.resolve().parent if link.exists() else None

    @property
    def environment(self) -> dict[str, str]:
        """That of a user with own extracts; of other settings, the memory limit alone is taken over."""
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("JOURNEYS_", "MAKE", "MFLAGS"))}
        example = EXAMPLES["omnichannel"]
        return ours | {
            "JOURNEYS_EXTRACTS": str(self.extracts),
            "JOURNEYS_DATA_SET": "bench",
            "JOURNEYS_VAR": str(self.folder / "var"),
            "JOURNEYS_SERVING": str(self.folder / "serving"),
            "JOURNEYS_AS_OF": example.as_of.isoformat(),
            "JOURNEYS_COUNTRY": example.country,
            "JOURNEYS_PEPPER": "a key for the benchmark",
            "JOURNEYS_RELEASES_KEPT": "2",
            "JOURNEYS_MEMORY": os.environ.get("JOURNEYS_MEMORY", ""),
        }


def copy_project(folder: Path) -> Path:
    """A copy of the project: a run of the benchmark is not disturbed by edits, and it may edit."""
    shutil.copytree(PROJECT_ROOT, folder, ignore=shutil.ignore_patterns(*MADE))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def change_macro(project: Path) -> None:
    """Gives one macro another body with the same result."""
    name, before, after = MACRO
    text = (project / name).read_text(encoding="utf-8")
    if before not in text:
        raise MeasuredFailure(f"{name} holds no `{before}` that could be changed.")
    (project / name).write_text(text.replace(before, after), encoding="utf-8")


def refresh(data_set: DataSet, *, publishes: bool, log: Path) -> Refresh:
    """Runs `make run`. Raises MeasuredFailure where it fails, or publishes though nothing is new, or the other way."""
    before = data_set.release
    cost, samples = measured_program(
        ["make", "--no-print-directory", "run"], folder=data_set.project, environment=data_set.environment, log=log
    )
    if (data_set.release != before) != publishes:
        raise MeasuredFailure(f"The run published {'nothing' if publishes else 'a release though nothing was new'}.")
    (starts, models), _ = measured(read_job, data_set.warehouse.with_name("dagster"), samples[0].at, log=log)
    return Refresh(cost, split(samples, starts), models)


def read_job(dagster_home: Path, since: float) -> tuple[dict[str, float], dict[str, float]]:
    """When each step of the job began, and the last ended, and the seconds of each model; nothing if none ran."""
    import dagster as dg

    starts, models = {}, {}
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        runs = [run for run in instance.get_run_records(limit=1) if run.create_timestamp.timestamp() >= since]
        for entry in instance.all_logs(runs[0].dagster_run.run_id) if runs else ():
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            if event.is_step_start:
                starts[event.step_key] = entry.timestamp
            elif event.is_step_success:
                starts.pop(AFTER, None)  # the last one counts, and comes last
                starts[AFTER] = entry.timestamp
            elif event.is_step_materialization and event.step_key == BUILD:
                materialization = event.step_materialization_data.materialization
                seconds = materialization.metadata["seconds"].value
                assert isinstance(seconds, float)
                models[materialization.asset_key.path[-1]] = seconds
    return starts, models


def split(samples: Sequence[Sample], starts: Mapping[str, float]) -> dict[str, Cost]:
    """The cost of each stage: it lasts until the next begins."""
    times = [sample.at for sample in samples]
    # between two looks a child may have ended that its parent has not yet taken over
    cpu_seconds = np.maximum.accumulate([sample.cpu_seconds for sample in samples])
    names = [BEFORE, *starts]
    at = [times[0], *starts.values(), times[-1]]
    used = np.interp(at, times, cpu_seconds)
    return {
        name: Cost(
            at[place + 1] - at[place],
            float(used[place + 1] - used[place]),
            max([sample.memory_bytes for sample in samples if at[place] <= sample.at < at[place + 1]], default=0),
        )
        for place, name in enumerate(names)
    }
