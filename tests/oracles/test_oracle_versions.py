"""The oracle of row versions, by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.oracles import versions


def row(batch: int, says: str, updated_at: str = "", **more: Any) -> dict[str, Any]:
    return {"batch": batch, "event_id": "e1", "says": says, "updated_at": updated_at, **more}


def settled(rows: list[dict[str, Any]], **how: Any) -> list[tuple[str, str]]:
    return [(one["says"], one["_row_status"]) for one in versions.with_status(rows, ["event_id"], **how)]


def test_greatest_version_wins_whenever_it_came() -> None:
    rows = [row(1, "new", "2026-01-02"), row(2, "old", "2026-01-01")]
    assert settled(rows, version_column="updated_at") == [("new", "current"), ("old", "superseded")]


def test_versions_compare_as_instants_not_as_text() -> None:
    rows = [row(1, "later", "2026-01-01T23:30:00Z"), row(2, "earlier", "2026-01-02T00:00:00+02:00")]
    assert settled(rows, version_column="updated_at") == [("later", "current"), ("earlier", "superseded")]


def test_a_row_without_a_version_loses_to_any_with_one() -> None:
    rows = [row(1, "dated", "2020-01-01"), row(2, "undated")]
    assert settled(rows, version_column="updated_at") == [("dated", "current"), ("undated", "superseded")]


def test_without_versions_the_later_delivery_wins_by_batch_then_file_then_line() -> None:
    rows = [
        row(1, "b2", file="b.csv", line=2),
        row(1, "b10", file="b.csv", line=10),
        row(1, "a", file="a.csv", line=99),
    ]
    assert settled(rows) == [("a", "superseded"), ("b2", "superseded"), ("b10", "current")]
    assert settled([*rows, row(2, "next", file="a.csv", line=1)])[-1] == ("next", "current")


def test_equal_versions_fall_back_to_delivery() -> None:
    rows = [row(2, "second", "2026-01-01"), row(1, "first", "2026-01-01")]
    assert settled(rows, version_column="updated_at") == [("first", "superseded"), ("second", "current")]


def test_equal_content_is_a_duplicate_and_counts_once() -> None:
    rows = [row(1, "same", "2026-01-01"), row(2, "same", "2026-01-01"), row(3, "older", "2025-01-01")]
    statuses = Counter(status for _, status in settled(rows, version_column="updated_at"))
    assert statuses == {"current": 1, "duplicate": 1, "superseded": 1}


def test_of_two_source_systems_of_one_id_the_second_by_name_is_a_collision() -> None:
    rows = [row(1, "web", "2027-01-01", source_system="web"), row(2, "shop", source_system="shop")]
    how = {"version_column": "updated_at", "key_scope": "source_system"}
    assert settled(rows, **how) == [("web", "key_collision"), ("shop", "current")]
    assert len(versions.landed(versions.with_status(rows, ["event_id"], **how))) == 1


def test_a_newer_snapshot_replaces_the_whole_set() -> None:
    rows = [
        {"batch": 1, "file": "monday.csv", "event_id": "e1", "says": "gone"},
        {"batch": 1, "file": "monday.csv", "event_id": "e2", "says": "intervals"},
        {"batch": 2, "file": "tuesday.csv", "event_id": "e2", "says": "intervals"},
    ]
    said = versions.with_status(rows, ["event_id"], delivery="snapshot")
    assert [one["_row_status"] for one in said] == ["superseded", "duplicate", "current"]
    assert [one["event_id"] for one in versions.current(said)] == ["e2"]
