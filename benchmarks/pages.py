"""`make bench-pages`: how long the dashboard's pages take, and the same questions asked of the finest tables."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.__main__ import SIZES, make_world, remove
from benchmarks.measuring import MeasuredFailure, measured
from benchmarks.refreshing import DataSet, copy_project, refresh
from benchmarks.sizes import OtherResult, add_sizes, measure_sizes
from dashboard.app import find_pages
from dashboard.figure import Page, Question
from dashboard.filters import ALL, Filters, read_filters
from dashboard.pages import channels, journey_map, phases
from dashboard.release import Release, Releases, Table
from dashboard.view import View
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings

BEGIN = "<!-- figures of pages: written by `python -m benchmarks.pages --record` -->"
END = "<!-- end of figures of pages -->"
# How often each figure is asked, and each page opened.
ROUNDS, OPENED = 3, 5
JOURNEY = "purchase"
# A figure that takes more is waited for: on an idle machine it takes no longer than its CPU seconds.
MOST_CPU_SECONDS = 1.0
# What somebody chooses, one thing at a time and two together.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "no filter": {},
    "segment": {"segment": "known"},
    "channel": {"channel": "web"},
    "level": {"level": "omni"},
    "month": {"since": "2026-03", "until": "2026-03"},
    "segment and level": {"segment": "known", "level": "omni"},
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSER_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
FIRST_PAINT = """() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return paint ? paint.startTime / 1000 : null;
}"""


@dataclass(frozen=True)
class Asked:
    """How long the queries of a figure took, once for each time that it was asked; CPU seconds likewise."""

    page: str
    question: str
    choice: str
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]


@dataclass(frozen=True)
class Pair:
    """One question asked of the mart and of the finest table that can answer it, with the same rows as answer."""

    name: str
    mart: str
    finest: str
    mart_seconds: Sequence[float]
    finest_seconds: Sequence[float]


@dataclass(frozen=True)
class Felt:
    """What somebody at a browser waits for, in seconds: the first paint of a page, and a filter that changes it."""

    page: str
    paints: Sequence[float]
    clicks: Sequence[float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when a step failed or two tables answered differently."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    add_sizes(parser, SIZES)
    parser.add_argument("--built", type=Path, help="a folder that --keep left: measured without building it again")
    parser.add_argument("--keep", type=Path, help="where to leave the data set (default: it is removed)")
    chosen = parser.parse_args(arguments)

    def measure(size: str, folder: Path) -> str:
        if chosen.built is not None:
            return measure_size(size, DataSet(chosen.built, chosen.built / "project"), folder / "log")
        place = chosen.keep or folder / "data_set"
        data_set = build(size, place, folder / "log")
        try:
            return measure_size(size, data_set, folder / "log")
        finally:
            if chosen.keep is None:
                remove(place)

    return measure_sizes(
        chosen.sizes, measure, name="pages", begin=BEGIN, end=END, is_recorded=chosen.record, folder=None
    )


def build(size: str, folder: Path, log: Path) -> DataSet:
    """A published data set of the size in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data_set = DataSet(folder, copy_project(folder / "project"))
    print(f"  {size}: simulator ...", end="", flush=True)
    _, cost = measured(make_world, folder, SIZES[size], log=log)
    print(f" {cost.cpu_seconds:.1f} CPU s\n  {size}: full run ...", end="", flush=True)
    found = refresh(data_set, publishes=True, log=log)
    print(f" {found.total.cpu_seconds:.1f} CPU s", flush=True)
    return data_set


def measure_size(size: str, data_set: DataSet, log: Path) -> str:
    """Measures queries, pairs and the browser over a published data set and returns tables as Markdown."""
    settings = read_settings(data_set.environment)
    print(f"  {size}: queries of figures ...", end="", flush=True)
    (event_count, asked, pairs), cost = measured(ask_everything, settings, log=log)
    print(f" {cost.cpu_seconds:.1f} CPU s", flush=True)
    felt: list[Felt] = []
    if CHROMIUM is not None:
        print(f"  {size}: pages in a browser ...", end="", flush=True)
        started = time.monotonic()
        felt = look_at_pages(settings, data_set)
        print(f" {time.monotonic() - started:.0f} s", flush=True)
    return report(size, event_count, asked, pairs, felt)


