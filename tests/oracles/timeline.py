"""Puts events in their one order, numbers each customer's, and marks bots and events after the clock.

Readings chosen where the design leaves room:

- Source priority ascends: 1 comes before 2, a source that no row declares has 100.
- `event_number` counts all of a customer's events from 1, bots and events after `as_of` included.
- An event at `as_of` itself is not after it.
- A bot rule compares without regard to case, both for `equals` and for `contains`; no value matches no rule.
  `user_agent` is the property of that name; `property:<key>` is any other property, as text.
- A score is scaled from 0 to 1 between the ends of its scale, which begins at 0 for nps and at 1 for csat and ces
  unless the row says otherwise; a score off its scale, or on one of a single point, has no scaled score.
- `is_identified`: the event's customer is a known person, whether or not the event itself named one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.oracles.feed import Row, whole

DEFAULT_SOURCE_PRIORITY = 100

OrderKey = tuple[datetime, int, bool, int, str, int, str]


def source_priorities(sources: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """Returns the priority of each source that the seed gives one."""
    priorities = {}
    for source in sources:
        priority = whole(source.get("priority"))
        if priority is not None:
            priorities[source["source_system"]] = priority
    return priorities


def total_order(priorities: Mapping[str, int]) -> Callable[[Mapping[str, Any]], OrderKey]:
    """Returns the sort key of events: instant, source priority, sequence number (none last), event id (`natural`)."""

    def key(event: Mapping[str, Any]) -> OrderKey:
        sequence = event.get("sequence_number")
        return (
            event["occurred_at"],
            priorities.get(event["source_system"], DEFAULT_SOURCE_PRIORITY),
            sequence is None,
            sequence or 0,
            *natural(event["event_id"]),
        )

    return key


def natural(event_id: str) -> tuple[str, int, str]:
    """Returns an id's place among ids: the text before its trailing digits, their number, and all of it.

    >>> sorted(["b2:10", "b2:9", "b1:11", "b2", "b2:09", "c"], key=natural)
    ['b2', 'b1:11', 'b2:09', 'b2:9', 'b2:10', 'c']
    """
    digits = 0
    while digits < len(event_id) and event_id[-1 - digits] in "0123456789":
        digits += 1
    cut = len(event_id) - digits
    return event_id[:cut], int(event_id[cut:] or "0"), event_id


def property_text(event: Mapping[str, Any], name: str) -> str | None:
    """Returns an event's property as text: a text as it is, anything else as JSON writes it."""
    value = event.get("properties", {}).get(name)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def is_bot(event: Mapping[str, Any], bot_rules: Iterable[Mapping[str, str]]) -> bool:
    """Returns whether any rule takes the event for a machine's."""
    for rule in bot_rules:
        field = rule["field"]
        if field == "user_agent":
            said = property_text(event, "user_agent")
        elif field.startswith("property:"):
            said = property_text(event, field.removeprefix("property:"))
        else:
            said = event.get(field)
        if said is None:
            continue
        said, wanted = said.lower(), rule["value"].lower()
        if said == wanted or (rule["match"] == "contains" and wanted in said):
            return True
    return False


def marked(events: Iterable[Mapping[str, Any]], bot_rules: Sequence[Mapping[str, str]], as_of: datetime) -> list[Row]:
    """Returns the events with `is_bot` and `is_after_as_of`."""
    return [
        {**event, "is_bot": is_bot(event, bot_rules), "is_after_as_of": event["occurred_at"] > as_of}
        for event in events
    ]


def numbered(events: Iterable[Mapping[str, Any]], priorities: Mapping[str, int]) -> list[Row]:
    """Returns the events in total order, each with its `event_number` among its customer's."""
    counts: dict[str, int] = defaultdict(int)
    rows = []
    for event in sorted(events, key=total_order(priorities)):
        counts[event["customer_id"]] += 1
        rows.append({**event, "event_number": counts[event["customer_id"]]})
    return rows


def counted(event: Mapping[str, Any]) -> bool:
    """Returns whether sessions, journeys and KPIs look at the event: no bot, not after the clock."""
    return not event["is_bot"] and not event["is_after_as_of"]


def scaled_score(event: Mapping[str, Any]) -> float | None:
    """Returns an answer's place between the ends of its scale, to six decimals.

    An nps is one from 0 or 1 to 10, else nobody has said who promotes. A text has no score.

    >>> answer = {"feedback_kind": "ces", "feedback_score": 2.0, "feedback_scale_max": 7.0}
    >>> scaled_score(answer), scaled_score(answer | {"feedback_scale_min": 0.0})
    (0.166667, 0.285714)
    """
    score, top = event.get("feedback_score"), event.get("feedback_scale_max")
    bottom = event.get("feedback_scale_min")
    if bottom is None:
        bottom = {"csat": 1.0, "ces": 1.0}.get(event.get("feedback_kind") or "", 0.0)
    if score is None or top is None or top == bottom or not bottom <= score <= top:
        return None
    if event.get("feedback_kind") == "text" or (
        event.get("feedback_kind") == "nps" and (top != 10 or bottom not in (0, 1))
    ):
        return None
    return round((score - bottom) / (top - bottom), 6)
