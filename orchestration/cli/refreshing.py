"""Runs the job refresh and says what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from orchestration.cli.preparing import prepare_run
from orchestration.cli.release_report import report_next_steps, report_release
from orchestration.cli.screen import Screen
from orchestration.lib.core.settings import Settings
from orchestration.lib.digests.sending import send_digests
from orchestration.lib.release.publish import current_release, serve


def run_refresh(settings: Settings, *, sizes: Mapping[str, int]) -> int:
    """Runs the job refresh in this process and prints what readers and the person at the keyboard want to know.

    Returns 0 when the data set is published as it is, 1 when a check or a step prevented that.
    """
    started = time.monotonic()
    screen = Screen(sys.stdout)
    screen(f"Journey Warehouse: data set {settings.data_set}")
    prepare_run(settings, sizes=sizes, progress=screen)
    before = current_release(settings)
    # Dagster takes seconds to import; what is wrong with a setting is said before
    from orchestration.cli.jobs import execute_job, report_failure

    job_started = time.monotonic()
    failures = execute_job("refresh", settings, screen)
    seconds = time.monotonic() - job_started
    if failures:
        report_failure(failures, before, screen)
        return 1
    after = current_release(settings)
    if after is None:
        screen("The job ended without a release and without a failure. Look at its steps with make up.")
        return 1
    is_new = before is None or after.release_id != before.release_id
    if not is_new:
        serve(settings)
        screen(f"\nNothing changed since the last run: release {after.release_id} remains current.")
        # what a run before could not send waits for this one
        if settings.smtp is not None:
            for line in send_digests(settings).lines:
                screen(f"  {line}")
    report_release(settings, after, screen)
    screen(f"\nThe job took {seconds:.0f} s, all together {time.monotonic() - started:.0f} s.")
    report_next_steps(settings, screen)
    return 0
