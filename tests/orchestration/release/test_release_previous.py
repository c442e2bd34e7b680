"""A table in which nothing changed keeps its Parquet file; a table in which anything did is written again, in order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release import candidate, folders
from orchestration.lib.release.privacy import find_in_bytes
from orchestration.lib.release.publish import Release, publish
from tests.orchestration.release.lines import TABLES, Line

EVENTS, PHASES, RELEASES = (f"{table.schema}/{table.name}.parquet" for table in TABLES)


def release_as_it_is(line: Line, day: int, **arguments) -> Release:
    return publish(line.write_as_it_is(day, **arguments), line.settings).release


def change(line: Line, statements: str) -> None:
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute(statements)


def taken_over(before: Release, after: Release) -> set[str]:
    """The Parquet files of a release that the one before it has under the same inode."""
    folder = after.directory / "parquet"
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*.parquet")
        if (before.directory / "parquet" / path.relative_to(folder)).is_file()
        and path.samefile(before.directory / "parquet" / path.relative_to(folder))
    }


def rows(release: Release, columns: str) -> tuple[list, list]:
    """Columns of the events as they lie in the release's DuckDB file and in its Parquet, without an `order by`."""
    with open_duckdb(release.database, read_only=True) as connection:
        in_database = connection.execute(f"select {columns} from core.fct_events").fetchall()
        parquet = release.directory / "parquet" / EVENTS
        return in_database, connection.execute(f"select {columns} from read_parquet('{parquet}')").fetchall()


def test_what_did_not_change_is_taken_over_and_the_rest_is_written(line: Line) -> None:
    first = line.release(1)
    change(line, "update journeys.agg_phases_daily set entered = 9")
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == {EVENTS}
    in_database, in_parquet = rows(second, "*")
    assert in_database == in_parquet == rows(first, "*")[0]
    with open_duckdb(second.database, read_only=True) as connection:
        assert connection.execute("select entered from journeys.agg_phases_daily").fetchall() == [(9,)]
        assert connection.execute("select count(*) from hygiene.releases").fetchone() == (2,)
        assert connection.execute(
            "select count(*) from duckdb_columns() where comment is null and not internal"
        ).fetchone() == (0,)


@pytest.mark.parametrize(
    "statements",
    [
        "update core.fct_events set amount = amount + 0.01 where event_id = 'event_7'",
        "update core.fct_events set occurred_at = null where event_id = 'event_7'",
        # every column keeps its values, and the table its number of rows
        "update core.fct_events set amount = 15 - amount where event_id in ('event_7', 'event_8')",
        "delete from core.fct_events where event_id = 'event_7'; "
        "insert into core.fct_events from core.fct_events where event_id = 'event_8'",
        "delete from core.fct_events where event_id = 'event_7'",
        "alter table core.fct_events alter column generation type bigint",
        "alter table core.fct_events add column is_new boolean; "
        "comment on column core.fct_events.is_new is 'Whether it is.'",
    ],
)
def test_any_change_of_a_table_is_written(line: Line, statements: str) -> None:
    first = line.release(1)
    change(line, statements)
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == {PHASES}
    with open_duckdb(line.settings.warehouse, read_only=True) as connection:
        expected = connection.execute("from core.fct_events order by event_id").fetchall()
    in_database, in_parquet = rows(second, "*")
    assert in_database == in_parquet == expected


def test_rows_are_in_the_declared_order_whether_taken_over_or_written(line: Line) -> None:
    """Rows lie in the warehouse as builds left them."""
    first = line.release(1)
    change(line, "create table shuffled as from core.fct_events order by hash(event_id)")
    change(line, "delete from core.fct_events; insert into core.fct_events from shuffled")
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == {EVENTS, PHASES}
    change(line, "insert into core.fct_events values ('event_0_and_a_half', 1, 0.5, '2026-06-01')")
    third = release_as_it_is(line, 3)
    assert taken_over(second, third) == {PHASES}
    for release in (first, second, third):
        in_database, in_parquet = rows(release, "event_id")
        assert in_database == in_parquet == sorted(in_database)


def test_another_declared_order_is_a_change(line: Line) -> None:
    first = line.release(1)
    by_time = [replace(TABLES[0], key=("occurred_at",)), *TABLES[1:]]
    second = release_as_it_is(line, 2, tables=by_time)
    assert taken_over(first, second) == {PHASES}
    in_database, in_parquet = rows(second, "occurred_at")
    assert in_database == in_parquet == sorted(in_database)


