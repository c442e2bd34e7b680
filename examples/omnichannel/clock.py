"""Bends even time into the year of a retailer: seasons, weekdays, hours of the day, opening hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

LOCAL_ZONE = ZoneInfo("Europe/Amsterdam")

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MONTH_WEIGHT = (0.92, 0.86, 0.98, 1.02, 1.08, 0.95, 0.84, 0.86, 0.98, 1.04, 1.34, 1.42)
WEEKDAY_WEIGHT = (0.96, 0.95, 0.95, 0.98, 1.00, 1.06, 1.16)
HOUR_WEIGHT = (
    0.25, 0.12, 0.06, 0.04, 0.05, 0.12, 0.35, 0.65, 0.85, 1.00, 1.12, 1.15,
    1.25, 1.15, 1.08, 1.05, 1.08, 1.12, 1.25, 1.60, 1.95, 1.90, 1.35, 0.65,
)  # fmt: skip
GROWTH_OVER_PERIOD = 0.2

OPENS, CLOSES = 9.5, 20.0
OPENS_ON_SUNDAY, CLOSES_ON_SUNDAY = 12.0, 18.0


@dataclass(frozen=True)
class Clock:
    """The simulated period. Instants are microseconds since 1970 in UTC, as int64.

    `even` time runs in days from 0 to `days`, at the same pace always; `at` bends it monotonically, so
    whatever is ordered in even time intervals ordered.
    """

    start: int
    end: int
    days: int
    hour_edges: np.ndarray
    even_edges: np.ndarray
    local_offset: np.ndarray

    def at(self, even: np.ndarray) -> np.ndarray:
        """Instants of even times, cut to the millisecond that tools write."""
        instants = np.interp(even, self.even_edges, self.hour_edges)
        return (instants // 1000).astype(np.int64) * 1000

    def even(self, instants: np.ndarray) -> np.ndarray:
        """Even times of instants: the inverse of `at`."""
        return np.interp(instants, self.hour_edges, self.even_edges)

    def local(self, instants: np.ndarray) -> np.ndarray:
        """Wall-clock readings in the retailer's country, as if they were UTC."""
        hour = np.clip((instants - self.start) // HOUR, 0, len(self.local_offset) - 1)
        return instants + self.local_offset[hour]

    def opening(self, instants: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The instants within opening hours as they are, the others put off to the next open moment."""
        local = self.local(instants)
        day, within = np.divmod(local, DAY)
        opens, closes = _opening_hours(day)
        hour = within / HOUR
        after = hour > closes
        next_day = day + after
        opens_then, closes_then = _opening_hours(next_day)
        put_off = next_day * DAY + ((opens_then + (closes_then - opens_then) * rng.beta(2, 2, len(day))) * HOUR)
        moved = np.where((hour < opens) | after, put_off.astype(np.int64), local)
        return ((moved - (local - instants)) // 1000) * 1000


def _opening_hours(day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    is_sunday = (day + 3) % 7 == 6  # 1 January 1970 was a Thursday
    return np.where(is_sunday, OPENS_ON_SUNDAY, OPENS), np.where(is_sunday, CLOSES_ON_SUNDAY, CLOSES)


def make_clock(as_of: datetime, days: int) -> Clock:
    """The clock of the `days` before `as_of`."""
    as_of = as_of.astimezone(UTC)
    first = as_of - timedelta(days=days)
    hours = [first + timedelta(hours=hour) for hour in range(days * 24)]
    local = [hour.astimezone(LOCAL_ZONE) for hour in hours]
    weight = np.array(
        [MONTH_WEIGHT[at.month - 1] * WEEKDAY_WEIGHT[at.weekday()] * HOUR_WEIGHT[at.hour] for at in local]
    )
    weight *= np.linspace(1, 1 + GROWTH_OVER_PERIOD, len(weight))
    even_edges = np.concatenate([[0.0], np.cumsum(weight / weight.sum() * days)])
    start, end = to_microseconds(first), to_microseconds(as_of)
    return Clock(
        start=start,
        end=end,
        days=days,
        hour_edges=np.linspace(start, end, len(even_edges)),
        even_edges=even_edges,
        local_offset=np.array(
            [to_microseconds(at.replace(tzinfo=UTC)) - to_microseconds(at) for at in local], dtype=np.int64
        ),
    )


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, without going through floats."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
