"""All tables of a real release, texts that act among their values, are in PostgreSQL what they are in DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orchestration.lib.core.connection import open_duckdb
from tests.orchestration.hostile import DataSet
from tests.postgres_server import Server, running_server

pytestmark = pytest.mark.xdist_group("hostile")


@pytest.fixture(scope="module")
def published(hostile: DataSet) -> Iterator[Server]:
    with running_server() as server:
        assert hostile.command("publish-postgres", JOURNEYS_POSTGRES_URL=server.url()) == 0, hostile.said[-1]
        yield server


def test_every_table_has_the_rows_comments_and_key_of_the_release(hostile: DataSet, published: Server) -> None:
    manifest = json.loads((hostile.release / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["tables"]) > 60
    read = 0
    with (
        published.connect() as server,
        open_duckdb(hostile.release / "customer_journeys.duckdb", read_only=True) as release,
    ):
        for table in manifest["tables"]:
            place = f'"{table["schema"]}"."{table["name"]}"'
            rows = release.execute(f"from {place}").fetchall()
            assert sorted(map(repr, rows)) == sorted(map(repr, server.execute(f"select * from {place}").fetchall())), (
                place
            )
            read += len(rows)
            described = server.execute(
                "select obj_description(%s::regclass), array_agg(col_description(attrelid, attnum) order by attnum) "
                "from pg_attribute where attrelid = %s::regclass and attnum > 0",
                [place, place],
            ).fetchone()
            assert described == (table["description"], [column["description"] for column in table["columns"]])
            key = server.execute(
                "select array(select attname::text from unnest(conkey) with ordinality as keys (number, place) "
                "join pg_attribute on attrelid = conrelid and attnum = number order by place) "
                # of a key with a column that may be null: unique, nulls counted in
                "from pg_constraint where conrelid = %s::regclass and contype in ('p', 'u')",
                [place],
            ).fetchall()
            assert key == ([(table["key"],)] if table["key"] else []), place
    assert read > 10_000
