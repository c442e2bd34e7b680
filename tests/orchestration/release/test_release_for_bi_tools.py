"""What BI tools and notebooks read a release with: pandas, polars, DuckDB, SQLAlchemy, drivers old and new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas
import polars
import pytest
import sqlalchemy

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.publish import Release
from tests.orchestration.release.lines import Line

OLD_PYTHON = os.environ.get("JOURNEYS_OLD_DUCKDB_PYTHON")
TABLES = ("core/fct_events", "journeys/agg_phases_daily", "hygiene/releases")


def parquet(release: Release, table: str) -> Path:
    """The one file of a table; its folder has one for each table of the schema."""
    return release.directory / "parquet" / f"{table}.parquet"


def test_pandas_reads_parquet_with_its_types(line: Line) -> None:
    release = line.release(1)
    events = pandas.read_parquet(parquet(release, "core/fct_events"))
    assert len(events) == 501
    assert str(events["occurred_at"].dtype).startswith("datetime64[") and events["occurred_at"].dt.tz is None
    assert events["occurred_at"].min() == datetime(2026, 6, 1)
    assert {type(amount) for amount in events["amount"]} == {Decimal} and events["amount"].sum() == Decimal("125250.00")
    phases = pandas.read_parquet(parquet(release, "journeys/agg_phases_daily"))
    assert list(phases["entered_on"]) == [date(2026, 6, 1)] and list(phases["entered"]) == [1]


def test_polars_reads_parquet_with_its_types(line: Line) -> None:
    release = line.release(1)
    events = polars.read_parquet(parquet(release, "core/fct_events"))
    assert events.schema["occurred_at"] == polars.Datetime("us")
    assert events.schema["amount"] == polars.Decimal(18, 2)
    assert (events.height, events["amount"].sum()) == (501, Decimal("125250.00"))
    assert polars.read_parquet(parquet(release, "journeys/agg_phases_daily")).schema["entered_on"] == polars.Date
    # without reading all of it, and all tables of a schema by a pattern
    newest = polars.scan_parquet(parquet(release, "core/fct_events")).select(polars.col("occurred_at").max()).collect()
    assert newest.item() == datetime(2026, 6, 1, 8, 20)
    assert polars.scan_parquet(parquet(release, "core/*")).collect().height == 501


def test_duckdb_reads_from_parquet_what_is_in_the_file(line: Line) -> None:
    release = line.release(1)
    with open_duckdb(release.database, read_only=True) as connection:
        for table in TABLES:
            place, file = table.replace("/", "."), f"read_parquet('{parquet(release, table)}')"
            there, here = (
                [(name, kind) for name, kind, *_ in connection.execute(f"describe from {one}").fetchall()]
                for one in (place, file)
            )
            assert there == here
            for one, other in ((place, file), (file, place)):
                assert connection.execute(f"from {one} except all from {other}").fetchall() == []


COMMENTS = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(json.dumps([
    connection.execute(
        "select schema_name || '.' || table_name, comment from duckdb_tables() order by 1"
    ).fetchall(),
    connection.execute(
        "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
        "where not internal order by 1, column_index"
    ).fetchall(),
]))
"""


def described(release: Release) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    manifest = json.loads((release.directory / "manifest.json").read_text(encoding="utf-8"))
    tables = {f"{table['schema']}.{table['name']}": table for table in manifest["tables"]}
    return (
        {place: table["description"] for place, table in tables.items()},
        {
            (place, column["name"]): column["description"]
            for place, table in tables.items()
            for column in table["columns"]
        },
    )


@pytest.mark.parametrize("python", [None, "old"])
def test_drivers_give_comments_as_descriptions(line: Line, python: str | None) -> None:
    if python == "old" and OLD_PYTHON is None:
        pytest.skip("JOURNEYS_OLD_DUCKDB_PYTHON names no Python with DuckDB 1.1: .ci/run installs one")
    release = line.release(1)
    done = subprocess.run(
        [OLD_PYTHON if python == "old" else sys.executable, "-c", COMMENTS, str(release.database)],
        capture_output=True,
        text=True,
        check=True,
    )
    tables, columns = json.loads(done.stdout)
    wanted_tables, wanted_columns = described(release)
    assert dict(tables) == wanted_tables
    assert {(place, column): comment for place, column, comment in columns} == wanted_columns


def test_the_inspector_of_sqlalchemy_gives_comments_as_descriptions(line: Line) -> None:
    """This is what tools that speak SQLAlchemy ask, through duckdb-engine."""
    release = line.release(1)
    wanted_tables, wanted_columns = described(release)
    engine = sqlalchemy.create_engine(f"duckdb:///{release.database}", connect_args={"read_only": True})
    try:
        inspector = sqlalchemy.inspect(engine)
        for place, description in wanted_tables.items():
            schema, table = place.split(".")
            assert inspector.get_table_comment(table, schema=schema)["text"] == description
            for column in inspector.get_columns(table, schema=schema):
                assert column["comment"] == wanted_columns[place, column["name"]]
        assert str(inspector.get_columns("fct_events", schema="core")[2]["type"]) == "NUMERIC(18, 2)"
    finally:
        engine.dispose()
