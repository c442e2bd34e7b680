"""The pages show the current release, whole, and say what is wrong where there is none."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from dashboard.release import NoAnswer, Release, Releases
from tests.served_releases import settings_of, write_release


def publish(folder: Path, name: str, *, value: int, manifest: str | None = None) -> None:
    """A release of one table."""
    facts = f"create table r.core.facts as select {value} as value from range(3)"
    write_release(folder, name, facts, manifest=manifest)


def value(release: Release) -> int:
    return release.ask("select any_value(value) as v from core.facts").first()["v"]


def test_without_a_release_the_page_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match=r"no release yet\. Type make run"), Releases(settings_of(tmp_path)).current():
        pass


def test_a_new_release_is_followed_and_a_question_under_way_keeps_its_own(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    releases = Releases(settings_of(tmp_path))
    with releases.current() as first:
        assert value(first) == 1
        publish(tmp_path, "two", value=2)
        with releases.current() as second:
            assert (second.release_id, value(second)) == ("two", 2)
            # not from what was kept: asked anew of the release that readers have left
            assert first.ask("select count(*) as n, max(value) as v from core.facts").rows == [(3, 1)]
    with pytest.raises(duckdb.ConnectionException):
        first.ask("select 1 as closed")
    releases.close()


def test_a_release_that_is_removed_under_a_reader_is_still_read(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    releases = Releases(settings_of(tmp_path))
    with releases.current() as first:
        assert value(first) == 1
        file = first.folder / "customer_journeys.duckdb"
        publish(tmp_path, "two", value=2)
        file.unlink()
        assert first.ask("select sum(value) as s from core.facts").rows == [(3,)]
    releases.close()


def test_many_readers_at_once_see_one_release_each(tmp_path: Path) -> None:
    publish(tmp_path, "0", value=0)
    releases = Releases(settings_of(tmp_path))
    seen: list[tuple[str, int]] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                with releases.current() as release:
                    seen.append((release.release_id, value(release)))
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 15):
        publish(tmp_path, str(number), value=number)
    done.set()
    for reader in readers:
        reader.join()
    releases.close()
    assert not failed
    assert all(int(name) == shown for name, shown in seen)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"as_of": "some day"}', "\x00"])
def test_a_damaged_manifest_is_named_with_the_way_out(tmp_path: Path, manifest: str) -> None:
    publish(tmp_path, "one", value=1, manifest=manifest)
    message = r"manifest\.json can't be read .* make rollback"
    with pytest.raises(NoAnswer, match=message), Releases(settings_of(tmp_path)).current():
        pass


def test_a_damaged_database_is_named_with_the_way_out(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    (tmp_path / "serving" / "customer_journeys.duckdb").resolve().write_bytes(b"no database" * 1000)
    with pytest.raises(NoAnswer, match=r"customer_journeys\.duckdb"), Releases(settings_of(tmp_path)).current():
        pass


def test_a_link_to_nowhere_is_said(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    (tmp_path / "serving" / "customer_journeys.duckdb").resolve().unlink()
    with pytest.raises(NoAnswer, match="is gone"), Releases(settings_of(tmp_path)).current():
        pass


def test_a_release_of_another_version_says_what_it_lacks(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    releases = Releases(settings_of(tmp_path))
    with releases.current() as release:
        for query in ("select * from core.dim_dates", "select colour from core.facts"):
            with pytest.raises(NoAnswer, match=r"Release one was made by another version .* make run"):
                release.ask(query)


def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    publish(tmp_path, "one", value=1)
    releases = Releases(settings_of(tmp_path))
    with releases.current() as release:
        with pytest.raises(NoAnswer, match="longer than 0 seconds"):
            release.ask("select sum(a.range * b.range) from range(100000) a, range(100000) b", seconds=0.2)
        assert value(release) == 1


@pytest.mark.parametrize(
    "query",
    [
        "from read_text('/etc/hostname')",
        "copy core.facts to '/tmp/facts.csv'",
        "create table core.more (n int)",
        "set threads = 1",
    ],
)
def test_a_page_reads_its_release_and_nothing_else(tmp_path: Path, query: str) -> None:
    publish(tmp_path, "one", value=1)
    with Releases(settings_of(tmp_path)).current() as release, pytest.raises((duckdb.Error, NoAnswer)):
        release.ask(query)
