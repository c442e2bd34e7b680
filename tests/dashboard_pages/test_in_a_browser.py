"""The pages in a real browser: what is shown, what a click does, who can use it, and that no request goes elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, expect, sync_playwright

from dashboard.app import find_pages
from dashboard.pages import attribution
from dashboard.release import Release, Releases
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.warehouse.identifiers import hash_identifier
from orchestration.lib.warehouse.key import read_pepper
from tests.dashboard_pages.test_docs import ANSWERS, POINTER
from tests.served_releases import copies_of, switch

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("published_examples"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

# Without these it asks for updates, and as root it has no sandbox.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWN = re.compile(r"(http://127\.0\.0\.1:|data:)")
NAMES = [page.name for page in find_pages()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(settings: Settings, *, patience: float = 60) -> Iterator[str]:
    """`make dashboard` over a data set's releases, until it answers. Pages wait until they are whole."""
    port = free_port()
    environment = os.environ | {
        "JOURNEYS_VAR": str(settings.var),
        "JOURNEYS_SERVING": str(settings.serving),
        "JOURNEYS_DASHBOARD_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "dashboard", "--patience", str(patience)],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/current-release.json", timeout=5).read()
                break
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(omnichannel: Settings) -> Iterator[str]:
    with served(omnichannel) as address:
        yield address


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    with watched(browser) as page:
        yield page


