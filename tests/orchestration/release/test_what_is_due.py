"""A look says whether a run has anything to do, and why; what it finds is what a run would find."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import WarehouseBusy, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing import land
from orchestration.lib.release import due
from orchestration.lib.warehouse.build import (
    begin_build,
    end_build,
    fingerprint,
    note_release,
    plan_build,
)
from orchestration.lib.warehouse.key import read_pepper
from tests.conftest import Warehouse, make_warehouse

HEADER = "event_id,occurred_at,event_name,source_system\n"
NOW = datetime(2026, 3, 1, 9, 41, 7, tzinfo=UTC)
EVENTS = tuple(contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == "feed.events")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A data set of one file that is landed, built and published, as its ledgers say."""
    warehouse = make_warehouse(tmp_path, seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01")
    warehouse = replace(warehouse, contracts=EVENTS)
    write(warehouse, "a.csv", "e1,2026-01-01T00:00:00Z,page_viewed,web\n")
    publish(warehouse)
    monkeypatch.setattr(due, "current_release", lambda settings: SimpleNamespace(release_id="r1"))
    return warehouse


def write(warehouse: Warehouse, name: str, rows: str) -> Path:
    file = warehouse.settings.extracts / "feed" / "events" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEADER + rows, encoding="utf-8")
    return file


def publish(warehouse: Warehouse, *, as_of: datetime | None = None) -> None:
    """Lands, and writes into the ledgers what a build and a release do."""
    warehouse.land()
    settings = warehouse.settings
    with open_duckdb(settings.warehouse) as connection:
        moment = as_of or settings.clock_at(NOW)
        plan = plan_build(connection, fingerprint=fingerprint(settings, read_pepper(settings)), as_of=moment)
        assert plan is not None
        number = begin_build(connection, plan, now=NOW)
        end_build(connection, number, "complete", now=NOW)
        note_release(connection, number, "r1")


def look(warehouse: Warehouse, now: datetime = NOW) -> due.Due:
    return due.look(warehouse.settings, now=now)


def test_nothing_is_due_after_a_run(shop: Warehouse) -> None:
    found = look(shop)
    assert (found.reasons, found.clock_moved_from) == ((), None)
    assert look(shop, NOW + timedelta(days=400)).reasons == (), "a setting fixes the clock"


