"""Writes CSV that people open with a spreadsheet: no text in it is computed there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A header and rows as CSV: a text that a spreadsheet would take for a formula begins with an apostrophe.

    >>> csv_text(("name", "n"), [("=1+1", -1)]).splitlines()
    ['name,n', "'=1+1,-1"]
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([_harmless(column) for column in columns])
    writer.writerows([[_harmless(value) for value in row] for row in rows])
    return written.getvalue()


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
