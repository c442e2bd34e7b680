"""`make sql`: a question to the published release or to the warehouse."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.lib.core.settings import SettingsError, read_settings


def command(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL.")],
    warehouse: Annotated[bool, typer.Option("--warehouse", help="Ask the data set's warehouse file instead.")] = False,
) -> int:
    """Ask the published release, or the warehouse, a question."""
    import duckdb

    from orchestration.lib.core.connection import open_duckdb

    settings = read_settings()
    database = settings.warehouse if warehouse else settings.serving / "customer_journeys.duckdb"
    if not database.exists():
        raise SettingsError(f"{database} is not there yet. Type make run first.")
    with open_duckdb(database.resolve(), read_only=True) as connection:
        try:
            connection.sql(query).show(max_width=200, max_rows=100)
        except duckdb.Error as error:
            raise SettingsError(str(error)) from error
    return 0
