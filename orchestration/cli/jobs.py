"""Runs a job in this process, and explains what failed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from orchestration.cli.screen import Progress
from orchestration.defs.automation.heartbeat import HEARTBEAT, dead_runs_ended, heartbeat
from orchestration.defs.automation.run_history import forget_old_runs
from orchestration.defs.naming import CHECK_LANDING, CHECK_PUBLISHED
from orchestration.lib.core.activity import step
from orchestration.lib.core.connection import DatabaseUnusable, WarehouseBusy
from orchestration.lib.core.machine_faults import WAY_OUT, explained_text, is_of_the_system
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.stopping import is_asked
from orchestration.lib.core.terminal import styled
from orchestration.lib.release.publish import Release

# How Dagster begins what it writes to stderr when its records can't be written.
RECORD_NOT_WRITTEN = "Exception while writing logger call"
EXPLAINED = (WarehouseBusy.__name__, DatabaseUnusable.__name__)


def execute_job(job: dg.JobDefinition, settings: Settings, screen: Progress) -> list[str]:
    """Runs a job in this process and returns what failed, one text per step. Raises KeyboardInterrupt after Ctrl-C.

    The job alone is imported: the graph of assets, which Dagster's pages show, takes as long as landing a file.
    """
    with (
        step("starting the run"),
        dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance,
        heartbeat(settings.dagster_home) as beat,
        dead_runs_ended(instance, settings.dagster_home, beat, screen),
        # every line of dbt's is in its log and on Dagster's pages; here the steps' own lines are enough
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(cast("IO[str]", _WithoutRecords(sys.stderr, settings))),
    ):
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"plain": {"config": {}}}},
            # the label under which the pages list the runs of a job, and draw them on the timeline
            tags={HEARTBEAT: beat, REPOSITORY_LABEL_TAG: f"{SINGLETON_REPOSITORY_NAME}@{settings.data_set}"},
        )
        if is_asked():
            # Dagster takes a run that was interrupted for one that failed
            instance.report_run_canceled(result.dagster_run, "Stopped with Ctrl-C.")
            instance.event_log_storage.free_concurrency_slots_for_run(result.run_id)
            raise KeyboardInterrupt
        forget_old_runs(instance, settings)
    failures: list[str] = []
    for event in result.all_events:
        if event.is_step_failure:
            # checks have reported what they found; the gate that ran them fails with nothing to add
            if event.step_key not in (CHECK_LANDING, CHECK_PUBLISHED) or not failures:
                failures.append(_explain(event, settings))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.description:
                failures.append(evaluation.description)
    return failures or ([] if result.success else ["The job failed without a failed step; look at it with make up."])


class _WithoutRecords:
    """Stderr without what Dagster writes there, with SQL, of records that a full or damaged disk did not take.

    The run fails of the same error, and its end says so in a sentence.
    """

    def __init__(self, stream: IO[str], settings: Settings) -> None:
        self._stream = stream
        self._settings = settings

    def write(self, text: str) -> int:
        if text.startswith(RECORD_NOT_WRITTEN) and explained_text(text, self._settings) is not None:
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _explain(event: dg.DagsterEvent, settings: Settings) -> str:
    error = event.step_failure_data.error
    root = error
    messages = []
    # an error of ours says more than what it was raised from
    while root is not None and root.cause is not None and root.cls_name not in EXPLAINED:
        messages.append(root.message)
        root = root.cause
    user = event.step_failure_data.user_failure_data
    said = (user.description if user and user.description else None) or (root.message if root else "no message")
    # a gate speaks of files of others, which this user may not be able to read; nothing else of a run is about them
    if event.step_key not in (CHECK_LANDING, CHECK_PUBLISHED):
        # the outer errors name the file that the innermost one is about
        faults = (explained_text(text, settings) for text in (*messages, said) if is_of_the_system(text))
        said = next((fault for fault in faults if fault is not None), said)
    return f"{event.step_key}: {said.strip()}"


def report_failure(failures: Sequence[str], before: Release | None, screen: Progress) -> None:
    """Says what went wrong, what readers still have, and what to do."""
    screen("\n" + styled("Not published. What went wrong:", "red"))
    for failure in dict.fromkeys(failures):
        screen("  " + failure.replace("\n", "\n  "))
    screen(
        f"\nReaders still get release {before.release_id}."
        if before
        else "\nThere is no release yet, so readers get nothing."
    )
    if any("Look with: " in failure for failure in failures):
        screen("The queries are for the warehouse: make sql IN=warehouse SQL=…")
    if all(failure.endswith(WAY_OUT) for failure in failures):
        return
    screen(
        "Correct the file, take it out of its folder, or correct the configuration; make withdraw FILE=… takes back a "
        "file that landed. Then type make run."
    )
