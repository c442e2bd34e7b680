"""Hands landed rows over to Spark: each table that models read becomes a folder of Parquet files.

Files of extracts become rows in one place, DuckDB's readers, whichever engine builds the models. A raw table is
written in parts, one per landing batch in which its rows last changed. A part's name has the number of its rows and a
hash of them, so a part that is there under its name is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.core.sql import literal, name
from orchestration.lib.spark.folder import remove_below

# Where they lie within the folder of tables: its other folders are those of schemas that models build.
LANDED = "landed"
CHANGED_IN = "_changed_in"
# What stays: rows as they came are for people who look into the quarantine.
QUARANTINE, OF_NO_MODEL = "quarantine", ("row_text",)
WRITING = ".writing"
# DuckDB's types and Spark's, but for those with arguments.
TYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "SMALLINT": "smallint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class HandedOver:
    """A table that Spark reads and does not build: its relation, the folder of its files, and its columns with Spark's
    types. `is_new` says whether files came or went."""

    relation: str
    folder: str
    columns: tuple[tuple[str, str], ...]
    is_new: bool


def hand_over(
    connection: duckdb.DuckDBPyConnection, tables: Path, wanted: Iterable[tuple[str, str]], *, is_full: bool
) -> list[HandedOver]:
    """Writes tables of the warehouse, by schema and name, as far as Spark lacks them; `is_full` writes them again."""
    folder = tables / LANDED
    if is_full and folder.exists():
        remove_below(tables, folder)
    found = []
    for schema, table in sorted(set(wanted)):
        columns = connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = current_database() "
            "and schema_name = ? and table_name = ? and not list_contains(?, column_name) order by column_index",
            [schema, table, OF_NO_MODEL if schema == QUARANTINE else ()],
        ).fetchall()
        if not columns:
            continue
        place = folder / schema / table
        place.mkdir(parents=True, exist_ok=True)
        parts = dict(_parts(connection, schema, table, [column for column, _ in columns]))
        present = {path.name for path in place.iterdir()}
        for part in parts.keys() - present:
            written = place / (WRITING + part)
            # rows of one order give files of the same bytes
            connection.execute(f"copy ({parts[part]}) to {literal(str(written))} (format parquet)")
            written.replace(place / part)
        gone = present - parts.keys()
        for part in gone:
            (place / part).unlink()
        found.append(
            HandedOver(
                f"{schema}.{table}",
                str(place),
                tuple((column, spark_type(kind)) for column, kind in columns),
                bool(gone or parts.keys() - present),
            )
        )
    return found


def _parts(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The names of a table's files and the query for the rows of each."""
    relation = name(schema, table)
    selected = ", ".join(name(column) for column in columns)
    changed_in = "batch" if schema == QUARANTINE else CHANGED_IN
    if changed_in not in columns:
        # small, and kept by the orchestration: a hash of the rows says whether they are the same
        row = connection.execute(
            f"select md5(concat(count(*), ' ', sum(hash(kept_rows)))) from {relation} as kept_rows"
        ).fetchone()
        assert row is not None
        yield f"rows-{row[0]}.parquet", f"select {selected} from {relation}"
        return
    parts = connection.execute(
        f"select {changed_in}, count(*), left(md5(concat(sum(hash(landed_rows)))), 16) "
        f"from (select {selected} from {relation}) as landed_rows group by 1 order by 1"
    ).fetchall()
    for batch, count, rows in parts or [(0, 0, "0")]:
        query = f"select {selected} from {relation} where {changed_in} = {batch}"
        yield f"batch-{batch:08}-{count}-{rows}.parquet", query


def spark_type(kind: str) -> str:
    """Spark's name of one of DuckDB's types.

    >>> spark_type("DECIMAL(18,2)"), spark_type("MAP(VARCHAR, VARCHAR[])")
    ('decimal(18,2)', 'map<string,array<string>>')
    """
    kind = kind.strip()
    if kind in TYPES:
        return TYPES[kind]
    if decimal := DECIMAL.fullmatch(kind):
        return f"decimal({decimal[1]},{decimal[2]})"
    if kind.endswith("[]"):
        return f"array<{spark_type(kind[:-2])}>"
    if kind.startswith("MAP(") and kind.endswith(")"):
        key, _, value = kind[4:-1].partition(",")
        return f"map<{spark_type(key)},{spark_type(value)}>"
    raise ValueError(f"a column of type {kind} can't be handed over to Spark: say its type in handover.py")
