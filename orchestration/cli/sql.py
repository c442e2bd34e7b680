"""`make sql`: a query of the published release or of the warehouse."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Annotated

import typer

from orchestration.lib.core.settings import SettingsError, read_settings


def command(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL.")],
    warehouse: Annotated[bool, typer.Option("--warehouse", help="Query the warehouse file of the data set.")] = False,
) -> int:
    """Query the published release, or the warehouse. The query reads that one file and writes none."""
    import duckdb

    if not query.strip():
        raise SettingsError('There is no query. For example: make sql SQL="from kpis.kpi_scorecard"')
    from orchestration.lib.core.connection import confine, open_duckdb

    settings = read_settings()
    database = settings.warehouse if warehouse else settings.serving / "customer_journeys.duckdb"
    if not database.exists():
        raise SettingsError(f"{database} does not exist yet. Type make run first.")
    if warehouse:
        print(
            f"{database}: the warehouse, read-only. It holds personal data in clear: do not share it.",
            file=sys.stderr,
        )
    shown = io.StringIO()
    with open_duckdb(database.resolve(), read_only=True) as connection:
        confine(connection)
        try:
            # DuckDB prints by itself; what is in the rows goes through the command's own stream
            with contextlib.redirect_stdout(shown):
                found = connection.sql(query)
                if found is not None:
                    found.show(max_width=200, max_rows=100)
        except duckdb.PermissionException as error:
            raise SettingsError(
                f"{error}\nA query reads {database.name} alone: no other file, no network, no extension, no setting. "
                "For those open the file with DuckDB yourself (docs/querying.md)."
            ) from error
        except duckdb.Error as error:
            raise SettingsError(str(error)) from error
    print(shown.getvalue(), end="")
    return 0
