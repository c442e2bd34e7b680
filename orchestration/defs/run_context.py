"""What a step needs to know of its run: the data set, the clock, the moment."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from orchestration.lib.core.settings import Settings, read_settings


def run_settings_and_clock(instance: dg.DagsterInstance, run_id: str) -> tuple[Settings, datetime]:
    """The data set's settings and the one `as_of` of the run, the same in whatever process a step runs.

    It is JOURNEYS_AS_OF, else the example's, else the moment the run was made, cut to JOURNEYS_CLOCK.
    """
    settings = read_settings()
    if settings.as_of is not None:
        return settings, settings.as_of
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        raise dg.Failure(f"Run {run_id} is not known to this Dagster instance.", allow_retries=False)
    return settings, settings.clock_at(record.create_timestamp.astimezone(UTC))
