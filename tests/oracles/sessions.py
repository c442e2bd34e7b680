"""Splits each visitor's events into sessions.

A gap of the inactivity limit or more opens a session; so does the first event `session_max_hours` or more
after the session's first. Gaps are measured exactly, microseconds included: 1,799.6 s is shorter than 1,800
s.

Readings chosen where the design leaves room:

- Bots and events after `as_of` are left out before gaps are measured, so a bot never bridges a silence.
- The event that splits after 24 hours is the next session's first, and the 24 hours begin again with it.
- `customer_id` is the customer of the session's first event, `ended_at` the instant of its last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from tests.oracles.feed import Row
from tests.oracles.timeline import counted, total_order


def session_id(first_event_id: str) -> str:
    """Returns the name this oracle gives a session: only which events share it has meaning."""
    return f"s_{first_event_id}"


def sessions_of_events(
    events: Iterable[Mapping[str, Any]],
    priorities: Mapping[str, int],
    *,
    inactivity_seconds: int = 1800,
    max_hours: int = 24,
) -> dict[str, str]:
    """Returns the session of every event that has one."""
    by_visitor: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if event["visitor_id"] is not None and counted(event):
            by_visitor[event["visitor_id"]].append(event)

    found = {}
    for of_visitor in by_visitor.values():
        first = previous = of_visitor[0]
        for event in of_visitor:
            silence = event["occurred_at"] - previous["occurred_at"]
            length = event["occurred_at"] - first["occurred_at"]
            if silence >= timedelta(seconds=inactivity_seconds) or length >= timedelta(hours=max_hours):
                first = event
            found[event["event_id"]] = session_id(first["event_id"])
            previous = event
    return found


def session_rows(
    events: Iterable[Mapping[str, Any]], found: Mapping[str, str], priorities: Mapping[str, int]
) -> list[Row]:
    """Returns one row per session, shaped like `core.fct_sessions`, and `first_event_id`."""
    by_session: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if event["event_id"] in found:
            by_session[found[event["event_id"]]].append(event)
    return [
        {
            "session_id": session,
            "first_event_id": inside[0]["event_id"],
            "visitor_id": inside[0]["visitor_id"],
            "customer_id": inside[0]["customer_id"],
            "event_count": len(inside),
            "started_at": inside[0]["occurred_at"],
            "ended_at": inside[-1]["occurred_at"],
        }
        for session, inside in sorted(by_session.items())
    ]