def ask_everything(settings: Settings) -> tuple[int, list[Asked], list[Pair]]:
    """Asks each figure with each choice, and the pairs, of the current release."""
    releases = Releases(settings)
    with releases.current() as release:
        [[event_count]] = release.ask("select count(*) from core.fct_events").rows
        asked = [
            ask_figure(release, page, question, choice, chosen)
            for page in find_pages()
            for choice, chosen in CHOICES.items()
            if set(chosen) <= set(page.takes)
            for question in page.questions
        ]
        pairs = ask_pairs(release)
    releases.close()
    return event_count, asked, pairs


def ask_figure(release: Release, page: Page, question: Question, choice: str, chosen: Mapping[str, str]) -> Asked:
    """Answers a figure several times, each time as if nobody had asked before, and times its queries alone."""
    extra = _clicked(release, page, question)
    filters, _ = read_filters(release, {"journey": JOURNEY, **chosen}, page.takes)
    if filters.unknown:
        raise MeasuredFailure(f"{page.name} with {choice}: {' '.join(filters.unknown)}")
    seconds, cpu_seconds = [], []
    for _ in range(ROUNDS):
        timed = _Timed.of(release)
        question.answer(View(timed, filters, path=f"/{page.name}", extra=extra))
        seconds.append(timed.seconds)
        cpu_seconds.append(timed.cpu_seconds)
    return Asked(page.name, question.name, choice, seconds, cpu_seconds)


def _clicked(release: Release, page: Page, question: Question) -> dict[str, str]:
    """What else is in the address: a stop that was clicked on the map, a customer who was looked up."""
    if (page.name, question.name) == ("map", "who"):
        stops = release.ask(journey_map.STOPS, {"journey": JOURNEY, "line_type": "channel"})
        busiest = max(stops, key=lambda stop: stop["visit_count"] or 0)
        return {"at": str(busiest["stop_id"])}
    if page.name == "customer":
        [[customer]] = release.ask("select max_by(customer_id, event_count) from core.dim_customers").rows
        return {"customer": str(customer)}
    return {}


class _Timed(Release):
    """A release that keeps no answer and adds up how long its queries take."""

    seconds = 0.0
    cpu_seconds = 0.0

    @classmethod
    def of(cls, release: Release) -> _Timed:
        return cls(release.folder, release.manifest, release._connection, release._close)

    def _ask(self, sql: str, parameters: Mapping[str, Any] | None, seconds: float) -> Table:
        cpu, began = time.process_time(), time.perf_counter()
        try:
            return super()._ask(sql, parameters, seconds)
        finally:
            self.seconds += time.perf_counter() - began
            self.cpu_seconds += time.process_time() - cpu


@dataclass(frozen=True)
class Twin:
    """A question that a mart answers, and the query that counts the same of the finest table that can.

    `columns` are those that both have. `{instances}` and `$journey` are what a page puts there, LOCAL is when an event
    occurred in the zone whose days the marts are by.
    """

    name: str
    mart: str
    asked_of_mart: str
    finest: str
    asked_of_finest: str
    columns: str


