"""`make sql`: a query of the published release or of the warehouse."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Annotated

import typer

from orchestration.cli.activity_display import terminal_width
from orchestration.cli.data_set import announced_database, say_data_set
from orchestration.lib.core.activity import step
from orchestration.lib.core.settings import SettingsError, read_settings


def command(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL, such as 'from kpis.kpi_scorecard'.")],
    warehouse: Annotated[
        bool, typer.Option("--warehouse", help="Query the warehouse file of the data set, which has personal data.")
    ] = False,
) -> int:
    """Query the published release, or the warehouse. The query reads that one file and writes none."""
    import duckdb

    if not query.strip():
        raise SettingsError('There is no query. For example: make sql SQL="from kpis.kpi_scorecard"')
    from orchestration.lib.core.connection import confine, open_duckdb

    settings = read_settings()
    database = settings.warehouse if warehouse else announced_database(settings)
    if not database.exists():
        raise SettingsError(f"{database} does not exist yet. Type make run first.")
    if warehouse:
        say_data_set(settings.data_set, "its warehouse, read-only, with personal data in clear: do not share it")
    shown = io.StringIO()
    width = terminal_width(sys.stdout, otherwise=200)
    with open_duckdb(database.resolve(), read_only=True) as connection:
        confine(connection)
        try:
            # DuckDB prints by itself; what is in the rows goes through the command's own stream
            with contextlib.redirect_stdout(shown), step("the query"):
                found = connection.sql(query)
                if found is not None:
                    found.show(max_width=width, max_rows=100)
        except duckdb.PermissionException as error:
            raise SettingsError(
                f"{error}\nA query reads {database.name} alone: no other file, no network, no extension, no setting. "
                "For those open the file with DuckDB yourself (docs/querying.md)."
            ) from error
        except duckdb.Error as error:
            raise SettingsError(str(error)) from error
    print(shown.getvalue(), end="")
    return 0
