"""A digest says first what matters, to each recipient and with whatever KPIs, names and periods there are."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from dashboard.app import find_pages
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings
from orchestration.lib.digests.figures import Anomaly, Band, JourneyMap, Kpi
from orchestration.lib.digests.mail import mail_page
from orchestration.lib.drawing.palette import COLOURS, DARK
from tests.orchestration.digests.conftest import Shop
from tests.orchestration.digests.one_kpi import Page, one_kpi, rendered, text_of, with_past

HEBREW = "שיעור הקונים"
GMAIL_CLIPS_AT = 102 * 1024


def many(count: int, **changes: Any) -> list[Kpi]:
    statuses = ("green", "amber", "red", "green", "no_data")
    return [
        with_past(
            *(0.40 + 0.001 * (n % 7 + month) for month in range(12)),
            kpi_id=f"kpi_{n:03}",
            kpi_name=f"The {n}th share of customers who went on from there",
            phase_id=f"phase_{n // 10}",
            phase_name=f"Phase {n // 10}",
            status=statuses[n % 5],
            **changes,
        )
        for n in range(count)
    ]


def test_what_moved_is_beyond_what_chance_does_to_so_many_kpis() -> None:
    """Four points of a thousand: alone that is no chance; among fifty KPIs it is."""
    moved = with_past(0.40, 0.445, target=0.5, status="amber")
    alone = rendered([moved])
    assert alone.subject == "1 amber; 1 moved beyond noise: customer journeys on 2026-02-01 (tested)"
    assert (
        "\nMOVED BEYOND NOISE\n  passed, Start: 44.5 % after 40.0 %: +4.5 points, better; "
        "chance moves it by up to 4.3 points\n  The one KPI that could be compared moved beyond noise.\n"
    ) in alone.text
    steady = [with_past(0.40, 0.40, kpi_id=f"steady_{n}") for n in range(49)]
    among = rendered([moved, *steady])
    assert "None of the 50 KPIs that could be compared moved beyond noise.\n" in among.text
    assert among.subject.startswith("1 amber, 49 green: ")
    assert "number of comparisons, here 50," in among.text and "comparisons, here 50," in text_of(among.html)


def test_a_period_of_which_fewer_had_ended_at_that_age_is_compared_over_these() -> None:
    """Six points are no chance of a thousand and a thousand, but of 650 and the 300 who had ended by then."""
    moved = with_past(0.40, 0.46, denominator=1_000.0)
    assert "The one KPI that could be compared moved beyond noise" in rendered([moved]).text
    at_that_age = replace(moved, denominator=650.0, previous_denominator=300.0)
    assert "The one KPI that could be compared did not move" in rendered([at_that_age]).text
    assert "Nothing can be compared yet" in rendered([replace(moved, previous_denominator=None)]).text


def test_the_three_that_moved_furthest_are_named_and_the_others_counted() -> None:
    kpis = [with_past(0.40, 0.40 + 0.05 * n, kpi_id=f"up_{n}", kpi_name=f"Up {n}") for n in range(2, 7)]
    digest = rendered([*kpis, one_kpi("alone")])
    assert re.findall(r"\n  Up (\d), Start: \d", digest.text) == ["6", "5", "4"]
    said = (
        "5 of the 5 KPIs that could be compared moved beyond noise; shown are the 3 that moved furthest. "
        "1 could not be compared: too few cases or days, now or before."
    )
    assert said in digest.text and said in text_of(digest.html)


def test_a_kpi_without_an_interval_is_compared_with_its_band() -> None:
    band = Band(130.0, 100.0, 85.0, 115.0, 28, date(2026, 1, 28), is_per_day=False)
    value = one_kpi("value", unit="EUR", value=130.0, band=band)
    assert (
        "130.00 EUR in the 28 days to 28 January 2026, better than expected from the days before: 100.00 EUR, by "
        "chance 85.00 EUR to 115.00 EUR"
    ) in rendered([value]).text
    within = replace(value, band=replace(band, actual=114.0))
    assert "The one KPI that could be compared did not move" in rendered([within]).text
    # one in a hundred is outside of its band by chance: of two hundred KPIs that is no news
    just_outside = replace(value, band=replace(band, actual=116.0))
    others = [replace(within, kpi_id=f"other_{n}") for n in range(199)]
    assert "None of the 200 KPIs" in rendered([just_outside, *others]).text


def test_what_the_checks_found_unlike_the_days_before_moved() -> None:
    found = one_kpi("value", anomaly=Anomaly("value was 3 before and is 9 from 2026-01-20", 1e-6))
    assert "  value, Start: value was 3 before and is 9 from 2026-01-20\n" in rendered([found]).text


def test_bands_and_what_the_checks_found_are_read_from_the_ledgers(shop: Shop) -> None:
    """Bob is accountable for the value, which is 1,234.50 where 1,200 was expected."""

    def text(**changes: Any) -> str:
        release = shop.publish_release(**changes)
        return (release.directory / "digests" / "bob.txt").read_text(encoding="utf-8")

    assert "The one KPI that could be compared did not move beyond noise." in text(day=1)
    assert "  Value per buyer: 1,234.50 EUR in the 28 days to 28 June 2026, better than" in text(day=2, upper=1210.0)
    odd = text(day=3, accepted=False)
    assert "\n  Value per buyer: It is odd\n" in odd and odd.count("It") == 1, (
        "and nothing that is over, accepted or to come"
    )


def test_an_anomaly_is_better_or_worse_as_the_figure_went(shop: Shop) -> None:
    """Cleo is informed of a KPI that is red, and of the value, which is green."""

    def question(**changes: Any) -> str:
        release = shop.publish_release(accepted=False, **changes)
        text = (release.directory / "digests" / "cleo.txt").read_text(encoding="utf-8")
        assert "\n  Value per buyer: It is odd\n" in text
        return text.partition("\nNEXT QUESTION\n  ")[2]

    assert question(day=1, odd_value=900.0).startswith("Value per buyer: ")
    assert question(day=2, odd_value=1500.0).startswith("Passed <on> & bought, Looking: ")


def test_an_anomaly_of_what_improved_is_not_the_next_question() -> None:
    red = one_kpi("red", status="red", phase_id="other")
    went_up = Anomaly("went from 40 % to 60 %", 1e-15, 0.4, 0.6)
    went_down = Anomaly("went from 60 % to 40 %", 1e-15, 0.6, 0.4)

    def asked(kpi: Kpi) -> str:
        text = rendered([red, kpi]).text
        assert (kpi.anomaly.message if kpi.anomaly else "") in text
        return text.partition("\nNEXT QUESTION\n  ")[2].partition(",")[0]

    assert asked(one_kpi("found", anomaly=went_up)) == "red"
    assert asked(one_kpi("found", anomaly=went_down)) == "found"
    assert asked(one_kpi("found", anomaly=went_up, direction="down")) == "found"
    assert asked(one_kpi("found", anomaly=went_down, direction="down")) == "red"
    # of which days nothing is known somebody has to look
    assert asked(one_kpi("found", anomaly=Anomaly("is odd", 1e-15))) == "found"
    # a few days do not turn what the whole period, or the last 28 days, say
    assert asked(with_past(0.4, 0.6, kpi_id="found", denominator=300.0, anomaly=went_down)) == "red"
    assert asked(with_past(0.6, 0.4, kpi_id="found", denominator=300.0, anomaly=went_up)) == "found"
    better = Band(130.0, 100.0, 85.0, 115.0, 28, date(2026, 1, 28), is_per_day=False)
    assert asked(one_kpi("found", unit="EUR", value=130.0, band=better, anomaly=went_down)) == "red"


def test_every_kpi_has_a_line_with_its_target_and_the_open_period_drawn_as_such() -> None:
    digest = rendered([with_past(0.2, None, 0.3, 0.25, is_open=True, target=0.35)])
    [line] = re.findall(r'<svg [^>]*class="sparkline".*?</svg>', digest.html, re.DOTALL)
    assert line.count('stroke-dasharray="3 3"') == 1, "the target"
    assert line.count('stroke-dasharray="2 2"') == 1 and 'fill="var(--card)"' in line, "the period that still moves"
    assert "passed: 25.0 % in January 2026, target 35.0 %. Last 4 periods: 20.0 %, –, 30.0 %, 25.0 %" in line
    assert "\n    last 4 periods  ▁·▆▃°\n" in digest.text


def test_the_period_is_said_once() -> None:
    first, last = date(2026, 1, 19), date(2026, 1, 25)
    week: dict[str, Any] = {"period_start": first, "status_period_start": first, "period_end": last}
    week |= {"status_period_end": last, "period_day_count": 7, "measured_day_count": 7}
    kpis = [one_kpi("a"), one_kpi("b"), one_kpi("c", **week)]
    for said in (rendered(kpis).text, text_of(rendered(kpis).html)):
        assert said.count("January 2026") == 2 and said.count("19 to 25 January 2026") == 1
        assert "Period: January 2026; week: 19 to 25 January 2026" in said


@pytest.mark.parametrize(
    ("kpi", "page", "name"),
    [
        (one_kpi("a", status="red"), "phases", "outcomes"),
        (one_kpi("a", status="amber", unit="seconds"), "phases", "survival"),
        (one_kpi("a", phase_id=None, status="red"), "map", "map"),
        (one_kpi("a", journey_id=None, phase_id=None, status="red"), "kpi", "periods"),
        (one_kpi("a"), "overview", "now"),
    ],
)
def test_the_next_question_is_one_that_the_dashboard_answers_there(kpi: Kpi, page: str, name: str) -> None:
    digest = rendered([kpi], dashboard="https://journeys.example.com/d")
    [address] = re.findall(r'href="([^"]+)"', digest.html)
    address = html.unescape(address)
    assert address in digest.text
    parts = urlsplit(address)
    assert (parts.netloc, parts.path, parts.fragment) == ("journeys.example.com", f"/d/{page}", name)
    [asked] = [one for one in find_pages() if one.name == page]
    [question] = [one for one in asked.questions if one.name == name]
    assert question.text in text_of(digest.html)
    chosen = dict(parse_qsl(parts.query))
    assert chosen.pop("journey", "shop") == "shop" and set(chosen) <= {"phase", *asked.takes}
    # where nobody has said under which address people reach it, page and path are named
    without = rendered([kpi])
    assert "href=" not in without.html
    assert f"Dashboard, page {asked.title}: /{page}" in without.text


def test_no_line_of_a_page_begins_with_a_percent_sign() -> None:
    digest = rendered([with_past(0.2, 0.3, 0.25, target=0.35)])
    shown = re.sub(r"<[^>]*>", "", digest.html)
    assert "\u00a0%" in shown and not re.search(r"\d %", shown)
    assert "\u00a0" not in digest.text


def test_what_got_worse_beyond_noise_is_asked_first() -> None:
    red = one_kpi("red", status="red", phase_id="other")
    worse = with_past(0.5, 0.3, kpi_id="worse", status="amber")
    assert "\nNEXT QUESTION\n  worse, Start: What became" in rendered([red, worse]).text
    assert "\nNEXT QUESTION\n  red, Start: What became" in rendered([red, with_past(0.3, 0.5)]).text


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("https://journeys.example.com", True),
        ("http://127.0.0.1:8050/", True),
        ("journeys.example.com", False),
        ("javascript:alert(1)", False),
        ("https://ann:secret@example.com", False),
        ("https://example.com/?a=1", False),
        ('https://example.com/"onclick=', False),
        ("https://example.com:99999", False),
    ],
)
def test_the_address_of_the_dashboard_is_one_that_can_be_linked(text: str, is_right: bool) -> None:
    environment = {"JOURNEYS_DASHBOARD_URL": text}
    if is_right:
        assert read_settings(environment).dashboard == text.rstrip("/")
    else:
        with pytest.raises(SettingsError, match="JOURNEYS_DASHBOARD_URL="):
            read_settings(environment)


def test_two_hundred_kpis_fit_a_mail_and_the_text_has_them_all() -> None:
    digest = rendered(many(200), dashboard="https://journeys.example.com")
    mail = mail_page(digest.html)
    assert len(mail.html.encode()) < GMAIL_CLIPS_AT and "</html>" in mail.html
    found = re.search(r"Shown are (\d+) of 200 KPIs, red and moved ones first; the text lists all\.", mail.html)
    assert found is not None and int(found[1]) >= 40, "as many as fit"
    drawn = set(re.findall(r"The (\d+)th share", text_of(digest.html)))
    assert {str(n) for n in range(200) if n % 5 == 2} <= drawn, "none that is red is left out"
    left_out = sum(int(count) for count in re.findall(r"(\d+) more: ", text_of(mail.html)))
    assert left_out == 200 - int(found[1])
    assert len(re.findall(r"\n  \[[a-z ]+\] The \d+th share", digest.text)) == 200
    assert len(digest.html.encode()) < 1_000_000


def test_names_are_shown_as_they_are_and_turn_nothing_around_them() -> None:
    names = ("<b>bold</b>", '=HYPERLINK("http://x")', HEBREW, "x" * 300, '"><img src=x onerror=alert(1)>')
    kpis = [
        with_past(0.2, 0.3, kpi_id=f"kpi_{n}", kpi_name=name, phase_name=name, journey_name=name)
        for n, name in enumerate(names)
    ]
    digest = rendered(kpis, maps={"shop": shop_map("<b>bold</b>")})
    shown, mail = text_of(digest.html), mail_page(digest.html)
    for name in names:
        assert name in shown or " ".join(re.sub(r"<[^>]+>", " ", name).split()) in shown
        assert name in digest.text
    for page, image_count in ((digest.html, 0), (mail.html, len(re.findall("<img src=.cid:", mail.html)))):
        parsed = Page()
        parsed.feed(page)
        assert "b" not in parsed.tags and parsed.tags.count("img") == image_count
        assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert f"<bdi>{HEBREW}</bdi>" in digest.html
    assert f"\u200e{HEBREW}\u200e" in digest.text
    assert all(picture.startswith(b"\x89PNG") for picture in mail.pictures.values())


def shop_map(name: str) -> JourneyMap:
    stop = {"phase_id": "start", "phase_name": name, "x": 1, "drop_off_share": 0.1, "mood": None}
    stops = [
        {**stop, "stop_id": line, "line": line, "line_name": name, "y": n, "visit_count": 30}
        for n, line in enumerate(("web", "shop"))
    ]
    way = {"volume_count": 30, "drop_off_count": 3, "drop_off_share": 0.1, "median_delay_seconds": 60.0, "mood": None}
    return JourneyMap(stops, [{**way, "from_stop_id": "web", "to_stop_id": "shop"}])


CASES: dict[str, tuple[Sequence[Kpi], str]] = {
    "no KPI": ([], "No KPI of this release is yours"),
    "no journey": ([one_kpi("a", journey_id=None, phase_id=None, journey_name="All customers")], "All customers"),
    "no target": ([with_past(0.2, 0.3, target=None, status="no_data")], "no target"),
    "all green": ([with_past(0.5, 0.5), one_kpi("b")], "Where are customers now?"),
    "first period": (
        [with_past(0.3, is_open=True, measured_day_count=9, status="no_data", status_period_start=None)],
        "nothing on 22 of 31 days",
    ),
    "nothing measured": ([one_kpi("a", value=None, denominator=0.0, status="no_data")], "too few to say"),
    "names": ([with_past(0.2, 0.3, kpi_name=f"{'x' * 200} {HEBREW}", phase_name=HEBREW)], HEBREW),
    "many": (many(200), "Shown are"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_a_page_fits_a_phone_and_a_desk_by_day_and_in_the_dark(browser: Browser, tmp_path: Path, case: str) -> None:
    kpis, said = CASES[case]
    digest = rendered(kpis, maps={"shop": shop_map("A line")}, has_previous=False)
    assert said in text_of(digest.html).replace("\N{NO-BREAK SPACE}", " ")
    assert "This is the first release of this data set" in digest.text
    assert not re.search(r"\bNone\b(?! of the \d)|\bnan\b|Undefined", digest.text + text_of(digest.html))
    page_file = tmp_path / "digest.html"
    page_file.write_text(digest.html, encoding="utf-8")
    for width in (390, 800):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
            page = context.new_page()
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, scheme)
            ground = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
            assert ground == rgb((COLOURS if scheme == "light" else DARK)["card"])
            context.close()


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[n : n + 2], 16) for n in (1, 3, 5)))


def test_the_colours_of_mails_are_those_of_the_dashboard() -> None:
    sheet = (PROJECT_ROOT / "dashboard" / "static" / "style.css").read_text(encoding="utf-8")
    by_day, in_the_dark = sheet.split("@media (prefers-color-scheme: dark)", 1)
    for colours, part in ((COLOURS, by_day), (DARK, in_the_dark.split("\n}\n", 1)[0])):
        written = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", part))
        assert colours == {name: written[name] for name in colours}
    assert COLOURS.keys() == DARK.keys()
