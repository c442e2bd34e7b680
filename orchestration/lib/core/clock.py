"""Instants as Python, DuckDB and the models write them. Everything is UTC; a time without a zone is taken as UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """The instant with the zone UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plain_utc(moment: datetime) -> datetime:
    """The instant as DuckDB's TIMESTAMP holds it: UTC without a zone."""
    return in_utc(moment).replace(tzinfo=None)


def iso_text(moment: datetime) -> str:
    """The instant in ISO 8601: `2026-07-01T00:00:00+00:00`."""
    return in_utc(moment).isoformat()


def timestamp_text(moment: datetime) -> str:
    """The instant as the models read it: `2026-07-01 00:00:00`, UTC without an offset.

    >>> timestamp_text(datetime.fromisoformat("2026-07-01T02:00:00+02:00"))
    '2026-07-01 00:00:00'
    """
    return plain_utc(moment).isoformat(sep=" ")
