"""Streams rows from DuckDB to PostgreSQL: DuckDB writes the lines of COPY, and nothing here looks at a value."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import duckdb
import pyarrow
from psycopg import sql

from orchestration.lib.core.activity import doing
from orchestration.lib.postgres.faults import PostgresError
from orchestration.lib.postgres.server import Connection
from orchestration.lib.postgres.tables import Table

# Rows that are in memory at once.
BATCH_ROWS = 20_000


def stage(
    server: Connection, source: duckdb.DuckDBPyConnection, table: Table, place: sql.Identifier, *, number: int, of: int
) -> int:
    """Makes a table, `place`, with the rows of a table of the release; returns how many."""
    columns = sql.SQL(", ").join(
        # a type is of our own table, never of a file
        sql.SQL("{} " + column.type).format(sql.Identifier(column.name))
        for column in table.columns
    )
    # nobody needs it after a crash of the server, and so it costs no log
    server.execute(sql.SQL("create unlogged table {} ({})").format(place, columns))
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    done = 0
    with server.cursor() as cursor:
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(place, names)) as copy:
            for row_count, lines in _lines(source, table):
                copy.write(lines)
                done += row_count
                doing(
                    "copying to PostgreSQL",
                    number=number,
                    of=of,
                    name=f"{table.label}, {done:,} of {table.row_count:,} rows",
                )
        arrived = cursor.rowcount
    if not arrived == done == table.row_count:
        raise PostgresError(
            f"{table.label} has {table.row_count:,} rows in the release, and {arrived:,} arrived in PostgreSQL. "
            "Nothing was changed there; type make publish-postgres again."
        )
    server.execute(sql.SQL("analyze {}").format(place))
    return done


def _lines(source: duckdb.DuckDBPyConnection, table: Table) -> Iterator[tuple[int, memoryview]]:
    """The lines of COPY in blocks, with the number of rows of each: the bytes of Arrow's texts as they lie there."""
    source.execute("set arrow_large_buffer_size = true")
    for batch in source.sql(table.lines).to_arrow_reader(BATCH_ROWS):
        [texts] = batch.columns
        if not len(texts):
            continue
        assert pyarrow.types.is_large_string(texts.type), texts.type
        _, offsets, content = texts.buffers()
        [begin] = struct.unpack_from("=q", offsets, texts.offset * 8)
        [end] = struct.unpack_from("=q", offsets, (texts.offset + len(texts)) * 8)
        yield len(texts), memoryview(content)[begin:end]
