"""Distinguishes a run that is under way from one whose process was killed, and ends the dead ones."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX

from orchestration.lib.core import locks

# The tag by which a run of a command names its heartbeat, hidden on the pages. Runs that Dagster's daemon started have
# none: they note their process.
HEARTBEAT = f"{HIDDEN_TAG_PREFIX}journeys-heartbeat"
# What it was called before: a run of that version may be alive.
FORMER_HEARTBEAT = "journeys/heartbeat"
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
# So long a run may take from its start to the note of its process: the code is imported in between.
STARTING_SECONDS = 180
# A process began before it wrote its note; more than this after it, the number belongs to another one.
CLOCK_SECONDS = 5
SECONDS_BETWEEN_LOOKS = 2.0

Progress = Callable[[str], None]


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


@contextlib.contextmanager
def dead_runs_ended(
    instance: dg.DagsterInstance,
    dagster_home: Path,
    own: str,
    progress: Progress,
    *,
    every: float = SECONDS_BETWEEN_LOOKS,
) -> Iterator[None]:
    """Looks at the other runs before a `with` block and again and again during it, and ends those that are dead.

    A run that is waited for may be killed meanwhile. `own` is the heartbeat of the run in the block. Each run that is
    waited for is named once.
    """
    told: set[str] = set()
    is_over = threading.Event()

    def look() -> None:
        for run in end_dead_runs(instance, dagster_home, progress, but=own):
            if run.run_id not in told:
                told.add(run.run_id)
                progress(f"  note: {_described(instance, run)} is under way; this one waits for it")

    def look_again() -> None:
        while not is_over.wait(every):
            # a database that is busy for a moment is asked again
            with contextlib.suppress(Exception):
                look()

    look()
    watcher = threading.Thread(target=look_again, name="dead runs", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def end_dead_runs(
    instance: dg.DagsterInstance, dagster_home: Path, progress: Progress, *, but: str | None = None
) -> list[dg.DagsterRun]:
    """Marks runs whose process was killed as failed and gives back their place in the pool; returns those that live.

    A killed process can't do so itself, and the next run would wait for that place without end. The run with the
    heartbeat `but` is passed over.
    """
    alive = []
    for record in instance.get_run_records(filters=dg.RunsFilter(statuses=UNDER_WAY)):
        run = record.dagster_run
        name = run.tags.get(HEARTBEAT) or run.tags.get(FORMER_HEARTBEAT)
        if name is not None and name == but:
            continue
        if _is_alive(instance, dagster_home, record):
            alive.append(run)
            continue
        instance.report_run_failed(run, "The process of this run was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        if name is not None:
            (_folder(dagster_home) / name).unlink(missing_ok=True)
        progress(f"  note: run {run.run_id[:8]} was killed before its end; this run continues from what is complete")
    return alive


def _is_alive(instance: dg.DagsterInstance, dagster_home: Path, record: dg.RunRecord) -> bool:
    run = record.dagster_run
    name = run.tags.get(HEARTBEAT) or run.tags.get(FORMER_HEARTBEAT)
    if name is not None:
        return locks.is_held(_folder(dagster_home) / name)
    noted = _noted_process(instance, run)
    if noted is None:
        return (datetime.now(UTC) - record.create_timestamp).total_seconds() < STARTING_SECONDS
    number, noted_at = noted
    try:
        process = psutil.Process(number)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= noted_at + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        # another user's: it lives, whatever it is
        return True


def _noted_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """The number of a run's process, and when the process noted it (seconds since 1970); None before that."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        if event is not None and (event.message or "").startswith("Started process for run"):
            number = event.engine_event_data.metadata.get("pid")
            if number is not None and str(number.value).isdecimal():
                return int(str(number.value)), entry.timestamp
    return None


def _described(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    record = instance.get_run_record_by_id(run.run_id)
    started = record.start_time if record is not None else None
    since = f", begun at {datetime.fromtimestamp(started, UTC):%H:%M:%S} UTC," if started is not None else ""
    return f"run {run.run_id[:8]}{since}"


def _folder(dagster_home: Path) -> Path:
    return dagster_home / "running"
