"""A figure that takes long holds up neither its page nor the others: it says that it is counted, and comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, expect

from dashboard.counting import AT_ONCE, Counting
from dashboard.figure import Figure, Page
from dashboard.filters import read_filters
from dashboard.release import Releases
from dashboard.view import View
from orchestration.lib.core.settings import Settings
from tests.dashboard_pages.test_in_a_browser import CHROMIUM, browser, check_page, served, watched
from tests.served_releases import copies_of, settings_of, write_release

__all__ = ["browser"]

in_a_browser = [
    pytest.mark.long,
    pytest.mark.xdist_group("published_examples"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def slow(omnichannel: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over the first example, whose paths over time take seconds to be counted."""
    serving, [file] = copies_of(omnichannel, tmp_path_factory.mktemp("slow"), ("slow",))
    file.chmod(0o600)
    with duckdb.connect(str(file)) as connection:
        connection.execute("alter table journeys.fct_phase_intervals rename to kept_intervals")
        connection.execute("""
            create view journeys.fct_phase_intervals as
            select * from journeys.kept_intervals
            where (select sum(hash(number)) from range(300000000) as numbers(number)) > 0
        """)
    with served(replace(omnichannel, serving=serving), patience=0.5) as address:
        yield address


def page_of(name: str, *, wait: threading.Event) -> Page:
    """A page of a quick figure and of one that is ready when the event says so."""
    page = Page(name, name, "", 1)
    page.question("quick", "Quick?")(lambda view: Figure(answer="at once"))

    @page.question("late", "Late?")
    def late(view: View) -> Figure:
        assert wait.wait(20)
        return Figure(answer=f"of {view.release.ask('select min(v) as v from core.facts').first()['v']}")

    return page


def test_what_is_ready_is_shown_and_the_rest_comes_from_the_release_it_began_with(tmp_path: Path) -> None:
    write_release(tmp_path, "one", "create table r.core.facts as select 1 as v")
    releases, counting, is_ready = Releases(settings_of(tmp_path)), Counting(patience=0.2), threading.Event()
    page = page_of("page", wait=is_ready)
    with releases.current() as release:
        filters, _ = read_filters(release, {}, ())
        began = time.monotonic()
        shown = counting.shown(page, page.questions, release, filters, "/page", {})
        assert time.monotonic() - began < 10
        assert [(one.figure.answer, one.is_counting) for one in shown] == [("at once", False), ("", True)]
        # not begun a second time
        again = counting.shown(page, page.questions[1:], release, filters, "/page", {})
        assert [one.is_counting for one in again] == [True]
    write_release(tmp_path, "two", "create table r.core.facts as select 2 as v")
    with releases.current() as newer:
        assert newer.release_id == "two"
        # the one that nobody looks at any more is open until its figure is counted
        release.ask("select 1 as open")
    is_ready.set()
    counting.patience = 20
    [last] = counting.shown(page, page.questions[1:], release, filters, "/page", {})
    assert last.figure.answer == "of 1"
    counting.close()
    releases.close()


@pytest.fixture
def long_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.counting.KEPT_SECONDS", 0.0)


def test_figures_that_nobody_came_back_for_are_dropped(tmp_path: Path, long_gone: None) -> None:
    write_release(tmp_path, "one", "create table r.core.facts as select 1 as v")
    releases, counting, is_ready = Releases(settings_of(tmp_path)), Counting(patience=0.05), threading.Event()
    page = page_of("page", wait=is_ready)
    with releases.current() as release:
        filters, _ = read_filters(release, {}, ())
        for number in range(5):
            counting.shown(page, page.questions, release, filters, "/page", {"level": str(number)})
        assert len(counting._under_way) == 5
        is_ready.set()
        for future, _ in list(counting._under_way.values()):
            future.result(timeout=20)
        counting.patience = 20
        counting.shown(page, page.questions, release, filters, "/page", {"level": "another"})
        assert not counting._under_way
    counting.close()
    releases.close()


def test_figures_that_nobody_waits_for_any_more_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight readers who left held the slots, and the queue behind them, against everybody who came after."""
    write_release(tmp_path, "one", "create table r.core.facts as select 1 as v")
    releases, counting, is_ready = Releases(settings_of(tmp_path)), Counting(patience=0.05), threading.Event()
    page = page_of("page", wait=is_ready)
    with releases.current() as release:
        filters, _ = read_filters(release, {}, ())
        for number in range(AT_ONCE + 3):
            counting.shown(page, page.questions, release, filters, "/page", {"level": str(number)})
        queued = [future for future, _ in counting._under_way.values() if not future.running() and not future.done()]
        assert queued
        monkeypatch.setattr("dashboard.counting.WAITED_FOR_SECONDS", 0.0)
        counting.shown(page, page.questions[:1], release, filters, "/page", {"level": "another"})
        assert all(future.cancelled() for future in queued)
        is_ready.set()
    counting.close()
    releases.close()


def test_a_figure_that_a_patient_page_still_waits_for_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.counting.WAITED_FOR_SECONDS", 0.0)
    write_release(tmp_path, "one", "create table r.core.facts as select 1 as v")
    releases, counting, is_ready = Releases(settings_of(tmp_path)), Counting(patience=20), threading.Event()
    page, found = page_of("page", wait=is_ready), []
    with releases.current() as release:
        filters, _ = read_filters(release, {}, ())
        for _ in range(AT_ONCE):
            counting._pool.submit(is_ready.wait)
        patient = threading.Thread(
            target=lambda: found.extend(counting.shown(page, page.questions[1:], release, filters, "/page", {}))
        )
        patient.start()
        while not counting._under_way:
            time.sleep(0.01)
        time.sleep(0.1)
        counting._forget_old()
        is_ready.set()
        patient.join()
    assert [one.figure.answer for one in found] == ["of 1"]
    counting.close()
    releases.close()


class TestInABrowser:
    pytestmark = in_a_browser

    def test_a_page_shows_what_is_ready_and_the_rest_when_it_is(self, browser: Browser, slow: str) -> None:
        with watched(browser) as page:
            page.goto(f"{slow}/map?level=omni")
            counting = page.locator("section[data-counting]")
            assert "Counting" in page.locator("#moves").inner_text()
            page.locator("#map details.sql summary").click()
            expect(counting).to_have_count(0, timeout=60_000)
            assert "Counting" not in page.locator("main").inner_text()
            # what somebody opened meanwhile is as it was
            assert page.locator("#map details.sql[open]").count() == 1
            check_page(page)

    def test_without_javascript_the_page_is_loaded_again_until_it_is_whole(self, browser: Browser, slow: str) -> None:
        with watched(browser, java_script_enabled=False) as page:
            page.goto(f"{slow}/phases?level=macro")
            assert page.locator("section[data-counting]").count() > 0
            expect(page.locator("section[data-counting]")).to_have_count(0, timeout=60_000)
            assert page.locator("#funnel .answer").count() == 1