def test_before_the_first_run_everything_is(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path, seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01")
    assert look(warehouse).reasons == ("nothing has been built yet",)
    assert not warehouse.settings.warehouse.exists(), "a look makes nothing"


def test_a_new_a_changed_and_a_growing_file_are_named(shop: Warehouse) -> None:
    write(shop, "b.csv", "e2,2026-01-02T00:00:00Z,page_viewed,web\n")
    assert look(shop).reasons == ("1 file to land: feed/events/b.csv",)
    write(shop, "a.csv", "e1,2026-01-01T00:00:00Z,page_viewed,app\n")
    assert look(shop).reasons == ("2 files to land: feed/events/a.csv, feed/events/b.csv",)
    write(shop, "c.csv.part", "")
    assert len(look(shop).reasons) == 1, "no data yet"


def test_a_refused_file_remains_due_until_it_is_gone(shop: Warehouse) -> None:
    file = write(shop, "broken.csv", "")
    file.write_text("nothing,of,that\n1,2,3\n", encoding="utf-8")
    shop.land()
    assert "1 file to land: feed/events/broken.csv" in look(shop).reasons
    file.unlink()
    assert not any("to land" in reason for reason in look(shop).reasons)


@pytest.mark.parametrize("again", ["copied", "touched"])
def test_content_that_landed_is_read_once_more_and_not_again(
    again: str, shop: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.settings.extracts / "feed" / "events" / "a.csv"
    if again == "copied":
        (first.parent / "copy of a.csv").write_bytes(first.read_bytes())
    else:
        os.utime(first, (1_760_000_000, 1_760_000_000))
    assert len(look(shop).reasons) == 1
    shop.land()
    assert look(shop).reasons == ()
    monkeypatch.setattr(land, "content_hash", lambda file: pytest.fail(f"{file.shown} was read again"))
    shop.land()


def test_two_files_of_the_same_content_land_once_and_neither_is_read_again(shop: Warehouse) -> None:
    """The second one was noted only when it was read a second time, so the run after the first one was for nothing."""
    for name in ("b.csv", "copy of b.csv"):
        write(shop, name, "e2,2026-01-02T00:00:00Z,page_viewed,web\n")
    publish(shop)
    assert [result.files_loaded for result in shop.landed] == [1]
    assert look(shop).reasons == ()


def test_a_withdrawn_file_is_due_and_does_not_land_by_itself(shop: Warehouse) -> None:
    shop.withdraw("feed/events/a.csv")
    assert look(shop).reasons == ("rows landed, or were withdrawn, restored or read again, after the last build",)
    publish(shop)
    assert look(shop).reasons == ()


def test_changed_seeds_settings_and_a_changed_fixed_clock_are_due(shop: Warehouse, tmp_path: Path) -> None:
    seeds = tmp_path / "own seeds"
    seeds.mkdir()
    text = (PROJECT_ROOT / "seeds" / "channels.csv").read_text(encoding="utf-8")
    (seeds / "channels.csv").write_text(text.replace("Web site", "Site", 1), encoding="utf-8")
    changed = ("models, seeds or settings changed",)
    assert due.look(replace(shop.settings, seeds=seeds), now=NOW).reasons == changed
    look(shop)
    assert due.look(replace(shop.settings, reporting_currency="USD"), now=NOW).reasons == changed
    later = replace(shop.settings, as_of=datetime(2026, 3, 2, tzinfo=UTC))
    assert due.look(later, now=NOW).reasons == ("the clock is 2026-03-02 00:00, and was 2026-03-01 00:00",)


def test_a_clock_that_nothing_fixes_moves_by_the_hour_and_alone_is_no_reason(shop: Warehouse) -> None:
    free = replace(shop, settings=replace(shop.settings, as_of=None))
    write(free, "b.csv", "e2,2026-01-02T00:00:00Z,page_viewed,web\n")
    publish(free)
    assert look(free, NOW.replace(minute=59)).clock_moved_from is None
    found = look(free, NOW + timedelta(hours=1))
    assert (found.reasons, found.clock_moved_from) == ((), datetime(2026, 3, 1, 9, tzinfo=UTC))


def test_an_unfinished_build_an_unpublished_one_and_a_lost_release_are_due(
    shop: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ledger(sql: str) -> None:
        with open_duckdb(shop.settings.warehouse) as connection:
            connection.execute(sql)

    monkeypatch.setattr(due, "current_release", lambda settings: None)
    assert look(shop).reasons == ("release r1 of the last build is gone",)
    monkeypatch.setattr(due, "current_release", lambda settings: SimpleNamespace(release_id="r0"))
    assert look(shop).reasons == (), "somebody rolled back"
    ledger("update landing.builds set release_id = null")
    assert look(shop).reasons == ("the last build was not published",)
    ledger(
        "insert into landing.builds select build + 1, * exclude build replace ('running' as status) from landing.builds"
    )
    assert "the last build did not end well" in look(shop).reasons


def test_two_looks_at_the_same_are_one_state_and_anything_else_is_another(shop: Warehouse) -> None:
    seen = look(shop).state
    assert look(shop, NOW + timedelta(hours=1)).state == seen
    write(shop, "b.csv", "e2,2026-01-02T00:00:00Z,page_viewed,web\n")
    new = look(shop).state
    shop.land()
    assert len({seen, new, look(shop).state}) == 3


def test_a_run_that_holds_the_warehouse_is_not_waited_for(shop: Warehouse) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb, sys; c = duckdb.connect({str(shop.settings.warehouse)!r}); print('held', flush=True); "
            "sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        with pytest.raises(WarehouseBusy):
            look(shop)
    finally:
        holder.communicate()


@pytest.mark.parametrize(
    ("step", "zone", "expected"),
    [
        ("hour", "UTC", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("minute", "UTC", datetime(2026, 3, 1, 9, 41, tzinfo=UTC)),
        ("day", "UTC", datetime(2026, 3, 1, tzinfo=UTC)),
        ("day", "Pacific/Auckland", datetime(2026, 2, 28, 11, tzinfo=UTC)),
        ("day", "America/New_York", datetime(2026, 3, 1, 5, tzinfo=UTC)),
    ],
)
def test_a_clock_is_cut_to_its_step(step: str, zone: str, expected: datetime, shop: Warehouse) -> None:
    settings = replace(shop.settings, as_of=None, clock_step=step, reporting_time_zone=zone)
    assert settings.clock_at(NOW) == expected
    assert replace(settings, as_of=NOW).clock_at(expected) == NOW


def test_a_look_imports_none_of_the_heavy_libraries() -> None:
    heavy: Callable[[str], str] = lambda name: f"assert {name!r} not in sys.modules, {name!r}\n"  # noqa: E731
    code = "import sys\nimport orchestration.cli.run, orchestration.cli.refreshing\n" + "".join(
        heavy(name) for name in ("dagster", "dbt", "great_expectations", "splink", "pandas", "phonenumbers", "jinja2")
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)
