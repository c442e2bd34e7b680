"""The messages of steps, as `make run` prints them."""

import logging
import sys

import dagster as dg

from orchestration.lib.core.activity import doing
from orchestration.lib.core.terminal import say, shows_live, styled

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
# How far a build is, now and then.
COUNTED = "  dbt: "


@dg.logger(config_schema={}, description="The messages of steps, without Dagster's frame; for the command line.")
def plain(init_context: dg.InitLoggerContext) -> logging.Logger:
    class Lines(logging.StreamHandler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", {})
            # a step that waits for a failed one is reported by the failed one
            message = meta.get("orig_message") or record.getMessage()
            of_dagster = meta.get("dagster_event") is not None or message.startswith(FRAMEWORK_TALK)
            if of_dagster:
                return
            if record.levelno < logging.INFO:
                # what is too small to keep on the screen is what a step does at the moment
                doing(message)
            elif record.levelno < logging.WARNING:
                if message.startswith(COUNTED) and shows_live(self.stream):
                    return  # the live line counts each
                say(f"  {message}", self.stream)
            else:
                is_error = record.levelno >= logging.ERROR
                style, word = ("red", "error") if is_error else ("amber", "warning")
                says_so = message.lstrip().startswith(("warn", "error", "fail", "runtime error"))
                say(styled(f"  {'' if says_so else f'{word}: '}{message}", style), self.stream)

    logger = logging.Logger("plain", logging.DEBUG)
    logger.addHandler(Lines(sys.stderr))
    return logger
