"""Reads rows of the feed as text and returns them typed: instants, numbers, identifiers, properties.

Instants are naive datetimes in UTC, as the warehouse's TIMESTAMP columns return them. A time without an
offset is UTC; a text without content is None.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Returns a CSV file's rows as dicts of text, or no rows where there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_seeds(folder: Path) -> dict[str, list[Row]]:
    """Returns every seed of a folder under its name without the ending."""
    return {path.stem: read_rows(path) for path in sorted(folder.glob("*.csv"))}


def moment(text: str | None) -> datetime | None:
    """Returns the instant that an ISO 8601 text names, naive and in UTC.

    >>> moment("2026-01-05T10:00:00+02:00")
    datetime.datetime(2026, 1, 5, 8, 0)
    """
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)


def moment_text(instant: datetime) -> str:
    """Returns an instant as the feed writes it: ISO 8601 with a Z."""
    return instant.isoformat() + "Z"


def truth(text: str | None) -> bool:
    """Returns whether a seed's text says yes."""
    return (text or "").strip().lower() in {"true", "1", "yes"}


def whole(text: str | None) -> int | None:
    """Returns a text as an integer, None when it is empty."""
    return int(text) if text else None


def event_rows(rows: Iterable[Mapping[str, str]]) -> list[Row]:
    """Returns rows of feed.events with their types; columns that only describe are text or None."""
    typed = []
    for row in rows:
        event: Row = {name: value or None for name, value in row.items()}
        event["occurred_at"] = moment(row["occurred_at"])
        event["updated_at"] = moment(row.get("updated_at"))
        event["sequence_number"] = whole(row.get("sequence_number"))
        event["amount"] = Decimal(row["amount"]) if row.get("amount") else None
        for score in ("feedback_score", "feedback_scale_min", "feedback_scale_max"):
            event[score] = float(row[score]) if row.get(score) else None
        event["identifiers"] = json.loads(row.get("identifiers") or "{}")
        event["properties"] = json.loads(row.get("properties") or "{}")
        typed.append(event)
    return typed


def people_rows(rows: Iterable[Mapping[str, str]]) -> list[Row]:
    """Returns rows of feed.people with their types."""
    typed = []
    for row in rows:
        person: Row = {name: value or None for name, value in row.items()}
        person["updated_at"] = moment(row["updated_at"])
        person["identifiers"] = json.loads(row.get("identifiers") or "{}")
        typed.append(person)
    return typed
