"""What the prompt of `make sql` says of the file that is open: its tables, their columns, and what they mean."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.cli.activity_display import terminal_width
from orchestration.lib.core.settings import SettingsError
from orchestration.lib.core.sql import name

if TYPE_CHECKING:
    import duckdb

HERE = "database_name = current_database() and not internal"


class Unknown(SettingsError):
    """A name that is none of the file's; the message says which are close."""


def tables_listed(connection: duckdb.DuckDBPyConnection, part: str) -> str:
    """The tables whose names hold `part`: rows, and the first sentence of the description."""
    found = connection.execute(
        f"select schema_name, table_name, coalesce(comment, '') from duckdb_tables() where {HERE} "
        "and contains(lower(schema_name || '.' || table_name), lower(?)) order by all",
        [part],
    ).fetchall()
    if not found:
        raise Unknown(f"No table has {part} in its name. .tables lists them all.")
    counting = " union all ".join(
        f"select {number}, count(*) from {name(schema, table)}" for number, (schema, table, _) in enumerate(found)
    )
    counts = dict(connection.execute(counting).fetchall())
    rows = [
        (f"{schema}.{table}", f"{counts[number]:,}", _first_sentence(comment))
        for number, (schema, table, comment) in enumerate(found)
    ]
    return _lines(rows)


def described(connection: duckdb.DuckDBPyConnection, wanted: str) -> str:
    """The columns of a table, or the tables of a schema, each with its description."""
    wanted = wanted.strip().strip('"').lower()
    tables = connection.execute(
        f"select schema_name, table_name, coalesce(comment, '') from duckdb_tables() where {HERE} order by all"
    ).fetchall()
    schemas = sorted({schema for schema, _, _ in tables})
    if wanted in schemas:
        return "".join(
            f"{schema}.{table}\n{_indented(comment)}\n" for schema, table, comment in tables if schema == wanted
        )
    found = [one for one in tables if wanted in (one[1].lower(), f"{one[0]}.{one[1]}".lower())]
    if not found:
        names = [*schemas, *(f"{schema}.{table}" for schema, table, _ in tables), *(table for _, table, _ in tables)]
        close = difflib.get_close_matches(wanted, names, n=3)
        hint = f"Close are {', '.join(close)}." if close else f"The schemas are {', '.join(schemas)}."
        problem = f"There is no table or schema {wanted}." if wanted else ".schema needs the name of a table or schema."
        raise Unknown(f"{problem} {hint}")
    said = []
    for schema, table, comment in found:
        columns = connection.execute(
            "select column_name, lower(data_type), coalesce(comment, '') from duckdb_columns() "
            "where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
            [schema, table],
        ).fetchall()
        said.append(f"{schema}.{table}\n{_indented(comment)}\n{_lines(columns)}")
    return "\n".join(said)


def completions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What Tab completes: tables, columns and macros of the file, and the prompt's own commands."""
    found = connection.execute(
        f"select schema_name || '.' || table_name from duckdb_tables() where {HERE} union "
        "select column_name from duckdb_columns() where database_name = current_database() and not internal union "
        "select schema_name || '.' || function_name || '(' from duckdb_functions() "
        "where not internal and database_name = current_database() order by all"
    ).fetchall()
    return [".help", ".quit", ".refresh", ".rows", ".schema", ".tables", ".upright", *(row[0] for row in found)]


def _first_sentence(comment: str) -> str:
    return comment.removeprefix("One row per ").partition(". ")[0].removesuffix(".")


def _indented(comment: str) -> str:
    width = max(40, _width() - 2)
    return textwrap.fill(comment, width, initial_indent="  ", subsequent_indent="  ")


def _lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns of text; the last one goes on below itself where it is too long for the terminal."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    before = sum(widths) + 2 * len(widths) + 2
    room = _width() - before
    said = []
    for *first, last in rows:
        # a column of numbers stands to the right
        cells = [text.rjust(w) if text[:1].isdigit() else text.ljust(w) for text, w in zip(first, widths, strict=True)]
        head = "  " + "  ".join(cells)
        if room < 24:
            said.append(head.rstrip() + "\n" + textwrap.indent(textwrap.fill(last, max(40, _width() - 6)), "      "))
            continue
        parts = textwrap.wrap(last, room) or [""]
        said.append(f"{head}  {parts[0]}".rstrip())
        said += [" " * (before) + part for part in parts[1:]]
    return "\n".join(said) + "\n"


def _width() -> int:
    import sys

    return min(terminal_width(sys.stdout, otherwise=120), 140)
