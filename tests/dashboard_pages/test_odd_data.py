"""Data that pages are not made for: 200 channels, a journey of one phase, names that are HTML, formulas, or endless."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog

from orchestration.lib.core.settings import Settings
from tests.conftest import publish
from tests.dashboard_pages.test_in_a_browser import CHROMIUM, NAMES, browser, check_page, served, watched

__all__ = ["browser"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

# each would be seen: as a request, a message on the console, or an element of its own
HTML = '<img src="http://example.com/x" onerror="alert(1)"><b id="broken-out">loud</b>'
FORMULA = "=HYPERLINK(1)"
RIGHT_TO_LEFT = "\u202eשלום"
ENDLESS = "Kundenzufriedenheitsverbesserungsgesamtverantwortliche" * 3
CHANNELS = [f"channel_{number}" for number in range(200)]
CHANNEL_NAMES = [HTML, FORMULA, RIGHT_TO_LEFT, ENDLESS, *(f"Channel {number}" for number in range(4, 200))]


def write(path: Path, columns: str, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns.split(","))
        out.writerows(rows)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("odd")
    seeds = folder / "seeds"
    write(seeds / "sources.csv", "source_system,source_name,priority", [["till", HTML, 10]])
    write(
        seeds / "channels.csv",
        "channel,channel_name,channel_group,is_paid",
        [[one, name, "owned", "false"] for one, name in zip(CHANNELS, CHANNEL_NAMES, strict=True)],
    )
    write(
        seeds / "journeys.csv",
        "journey_id,journey_version,journey_name,description,valid_from,valid_to,owner",
        [["buying", 1, HTML, FORMULA, "2020-01-01", "", HTML]],
    )
    write(
        seeds / "phases.csv",
        "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required",
        [["buying", 1, "buys", 1, ENDLESS, 30, "false", "true"]],
    )
    write(
        seeds / "critical_events.csv",
        "critical_event_id,journey_id,journey_version,phase_id,event_name",
        [["paid", "buying", 1, "buys", "order_placed"]],
    )
    write(
        seeds / "measures.csv",
        "measure_id,measure_name,subject,aggregation,value_column,event_name",
        [["value", HTML, "events", "sum", "amount", "order_placed"]],
    )
    write(
        seeds / "kpis.csv",
        "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id",
        [
            ["value", HTML, "buying", "buys", "money", "primary", "up", "EUR", "week", "value"],
            ["more", ENDLESS, "buying", "", "money", "secondary", "up", "EUR", "month", "value"],
        ],
    )
    write(seeds / "kpi_targets.csv", "kpi_id,valid_from,valid_to,target", [["value", "2020-01-01", "", 100]])
    write(
        seeds / "kpi_roles.csv",
        "kpi_id,role,person,email",
        [["value", "accountable", HTML, ""], ["more", "accountable", FORMULA, ""]],
    )
    began = datetime(2026, 1, 1, 9)
    write(
        folder / "extracts" / "feed" / "events" / "1.csv",
        "event_id,occurred_at,event_name,source_system,channel,touchpoint,amount,currency,identifiers",
        [
            [
                f"{number}",
                f"{began + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}",
                "order_placed" if number % 3 else HTML,
                "till",
                CHANNELS[number % 200],
                RIGHT_TO_LEFT,
                number % 50,
                "EUR",
                f'{{"email": "person{number % 90}@example.com"}}',
            ]
            for number in range(900)
        ],
    )
    return publish(
        folder,
        JOURNEYS_EXTRACTS=str(folder / "extracts"),
        JOURNEYS_SEEDS=str(seeds),
        JOURNEYS_AS_OF="2026-02-20T00:00:00Z",
        JOURNEYS_PEPPER="a key for all tests",
    )


def dismiss(asked: list[str], dialog: Dialog) -> None:
    asked.append(dialog.message)
    dialog.dismiss()


def test_pages_of_odd_data_hold_and_run_nothing(browser: Browser, odd: Settings) -> None:
    with served(odd) as address:
        for width in (1280, 390):
            with watched(browser, viewport={"width": width, "height": 900}) as page:
                asked: list[str] = []
                page.on("dialog", partial(dismiss, asked))
                for name in NAMES:
                    page.goto(f"{address}/{name}")
                    check_page(page)
                    assert page.locator("#broken-out").count() == 0, name
                    assert "\u202e" not in page.content(), name
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                page.goto(f"{address}/map?show=all")
                check_page(page)
                page.locator("#map svg a").first.press("Enter")
                check_page(page)
                assert asked == []
                assert page.locator("#broken-out").count() == 0
