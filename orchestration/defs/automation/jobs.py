"""The job that does it all, when it runs by itself, and the file watch that starts it."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator

import dagster as dg

from orchestration.defs.landing.assets import CONTRACTS
from orchestration.defs.naming import DIGESTS, RELEASE
from orchestration.lib.core.settings import read_settings
from orchestration.lib.landing.files import find_files

# What Dagster and its dbt library say of themselves; the pages of a run keep it.
FRAMEWORK_TALK = (
    "Dependencies for step",
    "A dbt subsetted execution",
    "Copying `",
    "Running dbt command",
    "Finished dbt command",
    "Logging an `AssetObservation`",
    "op 'build_warehouse' did not yield",
    "Skipping step",
    "Blocking asset check",
)

refresh = dg.define_asset_job(
    name="refresh",
    description="From new extracts to a new release: land, check, build what changed, audit, publish, send digests.",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
)

rehearse = dg.define_asset_job(
    name="rehearse",
    description="The job refresh without its release: builds and checks everything, publishes nothing.",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(RELEASE, DIGESTS),
    executor_def=dg.in_process_executor,
)

every_morning = dg.ScheduleDefinition(
    name="every_morning", job=refresh, cron_schedule="0 5 * * *", execution_timezone="UTC"
)


@dg.logger(config_schema={}, description="The messages of steps, without Dagster's frame; for the command line.")
def plain(init_context: dg.InitLoggerContext) -> logging.Logger:
    class Lines(logging.StreamHandler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", {})
            # a step that waits for a failed one is reported by the failed one
            message = meta.get("orig_message") or record.getMessage()
            of_dagster = meta.get("dagster_event") is not None or message.startswith(FRAMEWORK_TALK)
            if not of_dagster and record.levelno >= logging.INFO:
                print(f"  {message}", file=self.stream, flush=True)

    logger = logging.Logger("plain", logging.INFO)
    logger.addHandler(Lines(sys.stderr))
    return logger


@dg.sensor(job=refresh, minimum_interval_seconds=60)
def new_extracts(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Asks for a run when the files of the extracts folder are others than at the last look."""
    settings = read_settings()
    digest = hashlib.sha256()
    count = 0
    for contract in CONTRACTS:
        for file in find_files(settings.extracts, contract):
            stat = file.path.stat()
            digest.update(f"{file.path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
            count += 1
    seen = digest.hexdigest()
    if seen == context.cursor:
        yield dg.SkipReason(f"The {count} files under {settings.extracts} are unchanged since the last check.")
        return
    context.update_cursor(seen)
    yield dg.RunRequest(run_key=seen)


@dg.definitions
def defs() -> dg.Definitions:
    from dagster import colored_console_logger

    return dg.Definitions(
        jobs=[refresh, rehearse],
        schedules=[every_morning],
        sensors=[new_extracts],
        loggers={"plain": plain, "console": colored_console_logger},
    )
