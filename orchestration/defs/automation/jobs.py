"""The job that does it all, when it runs by itself, and the file watch that starts it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.automation.heartbeat import end_dead_runs
from orchestration.defs.automation.plain_log import plain
from orchestration.defs.automation.run_history import forget_old_runs
from orchestration.defs.automation.steps import refresh, rehearse
from orchestration.lib.core.connection import WarehouseBusy
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.digests.sending import due_digests
from orchestration.lib.digests.unchanged import remain_current
from orchestration.lib.release.due import look


def every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for a run when something is due, a clock that moved and mails that wait included.

    So it does when PostgreSQL lacks the release. Else it does what a run would: readers get the current release.
    """
    del context
    settings, now = read_settings(), datetime.now(UTC)
    try:
        due = look(settings, now=now)
        if due.reasons or due.clock_moved_from is not None or due_digests(settings, now=now) is not None:
            return dg.RunRequest()
        if _lacks_release(settings):
            return dg.RunRequest()
    except WarehouseBusy:
        return dg.RunRequest()  # it waits for the run that is under way
    said = remain_current(settings, sends_mails=False)
    return dg.SkipReason(" ".join(said) or "There is no release yet, and nothing to build one from.")


def _lacks_release(settings: Settings) -> bool:
    """Whether PostgreSQL is set and has not the current release, or can't be asked: the run then says why."""
    if settings.postgres is None:
        return False
    from orchestration.lib.postgres.faults import PostgresError
    from orchestration.lib.postgres.publishing import is_behind

    try:
        return is_behind(settings, settings.postgres)
    except PostgresError:
        return True


@dg.sensor(job=refresh, minimum_interval_seconds=60)
def new_extracts(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Asks for a run when files, configuration or code are not those of the last build."""
    try:
        due = look(read_settings(), now=datetime.now(UTC))
    except WarehouseBusy:
        yield dg.SkipReason("A run holds the warehouse.")
        return
    if not due.reasons:
        yield dg.SkipReason("Nothing changed.")
    elif due.state == context.cursor:
        yield dg.SkipReason(f"A run was asked for this already: {'; '.join(due.reasons)}.")
    else:
        context.update_cursor(due.state)
        yield dg.RunRequest(run_key=due.state)


@dg.sensor(job=refresh, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def housekeeping(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Ends runs whose process was killed, so that no other waits for them, and forgets old ones. Asks for no run."""
    settings = read_settings()
    lines: list[str] = []
    alive = end_dead_runs(context.instance, settings.dagster_home, lines.append)
    if forgotten := forget_old_runs(context.instance, settings):
        lines.append(f"{forgotten} old runs were forgotten")
    return dg.SkipReason("; ".join(line.strip() for line in lines) or f"{len(alive)} runs are under way, none is dead.")


@dg.definitions
def defs() -> dg.Definitions:
    from dagster import colored_console_logger

    settings = read_settings()
    at = dg.schedule(job=refresh, cron_schedule=settings.schedule, execution_timezone=settings.reporting_time_zone)
    return dg.Definitions(
        jobs=[refresh, rehearse],
        schedules=[at(every_morning)],
        sensors=[new_extracts, housekeeping],
        loggers={"plain": plain, "console": colored_console_logger},
    )
