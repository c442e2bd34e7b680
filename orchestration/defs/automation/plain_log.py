"""The messages of steps, as `make run` prints them."""

import logging
import sys

import dagster as dg

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
