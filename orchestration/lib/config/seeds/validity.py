"""The days on which versions of a journey are valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.lib.config.seeds.rows import SeedRow

# What an empty end of a validity means.
VALIDITY_ENDS = {"valid_from": date.min, "valid_to": date.max}


@dataclass(frozen=True)
class Version:
    """A row of journeys.csv with its days; empty ends are the first and the last day that can be."""

    row: SeedRow
    valid_from: date
    valid_to: date

    def __str__(self) -> str:
        return f"version {self.row.get('journey_version')} of journey {self.row.get('journey_id')}"


def versions_in_time(journeys: Iterable[SeedRow]) -> dict[str | None, list[Version]]:
    """The versions of each journey in the order of their days; rows with a wrong day are left out."""
    versions: dict[str | None, list[Version]] = {}
    for row in sorted(journeys, key=lambda row: (row.typed.get("valid_from", date.min), row.line)):
        if not VALIDITY_ENDS.keys() & row.wrong.keys():
            days = (row.typed.get(name, day) for name, day in VALIDITY_ENDS.items())
            versions.setdefault(row.get("journey_id"), []).append(Version(row, *days))
    return versions


def days_shown(first: date, after: date) -> str:
    """The days from the first up to, not including, another, as a sentence says them.

    >>> days_shown(date(2026, 1, 1), date(2026, 1, 3)), days_shown(date(2026, 1, 1), date.max)
    ('from 2026-01-01 to 2026-01-02', 'from 2026-01-01 on')
    """
    if first == date.min and after == date.max:
        return "on all days"
    if first == date.min:
        return f"up to {after - timedelta(days=1)}"
    if after == date.max:
        return f"from {first} on"
    if after - first == timedelta(days=1):
        return f"on {first}"
    return f"from {first} to {after - timedelta(days=1)}"
