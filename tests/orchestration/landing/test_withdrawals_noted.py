"""What was withdrawn is withdrawn again in a warehouse that is built again, and nothing else ever is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing.land import land_table
from orchestration.lib.landing.registry import LandingError
from orchestration.lib.landing.withdraw import restore_file, withdraw_file
from orchestration.lib.landing.withdrawals import NOTE, note_withdrawals, take_note_over, withdraw_noted
from tests.orchestration.landing.conftest import NOW

HEADER = "event_id,occurred_at,event_name,source_system\n"
PATH = "feed/events/daily.csv"


class Shop:
    """The feed's events, as a table of snapshots or of events, landed as a run does."""

    def __init__(self, folder: Path, *, delivery: str = "append") -> None:
        self.home, self.extracts = folder, folder / "extracts"
        [events] = [contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == "feed.events"]
        self.contract: TableContract = replace(events, delivery=delivery)
        self.file = folder / "warehouse.duckdb"

    def deliver(self, path: str, *ids: str) -> None:
        file = self.extracts / path
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{one},2026-01-01T00:00:00Z,page_viewed,web\n" for one in ids]
        file.write_text(HEADER + "".join(rows), encoding="utf-8")

    def land(self, *, dies: bool = False) -> list[str]:
        """Lands what is there, and returns the ids that count. `dies` before anything is withdrawn."""
        with open_duckdb(self.file) as connection:
            take_note_over(connection, self.home)
            land_table(connection, self.contract, extracts=self.extracts, run_id="run", now=NOW, settle_seconds=0)
            if not dies:
                withdraw_noted(connection, [self.contract], self.home, run_id="run", now=NOW)
                note_withdrawals(connection, self.home)
            return self.counting(connection)

    def counting(self, connection) -> list[str]:
        rows = connection.execute("select event_id from raw.feed__events where _row_status = 'current' order by all")
        return [event_id for (event_id,) in rows.fetchall()]

    def change(self, change, file: str, *, dies: bool = False) -> None:
        with open_duckdb(self.file) as connection:
            change(connection, [self.contract], file=file, extracts=self.extracts, run_id="by hand", now=NOW)
            if not dies:
                note_withdrawals(connection, self.home)

    def file_ids(self) -> list[str]:
        with open_duckdb(self.file) as connection:
            rows = connection.execute("select file_id from landing.files where status = 'loaded' order by batch")
            return [file_id for (file_id,) in rows.fetchall()]

    def rebuild(self) -> None:
        """As make rebuild does: the note is written, and the warehouse file is gone."""
        with open_duckdb(self.file) as connection:
            note_withdrawals(connection, self.home)
        self.file.unlink()


def test_a_rebuilt_warehouse_withdraws_what_was_withdrawn(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver("feed/events/good.csv", "good")
    shop.deliver("feed/events/bad.csv", "bad")
    shop.land()
    shop.change(withdraw_file, "feed/events/bad.csv")
    assert shop.land() == ["good"]
    shop.file.unlink()
    assert shop.land() == ["good"]
    # restored in the new one, it stays
    shop.change(restore_file, "feed/events/bad.csv")
    assert shop.land() == ["bad", "good"]
    shop.rebuild()
    assert shop.land() == ["bad", "good"]


def test_a_rebuild_that_is_killed_between_landing_and_withdrawing_and_typed_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver("feed/events/good.csv", "good")
    shop.deliver("feed/events/bad.csv", "bad")
    shop.land()
    shop.change(withdraw_file, "feed/events/bad.csv")
    shop.rebuild()
    assert shop.land(dies=True) == ["bad", "good"]
    shop.rebuild()
    assert shop.land() == ["good"]
    # and the same where the next run goes on with the file
    shop.rebuild()
    shop.land(dies=True)
    assert shop.land() == ["good"]


def test_a_restore_that_is_killed_before_the_note_is_written_is_not_undone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver("feed/events/one.csv", "one")
    shop.land()
    shop.change(withdraw_file, "feed/events/one.csv")
    shop.change(restore_file, "feed/events/one.csv", dies=True)
    assert shop.land() == ["one"]
    shop.rebuild()
    assert shop.land() == ["one"]


def test_a_state_that_comes_back_counts_though_it_was_withdrawn_before(tmp_path: Path) -> None:
    shop = Shop(tmp_path, delivery="snapshot")
    shop.deliver(PATH, "a")
    shop.land()
    shop.change(withdraw_file, PATH)
    shop.deliver(PATH, "b")
    assert shop.land() == ["b"]
    shop.deliver(PATH, "a")
    assert "a" in shop.land()
    assert "a" in shop.land()
    shop.rebuild()
    assert shop.land() == ["a"]


def test_an_earlier_state_that_is_withdrawn_takes_no_later_one_along(tmp_path: Path) -> None:
    shop = Shop(tmp_path, delivery="snapshot")
    for state in ("a", "b", "a"):
        shop.deliver(PATH, state)
        shop.land()
    first, *_ = shop.file_ids()
    shop.change(withdraw_file, first)
    before = shop.land()
    assert "a" in before
    shop.rebuild()
    assert shop.land() == ["a"]


def test_a_damaged_note_is_named_and_nothing_counts_by_mistake(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver("feed/events/one.csv", "one")
    shop.land()
    shop.change(withdraw_file, "feed/events/one.csv")
    assert json.loads((tmp_path / NOTE).read_text(encoding="utf-8"))[0][3] == "feed/events/one.csv"
    shop.file.unlink()
    (tmp_path / NOTE).write_text("[[1", encoding="utf-8")
    with pytest.raises(LandingError, match=r"withdrawn.json is damaged.*make withdraw"):
        shop.land()


def test_a_warehouse_of_an_earlier_version_is_taken_as_it_is(tmp_path: Path) -> None:
    """Its books have fewer columns until something lands."""
    shop = Shop(tmp_path)
    shop.deliver("feed/events/one.csv", "one")
    shop.deliver("feed/events/two.csv", "two")
    shop.land()
    shop.change(withdraw_file, "feed/events/two.csv")
    with open_duckdb(shop.file) as connection:
        connection.execute("drop table landing.withdrawn_before")
        for column in ("delivered_in_name", "place_in_batch", "reading_rules"):
            connection.execute(f"alter table landing.files drop column {column}")
    (tmp_path / NOTE).unlink()
    assert shop.land() == ["one"]
    assert json.loads((tmp_path / NOTE).read_text(encoding="utf-8"))[0][3] == "feed/events/two.csv"