def test_a_release_whose_manifest_names_no_order_is_written_over(line: Line) -> None:
    """Manifests had no order until tables could be taken over."""
    first = line.release(1)
    path = first.directory / "manifest.json"
    manifest = json.loads(path.read_text())
    for table in manifest["tables"]:
        del table["key"]
    path.chmod(0o644)
    path.write_text(json.dumps(manifest))
    assert taken_over(first, release_as_it_is(line, 2)) == set()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_file_that_is_gone_or_cut_is_written_again(line: Line, damage) -> None:
    first = line.release(1)
    path = first.directory / "parquet" / EVENTS
    path.chmod(0o644)
    damage(path)
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == {PHASES}
    assert len(rows(second, "event_id")[1]) == 501


def test_a_disk_without_hard_links_gets_copies(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    first = line.release(1)

    def refuses(*args: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(folders.os, "link", refuses)
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == set()
    for path in (EVENTS, PHASES):
        before, after = (release.directory / "parquet" / path for release in (first, second))
        assert before.read_bytes() == after.read_bytes()


def test_a_file_outlives_the_release_that_wrote_it(kept) -> None:
    line = kept(2)
    first = line.release(1)
    for day in (2, 3, 4):
        last = release_as_it_is(line, day)
    assert not first.directory.exists()
    assert len(rows(last, "event_id")[1]) == 501
    assert (last.directory / "parquet" / EVENTS).stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("event_count", [3, 200_000])
def test_a_value_that_was_removed_is_in_no_byte_of_the_next_release(line: Line, event_count: int) -> None:
    """DuckDB leaves the bytes of deleted rows and dropped tables in a file, so no file is ever changed."""
    value = "Ann-who-withdrew-everything"
    line.build(1, event_count=event_count)
    change(line, f"insert into core.fct_events values ('{value}', 1, 1, '2026-06-01')")
    first = release_as_it_is(line, 1)
    change(line, f"delete from core.fct_events where event_id = '{value}'")
    second = release_as_it_is(line, 2)
    assert {found.place for found in find_in_bytes(first.directory, [value])} >= {"rows", "core.fct_events"}
    assert find_in_bytes(second.directory, [value]) == []


def test_a_new_description_reaches_the_next_release(line: Line) -> None:
    first = line.release(1)
    change(line, "comment on column core.fct_events.amount is 'What was paid, with tax.'")
    second = release_as_it_is(line, 2)
    assert taken_over(first, second) == {EVENTS, PHASES}
    with open_duckdb(second.database, read_only=True) as connection:
        comments = connection.execute("select comment from duckdb_columns() where column_name = 'amount'").fetchall()
    assert comments == [("What was paid, with tax.",)]


def test_a_table_that_is_no_longer_published_is_gone(line: Line) -> None:
    line.release(1)
    second = release_as_it_is(line, 2, tables=TABLES[1:])
    with open_duckdb(second.database, read_only=True) as connection:
        found = connection.execute("select table_name from duckdb_tables() order by all").fetchall()
    assert found == [("agg_phases_daily",), ("releases",)]


def test_a_table_that_no_manifest_names_is_not_copied(line: Line) -> None:
    first = line.write(1)
    with open_duckdb(first.directory / "customer_journeys.duckdb") as connection:
        connection.execute("create table core.smuggled (event_id varchar)")
    publish(first, line.settings)
    second = release_as_it_is(line, 2)
    with open_duckdb(second.database, read_only=True) as connection:
        assert ("smuggled",) not in connection.execute("select table_name from duckdb_tables()").fetchall()


def test_macros_are_those_of_today(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions are copied from the release before, and with them came its macros."""
    macros = tmp_path / "macros"
    macros.mkdir()
    monkeypatch.setattr(candidate, "MACROS", macros)
    text = "create macro core.{}() as table select count(*) + {} as answer from core.fct_events"
    for file, macro, summand in (("first", "kept", 1), ("second", "dropped", 1)):
        (macros / f"{file}.sql").write_text(text.format(macro, summand))
    line.release(1)
    (macros / "first.sql").write_text(text.format("kept", 2))
    (macros / "second.sql").unlink()
    second = release_as_it_is(line, 2)
    with open_duckdb(second.database, read_only=True) as connection:
        assert connection.execute("from core.kept()").fetchall() == [(503,)]
        found = connection.execute("select function_name from duckdb_functions() where not internal").fetchall()
    assert found == [("kept",)]
