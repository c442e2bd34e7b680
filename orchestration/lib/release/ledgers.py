"""Keeps the ledgers of runs: tables that orchestration appends to and dbt never rebuilds.

They are declared as sources in the YAML of marts, to be documented and published as marts are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import open_duckdb, transaction
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.sql import literal, name
from orchestration.lib.dbt.marts import one_line

MARTS = PROJECT_ROOT / "models" / "marts"

# The portable types that a mart may have, and what DuckDB calls them.
TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
DECIMAL = re.compile(r"^decimal\((\d+), ?(\d+)\)$")

ROWS_PER_INSERT = 10_000


class LedgerError(ValueError):
    """A ledger's declaration or row that can't be used; the message says which and how to fix it."""


@dataclass(frozen=True)
class LedgerColumn:
    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Ledger:
    """One ledger table as the YAML declares it; `place` is the file that does."""

    schema: str
    name: str
    description: str
    columns: tuple[LedgerColumn, ...]
    place: str


@cache
def read_ledgers(folder: Path = MARTS) -> tuple[Ledger, ...]:
    """Reads the ledgers that the sources of marts declare. Raises LedgerError naming file, table and column."""
    return tuple(
        Ledger(
            schema=source["schema"],
            name=table["name"],
            description=one_line(table["description"]),
            columns=tuple(
                LedgerColumn(
                    name=column["name"],
                    type=_duckdb_type(column["data_type"], f"{path.name}: {table['name']}.{column['name']}"),
                    description=one_line(column["description"]),
                )
                for column in table["columns"]
            ),
            place=path.name,
        )
        for path in sorted(folder.rglob("*__sources.yml"))
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
        for table in source["tables"]
    )


def create_ledgers(connection: duckdb.DuckDBPyConnection, ledgers: Sequence[Ledger] | None = None) -> None:
    """Makes the missing ledger tables, adds the columns that were declared since, and sets every comment.

    Rows remain. Raises LedgerError for a column whose declared type is no longer the table's, or that is no
    longer declared.
    """
    # One transaction: each comment on its own would wait for the disk.
    with transaction(connection):
        for ledger in read_ledgers() if ledgers is None else ledgers:
            table = name(ledger.schema, ledger.name)
            columns = ", ".join(f"{name(column.name)} {column.type}" for column in ledger.columns)
            connection.execute(f"create schema if not exists {name(ledger.schema)}")
            connection.execute(f"create table if not exists {table} ({columns})")
            present = _present_columns(connection, ledger)
            # it would be published without a check that it names nobody
            if unknown := sorted(present.keys() - {column.name for column in ledger.columns}):
                raise LedgerError(
                    f"{ledger.schema}.{ledger.name} has {', '.join(unknown)} in the warehouse, which {ledger.place} "
                    "does not declare. Declare it again, or remove it from the warehouse (alter table … drop column …)."
                )
            for column in ledger.columns:
                if column.name not in present:
                    connection.execute(f"alter table {table} add column {name(column.name)} {column.type}")
                elif present[column.name] != column.type:
                    raise LedgerError(
                        f"{ledger.schema}.{ledger.name}.{column.name} is {present[column.name]} in the "
                        f"warehouse and {column.type} in {ledger.place}. A ledger's past rows can't be "
                        "made again: declare the change under a new column name."
                    )
                connection.execute(f"comment on column {table}.{name(column.name)} is {literal(column.description)}")
            connection.execute(f"comment on table {table} is {literal(ledger.description)}")


def append_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Appends rows to a ledger and says how many. A column that a row leaves out is null.

    `table` is the ledger's name without its schema. Instants with an offset are kept in UTC. Raises
    LedgerError for a column that the ledger doesn't have.
    """
    ledger = find_ledger(table)
    known = {column.name for column in ledger.columns}
    gathered = list(rows)
    for row in gathered:
        if unknown := sorted(set(row) - known):
            raise LedgerError(
                f"{ledger.schema}.{ledger.name} has no column {', '.join(unknown)}; its columns are declared "
                f"in {ledger.place}."
            )
    names = ", ".join(name(column.name) for column in ledger.columns)
    values = ", ".join(f"unnest(cast(? as {column.type}[]))" for column in ledger.columns)
    for start in range(0, len(gathered), ROWS_PER_INSERT):
        batch = gathered[start : start + ROWS_PER_INSERT]
        connection.execute(
            f"insert into {name(ledger.schema, ledger.name)} ({names}) select {values}",
            [[_plain(row.get(column.name)) for row in batch] for column in ledger.columns],
        )
    return len(gathered)


def replace_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Makes a ledger hold exactly these rows, in one transaction; for a ledger whose truth lies outside."""
    ledger = find_ledger(table)
    with transaction(connection):
        connection.execute(f"delete from {name(ledger.schema, ledger.name)}")
        return append_rows(connection, table, rows)


def take_rows_over(connection: duckdb.DuckDBPyConnection, release: Path) -> None:
    """Copies into ledgers without rows those that a release has of them.

    Columns are matched by name: one that the release has not is null, one that was declared since does not come.
    Raises DatabaseUnusable for a damaged release.
    """
    with open_duckdb(release, read_only=True) as source, transaction(connection):
        for ledger in read_ledgers():
            table = name(ledger.schema, ledger.name)
            present = _present_columns(source, ledger)
            # read to the end: a table can't be registered while a result is open
            [(rows,)] = connection.execute(f"select count(*) from {table}").fetchall()
            if not present or rows:
                continue
            columns = ", ".join(name(column.name) for column in ledger.columns if column.name in present)
            connection.register("ledger_of_release", source.sql(f"select {columns} from {table}").to_arrow_table())
            connection.execute(f"insert into {table} by name from ledger_of_release")
            connection.unregister("ledger_of_release")


def forget_unpublished(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, *, published: Collection[str], release_id: str
) -> None:
    """Removes rows of releases that never were, and what an earlier try wrote for this one."""
    connection.execute(
        f"delete from {name(ledger.schema, ledger.name)} where not list_contains(?, release_id)",
        [[identifier for identifier in sorted(published) if identifier != release_id]],
    )


def find_ledger(table: str) -> Ledger:
    for ledger in read_ledgers():
        if ledger.name == table:
            return ledger
    declared = ", ".join(ledger.name for ledger in read_ledgers())
    raise LedgerError(f"{table} is no ledger; the sources of marts declare {declared}.")


def _present_columns(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = current_database() and schema_name = ? and table_name = ?",
            [ledger.schema, ledger.name],
        ).fetchall()
    )


def _duckdb_type(declared: str, place: str) -> str:
    if declared in TYPES:
        return TYPES[declared]
    if decimal := DECIMAL.match(declared):
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    raise LedgerError(f"{place}: {declared} is no portable type; use {', '.join(TYPES)} or decimal(18,2).")


def _plain(value: Any) -> Any:
    return plain_utc(value) if isinstance(value, datetime) else value
