"""A candidate becomes the release that readers see, whole and described, and its line is in order."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.release.candidate import (
    PublishedTable,
    discard,
    make_release_id,
    read_git_state,
    write_candidate,
)
from orchestration.lib.release.folders import ReleaseError
from orchestration.lib.release.publish import (
    current_release,
    publish,
    record_releases,
    releases,
    rollback,
    serve,
)
from tests.orchestration.release.lines import START, TABLES, Line


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_candidate_is_nobodys_release_until_it_is_published(line: Line) -> None:
    candidate = line.write(1)
    assert candidate.directory.is_dir()
    assert candidate.row_counts["core.fct_events"] == 501
    assert releases(line.settings) == []
    assert not (line.settings.serving / "customer_journeys.duckdb").exists()
    discard(candidate)
    assert not candidate.directory.exists()


def test_serving_shows_the_release_through_relative_links(line: Line) -> None:
    release = line.release(1)
    link = line.settings.serving / "customer_journeys.duckdb"
    assert link.readlink() == Path("releases") / release.release_id / "customer_journeys.duckdb"
    assert not (line.settings.serving / "releases" / release.release_id).readlink().is_absolute()
    assert link.resolve() == release.database.resolve()
    assert line.generation() == 1
    assert current_release(line.settings) == release
    assert release.is_served and release.row_count == 501 + 1 + 1


def test_the_folder_may_be_moved_whole(line: Line, tmp_path: Path) -> None:
    line.release(1)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    line.settings.var.rename(moved / "var")
    line.settings.serving.rename(moved / "serving")
    there = Line(replace(line.settings, var=moved / "var", serving=moved / "serving"))
    assert there.generation() == 1
    assert there.release(2).previous_release_id is not None


def test_tables_carry_types_comments_and_no_view(line: Line) -> None:
    line.build(1)
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute("alter table core.fct_events rename to fct_events_stored")
        connection.execute("create view core.fct_events as select * from core.fct_events_stored")
        connection.execute("comment on view core.fct_events is 'One row per event.'")
        for column in ("event_id", "generation", "amount", "occurred_at"):
            connection.execute(f"comment on column core.fct_events.{column} is 'the event''s {column}'")
    candidate = write_candidate(
        line.settings.warehouse,
        settings=line.settings,
        release_id="20260701T060000_000000Z_shop",
        tables=TABLES,
        as_of=START,
        created_at=START,
        run_id="run",
        checks_summary={},
    )
    with open_duckdb(publish(candidate, line.settings).release.database, read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
        assert connection.execute("select comment from duckdb_tables() where table_name = 'fct_events'").fetchone() == (
            "One row per event.",
        )
        assert connection.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where table_name = 'fct_events' order by column_index"
        ).fetchall() == [
            ("event_id", "VARCHAR", "the event's event_id"),
            ("generation", "INTEGER", "the event's generation"),
            ("amount", "DECIMAL(18,2)", "the event's amount"),
            ("occurred_at", "TIMESTAMP", "the event's occurred_at"),
        ]


def test_every_published_table_answers_to_its_plain_name(line: Line) -> None:
    """A database file named like a schema makes `schema.table` ambiguous, so every name is tried as typed."""
    line.release(1)
    with open_duckdb(line.settings.serving / "customer_journeys.duckdb", read_only=True) as connection:
        for table in TABLES:
            connection.execute(f"select count(*) from {table.label}").fetchone()


def test_the_file_is_in_the_storage_that_duckdb_1_reads(line: Line) -> None:
    with line.release(1).database.open("rb") as file:
        header = file.read(20)
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64


def test_the_manifest_says_what_the_release_holds(line: Line) -> None:
    first = line.release(1)
    second = line.release(2)
    manifest = json.loads((second.directory / "manifest.json").read_text())
    assert manifest["release_id"] == "20260703T060000_000000Z_shop"
    assert manifest["data_set"] == "shop"
    assert manifest["previous_release_id"] == first.release_id
    assert manifest["checks"] == {"pass": 12, "fail": 1, "error": 0}
    assert manifest["as_of"] == "2026-07-03T06:00:00+00:00"
    assert manifest["git"] is None
    assert manifest["duckdb"]["storage_version"] == "v1.0.0"
    events = manifest["tables"][0]
    assert (events["schema"], events["name"], events["row_count"]) == ("core", "fct_events", 502)
    assert events["key"] == ["event_id"]
    assert events["columns"][0] == {
        "name": "event_id",
        "type": "VARCHAR",
        "description": "The event's key.",
    }
    parquet = second.directory / events["parquet"]
    assert parquet == second.directory / "parquet" / "core" / "fct_events.parquet"
    assert events["parquet_bytes"] == parquet.stat().st_size
    with open_duckdb() as connection:
        assert connection.execute(f"select count(*) from '{parquet}'").fetchone() == (502,)
        assert connection.execute(f"select distinct compression from parquet_metadata('{parquet}')").fetchall() == [
            ("ZSTD",)
        ]


def test_the_same_rows_give_the_same_parquet(line: Line) -> None:
    path = Path("parquet") / "core" / "fct_events.parquet"
    first = line.release(1).directory / path
    before = first.read_bytes()
    # a file that is gone can't be taken over
    first.unlink()
    line.build(1)
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute("create table shuffled as from core.fct_events order by hash(event_id)")
        connection.execute("delete from core.fct_events")
        connection.execute("insert into core.fct_events from shuffled")
    now = START + timedelta(days=30)
    candidate = write_candidate(
        line.settings.warehouse,
        settings=line.settings,
        release_id=make_release_id(line.settings, now),
        tables=TABLES,
        as_of=now,
        created_at=now,
        run_id="again",
        checks_summary={},
    )
    second = publish(candidate, line.settings).release
    assert (second.directory / path).read_bytes() == before


def test_a_release_is_sealed(line: Line) -> None:
    """A program that forgets to open the file read-only would lock every other reader out."""
    release = line.release(1)
    for path in (p for p in release.directory.rglob("*") if p.is_file()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444, path


def test_files_put_into_a_candidate_are_published_with_it(line: Line) -> None:
    candidate = line.write(1)
    (candidate.directory / "data_docs").mkdir()
    (candidate.directory / "data_docs" / "index.html").write_text("<p>all passed</p>")
    release = publish(candidate, line.settings).release
    assert (line.settings.serving / "releases" / release.release_id / "data_docs" / "index.html").is_file()


def test_old_releases_are_pruned_but_never_the_current_and_its_predecessor(kept) -> None:
    line = kept(3)
    ids = [line.release(generation).release_id for generation in range(1, 5)]
    assert [release.release_id for release in releases(line.settings)] == ids[:0:-1]
    assert names(line.settings.serving / "releases") == ids[1:]
    assert names(line.settings.releases) == [*ids[1:], "releases.jsonl"]
    fifth = publish(line.write(5), kept(2).settings)
    assert fifth.pruned == (ids[1], ids[2])
    assert fifth.warnings == ()


def test_data_sets_have_lines_of_their_own(line: Line, other_line: Line) -> None:
    first = line.release(1)
    second = line.release(2)
    other = other_line.release(7)
    assert other.previous_release_id is None
    assert line.generation() == 7
    assert names(line.settings.serving / "releases") == [other.release_id]
    mine = current_release(line.settings)
    assert mine is not None and mine.release_id == second.release_id
    assert mine.is_current and not mine.is_served
    third = line.release(3)
    assert third.previous_release_id == second.release_id
    assert names(line.settings.serving / "releases") == [
        first.release_id,
        second.release_id,
        third.release_id,
    ]
    assert [release.release_id for release in releases(other_line.settings)] == [other.release_id]


def test_serving_can_be_pointed_at_a_line_again_without_a_new_release(line: Line, other_line: Line) -> None:
    assert serve(line.settings) is None
    release = line.release(1)
    other_line.release(7)
    served = serve(line.settings)
    assert served is not None and served.release_id == release.release_id and served.is_served
    assert line.generation() == 1
    assert len(releases(line.settings)) == 1
    assert serve(line.settings) == served


def test_the_ledger_of_releases_ends_with_the_release_it_is_in(line: Line) -> None:
    first = line.release(1)
    with open_duckdb(line.settings.warehouse) as connection:
        assert record_releases(connection, line.settings) == 1
    second = line.release(2)
    query = (
        "select release_id, previous_release_id, status, row_count, created_at "
        "from hygiene.releases order by release_id"
    )
    expected = [
        (first.release_id, None, "published", first.row_count, datetime(2026, 7, 2, 6)),
        (second.release_id, first.release_id, "published", second.row_count, datetime(2026, 7, 3, 6)),
    ]
    with open_duckdb(second.database, read_only=True) as connection:
        assert connection.execute(query).fetchall() == expected
        # the row counts itself among the rows of the release
        assert second.row_count == 502 + 1 + 2
    with open_duckdb(line.settings.warehouse) as connection:
        record_releases(connection, line.settings)
        assert connection.execute(query).fetchall() == expected


def test_a_table_that_was_not_built_is_named(line: Line) -> None:
    line.release(1)
    line.build(2)
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute("drop table journeys.agg_phases_daily")
    with pytest.raises(ReleaseError, match=r"has no journeys.agg_phases_daily.*make run"):
        _write(line)
    assert line.generation() == 1
    assert not list(line.settings.releases.glob(".writing-*"))


def test_an_undocumented_column_is_named(line: Line) -> None:
    line.build(1)
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute("comment on column core.fct_events.amount is null")
    with pytest.raises(ReleaseError, match=r"these have none: core.fct_events.amount. Describe them"):
        _write(line)


@pytest.mark.parametrize("schema", ["customer_journeys", "Warehouse"])
def test_no_schema_is_named_like_a_database_file(line: Line, schema: str) -> None:
    line.build(1)
    with pytest.raises(ReleaseError, match="ambiguous"):
        _write(line, PublishedTable(schema, "dim_dates"))


def test_what_was_written_is_read_back(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.release(1)
    from orchestration.lib.release import candidate as module

    honest = module._write_table

    def loses_a_row(connection, source, table, shape, own_rows) -> None:
        honest(connection, source, table, shape, own_rows)
        if table.label == "core.fct_events":
            connection.execute("delete from candidate.core.fct_events where event_id = 'event_7'")

    monkeypatch.setattr(module, "_write_table", loses_a_row)
    with pytest.raises(ReleaseError, match=r"core.fct_events has 502 rows in the warehouse, 501 in the release"):
        line.write(2)
    assert line.generation() == 1
    assert len(names(line.settings.releases)) == 2


def test_a_candidate_that_was_overtaken_is_refused(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.lib.release import candidate as module

    slow = line.write(1)
    with monkeypatch.context() as patch:
        # as if the two had been written side by side, which the lock of the folder forbids
        patch.setattr(module, "sweep", lambda *args, **keywords: None)
        quick = line.write(2)
    publish(quick, line.settings)
    with pytest.raises(ReleaseError, match="gone"):
        publish(slow, line.settings)
    assert line.generation() == 2


def test_a_candidate_of_another_data_set_is_refused(line: Line, other_line: Line) -> None:
    candidate = line.write(1)
    with pytest.raises(ReleaseError, match="was written for another data set than households"):
        publish(candidate, other_line.settings)
    assert publish(candidate, line.settings).release.is_served


def test_a_file_of_ones_own_is_not_overwritten_by_the_link(line: Line) -> None:
    line.settings.serving.mkdir(parents=True)
    own = line.settings.serving / "customer_journeys.duckdb"
    own.write_text("mine")
    with pytest.raises(ReleaseError, match="something of your own"):
        line.release(1)
    assert own.read_text() == "mine"
    assert releases(line.settings) == []
    assert names(line.settings.releases) == ["releases.jsonl"]
    own.unlink()
    assert line.release(2).previous_release_id is None


def test_a_log_next_to_the_link_is_not_played_into_the_next_release(line: Line) -> None:
    """DuckDB 1.x opens the link by its own name, and so keeps its write-ahead log next to the link."""
    line.release(1)
    log = line.settings.serving / "customer_journeys.duckdb.wal"
    log.write_bytes(b"somebody's own changes")
    line.release(2)
    assert not log.exists()


def test_a_missing_journal_is_made_again_from_the_manifests(line: Line) -> None:
    ids = [line.release(generation).release_id for generation in (1, 2)]
    before = releases(line.settings)
    (line.settings.releases / "releases.jsonl").unlink()
    assert releases(line.settings) == before
    third = line.release(3)
    assert third.previous_release_id == ids[1]
    assert len(releases(line.settings)) == 3


@pytest.mark.parametrize("lines_left", range(5))
def test_a_journal_cut_short_costs_no_release(line: Line, other_line: Line, lines_left: int) -> None:
    """Not even while readers are on another data set, so that nothing shows what was current."""
    ids = [line.release(generation).release_id for generation in (1, 2, 3)]
    rollback(line.settings, now=START + timedelta(days=8))
    other_line.release(7)
    journal = line.settings.releases / "releases.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) == 4
    journal.write_text("".join(lines[:lines_left]), encoding="utf-8")
    assert [release.release_id for release in releases(line.settings)] == ids[::-1]
    fourth = line.release(4)
    assert [release.release_id for release in releases(line.settings)] == [fourth.release_id, *ids[::-1]]
    assert fourth.previous_release_id == (ids[1] if lines_left == 4 else ids[2])
    assert names(line.settings.releases) == [*ids, fourth.release_id, "releases.jsonl"]


def test_a_damaged_manifest_of_a_release_that_no_journal_names_stops_nothing(line: Line) -> None:
    first, second = (line.release(generation) for generation in (1, 2))
    (line.settings.releases / "releases.jsonl").unlink()
    manifest = first.directory / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{", encoding="utf-8")
    third = line.release(3)
    assert [release.release_id for release in releases(line.settings)] == [third.release_id, second.release_id]
    assert first.directory.is_dir(), "what cannot be read is not deleted"


@pytest.mark.parametrize("broken", [b'{"action": "publ', b'{"action": "\xff\xfe"}', b"[]", b"no journal at all"])
def test_a_broken_journal_is_named_with_its_fix(line: Line, broken: bytes) -> None:
    line.release(1)
    (line.settings.releases / "releases.jsonl").write_bytes(broken + b"\n")
    with pytest.raises(ReleaseError, match=r"releases.jsonl line 1.*Delete the file"):
        line.write(2)


@pytest.mark.parametrize("broken", [b"{}", b"[]", b"\xff", b'{"release_id": "a"}', b""])
def test_a_broken_manifest_is_no_release_where_the_journal_is_gone(line: Line, broken: bytes) -> None:
    first = line.release(1)
    manifest = first.directory / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(broken)
    (line.settings.releases / "releases.jsonl").unlink()
    (line.settings.serving / "customer_journeys.duckdb").unlink()
    assert releases(line.settings) == []
    assert first.directory.is_dir()


def test_a_note_of_a_publish_that_was_killed_after_it_was_written_down_is_forgotten(
    line: Line, other_line: Line
) -> None:
    """Kept, it would have a journal that is lost later cost that release."""
    first = line.release(1)
    (line.settings.releases / ".publishing").write_text(first.release_id, encoding="utf-8")
    other_line.release(7)
    second = line.release(2)
    assert not (line.settings.releases / ".publishing").exists()
    other_line.release(8)
    (line.settings.releases / "releases.jsonl").write_text("", encoding="utf-8")
    assert [release.release_id for release in releases(line.settings)] == [second.release_id, first.release_id]


def test_release_ids_sort_as_they_were_written(line: Line) -> None:
    now = datetime(2026, 7, 1, 8, 0, 0, 123456, tzinfo=UTC)
    assert make_release_id(line.settings, now) == "20260701T080000_123456Z_shop"
    candidate = line.write(1)
    release_id = publish(candidate, line.settings).release.release_id
    assert release_id == "20260702T060000_000000Z_shop"
    # the same instant again, and a clock that was set back
    assert make_release_id(line.settings, START + timedelta(days=1)) == "20260702T060000_000001Z_shop"
    assert make_release_id(line.settings, START - timedelta(days=9)) == "20260702T060000_000001Z_shop"


def test_git_state_is_none_outside_a_checkout(tmp_path: Path) -> None:
    assert read_git_state(tmp_path) is None
    # a folder inside a checkout is not the checkout
    assert read_git_state(PROJECT_ROOT / "orchestration") is None


def _write(line: Line, *more: PublishedTable) -> None:
    write_candidate(
        line.settings.warehouse,
        settings=line.settings,
        release_id=make_release_id(line.settings, START + timedelta(days=2)),
        tables=(*TABLES, *more),
        as_of=START,
        created_at=START,
        run_id="run",
        checks_summary={},
    )
