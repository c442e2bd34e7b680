"""What a page sees: one release, the chosen filters, and a way to ask that keeps the SQL to be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from dashboard.filters import ALL, Filters
from dashboard.release import Release, Table
from orchestration.lib.core import sql as spell

TOO_FEW = "Of this segment too few customers are in it, or outside of it, to show anything."
CUSTOMERS = "select count(distinct customer_id) as customers from ({instances}) as instances"


@dataclass
class View:
    """One look at a page. `queries` are those asked so far, as they can be pasted into `make sql`."""

    release: Release
    filters: Filters
    path: str = "/"
    extra: Mapping[str, str] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    suppressed_count: int = 0
    hidden: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def min_cell_size(self) -> int:
        return self.release.min_cell_size

    def ask(self, query: str, **parameters: Any) -> Table:
        """Answers a query: `{instances}` stands for the chosen instances, `$journey` and the like for filters."""
        text, values = self._complete(query, self.filters, parameters)
        self.queries.append(_shown(text, values))
        return self.release.ask(text, values)

    def look_up(self, query: str) -> Table:
        """Answers a query about names, which isn't worth showing beside a figure."""
        text, values = self._complete(query, self.filters, {})
        return self.release.ask(text, values)

    def ask_by_group(
        self,
        query: str,
        keys: Sequence[str],
        *,
        customers: str = "customers",
        within: Sequence[str] = (),
        **parameters: Any,
    ) -> Table:
        """As `ask`, but by segment without the rows that would reveal single people.

        A row of a segment is left out where fewer than `min_cell_size` customers are in it, or where so few of all
        customers of the row are outside of the segment (but not none), as in the marts. Where a single row of those
        with equal `within` is left out, or several with few customers together, the smallest other one is left out as
        well: they would follow from a total. `hidden` has the keys of what is left out, `suppressed_count` counts it.
        """
        self.hidden = set()
        answer = self.ask(query, **parameters)
        if self.filters.segment == ALL:
            return answer
        text, values = self._complete(query, replace(self.filters, segment=ALL), parameters)
        # of all customers only how many they are is needed: what isn't selected, isn't counted
        counts = f"select {', '.join(map(spell.name, (*keys, customers)))} from (\n{text}\n) as of_all"
        of_all = {row[:-1]: row[-1] for row in self.release.ask(counts, values).rows}
        groups: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], int]]] = {}
        for row in answer:
            key, count = tuple(row[key] for key in keys), row[customers]
            groups.setdefault(tuple(row[name] for name in within), []).append((key, count))
            if self.is_few(count) or self.is_few(of_all.get(key, count + 1) - count, none_is_few=False):
                self.hidden.add(key)
        for rows in groups.values():
            small = [count for key, count in rows if key in self.hidden]
            if small and (len(small) == 1 or sum(small) < self.min_cell_size):
                shown = [(count, key) for key, count in rows if key not in self.hidden]
                self.hidden |= {min(shown, key=lambda one: (one[0], str(one[1])))[1]} if shown else set()
        self.suppressed_count += len(self.hidden)
        kept = [
            values_of_row
            for values_of_row, row in zip(answer.rows, answer, strict=True)
            if tuple(row[key] for key in keys) not in self.hidden
        ]
        return Table(answer.columns, kept)

    def is_few(self, count: int, *, none_is_few: bool = True) -> bool:
        """Whether so few customers could be recognised."""
        return count < self.min_cell_size and (count > 0 or none_is_few)

    @property
    def is_too_small(self) -> bool:
        """Whether so few of the chosen segment have a chosen instance, or so few others, that nothing may be shown."""
        if self.filters.segment == ALL:
            return False
        counts = []
        for segment in (self.filters.segment, ALL):
            text, values = self._complete(CUSTOMERS, replace(self.filters, segment=segment), {})
            counts.append(self.release.ask(text, values).first()["customers"])
        return self.is_few(counts[0]) or self.is_few(counts[1] - counts[0], none_is_few=False)

    def address(self, **changes: str) -> str:
        """The address of this page with other filters."""
        return f"{self.path}?{self.filters.address(**changes)}"

    def kept(self, *names: str) -> dict[str, str]:
        """What else the address says under these names, to be said again in a link."""
        return {name: self.extra[name] for name in names if name in self.extra}

    def local(self, instant: str) -> str:
        """SQL of an instant as clocks of the reporting time zone show it: the marts' days are days there."""
        zone = self.release.time_zone
        return instant if zone == "UTC" else f"timezone({spell.literal(zone)}, timezone('UTC', {instant}))"

    @property
    def is_filtered(self) -> bool:
        """Whether more is chosen than journey and version, which the marts are by."""
        return bool(self.filters.address(journey="", version=""))

    def _complete(self, query: str, filters: Filters, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        text = query.strip()
        if "{instances}" in text:
            text = text.replace("{instances}", _instances(filters, self.local("started_at")))
        text = re.sub(r"\{month_of (\w+(?:\.\w+)?)\}", lambda of: f"date_trunc('month', {self.local(of[1])})", text)
        values = {
            "journey": filters.journey,
            "version": None if filters.version == ALL else int(filters.version),
            "since": filters.first_day,
            "until": filters.day_after,
            "segment": filters.segment,
            "channel": filters.channel,
            "level": filters.level,
            "kpi": filters.kpi,
            **filters.own_values,
            **parameters,
        }
        used = set(re.findall(r"\$([a-z_]\w*)", text))
        return text, {name: values[name] for name in used}


def _instances(filters: Filters, started_at: str) -> str:
    """The instances that the filters choose, as a subquery: those that began in the period and pass the others."""
    conditions = ["journey_id = $journey"]
    if filters.version != ALL:
        conditions.append("journey_version = $version")
    if filters.since:
        conditions.append(f"{started_at} >= $since")
    if filters.until:
        conditions.append(f"{started_at} < $until")
    if filters.level != ALL:
        conditions.append("level = $level")
    if filters.segment != ALL:
        conditions.append("customer_id in (select customer_id from customers.segment_members where segment = $segment)")
    if filters.channel != ALL:
        conditions.append(
            "journey_instance_id in (select journey_instance_id from journeys.fct_steps where journey_id = $journey "
            "and channel = $channel)"
        )
    return "select * from journeys.fct_journeys\n    where " + "\n        and ".join(conditions)


def _shown(text: str, values: Mapping[str, Any]) -> str:
    """A query with its parameters written out, to be pasted."""

    def written(found: re.Match[str]) -> str:
        value = values[found[1]]
        if value is None:
            return "null"
        if isinstance(value, datetime):
            return f"timestamp {spell.literal(value)}"
        return f"date {spell.literal(value)}" if isinstance(value, date) else spell.literal(value)

    return re.sub(r"\$([a-z_]\w*)", written, text)
