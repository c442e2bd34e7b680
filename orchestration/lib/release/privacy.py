"""Searches a release for values that must not be in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.sql import literal, name
from orchestration.lib.release.folders import DATABASE

CHUNK_BYTES = 2**22


@dataclass(frozen=True)
class Found:
    """A value found in a release: in which file, and where in it (`bytes`, or a table)."""

    needle: str
    file: str
    place: str


def find_in_bytes(release: Path, needles: Sequence[str]) -> list[Found]:
    """Finds the needles in a release, whatever their case: in the files' bytes and in what readers see.

    Raw bytes alone would prove little: DuckDB and Parquet keep most text compressed. So every row of every
    table is read as text too.
    """
    sought = sorted({needle for needle in needles if needle})
    found: list[Found] = []
    for path in sorted(path for path in release.rglob("*") if path.is_file()):
        place = str(path.relative_to(release))
        found += [Found(needle, place, "bytes") for needle in _in_bytes(path, sought)]
        if path.suffix == ".parquet":
            found += [Found(needle, place, "rows") for needle in _in_rows(path, sought)]
    found += [Found(needle, DATABASE, table) for table, needle in _in_database(release / DATABASE, sought)]
    return found


def _in_bytes(path: Path, needles: Sequence[str]) -> list[str]:
    encoded = {needle: needle.lower().encode() for needle in needles}
    overlap = max((len(pattern) for pattern in encoded.values()), default=1) - 1
    missing, tail = dict(encoded), b""
    with path.open("rb") as file:
        while missing and (chunk := file.read(CHUNK_BYTES)):
            # Lower case of bytes touches ASCII alone; a needle beyond it is found by its rows.
            window = tail + chunk.lower()
            missing = {needle: pattern for needle, pattern in missing.items() if pattern not in window}
            tail = window[-overlap:] if overlap else b""
    return [needle for needle in needles if needle not in missing]


def _in_rows(path: Path, needles: Sequence[str]) -> list[str]:
    with open_duckdb() as connection:
        return _search(connection, f"read_parquet({literal(path)})", needles)


def _in_database(path: Path, needles: Sequence[str]) -> list[tuple[str, str]]:
    with open_duckdb(path, read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables() order by all").fetchall()
        return [
            (f"{schema}.{table}", needle)
            for schema, table in tables
            for needle in _search(connection, name(schema, table), needles)
        ]


def _search(connection: duckdb.DuckDBPyConnection, relation: str, needles: Sequence[str]) -> list[str]:
    # Column by column: the text of a whole row would put its own quotes and escapes into a value.
    columns = [row[0] for row in connection.execute(f"describe select * from {relation}").fetchall()]
    row_text = ", ".join(f"cast(searched.{name(column)} as varchar)" for column in columns)
    return [
        needle
        for (needle,) in connection.execute(
            f"select needle from (select unnest(cast(? as varchar[])) as needle) as needles where exists "
            f"(select 1 from {relation} as searched "
            f"where contains(lower(concat_ws(chr(31), {row_text})), lower(needle))) order by needle",
            [list(needles)],
        ).fetchall()
    ]
