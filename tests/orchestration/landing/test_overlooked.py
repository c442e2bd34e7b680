"""Nothing in the extracts folder is passed over in silence: what is not read is reported, and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.cli.app import main
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.landing import refused_files
from orchestration.lib.landing.overlooked import note_overlooked, overlooked

from .conftest import NOW, ORDERS, Landing

ROWS = "order_id,ordered_at\n{},2026-01-01\n"
TABLES = (
    ORDERS,
    TableContract(source="shop", table="order_lines", description="", formats=("csv",), key=("id",), columns=()),
    TableContract(source="web", table="events", description="", formats=("csv",), key=("id",), columns=()),
)


def put(extracts: Path, *names: str) -> None:
    for name in names:
        path = extracts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n", encoding="utf-8")


def deny(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Takes the right to list a folder away, also from root."""
    original = os.scandir

    def denied(path="."):
        if path == folder:
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(os, "scandir", denied)


@pytest.mark.parametrize(
    ("name", "kind", "place", "says"),
    [
        ("shpo/orders/a.csv", "undeclared_source", "shpo", "(is it shop?), so 1 file in it is not read; rename"),
        ("Shop/orders/a.csv", "undeclared_source", "Shop", "(is it shop?)"),
        ("till/slips/a.csv", "undeclared_source", "till", "declare it in models/staging/till/_till__sources.yml"),
        ("orders/a.csv", "undeclared_source", "orders", "(is it shop/orders?)"),
        ("shop/ordrs/2026/a.csv", "undeclared_table", "shop/ordrs", "no table of shop is called ordrs (is it or"),
        ("shop/events/a.csv", "undeclared_table", "shop/events", "models/staging/shop/_shop__sources.yml"),
        ("orders.csv", "misplaced_file", ".", "orders.csv; files are read from <source>/<table>/"),
        ("orders.csv", "misplaced_file", ".", "(is orders.csv of shop/orders/?)"),
        ("shop/orders_2026.csv", "misplaced_file", "shop", "files are read from shop/<table>/ (is orders_2026.csv of"),
        ("shop/orders/.a.csv", "ignored_files", "shop/orders", "1 file in it is ignored by name"),
        ("shop/orders/new/a.csv.part", "ignored_files", "shop/orders", "a.csv.part; rename what is data"),
        ("shop/.DS_Store", "ignored_files", "shop", ".DS_Store"),
        (".DS_Store", "ignored_files", ".", ".DS_Store"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_reported_with_a_guess(tmp_path, name, kind, place, says):
    put(tmp_path, name, "shop/orders/good.csv", "web/events/2026/01/good.csv")
    [found] = overlooked(tmp_path, TABLES)
    assert (found.kind, found.place) == (kind, place)
    assert says in found.message


def test_many_files_are_one_warning_and_ignored_names_come_last(tmp_path):
    put(tmp_path, *(f"shop/{number}.csv" for number in range(5)), ".hidden", "web/events/a.tmp")
    found = overlooked(tmp_path, TABLES)
    assert [warning.kind for warning in found] == ["misplaced_file", "ignored_files", "ignored_files"]
    assert "5 files in it are not read: 0.csv, 1.csv, 2.csv and 2 more" in found[0].message


def test_empty_folders_and_absent_sources_are_nothing_to_report(tmp_path):
    (tmp_path / "archive" / "old").mkdir(parents=True)
    (tmp_path / "shop" / "orders").mkdir(parents=True)
    assert overlooked(tmp_path, TABLES) == ()


def test_files_behind_links_land_once_and_circles_end(landing, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere, "deep/.ignored")
    (elsewhere / "deep" / "b.csv").write_text(ROWS.format("b"))
    landing.write("a.csv", ROWS.format("a"))
    folder = landing.extracts / "shop" / "orders"
    (folder / "linked").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    (elsewhere / "deep" / "circle").symlink_to(elsewhere)
    (folder / "c.csv").symlink_to(elsewhere / "deep" / "b.csv")
    result = landing.land()
    assert (result.files_found, result.files_loaded) == (3, 2)
    assert landing.current() == [("a",), ("b",)]
    [ignored] = overlooked(landing.extracts, TABLES)
    assert (ignored.kind, ignored.place) == ("ignored_files", "shop/orders")


def test_a_folder_that_cannot_be_listed_is_refused_until_it_can(landing, monkeypatch):
    landing.write("a.csv", ROWS.format("a"))
    landing.write("closed/b.csv", ROWS.format("b"))
    with monkeypatch.context() as patch:
        deny(patch, landing.extracts / "shop" / "orders" / "closed")
        result = landing.land()
        assert [(file.file_path, file.reason) for file in result.refused] == [
            ("shop/orders/closed", "unreadable_folder")
        ]
        assert "give the user who runs the job the right" in result.refused[0].message
        assert not landing.land().changed
        assert [file.reason for file in refused_files(landing.connection, landing.extracts)] == ["unreadable_folder"]
        assert [warning.kind for warning in overlooked(landing.extracts, TABLES)] == ["unreadable_folder"]
    # it can be listed again: nothing is refused, also before the next landing
    assert refused_files(landing.connection, landing.extracts) == ()
    assert landing.land().files_loaded == 1
    assert landing.current() == [("a",), ("b",)]


@pytest.mark.parametrize("closed", ["shop/orders/closed", "shop/orders"])
def test_a_snapshot_is_not_emptied_by_a_folder_that_cannot_be_listed(landing, monkeypatch, closed):
    landing.change(delivery="snapshot")
    landing.write("closed/a.csv", ROWS.format("a"))
    landing.write("b.csv", ROWS.format("b"))
    landing.land()
    landing.write("c.csv", ROWS.format("c"))
    with monkeypatch.context() as patch:
        deny(patch, landing.extracts / closed)
        result = landing.land()
        assert (result.files_loaded, result.files_refused) == (0, 1)
        assert landing.current() == [("a",)]
    assert landing.land().files_loaded == 1
    assert landing.current() == [("c",)]


def test_a_link_that_leads_nowhere_is_refused(landing):
    folder = landing.write("a.csv", ROWS.format("a")).parent
    (folder / "b.csv").symlink_to(folder / "gone.csv")
    [refused] = landing.land().refused
    assert (refused.file_path, refused.reason) == ("shop/orders/b.csv", "unreadable_file")
    assert "the link leads nowhere" in refused.message
    assert refused_files(landing.connection, landing.extracts) == (refused,)
    (folder / "b.csv").unlink()
    assert refused_files(landing.connection, landing.extracts) == ()


def test_a_folder_of_a_source_that_cannot_be_listed_is_reported(tmp_path, monkeypatch):
    put(tmp_path, "shop/orders/a.csv", "shop/misplaced.csv")
    deny(monkeypatch, tmp_path / "shop")
    [found] = overlooked(tmp_path, TABLES)
    assert (found.kind, found.place) == ("unreadable_folder", "shop")


def test_pipes_are_reported_and_not_read(landing):
    landing.write("a.csv", ROWS.format("a"))
    os.mkfifo(landing.extracts / "shop" / "orders" / "b.csv")
    assert landing.land().files_loaded == 1
    assert [(warning.kind, warning.place) for warning in overlooked(landing.extracts, TABLES)] == [
        ("special_file", "shop/orders/b.csv")
    ]


def test_each_look_replaces_what_the_last_one_noted_and_keeps_times(landing: Landing):
    landing.write("a.csv", ROWS.format("a"))
    landing.land()
    put(landing.extracts, "shpo/orders/a.csv", "shop/a.csv")
    later = NOW.replace(hour=9)

    def noted(now) -> list[tuple]:
        note_overlooked(landing.connection, TABLES, overlooked(landing.extracts, TABLES), now=now)
        return landing.rows(
            "select source_name, table_name, place, kind, hour(loaded_at) from landing.warnings order by place"
        )

    assert noted(NOW) == [
        ("shop", None, "shop", "misplaced_file", 6),
        (None, None, "shpo", "undeclared_source", 6),
    ]
    (landing.extracts / "shpo" / "orders" / "a.csv").unlink()
    put(landing.extracts, "shop/orders/.a")
    assert noted(later) == [
        ("shop", None, "shop", "misplaced_file", 6),
        ("shop", "orders", "shop/orders", "ignored_files", 9),
    ]


def test_make_check_reports_what_is_not_read(tmp_path, monkeypatch, capsys):
    put(tmp_path / "extracts", "shpo/orders/a.csv", "feed/events/good.csv")
    monkeypatch.setenv("JOURNEYS_EXTRACTS", str(tmp_path / "extracts"))
    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path / "var"))
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "warning: extracts/shpo: no source is called shpo (is it shop?)" in said
    assert "have no errors" in said
