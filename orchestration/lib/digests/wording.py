"""Says values, changes and periods as people say them: in their unit, and whether a change is for the better."""

from __future__ import annotations

import re
from datetime import date, timedelta

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# Of a longer time seconds are not worth a word.
SECONDS_BELOW = 10 * MINUTE
STATUS_WORDS = {"red": "red", "amber": "amber", "green": "green", "no_data": "no data"}
# How a terminal shows them (core/terminal.py).
STATUS_STYLES = {"red": "red", "amber": "amber", "green": "green", "no_data": "faint"}


def amount(value: float | None, unit: str) -> str:
    """A value as people say it in its unit.

    >>> amount(0.3741, "share"), amount(1.0481, "ratio"), amount(93784, "seconds"), amount(1234.5, "EUR")
    ('37.4 %', '1.05', '1 d 2 h', '1,234.50 EUR')
    >>> amount(0.04819, "wishes"), amount(None, "share")
    ('0.0482 wishes', '–')
    """
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "ratio":
        return f"{value:,.3g}"
    if unit == "seconds":
        return _duration(value)
    if unit.isupper() and len(unit) == 3:
        return f"{value:,.2f} {unit}"
    if value == round(value):
        return f"{value:,.0f} {unit}"
    return f"{value:,.2f} {unit}" if abs(value) >= 1 else f"{value:.3g} {unit}"


def change(difference: float | None, unit: str, direction: str) -> str:
    """How far a value went, and whether that is for the better.

    >>> change(-0.031, "share", "up"), change(0.0, "EUR", "up"), change(None, "EUR", "up")
    ('−3.1 points, worse', 'unchanged', '–')
    >>> change(0.0003, "share", "up")
    'unchanged'
    """
    if difference is None:
        return "–"
    if _is_nothing(difference, unit):
        return "unchanged"
    size = f"{100 * abs(difference):.1f} points" if unit == "share" else amount(abs(difference), unit)
    is_better = (difference > 0) == (direction == "up")
    return f"{'+' if difference > 0 else '−'}{size}, {'better' if is_better else 'worse'}"


def change_arrow(difference: float | None, unit: str, direction: str) -> str:
    """Where a value went and what that means, in a few characters.

    >>> change_arrow(-0.1, "share", "down"), change_arrow(-0.1, "share", "up"), change_arrow(0.0003, "share", "up")
    ('↘ better', '↘ worse', '→')
    >>> change_arrow(None, "share", "up")
    ''
    """
    if difference is None:
        return ""
    if _is_nothing(difference, unit):
        return "→"
    is_better = (difference > 0) == (direction == "up")
    return f"{'↗' if difference > 0 else '↘'} {'better' if is_better else 'worse'}"


NO_BREAK = "\u00a0"
PERCENT = re.compile(r"(?<=\d) (?=%)")
# not within a tag: attributes are no lines
SHOWN_PERCENT = re.compile(r"(?<=\d) (?=%)(?![^<]*>)")


def unbroken(text: str) -> str:
    """A text in which no line begins with a percent sign.

    >>> unbroken("15.1 % to 21.2 % of 1,200") == "15.1\\u00a0% to 21.2\\u00a0% of 1,200"
    True
    """
    return PERCENT.sub(NO_BREAK, text)


def unbroken_html(page: str) -> str:
    """HTML whose shown text has no line that begins with a percent sign.

    >>> unbroken_html('<i title="5 %">5 %</i> 6 %') == '<i title="5 %">5\\u00a0%</i> 6\\u00a0%'
    True
    """
    return SHOWN_PERCENT.sub(NO_BREAK, page)


def day(one: date) -> str:
    """A day as people say it.

    >>> day(date(2026, 6, 3))
    '3 June 2026'
    """
    return f"{one.day} {one:%B %Y}"


def period(first: date, last: date) -> str:
    """The days from one to another as people say them.

    >>> period(date(2026, 6, 1), date(2026, 6, 30)), period(date(2026, 6, 22), date(2026, 6, 28))
    ('June 2026', '22 to 28 June 2026')
    >>> period(date(2026, 6, 29), date(2026, 7, 5)), period(date(2025, 12, 29), date(2026, 1, 4))
    ('29 June to 5 July 2026', '29 December 2025 to 4 January 2026')
    >>> period(date(2026, 6, 3), date(2026, 6, 3))
    '3 June 2026'
    """
    if first == last:
        return day(first)
    is_one_month = (first.year, first.month) == (last.year, last.month)
    if is_one_month and first.day == 1 and (last + timedelta(days=1)).day == 1:
        return f"{first:%B %Y}"
    begin = f"{first.day}" if is_one_month else f"{first.day} {first:%B}" if first.year == last.year else day(first)
    return f"{begin} to {day(last)}"


def _is_nothing(difference: float, unit: str) -> bool:
    """Whether a difference is nothing at the precision at which it is shown: +0.0 points are no better."""
    return abs(difference) < 1e-9 or not re.search("[1-9]", amount(abs(difference), unit))


def _duration(seconds: float) -> str:
    whole = round(seconds)
    for size, name, smaller, smaller_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size:,} {name}" + (f" {rest} {smaller_name}" if rest else "")
    if whole >= SECONDS_BELOW or (whole >= MINUTE and whole % MINUTE == 0):
        return f"{whole // MINUTE} min"
    return f"{whole // MINUTE} min {whole % MINUTE} s" if whole >= MINUTE else f"{whole} s"
