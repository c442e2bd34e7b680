"""What Spark is handed over, and what the warehouse file shows of what it built; without Spark."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import duckdb
import pytest

from orchestration.lib.core.connection import one_value, open_duckdb
from orchestration.lib.core.settings import Spark, read_settings
from orchestration.lib.dbt.building import DbtBuild
from orchestration.lib.spark.building import SparkBuild
from orchestration.lib.spark.catalog import NOTE, make_known
from orchestration.lib.spark.folder import MARKER, claim, give_up
from orchestration.lib.spark.handover import hand_over, spark_type
from orchestration.lib.spark.java import SparkError
from orchestration.lib.spark.storage import Storage, merged, remove_idle
from orchestration.lib.warehouse.build import BuildPlan, ensure_ledgers, plan_build
from orchestration.lib.warehouse.spark_tables import (
    begin_spark_build,
    ensure_spark_ledger,
    note_spark_build,
    read_folders,
    remove_unnamed,
)

RAW = "raw", "web__events"


def landed(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema raw; create schema quarantine; create schema landing")
    connection.execute("create table raw.web__events (event_id varchar, amount decimal(18,2), _changed_in bigint)")
    connection.execute("insert into raw.web__events values ('a', 1, 1), ('b', 2, 1), ('c', 3, 2)")
    connection.execute("create table quarantine.web__events (file_id varchar, row_text varchar, batch bigint)")
    connection.execute("insert into quarantine.web__events values ('f', 'Ann, 1 High Street', 1)")
    connection.execute("create table landing.settings (key varchar, value varchar)")


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_only_parts_whose_rows_changed_are_written_again(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        landed(connection)
        [first] = hand_over(connection, tmp_path, [RAW], is_full=False)
        assert first.columns == (("event_id", "string"), ("amount", "decimal(18,2)"), ("_changed_in", "bigint"))
        before = times(Path(first.folder))
        assert len(before) == 2 and first.is_new
        [same] = hand_over(connection, tmp_path, [RAW], is_full=False)
        assert times(Path(first.folder)) == before and not same.is_new
        # a row of the first batch is superseded: it moves to the part of the batch that changed it
        connection.execute("update raw.web__events set _changed_in = 3 where event_id = 'b'")
        connection.execute("insert into raw.web__events values ('d', 4, 3)")
        [later] = hand_over(connection, tmp_path, [RAW], is_full=False)
        after = times(Path(later.folder))
        kept = before.keys() & after.keys()
        assert later.is_new and len(after) == 3 and len(kept) == 1
        assert all(before[name] == after[name] for name in kept)
        # a row that changes and keeps its batch
        connection.execute("update raw.web__events set amount = 9 where event_id = 'c'")
        [later] = hand_over(connection, tmp_path, [RAW], is_full=False)
        assert later.is_new and len(times(Path(later.folder))) == 3
        files = f"read_parquet('{later.folder}/*.parquet')"
        differing = connection.execute(
            f"(from raw.web__events except all from {files}) union all (from {files} except all from raw.web__events)"
        ).fetchall()
        assert differing == []


def test_an_empty_table_has_its_columns_and_what_a_full_build_finds_is_written_anew(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        landed(connection)
        connection.execute("delete from raw.web__events")
        [empty] = hand_over(connection, tmp_path, [RAW], is_full=False)
        [file] = Path(empty.folder).glob("*.parquet")
        assert one_value(connection, f"select count(*) from '{file}'") == 0
        # written by another hand: a full build does not trust it
        file.write_bytes(b"no parquet")
        with pytest.raises(SparkError, match=f"it has no {MARKER}"):
            hand_over(connection, tmp_path, [RAW], is_full=True)
        (tmp_path / MARKER).write_text("home")
        hand_over(connection, tmp_path, [RAW], is_full=True)
        assert one_value(connection, f"select count(*) from '{file}'") == 0


def test_rows_as_they_came_stay_in_the_quarantine(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        landed(connection)
        [quarantined] = hand_over(connection, tmp_path, [("quarantine", "web__events")], is_full=False)
        assert [column for column, _ in quarantined.columns] == ["file_id", "batch"]
        [file] = Path(quarantined.folder).glob("*.parquet")
        assert b"High Street" not in file.read_bytes()


def test_a_type_that_is_not_known_is_named() -> None:
    assert spark_type("MAP(VARCHAR, VARCHAR)[]") == "array<map<string,string>>"
    with pytest.raises(ValueError, match="a column of type UUID can't be handed over to Spark"):
        spark_type("UUID")


def write(storage: Storage, relation: str, rows: str) -> str:
    """Writes rows as Spark would, into a new folder that the relation then names."""
    folder = storage.new_folder(relation)
    Path(folder).mkdir(parents=True)
    with open_duckdb() as connection:
        connection.execute(f"copy ({rows}) to '{folder}/part-0.parquet' (format parquet)")
    storage.wrote(relation, folder)
    return folder


def test_equal_rows_in_another_order_have_the_same_hash(tmp_path: Path) -> None:
    storage = Storage(tmp_path, 1)
    one = storage.content(write(storage, "core.a", "select * from (values (1, 'x'), (2, null)) as t(n, x)"))
    other = storage.content(write(storage, "core.a", "select * from (values (2, null), (1, 'x')) as t(n, x)"))
    third = storage.content(write(storage, "core.a", "select * from (values (2, 'y'), (1, 'x')) as t(n, x)"))
    assert one == other is not None and one != third


def build_of(tables: Path, number: int, storage: Storage, stored: dict[str, str]) -> tuple[SparkBuild, DbtBuild]:
    start = SparkBuild("sc://localhost", str(tables), "home", number, None if not stored else number - 1, (), stored)
    return start, DbtBuild((), None, storage.written)


def test_the_warehouse_shows_the_tables_and_forgets_folders_that_nothing_names(tmp_path: Path) -> None:
    spark = Spark("sc://localhost", tmp_path)
    with open_duckdb() as connection:
        connection.execute("create schema landing; create schema core")
        # of a build by DuckDB before
        connection.execute("create table core.dim_dates (day date)")
        ensure_spark_ledger(connection)
        first = Storage(tmp_path, 1)
        write(first, "core.dim_dates", "select date '2026-01-01' as day, timestamptz '2026-01-01 12:00+00' as seen")
        write(first, "core.dim_gone", "select 1 as n")
        write(first, "core.dim_dates__changed", "select 1 as n")
        note_spark_build(connection, spark, *build_of(tmp_path, 1, first, {}))
        assert one_value(connection, "select typeof(seen) from core.dim_dates") == "TIMESTAMP"
        views = connection.execute("select view_name from duckdb_views() where schema_name = 'core'").fetchall()
        assert {name for (name,) in views} == {"dim_dates", "dim_gone"}, "what is kept next to a table is no table"

        stored = read_folders(connection)
        second = Storage(tmp_path, 2)
        write(second, "core.dim_dates", "select date '2026-01-02' as day, timestamptz '2026-01-02 12:00+00' as seen")
        second.dropped("core.dim_gone")
        # of a build that was killed
        left = tmp_path / "core" / "dim_dates" / "9-1"
        left.mkdir(parents=True)
        note_spark_build(connection, spark, *build_of(tmp_path, 2, second, stored))
        (tmp_path / MARKER).write_text("home")
        remove_unnamed(connection, spark)
        assert str(one_value(connection, "select day from core.dim_dates")) == "2026-01-02"
        assert read_folders(connection) == merged(stored, second.written)
        kept = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*/*")}
        assert kept == set(read_folders(connection).values()) and not left.exists()


def test_landed_rows_are_never_taken_for_idle_folders(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        landed(connection)
        [given] = hand_over(connection, tmp_path, [RAW], is_full=False)
    (tmp_path / MARKER).write_text("home")
    remove_idle(tmp_path, ())
    assert any(Path(given.folder).iterdir())


def test_tables_of_another_engine_are_built_again_from_raw_and_the_reason_is_said() -> None:
    clock = datetime(2026, 2, 1, tzinfo=UTC)
    with open_duckdb() as connection:
        ensure_ledgers(connection, "a key")
        connection.execute("create table landing.batches (batch bigint)")
        connection.execute("create table landing.files (batch bigint)")
        for built, asked in (("a1-b2", "spark:a1-b2"), ("spark:a1-b2", "a1-b2")):
            connection.execute("delete from landing.builds")
            connection.execute(
                "insert into landing.builds values (1, 0, ?, ?, 'complete', 'r', null, null)",
                [datetime(2026, 2, 1), built],
            )
            plan = plan_build(connection, fingerprint=asked, as_of=clock)
            engines = ("duckdb", "spark") if asked.startswith("spark") else ("spark", "duckdb")
            assert plan is not None and plan.is_full
            assert plan.reason == f"the tables were built by {engines[0]}, and are to be by {engines[1]}"
            # the same engine, nothing new
            assert plan_build(connection, fingerprint=built, as_of=clock) is None


def test_two_data_sets_share_a_folder_and_nobody_elses_files_are_removed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "others" / "ledger" / "2025").mkdir(parents=True)
    given = {"JOURNEYS_TARGET": "spark", "JOURNEYS_SPARK_TABLES": str(shared), "JOURNEYS_VAR": str(tmp_path / "var")}
    one = read_settings({**given, "JOURNEYS_DATA_SET": "one", "JOURNEYS_EXTRACTS": str(tmp_path)})
    two = read_settings({**given, "JOURNEYS_DATA_SET": "two", "JOURNEYS_EXTRACTS": str(tmp_path)})
    assert one.spark is not None and two.spark is not None
    for settings in (one, two):
        assert settings.spark is not None and settings.spark.tables == shared / settings.home.name
        claim(settings.spark.tables, settings.home)
        (settings.spark.tables / "core" / "dim_dates" / "1-1").mkdir(parents=True)
    remove_idle(one.spark.tables, ())
    assert not (one.spark.tables / "core" / "dim_dates").exists()
    assert (two.spark.tables / "core" / "dim_dates" / "1-1").is_dir()
    remove_idle(shared, ())
    assert (shared / "others" / "ledger" / "2025").is_dir()
    with pytest.raises(SparkError, match="is not empty and has no"):
        claim(shared, one.home)
    with pytest.raises(SparkError, match=r"holds Spark's tables of the data set in .*, not of"):
        claim(two.spark.tables, one.home)
    # within the data set's own home, which may have been moved
    claim(one.home / "spark", tmp_path / "earlier")
    claim(one.home / "spark", one.home)


class Server:
    """Answers statements as Spark's server does, as far as `make_known` asks; keeps those that it was sent."""

    def __init__(self, tables: dict[str, list[str]]) -> None:
        self.tables = tables
        self.sent: list[str] = []

    def sql(self, statement: str) -> SimpleNamespace:
        self.sent.append(statement)
        rows: list[tuple[str, ...]] = []
        if statement == "show schemas":
            rows = [(schema,) for schema in self.tables]
        elif statement.startswith("show tables in "):
            rows = [(table,) for table in self.tables[statement.rpartition(" ")[2]]]
        elif statement == f"describe schema {NOTE}" and NOTE in self.tables:
            rows = [("Comment", "another data set")]
        return SimpleNamespace(collect=lambda: rows)