STOPS, FUNNEL = "line, phase_id, visit_count, instance_count", "phase_id, entered, went_on, directly, pending"
TWINS = (
    Twin(
        "overview: what a KPI counts by week",
        "kpis.fct_kpi_values",
        "select period_start, numerator from kpis.fct_kpi_values where kpi_id = 'interest_cart_share'",
        "core.fct_events",
        """
        select cast(date_trunc('week', LOCAL) as date) as period_start,
            count(*) as numerator
        from core.fct_events
        where event_name = 'added_to_cart'
        group by 1
        having period_start in (select period_start from kpis.fct_kpi_values where kpi_id = 'interest_cart_share')
        """,
        "period_start, cast(numerator as bigint)",
    ),
    Twin(
        "map: stops",
        "flows.map_stops",
        # the map has a place for each line in each phase, also where nobody was
        f"""select * from ({journey_map.STOPS.replace("$line_type", "'channel'")}) where visit_count > 0""",
        "journeys.fct_steps",
        journey_map.FILTERED_STOPS,
        STOPS,
    ),
    Twin(
        "map: ways",
        "flows.map_edges, map_transfers",
        f"""
        with ways as ({journey_map.WAYS.replace("$line_type", "'channel'")}),
        stops as ({journey_map.STOPS.replace("$line_type", "'channel'")})
        select stops.line, stops.phase_id, next_stops.line as next_line, next_stops.phase_id as next_phase_id,
            ways.volume_count, ways.median_delay_seconds
        from ways
        inner join stops on stops.stop_id = ways.from_stop_id
        inner join stops as next_stops on next_stops.stop_id = ways.to_stop_id
        """,
        "journeys.fct_steps",
        journey_map.FILTERED_WAYS,
        "line, phase_id, next_line, next_phase_id, volume_count, median_delay_seconds",
    ),
    Twin(
        "phases: funnel",
        "journeys.agg_funnel_steps",
        phases.FUNNEL,
        "journeys.fct_phase_intervals",
        phases.FILTERED_FUNNEL,
        FUNNEL,
    ),
    Twin(
        "phases: survival",
        "journeys.agg_phase_survival",
        phases.SURVIVAL,
        "journeys.fct_phase_intervals",
        phases.FILTERED_SURVIVAL,
        "phase_id, dwell_days, at_risk_count, round(survival_share, 9)",
    ),
    Twin(
        "channels: what follows what",
        "flows.agg_transitions",
        channels.ALL_FOLLOWS.replace("$kind", "'channel'"),
        "journeys.fct_steps",
        channels.FOLLOWS.replace("COLUMN", "channel"),
        "from_name, to_name, pairs, customers, median_seconds",
    ),
    Twin(
        "gaps: kinds",
        "flows.agg_gaps",
        "select gap_kind, cast(sum(gap_count) as bigint) as gaps from flows.agg_gaps where journey_id = $journey "
        "group by gap_kind",
        "flows.fct_gaps",
        "select gap_kind, count(*) as gaps from flows.fct_gaps where journey_id = $journey group by gap_kind",
        "gap_kind, gaps",
    ),
    Twin(
        "stalled: pools",
        "flows.agg_stalled_customers",
        "select phase_id, cast(sum(open_count) as bigint) as customers from flows.agg_stalled_customers where "
        "journey_id = $journey and channel = 'all' and segment = 'all' group by phase_id having customers > 0",
        "journeys.fct_phase_intervals",
        "select phase_id, count(distinct customer_id) as customers from journeys.fct_phase_intervals "
        "where journey_id = $journey and outcome = 'pending' group by phase_id",
        "phase_id, customers",
    ),
)


def ask_pairs(release: Release, twins: Sequence[Twin] = TWINS) -> list[Pair]:
    """Times both ways to answer. Raises OtherResult where they come to other rows."""
    pairs = []
    for twin in twins:
        answers, seconds = [], []
        for query in (twin.asked_of_mart, twin.asked_of_finest):
            times = []
            for _ in range(ROUNDS):
                timed = _Timed.of(release)
                view = View(timed, Filters(journey=JOURNEY, version=ALL))
                chosen = f"select {twin.columns} from (\n{query}\n) as answer order by all"
                answer = view.ask(chosen.replace("LOCAL", view.local("occurred_at")), **_parameters(release, query))
                times.append(timed.seconds)
            answers.append(list(answer.rows))
            seconds.append(times)
        if answers[0] != answers[1]:
            odd = sorted(set(answers[0]) ^ set(answers[1]), key=str)[:4]
            raise OtherResult(f"{twin.name}: {twin.mart} and {twin.finest} have other rows, such as {odd}.")
        pairs.append(Pair(twin.name, twin.mart, twin.finest, *seconds))
    return pairs


def _parameters(release: Release, query: str) -> dict[str, Any]:
    known: dict[str, Any] = {"as_of": release.as_of.replace(tzinfo=None), "version": 1}
    return {name: value for name, value in known.items() if f"${name}" in query}


def look_at_pages(settings: Settings, data_set: DataSet) -> list[Felt]:
    """Opens each page in a browser, each time as somebody who comes for the first time, and chooses a level or so."""
    from playwright.sync_api import sync_playwright

    found = []
    with served(data_set) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(BROWSER_ARGUMENTS))
        for page in find_pages():
            paints, clicks = [], []
            for number in range(OPENED):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                tab = context.new_page()
                tab.goto(f"{address}/{page.name}?journey={JOURNEY}", wait_until="load")
                tab.wait_for_function(FIRST_PAINT)
                paints.append(float(tab.evaluate(FIRST_PAINT)))
                if (seconds := _click(tab, page, number)) is not None:
                    clicks.append(seconds)
                context.close()
            found.append(Felt(page.name, paints, clicks))
        browser.close()
    return found


# Which filter is clicked, and its options in turn: an answer that was given before is kept, and would be quick.
CLICKED = ("level", "segment", "journey")


