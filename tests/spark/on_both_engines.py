"""Compares what Spark built with what DuckDB built of the same extracts, table by table and row by row."""

from __future__ import annotations

from pathlib import Path

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.sql import name
from tests.conftest import NOT_COMPARED, OF_THE_DELIVERY, ROWS_COMPARED

# Sums of floating-point numbers depend on their order: they agree to so many decimals. All else is equal.
DIGITS = 9
INEXACT = ("DOUBLE", "FLOAT")
# Columns that are not equal, with the reason. A test says when one of them becomes so.
NOT_EQUAL: dict[str, set[str]] = {}


def differing_rows(
    duckdb_file: Path, spark_file: Path, tables: list[str], *, leaves_out: bool = True
) -> dict[str, list[tuple[object, ...]]]:
    """Tables whose rows differ, each with up to three rows of each side alone; without columns that are `NOT_EQUAL`,
    or with `leaves_out=False` by all of them."""
    found: dict[str, list[tuple[object, ...]]] = {}
    with open_duckdb(duckdb_file, read_only=True) as connection:
        connection.execute(f"attach '{spark_file}' as spark (read_only)")
        for table in tables:
            left_out = NOT_COMPARED | OF_THE_DELIVERY.get(table, set())
            left_out = left_out | (NOT_EQUAL.get(table, set()) if leaves_out else set())
            described = connection.execute(f"describe {table}").fetchall()
            columns = ", ".join(
                f"round(cast({name(column)} as double), {DIGITS})" if kind in INEXACT else name(column)
                for column, kind, *_ in described
                if column not in left_out
            )
            here, there = (
                f"select {columns} from {place}{table} where {ROWS_COMPARED.get(table, 'true')}"
                for place in ("", "spark.")
            )
            rows = connection.execute(
                f"(select 'duckdb' as side, * from ({here} except all {there}) limit 3) union all "
                f"(select 'spark', * from ({there} except all {here}) limit 3)"
            ).fetchall()
            if rows:
                found[table] = rows
    return found
