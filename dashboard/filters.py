"""Filters live in the address of a page: what it shows can be shared, and a browser's back button goes back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlencode

from dashboard.release import Release

ALL = "all"
# A page that takes it, too, offers all journeys together: `Filters.journey` is then empty.
ALL_JOURNEYS = "all journeys"
NAMES = ("journey", "version", "since", "until", "segment", "channel", "level", "kpi")
LEVELS = (
    ("micro", "micro: one channel"),
    ("macro", "macro: channel after channel"),
    ("omni", "omni: between channels"),
)


@dataclass(frozen=True)
class Choice:
    """A filter as a page offers it: pairs of value and name, the first of which is the default."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    value: str

    @property
    def is_set(self) -> bool:
        return self.value != self.options[0][0]


@dataclass(frozen=True)
class Own:
    """A filter of one page. `options` asks for pairs of value and name, the default first.

    It may name filters of its page that come before it ($name); queries of figures have the value under its name.
    """

    name: str
    label: str
    options: str


@dataclass(frozen=True)
class Filters:
    """What is chosen. `since` and `until` are months (2026-03), both included; empty where nothing is chosen.

    `own` are the page's own filters; one without an option has the value "".
    """

    journey: str = ""
    version: str = ALL
    since: str = ""
    until: str = ""
    segment: str = ALL
    channel: str = ALL
    level: str = ALL
    kpi: str = ""
    own: tuple[Choice, ...] = ()
    # what the address asks for and the release doesn't have
    unknown: tuple[str, ...] = field(default=(), compare=False)

    @property
    def first_day(self) -> date | None:
        return date.fromisoformat(f"{self.since}-01") if self.since else None

    @property
    def day_after(self) -> date | None:
        """The first day after the period; None where it is open."""
        if not self.until:
            return None
        last = date.fromisoformat(f"{self.until}-01")
        return date(last.year + last.month // 12, last.month % 12 + 1, 1)

    def address(self, **changes: str) -> str:
        """The query of an address that shows the same with `changes`; what is a default is left out."""
        own = {choice.name: choice.value for choice in self.own if choice.is_set}
        chosen = {name: getattr(self, name) for name in NAMES} | own | changes
        # a journey named `all` is a journey, and no filter left open
        return urlencode(
            {name: value for name, value in chosen.items() if value and (value != ALL or name == "journey")}
        )

    @property
    def own_values(self) -> dict[str, str]:
        return {choice.name: choice.value for choice in self.own}


def read_filters(
    release: Release, asked: Mapping[str, str], takes: Sequence[str | Own]
) -> tuple[Filters, list[Choice]]:
    """The filters of an address, and what a page that takes these filters offers of each."""
    choices: list[Choice] = []
    filters = Filters()
    unknown = []
    for name in (name for name in NAMES if name in takes):
        label, options = _options(release, name, filters)
        if name == "journey" and ALL_JOURNEYS in takes:
            options = [("", "all journeys"), *options]
        if not options:
            continue
        wanted = asked.get(name, "")
        if name == "journey" and not wanted and "kpi" in takes:
            # a link to a KPI need not name its journey
            wanted = next((row[0] for row in release.ask(JOURNEY_OF_KPI, {"kpi": asked.get("kpi", "")}).rows), "") or ""
        values = [value for value, _ in options]
        value = wanted if wanted in values else values[0]
        # the journey wins over a KPI of another one, and says so
        is_moved = name == "kpi" and "journey" in asked and len(release.ask(JOURNEY_OF_KPI, {"kpi": wanted})) > 0
        if is_moved and wanted not in values:
            unknown.append(f"The KPI “{wanted[:60]}” is of another journey; shown is {options[0][1]}.")
        elif wanted and wanted not in values:
            unknown.append(f"{label} “{wanted[:60]}” is not in this release; shown is {options[0][1]}.")
        filters = replace(filters, **{name: value})  # type: ignore[arg-type]  # names of texts
        choices.append(Choice(name, label, options, value))
    for own in (one for one in takes if isinstance(one, Own)):
        named = set(re.findall(r"\$(\w+)", own.options))
        offered = _pairs(release, own.options, **{n: v for n, v in filters.own_values.items() if n in named})
        wanted = asked.get(own.name, "")
        first = offered[0] if offered else ("", "")
        value = wanted if wanted in {value for value, _ in offered} else first[0]
        if wanted and wanted != value and offered:
            unknown.append(f"{own.label} “{wanted[:60]}” is not in this release; shown is {first[1]}.")
        choice = Choice(own.name, own.label, offered or [first], value)
        filters = replace(filters, own=(*filters.own, choice))
        if offered:
            choices.append(choice)
    if filters.since and filters.until and filters.since > filters.until:
        unknown.append("The period ends before it begins, so nothing is in it.")
    return replace(filters, unknown=tuple(unknown)), choices


def _options(release: Release, name: str, chosen: Filters) -> tuple[str, list[tuple[str, str]]]:
    """The label of a filter and its options, the default first."""
    if name == "journey":
        return "Journey", _pairs(release, JOURNEYS)
    if name == "version":
        versions = _pairs(release, VERSIONS, journey=chosen.journey)
        return "Version", [(ALL, "all versions"), *versions] if len(versions) > 1 else []
    if name in ("since", "until"):
        months = _pairs(release, MONTHS)
        return ("From", [("", "the beginning"), *months]) if name == "since" else ("To", [("", "now"), *months[::-1]])
    if name == "segment":
        return "Segment", [(ALL, "all customers"), *_pairs(release, SEGMENTS)]
    if name == "channel":
        return "Channel", [(ALL, "all channels"), *_pairs(release, CHANNELS)]
    if name == "kpi":
        return "KPI", _pairs(release, KPIS, journey=chosen.journey)
    return "Level", [(ALL, "all levels"), *LEVELS]


def _pairs(release: Release, sql: str, **parameters: str) -> list[tuple[str, str]]:
    return [(str(value), str(label)) for value, label in release.ask(sql, parameters).rows]


# the journey with most customers first: it is what a first look is about
JOURNEYS = """
select journeys.journey_id, max_by(journeys.journey_name, journeys.journey_version)
from journeys.dim_journeys as journeys
left join (select journey_id, count(*) as instances from journeys.fct_journeys group by journey_id) as counted
    on counted.journey_id = journeys.journey_id
group by journeys.journey_id, counted.instances
order by coalesce(counted.instances, 0) desc, journeys.journey_id
"""
VERSIONS = """
select journey_version, 'version ' || journey_version
from journeys.dim_journeys where journey_id = $journey order by journey_version desc
"""
MONTHS = """
select distinct strftime(month_starts_on, '%Y-%m'), strftime(month_starts_on, '%B %Y')
from core.dim_dates order by 1
"""
SEGMENTS = (
    "select segment, segment_name from customers.dim_segments where segment <> 'all' order by segment_name, segment"
)
CHANNELS = """
select channel, coalesce(channel_name, channel) from core.dim_channels
where event_count > 0 order by event_count desc, channel
"""
# in the order of the phases; KPIs of no journey are in the list of each
KPIS = """
select kpis.kpi_id,
    kpis.kpi_name || case
        when kpis.journey_id is null then ' (no journey)' else coalesce(' (' || phases.phase_name || ')', '')
    end
from kpis.dim_kpis as kpis
left join (
    select phase_id, max_by(phase_name, journey_version) as phase_name,
        max_by(phase_order, journey_version) as phase_order
    from journeys.dim_phases where journey_id = $journey group by phase_id
) as phases on phases.phase_id = kpis.phase_id
where kpis.journey_id = $journey or kpis.journey_id is null
order by kpis.journey_id is null, coalesce(phases.phase_order, 0), kpis.phase_id, kpis.tier, kpis.kpi_name, kpis.kpi_id
"""
JOURNEY_OF_KPI = "select journey_id from kpis.dim_kpis where kpi_id = $kpi"