def _click(tab: Any, page: Page, number: int) -> float | None:
    """Seconds from a choice to the page that shows it; None where the page has no such filter."""
    name = next((one for one in CLICKED if one in page.takes), None)
    if name is None:
        return None
    select = tab.locator(f"form.filters select[name={name}]")
    values = select.locator("option").evaluate_all("all => all.map(one => one.value)")
    others = [value for value in values if value != select.input_value()]
    if not others:
        return None
    began = time.perf_counter()
    chosen = others[number % len(others)]
    select.select_option(chosen)
    tab.wait_for_url(f"**{name}={chosen}*", wait_until="commit")
    tab.locator("section[data-counting]").first.wait_for(state="detached")
    # the page is replaced before its address: drawn as soon as the browser has a frame
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return time.perf_counter() - began


@contextlib.contextmanager
def served(data_set: DataSet) -> Iterator[str]:
    """`make dashboard` over the data set, until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "dashboard", "--port", str(port)],
        cwd=PROJECT_ROOT,
        env=data_set.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/current-release.json", timeout=5).read()
                break
            if process.poll() is not None:
                raise MeasuredFailure("make dashboard ended before it answered.")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def report(size: str, event_count: int, asked: Sequence[Asked], pairs: Sequence[Pair], felt: Sequence[Felt]) -> str:
    """The tables of one size."""
    slow = [one for one in asked if statistics.median(one.cpu_seconds) > MOST_CPU_SECONDS]
    lines = [
        f"### Pages: {size}, {event_count:,} events",
        "",
        f"Queries of each figure, {ROUNDS} times each, without kept answers; of several queries the sum.",
        "",
        "| page | choice | figures | p50 s | p95 s | dearest figure | its p50 s | its CPU s |",
        "|---|---|--:|--:|--:|---|--:|--:|",
    ]
    for page in dict.fromkeys(one.page for one in asked):
        for choice in CHOICES:
            of_choice = [one for one in asked if (one.page, one.choice) == (page, choice)]
            if not of_choice:
                continue
            seconds = [second for one in of_choice for second in one.seconds]
            worst = max(of_choice, key=lambda one: statistics.median(one.cpu_seconds))
            p50, p95, cpu = percentile(seconds, 50), percentile(seconds, 95), statistics.median(worst.cpu_seconds)
            lines.append(
                f"| {page} | {choice} | {len(of_choice)} | {p50:.3f} | {p95:.3f} "
                f"| {worst.question} | {percentile(worst.seconds, 50):.3f} | {cpu:.2f} |"
            )
    total = sum(sum(one.cpu_seconds) for one in asked) / ROUNDS
    lines += [
        "",
        f"All {len(asked)} figures once: {total:.1f} CPU seconds. "
        + (
            f"More than {MOST_CPU_SECONDS:.0f} CPU second: "
            + "; ".join(f"page {one.page}, figure {one.question}, by {one.choice}" for one in slow)
            + "."
            if slow
            else f"None takes more than {MOST_CPU_SECONDS:.0f} CPU second."
        ),
        "",
        "| question | mart | p50 s | p95 s | finest table | p50 s | p95 s | finest ÷ mart |",
        "|---|---|--:|--:|---|--:|--:|--:|",
        *(
            f"| {pair.name} | `{pair.mart}` | {percentile(pair.mart_seconds, 50):.4f} "
            f"| {percentile(pair.mart_seconds, 95):.4f} | `{pair.finest}` | {percentile(pair.finest_seconds, 50):.3f} "
            f"| {percentile(pair.finest_seconds, 95):.3f} "
            f"| **{percentile(pair.finest_seconds, 50) / percentile(pair.mart_seconds, 50):.0f}** |"
            for pair in pairs
        ),
    ]
    if felt:
        lines += [
            "",
            f"In Chromium, {OPENED} times each; the first time nothing is kept.",
            "",
            "| page | first paint, first time s | then p50 s | a filter, slowest s | p50 s |",
            "|---|--:|--:|--:|--:|",
            *(
                f"| {one.page} | {one.paints[0]:.2f} | {percentile(one.paints[1:], 50):.2f} "
                f"| {_or_none(max(one.clicks, default=None))} "
                f"| {_or_none(percentile(one.clicks, 50) if one.clicks else None)} |"
                for one in felt
            ),
        ]
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent are not above, one of those measured.

    >>> percentile([5.0, 1.0, 3.0], 50), percentile([5.0, 1.0, 3.0], 95)
    (3.0, 5.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _or_none(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
