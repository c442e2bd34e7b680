"""Numbers, shares and moments as people say them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from orchestration.lib.core.shares import wilson


def count(number: float | None) -> str:
    """
    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return "–" if number is None else f"{number:,.0f}"


def percent(share: float | None) -> str:
    """
    >>> percent(0.1234), percent(0.0004), percent(0.995), percent(None)
    ('12 %', '0.04 %', '99.5 %', '–')
    """
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.1f} %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def duration(seconds: float | None) -> str:
    """
    >>> duration(93784), duration(45), duration(None)
    ('1.1 days', '45 seconds', '–')
    """
    if seconds is None:
        return "–"
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} seconds"


def interval(trues: int, trials: int) -> tuple[float, float] | None:
    """The 95 % Wilson interval of a share; None of nothing.

    >>> low, high = interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    return wilson(trues / trials, trials) if trials > 0 else None


def between(low: float | None, high: float | None) -> str:
    """
    >>> between(0.4, 0.55)
    '40 % to 55 %'
    """
    return "–" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def plural(number: int, noun: str) -> str:
    """
    >>> plural(1, "release"), plural(2, "release")
    ('1 release', '2 releases')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: list[str]) -> str:
    """
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else "none"


def moment(at: datetime | None) -> str:
    """
    >>> moment(datetime(2026, 7, 1, 5, 0, tzinfo=UTC))
    '1 July 2026, 05:00 UTC'
    """
    return "–" if at is None else f"{at.day} {at:%B %Y, %H:%M} UTC"


def day(at: date) -> str:
    """
    >>> day(datetime(2026, 7, 1, 5, 0, tzinfo=UTC))
    '1 July 2026'
    """
    return f"{at.day} {at:%B %Y}"


def cell(value: Any) -> str:
    """A value in a table.

    >>> cell(None), cell(1234567), cell(0.25), cell(date(2026, 6, 1)), cell(True)
    ('–', '1,234,567', '0.25', '2026-06-01', 'yes')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (float, Decimal)):
        return f"{value:,.4g}" if abs(float(value)) < 1000 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
