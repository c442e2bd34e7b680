"""Attaches the release before the one that is written, and finds what can be taken over from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.connection import DatabaseUnusable, one_value, open_duckdb
from orchestration.lib.core.sql import literal, name
from orchestration.lib.release.journal import read_manifest

# The release before, as it is attached to the warehouse's connection.
PREVIOUS = "previous"

# Two tables of equal rows have the same content, in whatever order the rows are.
CONTENT = "(sum(hash(whole_row)), bit_xor(hash(whole_row)))"


@contextmanager
def previous_attached(connection: duckdb.DuckDBPyConnection, database: Path) -> Iterator[None]:
    """Attaches the database of a release as `previous` for a `with` block."""
    connection.execute(f"attach {literal(database)} as {PREVIOUS} (read_only)")
    try:
        yield
    finally:
        connection.execute(f"detach {PREVIOUS}")


def read_every_row(connection: duckdb.DuckDBPyConnection) -> None:
    """Reads every block of the open file: only then does DuckDB see that one is damaged, and raises."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
    ).fetchall()
    for schema, table in tables:
        connection.execute(f"select bit_xor(hash(whole_row)) from {name(schema, table)} as whole_row").fetchall()


def damage_of(database: Path) -> str | None:
    """Why a release can't be read to its end; None where it can."""
    try:
        with open_duckdb(database, read_only=True) as connection:
            read_every_row(connection)
    except DatabaseUnusable as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Reusable:
    """What a new release can take over from the one before it.

    `parquet` has the files of the tables in which nothing changed, by label. `has_definitions` says that all tables
    have the columns and comments that they had, and that there are no others.
    """

    parquet: Mapping[str, Path]
    has_definitions: bool


NOTHING = Reusable({}, has_definitions=False)


def find_reusable(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Mapping[str, Any]], release: Path
) -> Reusable:
    """Compares what is about to be written with an attached release. `tables` is what the new manifest says of them."""
    before = read_manifest(release)["tables"]
    held = one_value(
        connection,
        f"select list(schema_name || '.' || table_name) from duckdb_tables() where database_name = {literal(PREVIOUS)}",
    )
    has_definitions = [_definition(table) for table in tables] == [_definition(table) for table in before]
    return Reusable(
        _unchanged(connection, tables, release, before),
        has_definitions and set(held) == {_label(table) for table in tables},
    )


def _unchanged(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[Mapping[str, Any]],
    release: Path,
    tables_before: Iterable[Mapping[str, Any]],
) -> dict[str, Path]:
    """The Parquet files of unchanged tables.

    Rows are compared only where columns, order and number of rows are equal, so that most tables that changed cost
    nothing here.
    """
    before = {_label(table): table for table in tables_before}
    comparisons = []
    for table in tables:
        label, place = _label(table), (table["schema"], table["name"])
        if label in before and _layout(table) == _layout(before[label]) and _is_intact(release, before[label]):
            comparisons.append(
                f"select {literal(label)} where (select {CONTENT} from {name(*place)} as whole_row) "
                f"is not distinct from (select {CONTENT} from {name(PREVIOUS, *place)} as whole_row)"
            )
    if not comparisons:
        return {}
    same = connection.execute(" union all ".join(comparisons)).fetchall()
    return {label: release / before[label]["parquet"] for (label,) in same}


def _label(table: Mapping[str, Any]) -> str:
    return f"{table['schema']}.{table['name']}"


def _definition(table: Mapping[str, Any]) -> tuple[object, ...]:
    return table["schema"], table["name"], table["description"], table["columns"]


def _layout(table: Mapping[str, Any]) -> tuple[object, ...]:
    """What has to be equal for two files to be; manifests of older versions name no order, and are none's equal."""
    columns = [(column["name"], column["type"]) for column in table["columns"]]
    return table.get("key"), table["row_count"], columns


def _is_intact(release: Path, table: Mapping[str, Any]) -> bool:
    parquet = release / table["parquet"]
    return parquet.is_file() and parquet.stat().st_size == table["parquet_bytes"]
