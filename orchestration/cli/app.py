"""Registers the commands, and turns what they return or raise into exit codes."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Sequence

import typer

from orchestration.cli import (
    accept,
    check,
    compare,
    dashboard,
    dbt,
    digests,
    docs,
    docs_outputs,
    docs_tables,
    hash,
    identity_diff,
    identity_train,
    import_log,
    journey_check,
    land_again,
    mcp,
    metrics,
    new_source,
    publish_postgres,
    quarantine,
    rebuild,
    releases,
    report,
    requeue,
    restore,
    rollback,
    rotate_key,
    run,
    send_digests,
    spark_down,
    spark_up,
    sql,
    staging_model,
    superset,
    unions,
    up,
    withdraw,
)
from orchestration.cli.activity_display import activity_shown
from orchestration.lib.core.settings import SettingsError, read_settings
from orchestration.lib.core.stopping import PATIENCE_SECONDS, STOPPED, is_asked, stoppable
from orchestration.lib.core.terminal import say, styled

PROGRAM = "python -m orchestration"

# In the order of the help. A command imports what it needs when it runs, so that the help is quick.
COMMANDS: dict[str, Callable[..., int]] = {
    "run": run.command,
    "report": report.command,
    "dashboard": dashboard.command,
    "mcp": mcp.command,
    "superset": superset.command,
    "up": up.command,
    "spark-up": spark_up.command,
    "spark-down": spark_down.command,
    "check": check.command,
    "journey-check": journey_check.command,
    "import-log": import_log.command,
    "new-source": new_source.command,
    "staging-model": staging_model.command,
    "withdraw": withdraw.command,
    "restore": restore.command,
    "quarantine": quarantine.command,
    "requeue": requeue.command,
    "land-again": land_again.command,
    "accept": accept.command,
    "rebuild": rebuild.command,
    "releases": releases.command,
    "rollback": rollback.command,
    "compare": compare.command,
    "publish-postgres": publish_postgres.command,
    "hash": hash.command,
    "rotate-key": rotate_key.command,
    "sql": sql.command,
    "metrics": metrics.command,
    "dbt": dbt.command,
    "digests": digests.command,
    "send-digests": send_digests.command,
    "identity-diff": identity_diff.command,
    "identity-train": identity_train.command,
    "unions": unions.command,
    "docs": docs.command,
    "docs-outputs": docs_outputs.command,
    "docs-tables": docs_tables.command,
}

# How each is typed. A command that is not called by its own name is called by what is behind `make`.
EXAMPLES: dict[str, str] = {
    "run": "make run CUSTOMERS=150 DAYS=90",
    "report": "make report EXAMPLE=complete_journey",
    "dashboard": "make dashboard JOURNEYS_DASHBOARD_PORT=8051",
    "mcp": "make mcp HTTP=1 JOURNEYS_MCP_PORT=8061",
    "superset": "make superset JOURNEYS_SUPERSET_PORT=8089",
    "up": "make up JOURNEYS_PORT=3001",
    "spark-up": "make spark-up JOURNEYS_SPARK_PORT=15003",
    "spark-down": "make spark-down",
    "check": "make check JOURNEYS_EXTRACTS=my/extracts",
    "journey-check": "make journey-check JOURNEY=purchase",
    "import-log": "make import-log FILE=claims.csv CASE=claim ACTIVITY=step TIME=at END=paid,rejected",
    "new-source": "make new-source FILE=orders.csv NAME=shopify INTO=my/sources",
    "staging-model": "make staging-model TABLE=booking.appointments",
    "withdraw": "make withdraw FILE=feed/events/2026-01.csv",
    "restore": "make restore FILE=feed/events/2026-01.csv",
    "quarantine": "make quarantine SOURCE=feed REASON=not_a_time",
    "requeue": "make requeue SOURCE=feed REASON=not_a_time",
    "land-again": "make land-again SOURCE=feed TABLE=events",
    "accept": "make accept ID=1a2b3c4d NOTE='summer sale'",
    "rebuild": "make rebuild",
    "releases": "make releases",
    "rollback": "make rollback TO=20260701T060000_000000Z_omnichannel",
    "compare": "make compare FROM=20260701T060000_000000Z_omnichannel INTO=var/compared",
    "publish-postgres": "make publish-postgres",
    "hash": "make hash TYPE=email VALUE=ann@example.com",
    "rotate-key": "make rotate-key",
    "sql": "make sql SQL='from kpis.kpi_scorecard'",
    "metrics": "make metrics METRICS=orders,order_value BY=week,channel",
    "dbt": "make dbt ARGS='ls -s fct_events+'",
    "digests": "make digests",
    "send-digests": "make send-digests",
    "identity-diff": "make identity-diff",
    "identity-train": "make identity-train",
    "unions": "make unions",
    "docs": "make docs",
    "docs-outputs": "make docs-outputs",
    "docs-tables": "make docs-tables",
}

# `up` has many processes to end, and their runs to note.
PATIENCE_OF_PAGES = 120.0

# What follows `dbt` is dbt's, options included.
PASSED_ON: dict[str, object] = {"ignore_unknown_options": True, "allow_interspersed_args": False}
HELP: dict[str, object] = {"help_option_names": ["-h", "--help"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code.

    0 done, 1 the data or a check said no, 2 a setting is wrong, 130 Ctrl-C ended it.
    """
    try:
        application()(args=arguments, prog_name=PROGRAM)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def application() -> typer.Typer:
    """All commands as one program."""
    app = typer.Typer(
        help="The commands behind `make`. Exit codes: 0 success, 1 the data or a check failed, 2 a setting is invalid.",
        context_settings=dict(HELP),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        # plain text: rich takes longer to import than most commands to run
        rich_markup_mode=None,
    )
    for name, command in COMMANDS.items():
        settings = HELP | (PASSED_ON if command is dbt.command else {})
        app.command(name, context_settings=settings, epilog=f"Example: {EXAMPLES[name]}")(_ending(name, command))
    return app