@contextlib.contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a new context; it fails the test if anything is on its console, or a request leaves the machine."""
    context: BrowserContext = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    said: list[str] = []
    left: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: left.append(request.url) if not OWN.match(request.url) else None)
    try:
        yield page
    finally:
        context.close()
    assert not said
    assert not left


def check_page(page: Page) -> None:
    """What holds of every page: it has a title and figures, each answers or says why not, and no one is shut out."""
    assert page.locator("main h1").count() == 1
    figures = page.locator("section.figure")
    assert figures.count() > 0
    for figure in figures.all():
        assert figure.locator("h2").inner_text().endswith("?")
        assert figure.locator(".empty, .answer, table, svg, form").count() > 0
    text = page.locator("main").inner_text()
    assert not re.search(r"\bNone\b|\bnan\b|Traceback|Undefined", text)
    # a line could end between the number and its sign
    assert not re.search(r"\d[ \n]%", text)
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    serious = [
        (violation["id"], violation["nodes"][0]["html"][:160])
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert not serious


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_of_the_first_example(browser: Browser, address: str, name: str, scheme: str) -> None:
    with watched(browser, color_scheme=scheme) as page:
        page.goto(f"{address}/{name}")
        check_page(page)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_phone(browser: Browser, address: str, name: str) -> None:
    with watched(browser, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        page.goto(f"{address}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        check_page(page)


def test_pages_of_the_other_example_and_of_no_rows(
    browser: Browser, complete_journey: Settings, empty: Settings
) -> None:
    for settings in (complete_journey, empty):
        with served(settings) as address, watched(browser) as page:
            for name in NAMES:
                page.goto(f"{address}/{name}")
                check_page(page)


def test_a_filter_changes_figures_at_once_and_is_in_the_address(tab: Page, address: str, omnichannel: Settings) -> None:
    tab.goto(f"{address}/phases")
    all_of_them = tab.locator("#funnel .answer").inner_text()
    with tab.expect_navigation():
        tab.get_by_label("Level").select_option("omni")
    assert "level=omni" in tab.url
    omni = tab.locator("#funnel .answer").inner_text()
    assert omni != all_of_them
    releases = Releases(omnichannel)
    with releases.current() as release:
        [[entered]] = release.ask(
            "select count(distinct journey_instance_id) from journeys.fct_phase_intervals as intervals "
            "inner join journeys.fct_journeys as journeys using (journey_instance_id) "
            "where journeys.journey_id = 'purchase' and journeys.level = 'omni' and phase_id = 'interest'"
        ).rows
    releases.close()
    assert omni.startswith(f"Of {entered:,} that entered Interest")
    tab.go_back()
    expect(tab.locator("#funnel .answer")).to_have_text(all_of_them)
    assert "level" not in tab.url
    tab.goto(f"{address}/phases?level=omni")
    with tab.expect_navigation():
        tab.get_by_role("link", name="Clear").click()
    assert tab.locator("#funnel .answer").inner_text() == all_of_them


def test_figures_on_the_screen_are_those_of_the_sql_beside_them(tab: Page, address: str, omnichannel: Settings) -> None:
    tab.goto(f"{address}/channels?since=2026-04")
    figure = tab.locator("#levels")
    figure.locator("details.sql summary").click()
    query = figure.locator("details.sql pre").first.inner_text()
    releases = Releases(omnichannel)
    with releases.current() as release:
        rows = release.ask(query).dicts
    releases.close()
    total = sum(row["instances"] for row in rows)
    assert figure.locator(".counted").inner_text().startswith(f"{total:,} instances")
    shown = figure.locator(".bars .value").all_inner_texts()
    assert sorted(int(value.split()[0].replace(",", "")) for value in shown) == sorted(row["instances"] for row in rows)


def test_a_click_on_the_map_says_who_takes_the_way(tab: Page, address: str) -> None:
    tab.goto(f"{address}/map")
    assert "Click a stop or a way" in tab.locator("#who").inner_text()
    stop = tab.locator("#map svg a:has(circle.stop)").first
    said = stop.get_attribute("aria-label")
    with tab.expect_navigation():
        stop.press("Enter")
    assert said.split(", ")[0] in tab.locator("#who .answer").inner_text()
    assert tab.locator("#who tbody tr").count() > 5
    assert tab.locator("#map a.chosen").count() == 1
    way = tab.locator("#map svg a:has(path.way)").first
    with tab.expect_navigation():
        way.dispatch_event("click")
    assert ", then " in tab.locator("#who .answer").inner_text()


def test_a_mark_says_what_it_is_under_the_pointer(tab: Page, address: str) -> None:
    tab.goto(f"{address}/map")
    tab.locator("#map svg a:has(circle.stop)").nth(3).hover()
    tip = tab.locator("#tip")
    assert tip.is_visible()
    assert "steps" in tip.inner_text()
    tab.keyboard.press("Escape")
    assert not tip.is_visible()


@pytest.mark.parametrize(
    ("page", "picture"),
    [("phases", "#survival .chart"), ("phases", "#outcomes .chart"), ("map", "#moves .drawing"), ("overview", ".bars")],
)
def test_marks_of_a_picture_are_reached_with_the_keyboard(tab: Page, address: str, page: str, picture: str) -> None:
    tab.goto(f"{address}/{page}")
    shown = tab.locator(f"{picture}:visible").first
    for _ in range(200):
        tab.keyboard.press("Tab")
        if shown.evaluate("picture => picture === document.activeElement"):
            break
    tip, said = tab.locator("#tip"), []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.keyboard.press(key)
        assert tip.is_visible()
        said.append(tip.inner_text())
    assert said[0] == said[2] != said[1]
    assert shown.locator(".at").count() == 1
    tab.keyboard.press("Tab")
    assert not tip.is_visible()
    assert tab.locator(".at").count() == 0


def test_the_questions_of_the_docs_are_answered_by_clicking(tab: Page, address: str) -> None:
    """From the first page through the navigation, as somebody who reads docs/answers.md."""
    tab.goto(address)
    for title, text in POINTER.findall(ANSWERS):
        tab.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()
        figure = tab.locator("section.figure").filter(has=tab.get_by_role("heading", name=text, exact=True))
        said = figure.locator(".answer, .empty").inner_text()
        # there is no release before the first
        assert figure.locator(".answer").count() == 1 or said.startswith("This is the first release"), (title, text)


def test_a_kpi_is_reached_from_its_name_and_from_another_journey(tab: Page, address: str) -> None:
    tab.goto(f"{address}/overview")
    name = tab.locator("#targets tbody th a").nth(1)
    said = name.inner_text()
    name.click()
    assert tab.locator("#meaning .answer").inner_text().startswith(f"{said}:")
    with tab.expect_navigation():
        tab.locator("select[name=journey]").select_option("support")
    assert "not in this release" not in tab.locator("main").inner_text()
    with tab.expect_navigation():
        tab.locator("select[name=kpi]").select_option("support_answered_share")
    assert "kpi=support_answered_share" in tab.url
    # back to the first journey of the list, which is in no other address
    with tab.expect_navigation():
        tab.locator("select[name=journey]").select_option(index=0)
    assert tab.locator("select[name=journey]").input_value() == "purchase"
    assert tab.locator(".notice").count() == 0
    with tab.expect_navigation():
        tab.locator("#channels .switch a").first.click()
    assert "period=" in tab.url and tab.locator("#channels .switch a[aria-current]").count() == 1
    tab.goto(f"{address}/stalled")
    customer = tab.locator("#contact tbody th a").first
    began = customer.inner_text().rstrip("…")
    customer.click()
    assert f"customer={began}" in tab.url and tab.locator("#timeline .answer").count() == 1


def test_what_was_asked_of_customers_is_chosen_and_is_in_the_address(
    tab: Page, address: str, omnichannel: Settings
) -> None:
    releases = Releases(omnichannel)
    try:
        with releases.current() as release:
            _choose_what_was_asked(tab, address, release)
    finally:
        releases.close()


def _choose_what_was_asked(tab: Page, address: str, release: Release) -> None:
    tab.goto(f"{address}/voice")
    expect(tab.locator("select[name=journey]")).to_have_value("")
    with tab.expect_navigation():
        tab.locator("select[name=asked]").select_option("ces-transactional-customer")
    assert tab.url.endswith("/voice?asked=ces-transactional-customer")
    [counted] = release.ask("select count(*) as n from voice.fct_feedback where is_counted and feedback_kind = 'ces'")
    assert tab.locator("#joins .counted").inner_text().startswith(f"{counted['n']:,} answers")
    figure = tab.locator("#touchpoints")
    figure.locator("details.sql summary").click()
    rows = release.ask(figure.locator("details.sql pre").first.inner_text()).dicts
    shown = figure.locator("tbody tr .sub").all_inner_texts()[::2]
    assert sorted(int(re.match(r"[\d,]+", said)[0].replace(",", "")) for said in shown) == sorted(
        row["scores"] for row in rows if row["positive"] is not None
    )
    with tab.expect_navigation():
        tab.locator("select[name=journey]").select_option("support")
    assert "journey=support" in tab.url and "asked=ces" in tab.url
    # another page keeps the journey and has no such filter
    assert "asked" not in tab.get_by_role("link", name="Phases", exact=True).get_attribute("href")
    assert "journey=support" in tab.get_by_role("link", name="Phases", exact=True).get_attribute("href")


def test_another_rule_changes_what_channels_are_credited_with(tab: Page, address: str, omnichannel: Settings) -> None:
    tab.goto(f"{address}/attribution")
    figure = tab.locator("#spend")
    shown = figure.locator("> .scroll tbody")
    before = shown.inner_text()
    with tab.expect_navigation():
        tab.locator("select[name=rule]").select_option("first")
    assert tab.url.endswith("/attribution?rule=first")
    assert shown.inner_text() != before
    assert tab.locator("#rules thead th").nth(1).inner_text() == "first (chosen)"
    with tab.expect_navigation():
        tab.locator("select[name=month]").select_option("2026-05")
    assert "In May 2026" in tab.locator("#rules .answer").inner_text()
    figure.locator("details.sql summary").click()
    releases = Releases(omnichannel)
    try:
        with releases.current() as release:
            rows = release.ask(figure.locator("details.sql pre").first.inner_text()).dicts
    finally:
        releases.close()
    assert shown.locator("tr > :nth-child(4)").all_inner_texts() == [attribution._money(row["spend"]) for row in rows]


def test_on_a_phone_a_bar_is_below_its_own_name(browser: Browser, address: str) -> None:
    with watched(browser, viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{address}/phases")
        names, values, bars = (
            [one.bounding_box() for one in page.locator(f"#funnel .bars > .{part}").all()]
            for part in ("name", "value", "bar")
        )
        assert len(names) > 2
        for name, value, bar, following in zip(names, values, bars, [*names[1:], None], strict=True):
            assert abs(name["y"] + name["height"] / 2 - value["y"] - value["height"] / 2) < 12
            assert bar["y"] >= name["y"] + name["height"] - 1
            assert following is None or bar["y"] + bar["height"] <= following["y"] + 1


def test_pages_work_without_javascript(browser: Browser, address: str) -> None:
    with watched(browser, java_script_enabled=False) as page:
        page.goto(f"{address}/phases")
        before = page.locator("#funnel .answer").inner_text()
        page.get_by_label("Level").select_option("omni")
        page.get_by_role("button", name="Apply").click()
        assert "level=omni" in page.url
        assert page.locator("#funnel .answer").inner_text() != before
        page.locator("#funnel details.sql summary").click()
        assert page.locator("#funnel details.sql pre").first.is_visible()
        with page.expect_download() as download:
            page.locator("#funnel a.csv").click()
        assert Path(download.value.path()).read_text(encoding="utf-8").count("\n") > 1
        page.goto(f"{address}/map")
        page.locator("#map svg a:has(circle.stop)").first.press("Enter")
        assert page.locator("#who tbody tr").count() > 5
        page.goto(f"{address}/customer")
        page.get_by_label("Identifier, its hash, or a customer id").fill("nobody@example.com")
        page.get_by_role("button", name="Show").click()
        assert "No customer of this release has this" in page.locator("#find").inner_text()


def test_a_customer_is_found_by_what_they_are_called_and_it_is_written_nowhere(
    tab: Page, address: str, omnichannel: Settings
) -> None:
    """The typed value is in no address; a hash does as well; one that nobody has gets a sentence."""
    releases = Releases(omnichannel)
    with releases.current() as release:
        [[customer, hashed]] = release.ask(
            "select customer_id, any_value(identifier_hash) from core.fct_identifier_observations "
            "where identifier_type = 'email' and source_system = 'crm' and customer_id is not null "
            "group by customer_id having count(distinct identifier_hash) = 1 order by 1 limit 1"
        ).rows
    releases.close()
    assert read_pepper(omnichannel)
    address_of_one = email_of(omnichannel, hashed)
    for typed in (address_of_one, address_of_one.upper(), hashed, customer):
        tab.goto(f"{address}/customer")
        tab.get_by_label("Type").select_option("email")
        tab.get_by_label("Identifier, its hash, or a customer id").fill(typed)
        with tab.expect_navigation():
            tab.get_by_role("button", name="Show").click()
        assert tab.url == f"{address}/customer?journey=purchase&customer={customer}", typed
        assert address_of_one not in tab.content()
        check_page(tab)
    tab.get_by_label("Identifier, its hash, or a customer id").fill("nobody@example.com")
    with tab.expect_navigation():
        tab.get_by_role("button", name="Show").click()
    assert "No customer of this release has this email" in tab.locator("#find").inner_text()
    assert "nobody@example.com" not in tab.content() + tab.url


def email_of(settings: Settings, hashed: str) -> str:
    """An e-mail address of the extracts that has this hash."""
    pepper = read_pepper(settings)
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        addresses = connection.execute("select distinct email from raw.crm__contacts where email like '%@%'").fetchall()
    for (value,) in addresses:
        if hash_identifier(settings, pepper, "email", value) == hashed:
            return value
    raise LookupError("no contact has it")


def test_a_csv_is_what_the_figure_shows(tab: Page, address: str) -> None:
    tab.goto(f"{address}/trust")
    with tab.expect_download() as download:
        tab.locator("#sources a.csv").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("source_name,table_name,")
    shown = tab.locator("#sources > .scroll tbody tr").count()
    assert len([line for line in lines[1:] if line.split(",")[4] != "0"]) == shown


def test_two_browsers_and_a_release_published_in_between(
    browser: Browser, omnichannel: Settings, tmp_path: Path
) -> None:
    """Each sees the release that is current when it asks; an open page says that there is a newer one."""
    serving, copies = copies_of(omnichannel, tmp_path, ("first", "second"))

    with served(replace(omnichannel, serving=serving)) as address, watched(browser) as one, watched(browser) as other:
        one.clock.install()
        one.goto(f"{address}/overview")
        assert one.locator("body").get_attribute("data-release") == "first"
        switch(serving, copies[1])
        other.goto(f"{address}/overview")
        assert other.locator("body").get_attribute("data-release") == "second"
        one.clock.fast_forward(25_000)
        one.locator("#newer").wait_for(state="visible", timeout=10_000)
        with one.expect_navigation():
            one.locator("#newer a").click()
        assert one.locator("body").get_attribute("data-release") == "second"


def test_a_release_switched_while_pages_are_drawn_is_never_half_shown(
    browser: Browser, omnichannel: Settings, tmp_path: Path
) -> None:
    """Two releases, switched to and fro: what a page shows is what the release that it names shows alone."""
    serving, files = copies_of(omnichannel, tmp_path, ("all", "some"))
    files[1].chmod(0o600)
    with duckdb.connect(str(files[1])) as connection:
        for table in ("fct_phase_intervals", "fct_journeys", "fct_steps"):
            connection.execute(f"delete from journeys.{table} where hash(customer_id) % 3 = 0")

    def figures(page: Page) -> list[str]:
        return page.locator(".answer, .counted").all_inner_texts()

    with served(replace(omnichannel, serving=serving)) as address, watched(browser) as page:
        asked = [
            f"{address}/{name}?level=omni&since=2026-0{month}" for name in ("phases", "channels") for month in (2, 3)
        ]
        alone: dict[tuple[str, str], list[str]] = {}
        for file in files:
            switch(serving, file)
            for one in asked:
                page.goto(one)
                alone[file.parent.name, one] = figures(page)
        assert all(alone["all", one] != alone["some", one] for one in asked)
        is_over = threading.Event()

        def go_on_switching() -> None:
            while not is_over.is_set():
                for file in files:
                    switch(serving, file)
                    # no even number of switches to a page
                    is_over.wait(0.017)

        switching = threading.Thread(target=go_on_switching)
        switching.start()
        seen = set()
        try:
            for one in asked * 5:
                page.goto(one)
                name = page.locator("body").get_attribute("data-release")
                assert figures(page) == alone[name, one], (name, one)
                seen.add(name)
        finally:
            is_over.set()
            switching.join()
        assert seen == {"all", "some"}


def test_a_server_without_a_release_says_what_to_do(browser: Browser, omnichannel: Settings, tmp_path: Path) -> None:
    with served(replace(omnichannel, serving=tmp_path / "none")) as address:
        context = browser.new_context()
        page = context.new_page()
        answer = page.goto(f"{address}/overview")
        assert answer.status == 503
        assert "Type make run" in page.locator("main").inner_text()
        context.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing", 404), ("/map/none.csv", 404), ("/map?at=x&journey=%3Cscript%3Ealert(1)%3C/script%3E", 200)],
)
def test_a_wrong_address_gets_a_sentence(address: str, path: str, status: int) -> None:
    try:
        answer = urllib.request.urlopen(address + path)
        text, found = answer.read().decode(), answer.status
    except urllib.error.HTTPError as error:
        text, found = error.read().decode(), error.code
    assert found == status
    assert "<script>alert" not in text
    assert re.search(r"There is no|not in this release", text)


def test_pictures_of_the_docs(browser: Browser, omnichannel: Settings, tmp_path: Path) -> None:
    """The pictures of README and docs: `make docs-pictures` makes them of the release that is served."""
    folder = Path(os.environ.get("JOURNEYS_PICTURES") or tmp_path)
    settings = read_settings() if "JOURNEYS_PICTURES" in os.environ else omnichannel
    with served(settings) as address, watched(browser, viewport={"width": 1280, "height": 800}) as page:
        page.goto(f"{address}/customer")
        page.locator("#find .note a").click()
        for name, (first, last) in PICTURES.items():
            if name != "customer":
                page.goto(f"{address}/{name}")
            # a header that goes with the page would lie over a figure
            page.add_style_tag(content=".top { position: static; }")
            page.evaluate("scrollTo(0, 0)")
            boxes = [page.locator(one).first.bounding_box() for one in (first, last)]
            assert all(boxes)
            [start, end] = boxes
            # what ends within a figure is cut at its end
            height = end["y"] + end["height"] - start["y"] + (2 if " " not in last else 1) * MARGIN
            clip = FloatRect(x=0, y=max(start["y"] - MARGIN, 0), width=1280, height=height)
            page.screenshot(path=folder / f"{name}.png", full_page=True, clip=clip)
            assert (folder / f"{name}.png").stat().st_size > 20_000
            # of each figure in it what is asked and answered is whole
            bottom = clip["y"] + height
            for words in page.locator("section.figure > h2, section.figure > .answer").all():
                box = words.bounding_box()
                lower = box["y"] + box["height"]
                assert lower <= clip["y"] or box["y"] >= bottom or clip["y"] <= box["y"] <= lower <= bottom, name
    digests = (settings.serving / "customer_journeys.duckdb").resolve().parent / "digests"
    context = browser.new_context(viewport={"width": 390, "height": 1350}, device_scale_factor=2)
    page = context.new_page()
    page.goto((digests / "head-of-e-commerce.html").as_uri())
    page.screenshot(path=folder / "digest.png")
    assert (folder / "digest.png").stat().st_size > 20_000
    context.close()


MARGIN = 12
# Of each page what it is about, from the top of one part to the end of another.
PICTURES = {
    "customer": ("#timeline", "#timeline .chart.wide"),
    "overview": ("header.top", "#targets tbody tr:nth-child(9)"),
    "map": ("#map", "#map"),
    "phases": ("header.top", "#survival"),
    "channels": ("#paths", "#paths"),
}
