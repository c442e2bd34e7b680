"""`make run TARGET=spark`: the release is that of DuckDB, and a run that fails publishes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.release.publish import current_release
from tests.conftest import LEDGERS, publish
from tests.spark.conftest import Server
from tests.spark.on_both_engines import NOT_EQUAL, differing_rows

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

SIZE = ("--customers", "60", "--days", "60")


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return publish(tmp_path_factory.mktemp("on_duckdb"), *SIZE)


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory, spark_server: Server) -> Settings:
    folder = tmp_path_factory.mktemp("on_spark")
    return publish(folder, *SIZE, **spark_server.environment)


def tables_of(file: Path) -> list[str]:
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(
            "select schema_name || '.' || table_name, table_name from duckdb_tables() order by 1"
        ).fetchall()
    return [label for label, table in rows if table not in LEDGERS]


def test_both_engines_give_the_same_release(on_duckdb: Settings, on_spark: Settings, spark_server: Server) -> None:
    left, right = current_release(on_duckdb), current_release(on_spark)
    assert left is not None and right is not None
    tables = tables_of(left.database)
    assert len(tables) > 50 and tables == tables_of(right.database)
    assert differing_rows(left.database, right.database, tables) == {}
    # the day they are equal, they are no longer left out
    assert differing_rows(left.database, right.database, tables, leaves_out=False).keys() == NOT_EQUAL.keys()
    tasks = spark_server.tasks_by_executor()
    assert len(tasks) == 2 and all(count > 50 for count in tasks.values()), tasks


def command(settings: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    where = {"JOURNEYS_VAR": str(settings.var), "JOURNEYS_SERVING": str(settings.serving), **environment}
    return subprocess.run(
        [sys.executable, "-m", "orchestration", *arguments],
        cwd=PROJECT_ROOT,
        env=os.environ | where,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_second_run_has_nothing_to_do(on_spark: Settings, spark_server: Server) -> None:
    ended = command(on_spark, "run", *SIZE, **spark_server.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Nothing changed: release " in ended.stdout


def test_the_warehouse_file_shows_what_spark_built(on_spark: Settings) -> None:
    with duckdb.connect(str(on_spark.warehouse), read_only=True) as connection:
        [count] = connection.execute("select count(*) from core.fct_events").fetchone()
        folders = connection.execute("select relation, folder from landing.spark_tables").fetchall()
    assert count > 100
    tables = read_settings({"JOURNEYS_TARGET": "spark", "JOURNEYS_VAR": str(on_spark.var)}).spark.tables
    kept = {str(path.relative_to(tables)) for path in tables.glob("*/*/*") if path.is_dir()}
    landed = {folder for folder in kept if folder.startswith("landed/")}
    assert kept - landed == {folder for _, folder in folders}, "folders that no ledger names are removed"


def test_without_its_server_a_run_says_so_and_publishes_nothing(on_spark: Settings, spark_server: Server) -> None:
    before = current_release(on_spark)
    gone = {**spark_server.environment, "JOURNEYS_SPARK_REMOTE": "sc://127.0.0.1:1", "JOURNEYS_MAX_VARIANTS": "7"}
    ended = command(on_spark, "run", *SIZE, **gone)
    assert ended.returncode == 1
    assert "No Spark server answers at sc://127.0.0.1:1" in ended.stdout and "make spark-up" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert current_release(on_spark) == before
