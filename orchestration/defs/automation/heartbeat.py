"""Distinguishes a run that is under way from one whose process was killed, and ends the dead ones."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from orchestration.lib.core import locks

# The tag by which a run names its heartbeat. Runs without one belong to Dagster's own daemon, which watches them.
HEARTBEAT = "journeys/heartbeat"


@contextlib.contextmanager
def heartbeat(dagster_home: Path) -> Iterator[str]:
    """Holds a lock for the time of a `with` block and yields its name; the kernel releases it when the holder dies."""
    folder = _folder(dagster_home)
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    with locks.held(folder / name, wait_seconds=0):
        try:
            yield name
        finally:
            (folder / name).unlink(missing_ok=True)


def is_alive(dagster_home: Path, name: str) -> bool:
    """Whether the process that holds the heartbeat still runs."""
    return locks.is_held(_folder(dagster_home) / name)


def end_dead_runs(instance: dg.DagsterInstance, dagster_home: Path, progress: Callable[[str], None]) -> None:
    """Marks runs whose process was killed as failed and gives back their place in the pool.

    A killed process can't do so itself, and the next run would wait for that place without end.
    """
    under_way = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=under_way)):
        name = run.tags.get(HEARTBEAT)
        if name is None:
            continue
        if is_alive(dagster_home, name):
            progress(f"  note: run {run.run_id[:8]} is under way; this one waits where both need the warehouse")
            continue
        instance.report_run_failed(run, "The process of this run was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        (_folder(dagster_home) / name).unlink(missing_ok=True)
        progress(f"  note: run {run.run_id[:8]} was killed before its end; this run continues from what is complete")


def _folder(dagster_home: Path) -> Path:
    return dagster_home / "running"