def test_a_server_with_tables_of_others_is_refused_before_anything_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(server: Server) -> None:
        make_known(
            server, home=Path("/home"), number=None, schemas=["core", "raw"], landed=(), stored={}, tables=Path("/t")
        )

    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.errors", SimpleNamespace(PySparkException=RuntimeError))
    others = Server({"default": [], "core": ["invoices"], "raw": []})
    with pytest.raises(SparkError, match=r"has tables in the schemas core, which .* .JOURNEYS_SPARK_REMOTE"):
        known(others)
    assert not any(statement.startswith(("drop", "create", "comment")) for statement in others.sent)
    for tables in ({"core": [], "default": ["t"]}, {"core": ["fct_events"], NOTE: []}):
        server = Server(tables)
        known(server)
        assert "drop schema if exists core cascade" in server.sent


def test_names_that_moved_halfway_are_told_from_those_that_are_as_written(tmp_path: Path) -> None:
    storage = Storage(tmp_path, 1)
    for relation in ("`core`.`a`", "core.a__changed"):
        storage.moves(relation)
    storage.wrote("core.a__changed", str(tmp_path / "core" / "a__changed" / "1-1"))
    assert not storage.is_as_written
    storage.wrote("core.a", str(tmp_path / "core" / "a" / "1-2"))
    assert storage.is_as_written