def _ending(name: str, command: Callable[..., int]) -> Callable[..., None]:
    """The command, with its exit code and its errors as Typer ends a program."""
    say_stopped = functools.partial(_say_stopped, name)

    @functools.wraps(command)
    def run_to_its_end(**arguments: object) -> None:
        try:
            with (
                activity_shown(),
                stoppable(say_stopped, patience=PATIENCE_OF_PAGES if name == "up" else PATIENCE_SECONDS),
            ):
                code = _stopping(command, **arguments)
        except KeyboardInterrupt:
            say_stopped()
            code = STOPPED
        except SettingsError as error:
            _say_error(error)
            code = 2
        except _user_errors() as error:
            _say_error(error)
            code = 1
        except Exception as error:
            said = _machine_fault(error)
            if said is None:
                raise
            say("\n" + said, sys.stderr)
            # a file that can't be closed would say the same again, with a traceback
            sys.unraisablehook = lambda unraisable: None
            code = 1
        if code:
            raise typer.Exit(code)

    return run_to_its_end


def _say_error(error: Exception) -> None:
    """What went wrong, and below it the details; the colour says nothing that the first line does not."""
    head, newline, details = str(error).partition("\n")
    say("\n" + styled(head, "red") + newline + details, sys.stderr)


def _stopping(command: Callable[..., int], **arguments: object) -> int:
    """The command's exit code. Raises KeyboardInterrupt whatever it failed with after Ctrl-C."""
    try:
        code = command(**arguments)
    except Exception as error:
        if is_asked():
            raise KeyboardInterrupt from error
        raise
    if code and is_asked():
        raise KeyboardInterrupt
    return code


def _say_stopped(command: str) -> None:
    """Says what Ctrl-C means: what readers have, and what comes next. A second Ctrl-C does not interrupt it."""
    with contextlib.suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    release = None
    # whatever is wrong with settings or journal has no place here
    with contextlib.suppress(Exception):
        from orchestration.lib.release.publish import current_release

        release = current_release(read_settings())
    readers = f"readers keep release {release.release_id}" if release is not None else "readers keep what they had"
    goes_on = "the next make run continues from it" if command in ("run", "up") else f"type make {command} again"
    print(f"\nStopped; {readers}. What is complete remains: {goes_on}.", file=sys.stderr, flush=True)


def _machine_fault(error: Exception) -> str | None:
    """What the machine is to blame for, as a sentence; None for a fault of ours, which needs its traceback."""
    from orchestration.lib.core.machine_faults import explained

    try:
        return explained(error, read_settings())
    except Exception:
        # what is wrong with an explanation hides nothing of what is explained
        return None


def _user_errors() -> tuple[type[Exception], ...]:
    """Errors whose message is meant for the person at the keyboard."""
    from orchestration.lib.config.contracts import ContractError
    from orchestration.lib.config.seeds import SeedsInvalid
    from orchestration.lib.core.connection import DatabaseUnusable, WarehouseBusy
    from orchestration.lib.dbt.marts import MartError
    from orchestration.lib.dbt.project import ProjectInvalid
    from orchestration.lib.dbt.running import DbtFailed
    from orchestration.lib.hygiene.anomaly_ledger import AnomalyUnknown
    from orchestration.lib.journeys.case_logs import LogInvalid
    from orchestration.lib.landing.registry import LandingError
    from orchestration.lib.postgres.faults import PostgresError
    from orchestration.lib.release.docs_tables import DocsError
    from orchestration.lib.release.folders import ReleaseError
    from orchestration.lib.release.metrics import MetricError
    from orchestration.lib.sources.samples import SampleInvalid
    from orchestration.lib.spark.java import SparkError

    return (
        AnomalyUnknown,
        ContractError,
        DatabaseUnusable,
        DbtFailed,
        DocsError,
        LandingError,
        LogInvalid,
        MartError,
        MetricError,
        PostgresError,
        ProjectInvalid,
        ReleaseError,
        SampleInvalid,
        SeedsInvalid,
        SparkError,
        WarehouseBusy,
    )
