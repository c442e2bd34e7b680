"""Runs the job refresh and says what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from orchestration.cli.preparing import prepare_extracts, prepare_project
from orchestration.cli.release_report import (
    LINES_SHOWN,
    report_next_steps,
    report_what_to_look_at,
    show_landing_warnings,
    summarise_release,
)
from orchestration.cli.screen import Progress, Screen
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.activity import step
from orchestration.lib.core.connection import WarehouseBusy, open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.terminal import styled
from orchestration.lib.digests.unchanged import remain_current
from orchestration.lib.landing.land_again import older_contracts
from orchestration.lib.landing.overlooked import overlooked
from orchestration.lib.landing.warnings import LandingWarning
from orchestration.lib.release.due import Due, look
from orchestration.lib.release.publish import Release, current_release
from orchestration.lib.sources.resolving import read_all_contracts

# How what failed begins in the steps that bring a release into PostgreSQL.
OF_POSTGRES = ("publish_postgres: ", "catch_up_postgres: ")


def run_refresh(settings: Settings, *, sizes: Mapping[str, int], moves_clock: bool = False) -> int:
    """Runs the job refresh in this process and prints what readers and the person at the keyboard want to know.

    Where nothing is due there is no job, and none of what one needs is imported. A clock that moved is due only with
    `moves_clock`. Returns 0 when the data set is published as it is, 1 when a check or a step prevented that.
    """
    started = time.monotonic()
    screen = Screen(sys.stdout)
    screen(f"Journey Warehouse: data set {settings.data_set}")
    prepare_extracts(settings, sizes=sizes, progress=screen)
    before = current_release(settings)
    due = _look(settings)
    if before is not None and due is not None and not due.reasons and not (due.clock_moved_from and moves_clock):
        _report_nothing_new(settings, before, due, due.contracts, due.overlooked, screen, started)
        return _catch_up_postgres(settings, screen)
    for reason in due.reasons if due else ():
        screen(f"  {reason}")
    prepare_project(settings, progress=screen)
    # Dagster takes seconds to import; what is wrong with a setting is said before
    with step("starting the run"):
        from orchestration.cli.jobs import execute_job, report_failure
        from orchestration.defs.automation.steps import refresh

    job_started = time.monotonic()
    failures = execute_job(refresh, settings, screen)
    seconds = time.monotonic() - job_started
    contracts = due.contracts if due else read_all_contracts(settings)
    not_read = _not_read(settings, contracts)
    after = current_release(settings)
    if failures and after is not None and all(failure.startswith(OF_POSTGRES) for failure in failures):
        # the release is published, and one of its readers did not get it
        if before is None or after.release_id != before.release_id:
            summarise_release(settings, after, contracts, not_read, screen)
        _say_postgres_failed([failure.partition(": ")[2] for failure in failures], screen)
        return 1
    if failures:
        report_failure(failures, before, screen)
        show_landing_warnings([warning.shown for warning in not_read], screen)
        return 1
    if after is None:
        screen("The job ended without a release and without a failure. Look at its steps with make up.")
        return 1
    if before is not None and after.release_id == before.release_id:
        _report_nothing_new(settings, after, None, contracts, not_read, screen, started)
    else:
        summarise_release(settings, after, contracts, not_read, screen)
    screen(f"The job took {seconds:.0f} s, all together {time.monotonic() - started:.0f} s.")
    report_next_steps(screen)
    return 0


def _catch_up_postgres(settings: Settings, screen: Progress) -> int:
    """Brings the current release into PostgreSQL where a server is set and lacks it; returns the exit code."""
    if settings.postgres is None:
        return 0
    from orchestration.lib.postgres.faults import PostgresError
    from orchestration.lib.postgres.publishing import publish_to_postgres

    try:
        publication = publish_to_postgres(settings, settings.postgres)
    except PostgresError as error:
        _say_postgres_failed([str(error)], screen)
        return 1
    if publication.is_new:
        for line in (publication.line, *publication.notes):
            screen(f"  {line}")
    return 0


def _say_postgres_failed(failures: Sequence[str], screen: Progress) -> None:
    screen("\n" + styled("The release is published, but not in PostgreSQL:", "red"))
    for failure in failures:
        screen(f"  {failure}")


def _not_read(settings: Settings, contracts: Sequence[TableContract]) -> tuple[LandingWarning, ...]:
    """What lies in the extracts folder and is not read, or landed before its contract was changed."""
    older: tuple[LandingWarning, ...] = ()
    with suppress(WarehouseBusy), open_duckdb(settings.warehouse, read_only=True, wait_seconds=0) as connection:
        older = older_contracts(connection, contracts)
    return (*overlooked(settings.extracts, contracts, settings.sources), *older)


def _look(settings: Settings) -> Due | None:
    """What is due; None while another run holds the warehouse, for which the job waits."""
    try:
        return look(settings, now=datetime.now(UTC))
    except WarehouseBusy:
        return None


def _report_nothing_new(
    settings: Settings,
    release: Release,
    due: Due | None,
    contracts: Sequence[TableContract],
    not_read: Sequence[LandingWarning],
    screen: Progress,
    started: float,
) -> None:
    # a job that found nothing new has done so, and has said it
    said, *mails = remain_current(settings) if due is not None else [""]
    if said:
        screen(said)
    count = len(due.warnings) if due is not None else 0
    notes = f" {count} note{'s' * (count > 1)}: make check" if count else ""
    newer = due is not None and due.clock_moved_from is not None
    screen(f"This took {time.monotonic() - started:.1f} s.{notes}{' Newer clock: make run CLOCK=now' if newer else ''}")
    for line in mails:
        screen(f"  {line}")
    report_what_to_look_at(settings, release, contracts, not_read, screen, most=LINES_SHOWN)