def test_a_build_of_the_same_number_writes_into_other_folders(tmp_path: Path) -> None:
    assert Storage(tmp_path, 1).new_folder("core.a") != Storage(tmp_path, 1).new_folder("core.a")


def test_once_duckdb_builds_no_rows_of_spark_stay_and_another_data_sets_do(tmp_path: Path) -> None:
    tables, home = tmp_path / "shared" / "one", tmp_path / "var" / "one"
    claim(tables, home)
    (tables / "landed" / "raw").mkdir(parents=True)
    give_up(home)
    assert not tables.exists() and (tmp_path / "shared").is_dir()
    claim(tables, home)
    (tables / MARKER).write_text("another home")
    give_up(home)
    assert tables.is_dir()
    give_up(home)


def test_a_full_build_by_duckdb_gives_the_folder_up_unless_a_file_aside_names_it(tmp_path: Path) -> None:
    settings = read_settings({"JOURNEYS_VAR": str(tmp_path)})
    tables = settings.home / "spark"
    claim(tables, settings.home)
    plan = BuildPlan(True, "the engine changed", 1, datetime(2026, 2, 1, tzinfo=UTC), "code")
    with open_duckdb() as connection:
        connection.execute("create schema landing")
        ensure_spark_ledger(connection)
        connection.execute("insert into landing.spark_tables values ('core.a', 'core/a/1-1', 1)")
        settings.warehouse_aside.touch()
        assert begin_spark_build(connection, settings, plan, 2) is None
        assert tables.is_dir() and read_folders(connection) == {}
        settings.warehouse_aside.unlink()
        assert begin_spark_build(connection, settings, plan, 3) is None
        assert not tables.exists()
