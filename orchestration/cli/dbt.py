"""`make dbt`: one dbt command on the data set, in the state of its last complete build."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, read_settings

Arguments = Annotated[
    list[str] | None, typer.Argument(help="What follows `dbt`, options included, such as ls -s fct_events+.")
]


def command(
    arguments: Arguments = None,
    line: Annotated[
        str | None,
        typer.Option(help="The arguments as one text, with quotes as in a shell, such as 'ls -s fct_events+'."),
    ] = None,
) -> int:
    """Run dbt on the data set, as the last build left it. If it builds tables, the next run starts from raw."""
    import shlex

    settings = announced(read_settings())
    if settings.spark is not None:
        raise SettingsError(
            "TARGET=spark: make dbt runs dbt on the warehouse file, with DuckDB. On Spark models are built by make run "
            "TARGET=spark; make dbt ARGS='compile …' without a target shows a model's SQL."
        )
    try:
        given = [*(shlex.split(line) if line is not None else ()), *(arguments or ())]
    except ValueError as error:
        raise SettingsError(f"ARGS={line}: {error}. Nothing was run.") from error
    return run_dbt_command(settings, given)


def run_dbt_command(settings: Settings, given: Sequence[str]) -> int:
    """Runs dbt at the terminal, with the clock of the last complete build; returns its exit code."""
    import subprocess
    from datetime import UTC, datetime

    from orchestration.cli.preparing import prepare_run
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.dbt.project import own_parse
    from orchestration.lib.dbt.running import dbt_command, dbt_environment, dbt_variables
    from orchestration.lib.warehouse.build import clock_environment, last_complete_build

    prepare_run(settings, sizes={}, progress=print)
    with open_duckdb(settings.warehouse) as connection:
        last = last_complete_build(connection)
    moment = last.as_of if last else settings.as_of or datetime.now(UTC)
    with own_parse(settings.dbt_target):
        return subprocess.run(
            [*dbt_command(), *given, *dbt_variables(settings)],
            cwd=PROJECT_ROOT,
            env={**dbt_environment(settings), **clock_environment(moment)},
            check=False,
        ).returncode
