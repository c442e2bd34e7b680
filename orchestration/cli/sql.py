"""`make sql`: a query of the published release or of the warehouse, or a prompt for many."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.activity_display import terminal_width
from orchestration.cli.data_set import announced_database, release_database, say_data_set
from orchestration.lib.core.activity import step
from orchestration.lib.core.settings import SettingsError, read_settings

if TYPE_CHECKING:
    import duckdb

NOT_THERE = "{} does not exist yet. Type make run first."


def command(
    query: Annotated[
        str,
        typer.Argument(help="A query in DuckDB's SQL, such as 'from kpis.kpi_scorecard'. Without one a prompt opens."),
    ] = "",
    warehouse: Annotated[
        bool, typer.Option("--warehouse", help="Query the warehouse file of the data set, which has personal data.")
    ] = False,
) -> int:
    """Query the published release, or the warehouse. A query reads that one file and writes none."""
    from orchestration.lib.core.connection import confine, open_duckdb

    settings = read_settings()
    if not query.strip():
        from orchestration.cli.sql_prompt import Asked, converse

        if warehouse:
            _refuse_missing(settings.warehouse)
            say_data_set(settings.data_set, "its warehouse, read-only, with personal data in clear: do not share it")
            # a reader keeps runs out of the warehouse, and a clear value that is asked for belongs into no file
            return converse(Asked(lambda: settings.warehouse, is_kept_open=False, history=None))
        _refuse_missing(announced_database(settings))
        history = settings.home / "sql_history"
        return converse(Asked(lambda: release_database(settings), is_kept_open=True, history=history))
    database = settings.warehouse if warehouse else announced_database(settings)
    _refuse_missing(database)
    if warehouse:
        say_data_set(settings.data_set, "its warehouse, read-only, with personal data in clear: do not share it")
    with open_duckdb(database, read_only=True) as connection:
        confine(connection)
        for text in answers(connection, query, database):
            print(text, end="")
    return 0


def answers(
    connection: duckdb.DuckDBPyConnection, query: str, database: Path, *, rows: int = 100, is_upright: bool = False
) -> Iterator[str]:
    """What each statement gives, as a table that fits the terminal; with `is_upright` with a line for each column.

    Raises SettingsError with what DuckDB says, and of what is refused what a query may read.
    """
    refuse_other_encodings(query, "The query")
    with errors_said(database):
        statements = connection.extract_statements(query)
    for statement in statements:
        shown = io.StringIO()
        width = terminal_width(sys.stdout, otherwise=200)
        # DuckDB prints by itself; what is in the rows goes through the command's own stream
        with errors_said(database), contextlib.redirect_stdout(shown), step("the query"):
            found = connection.sql(statement)
            if found is not None and is_upright:
                _print_upright(found, rows)
            elif found is not None:
                found.show(max_width=width, max_rows=rows)
        yield shown.getvalue()


@contextlib.contextmanager
def errors_said(database: Path) -> Iterator[None]:
    """Has what DuckDB refuses in the block be a SettingsError."""
    import duckdb

    try:
        yield
    except duckdb.PermissionException as error:
        raise SettingsError(
            f"{error}\nA query reads {database.name} alone: no other file, no network, no extension, no setting. "
            "For those open the file with DuckDB yourself (docs/querying.md)."
        ) from error
    except duckdb.Error as error:
        raise SettingsError(str(error)) from error


def refuse_other_encodings(text: str, place: str) -> None:
    """Raises SettingsError where a text holds a byte that is not UTF-8, which Python reads as half a character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"{place} is not UTF-8 at character {error.start + 1}. Write it in UTF-8; iconv -t UTF-8 converts a file."
        ) from error


def _print_upright(found: duckdb.DuckDBPyRelation, rows: int) -> None:
    names = found.columns
    width = max(map(len, names))
    # DuckDB writes the values: in Python a month has 30 days. Two columns may have one name, so each has its number
    texts = ", ".join(f"cast(#{number} as varchar)" for number in range(1, len(names) + 1))
    given = found.limit(rows + 1).project(texts).fetchall()
    for number, row in enumerate(given[:rows], start=1):
        print(f"row {number}")
        for name, value in zip(names, row, strict=True):
            # a line end is written as in a table
            print(f"  {name.ljust(width)}  {'NULL' if value is None else value.replace(chr(10), chr(92) + 'n')}")
    shown = min(len(given), rows)
    print(f"{shown} row{'' if shown == 1 else 's'}{', and more' if len(given) > rows else ''}")


def _refuse_missing(database: Path) -> None:
    if not database.exists():
        raise SettingsError(NOT_THERE.format(database))
