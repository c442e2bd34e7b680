"""Turns rows into JSON of bounded size: what is cut says so."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from assistants.limits import MOST_CHARACTERS, VALUE_CHARACTERS

# A client's numbers are often floats: larger whole numbers would lose their last digits.
LARGEST_NUMBER = 2**53


def as_json(value: Any, depth: int = 0) -> Any:
    """One value of a row as JSON has it; long texts and lists are cut and say how long they were."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_NUMBER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return as_json(float(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _cut(bytes(value[: VALUE_CHARACTERS + 1]).hex(), 2 * len(value))
    if depth > 5:
        return "…"
    if isinstance(value, dict):
        shown = {_cut(str(key)): as_json(one, depth + 1) for key, one in list(value.items())[:100]}
        return shown if len(value) <= 100 else shown | {"…": f"{len(value)} keys"}
    if isinstance(value, list | tuple):
        listed = [as_json(one, depth + 1) for one in value[:100]]
        return listed if len(value) <= 100 else [*listed, f"… {len(value)} values"]
    return _cut(str(value))


def _cut(text: str, length: int | None = None) -> str:
    length = len(text) if length is None else length
    return text if length <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}… ({length:,} characters)"


def bounded_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, characters: int = MOST_CHARACTERS
) -> tuple[list[dict[str, Any]], bool]:
    """The rows as dicts, as many as fit into so many characters of JSON, and whether some did not."""
    names, found = _distinct(columns), list[dict[str, Any]]()
    left = characters
    for row in rows:
        shown = dict(zip(names, (as_json(value) for value in row), strict=True))
        left -= len(json.dumps(shown, ensure_ascii=False))
        if left < 0:
            return found, True
        found.append(shown)
    return found, False


def _distinct(columns: Sequence[str]) -> list[str]:
    """Names of columns, each once: two columns of one query may have the same."""
    names: list[str] = []
    for column in columns:
        name, number = _cut(column), 2
        while name in names:
            name, number = f"{_cut(column)}_{number}", number + 1
        names.append(name)
    return names
