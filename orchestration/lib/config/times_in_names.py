"""Reads the time of a delivery from the name of its file."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from functools import cache

# The parts of a time in names of files, as strftime writes them.
_PARTS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%H": r"\d{2}", "%M": r"\d{2}", "%S": r"\d{2}"}
_PARTS |= {"%y": r"\d{2}", "%j": r"\d{3}", "%f": r"\d{1,6}", "%b": r"[A-Za-z]{3}"}
_PART = re.compile("%.?")


@cache
def pattern_of_time(text: str) -> re.Pattern[str]:
    """The regular expression of a pattern such as `orders_%Y-%m-%d`.

    Raises ValueError for an unknown part, for one that comes twice, and for a pattern that says no day.
    """
    parts = _PART.findall(text)
    day = {"%Y", "%y"} & set(parts) and (({"%m", "%b"} & set(parts) and "%d" in parts) or "%j" in parts)
    if not set(parts) <= set(_PARTS) or len(set(parts)) < len(parts) or not day:
        raise ValueError(f"{text!r} says no time")
    pieces = _PART.split(text)
    found = re.escape(pieces[0])
    for part, literal in zip(parts, pieces[1:], strict=True):
        found += f"({_PARTS[part]})" + re.escape(literal)
    return re.compile(found)


def time_in_name(path: str, pattern: str) -> datetime | None:
    """The last time that a path has in the pattern; None where it has none, or one that does not exist.

    >>> time_in_name("shop/orders/2026/orders_2026-01-31.csv", "orders_%Y-%m-%d")
    datetime.datetime(2026, 1, 31, 0, 0)
    """
    parts = _PART.findall(pattern)
    for found in reversed(list(pattern_of_time(pattern).finditer(path))):
        with contextlib.suppress(ValueError):
            return datetime.strptime(" ".join(found.groups()), " ".join(parts))
    return None
