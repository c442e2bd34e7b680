"""Says values and their changes as people say them: in their unit, and whether a change is for the better."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def amount(value: float | None, unit: str) -> str:
    """A value as people say it in its unit.

    >>> amount(0.3741, "share"), amount(1.0481, "ratio"), amount(93784, "seconds"), amount(1234.5, "EUR")
    ('37.4 %', '1.05', '1 d 2 h', '1,234.50 EUR')
    >>> amount(None, "share")
    '–'
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
    return f"{value:,.0f} {unit}" if value == round(value) else f"{value:,.2f} {unit}"


def change(difference: float | None, unit: str, direction: str) -> str:
    """How far a value went, and whether that is for the better.

    >>> change(-0.031, "share", "up"), change(0.0, "EUR", "up"), change(None, "EUR", "up")
    ('−3.1 points, worse', 'unchanged', '–')
    """
    if difference is None:
        return "–"
    if abs(difference) < 1e-9:
        return "unchanged"
    size = f"{100 * abs(difference):.1f} points" if unit == "share" else amount(abs(difference), unit)
    is_better = (difference > 0) == (direction == "up")
    return f"{'+' if difference > 0 else '−'}{size}, {'better' if is_better else 'worse'}"


def change_arrow(difference: float | None, direction: str) -> str:
    """Where a value went and what that means, in a few characters.

    >>> change_arrow(-0.1, "down"), change_arrow(-0.1, "up"), change_arrow(0.0, "up"), change_arrow(None, "up")
    ('↘ better', '↘ worse', '→', '')
    """
    if difference is None:
        return ""
    if abs(difference) < 1e-9:
        return "→"
    is_better = (difference > 0) == (direction == "up")
    return f"{'↗' if difference > 0 else '↘'} {'better' if is_better else 'worse'}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    for size, name, smaller, smaller_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size:,} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole // MINUTE} min" if whole >= MINUTE else f"{whole} s"
