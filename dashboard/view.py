"""What a page sees: one release, the chosen filters, and a way to ask that keeps the SQL to be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.filters import ALL, Filters
from dashboard.release import Release, Table
from orchestration.lib.core import sql as spell


@dataclass
class View:
    """One look at a page. `queries` are those asked so far, as they can be pasted into `make sql`."""

    release: Release
    filters: Filters
    path: str = "/"
    extra: Mapping[str, str] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    suppressed_count: int = 0

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
        self, query: str, keys: Sequence[str], *, customers: str = "customers", **parameters: Any
    ) -> Table:
        """As `ask`, but by segment without the rows that would reveal single people.

        A row of a segment is left out where fewer than `min_cell_size` customers are in it, or where so few of all
        customers of the row are outside of the segment (but not none), as in the marts. They are counted in
        `suppressed_count`.
        """
        answer = self.ask(query, **parameters)
        if self.filters.segment == ALL:
            return answer
        text, values = self._complete(query, replace(self.filters, segment=ALL), parameters)
        of_all = {tuple(row[key] for key in keys): row[customers] for row in self.release.ask(text, values)}
        kept = []
        for values_of_row, row in zip(answer.rows, answer, strict=True):
            count, outside = row[customers], of_all.get(tuple(row[key] for key in keys), 0) - row[customers]
            if count < self.min_cell_size or 0 < outside < self.min_cell_size:
                self.suppressed_count += 1
            else:
                kept.append(values_of_row)
        return Table(answer.columns, kept)

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
        return f"date {spell.literal(value)}" if hasattr(value, "isoformat") else spell.literal(value)

    return re.sub(r"\$([a-z_]\w*)", written, text)
