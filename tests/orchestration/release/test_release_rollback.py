"""Readers can be taken back in one step, and the line is valid afterwards."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.folders import ReleaseError
from orchestration.lib.release.publish import current_release, published_ids, record_releases, releases, rollback
from tests.orchestration.release.lines import Line

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def test_rolling_back_goes_to_the_release_before(line: Line) -> None:
    first, second, third = (line.release(generation) for generation in (1, 2, 3))
    now_current, left = rollback(line.settings, now=NOW)
    assert (now_current.release_id, left and left.release_id) == (second.release_id, third.release_id)
    assert now_current.is_current and now_current.is_served
    assert line.generation() == 2
    assert rollback(line.settings, now=NOW)[0].release_id == first.release_id
    assert line.generation() == 1
    assert [release.status for release in releases(line.settings)] == [
        "rolled_back",
        "rolled_back",
        "published",
    ]


def test_a_named_release_can_be_gone_to_and_back(line: Line) -> None:
    first, _, third = (line.release(generation) for generation in (1, 2, 3))
    rollback(line.settings, first.release_id, now=NOW)
    assert line.generation() == 1
    forward, left = rollback(line.settings, third.release_id, now=NOW)
    assert left is not None and left.release_id == first.release_id
    assert line.generation() == 3
    assert forward.status == "published"


def test_the_next_publish_builds_on_the_release_that_was_gone_back_to(kept) -> None:
    line = kept(2)
    line.release(1)
    second = line.release(2)
    third = line.release(3)
    rollback(line.settings, now=NOW)
    fourth = line.release(4)
    assert fourth.previous_release_id == second.release_id
    assert fourth.release_id > third.release_id
    # the predecessor of a release is the one it replaced; the one that was rolled back goes first
    assert [r.release_id for r in releases(line.settings)] == [fourth.release_id, second.release_id]
    assert rollback(line.settings, now=NOW)[0].release_id == second.release_id


def test_a_rollback_is_remembered_in_the_ledger(line: Line) -> None:
    line.release(1)
    second = line.release(2)
    rollback(line.settings, now=NOW)
    third = line.release(3)
    query = "select status, rolled_back_at from hygiene.releases where release_id = ?"
    with open_duckdb(third.database, read_only=True) as connection:
        assert connection.execute(query, [second.release_id]).fetchall() == [("rolled_back", datetime(2026, 8, 1, 12))]
    with open_duckdb(line.settings.warehouse) as connection:
        assert record_releases(connection, line.settings) == 3


def test_releases_that_were_pruned_or_rolled_back_count_as_published(kept) -> None:
    """Ledgers of runs drop the rows of releases that never were, and of no others."""
    line = kept(2)
    ids = [line.release(generation).release_id for generation in (1, 2, 3)]
    rollback(line.settings, now=NOW)
    ids.append(line.release(4).release_id)
    assert len(releases(line.settings)) == 2
    assert published_ids(line.settings) == frozenset(ids)


def test_there_is_nothing_before_the_first(line: Line) -> None:
    with pytest.raises(ReleaseError, match=r"no release to go back to. shop has no releases"):
        rollback(line.settings, now=NOW)
    first = line.release(1)
    with pytest.raises(ReleaseError, match=f"no release before {first.release_id}.*newest first.*current"):
        rollback(line.settings, now=NOW)
    assert line.generation() == 1


def test_an_unknown_or_pruned_release_lists_what_there_is(kept) -> None:
    line = kept(2)
    ids = [line.release(generation).release_id for generation in (1, 2, 3)]
    with pytest.raises(ReleaseError, match=f"{ids[0]} was pruned.*{ids[2]}.*{ids[1]}"):
        rollback(line.settings, ids[0], now=NOW)
    with pytest.raises(ReleaseError, match="yesterday is no release of this data set"):
        rollback(line.settings, "yesterday", now=NOW)
    with pytest.raises(ReleaseError, match="already"):
        rollback(line.settings, ids[2], now=NOW)
    assert line.generation() == 3


def test_a_release_that_cannot_be_read_is_not_gone_to(line: Line) -> None:
    first = line.release(1)
    line.release(2)
    first.database.chmod(0o644)
    first.database.write_bytes(b"rotten" * 1000)
    with pytest.raises(ReleaseError, match="can't be read"):
        rollback(line.settings, now=NOW)
    assert line.generation() == 2


def test_rolling_back_is_possible_only_within_the_data_set(line: Line, other_line: Line) -> None:
    line.release(1)
    second = line.release(2)
    other_line.release(7)
    with pytest.raises(ReleaseError, match=r"of another data set.*Releases of shop"):
        rollback(line.settings, now=NOW)
    assert line.generation() == 7
    now_current, left = rollback(line.settings, second.release_id, now=NOW)
    assert now_current.is_served and left is None
    assert line.generation() == 2
    other = current_release(other_line.settings)
    assert other is not None and other.is_current and not other.is_served
