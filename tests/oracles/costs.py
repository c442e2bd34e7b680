"""Says what serving customers costs, event by event and by journey instance.

Readings chosen where the design leaves room:

- A department is the event's own, else that of its touchpoint.
- An event takes one price per event and one per minute: of those that match and hold on its day the one with most
  filters, of as many the one with an event, then a touchpoint, a channel, a department.
- A duration is a number from 0 to 86,400; halves of a second, and of a millionth, are rounded up.
- What prices of a kind name, and none of them holds on its day, is there without a cost of the kind. Bots and what
  lies after the clock are not.
- A step of several instances costs each of them the whole, and its allocated cost an equal part, exactly.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from tests.oracles import journeys
from tests.oracles.feed import Row
from tests.oracles.journeys import Definitions
from tests.oracles.spend import campaign_of
from tests.oracles.timeline import counted, property_text, total_order


class Step(NamedTuple):
    """An event inside of an instance, which its first event names."""

    journey_id: str
    first_event_id: str
    phase_id: str
    event_id: str


FILTERS = ("event_name", "touchpoint", "channel", "department")
MILLION = 1_000_000


def cost_rows(
    events: Iterable[Mapping[str, Any]], seeds: Mapping[str, Sequence[Mapping[str, str]]], known: Definitions
) -> list[Row]:
    """Returns attribution.fct_service_costs."""
    prices = seeds.get("unit_costs", ())
    department_of = {row["touchpoint"]: row["department"] for row in seeds.get("touchpoints", ())}
    found = []
    for event in events:
        event = {**event, "department": event["department"] or department_of.get(event["touchpoint"]) or None}
        named = [
            price for price in prices if all(price[name] in ("", event[name]) for name in FILTERS) and counted(event)
        ]
        if not named:
            continue
        day = known.day_of(event["occurred_at"])
        price_of = {
            kind: max(
                (price for price in named if price["cost_per"] == kind and _holds(price, day)),
                key=_preference,
                default=None,
            )
            for kind in ("event", "minute")
        }
        once, timed = price_of["event"], price_of["minute"]
        seconds = _seconds(property_text(event, timed["duration_property"])) if timed else None
        parts = [
            Fraction(once["cost"]) if once else None,
            None if timed is None or seconds is None else _to_millionths(Fraction(timed["cost"]) * seconds / 60),
        ]
        found.append(
            {
                "event_id": event["event_id"],
                "customer_id": event["customer_id"],
                "event_unit_cost_id": once["unit_cost_id"] if once else None,
                "minute_unit_cost_id": timed["unit_cost_id"] if timed else None,
                "cost_status": (
                    "outside_dates"
                    if any(price_of[price["cost_per"]] is None for price in named)
                    else "without_duration"
                    if timed and seconds is None
                    else "costed"
                ),
                "duration_seconds": seconds,
                "event_cost": _decimal(parts[0]),
                "minute_cost": _decimal(parts[1]),
                "cost": _decimal(
                    sum((part for part in parts if part is not None), Fraction(0))
                    if any(part is not None for part in parts)
                    else None
                ),
                "event_name": event["event_name"],
                "source_system": event["source_system"],
                "is_linkable": event["is_linkable"],
                "occurred_on": day,
                "channel": event["channel"],
                "touchpoint": event["touchpoint"],
                "department": event["department"],
                "campaign": campaign_of(event, event.get("campaign"), seeds.get("campaign_names", ())),
                "is_identified": event["is_identified"],
            }
        )
    return found


def _holds(price: Mapping[str, str], day: date) -> bool:
    begins, ends = (date.fromisoformat(price[name]) if price[name] else None for name in ("valid_from", "valid_to"))
    return (begins is None or begins <= day) and (ends is None or day < ends)


def _preference(price: Mapping[str, str]) -> tuple[int, list[bool]]:
    filled = [bool(price[name]) for name in FILTERS]
    return sum(filled), filled


def _seconds(text: str | None) -> int | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return math.floor(seconds + 0.5) if 0 <= seconds <= 86_400 else None


def _to_millionths(amount: Fraction) -> Fraction:
    return Fraction(math.floor(amount * MILLION + Fraction(1, 2)), MILLION)


def _decimal(amount: Fraction | None) -> Decimal | None:
    return None if amount is None else Decimal(amount.numerator) / Decimal(amount.denominator)


def instance_rows(steps: Iterable[Step], costs: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Returns attribution.agg_journey_costs, instances by their first event; `allocated_cost` is an exact fraction."""
    cost_of = {row["event_id"]: row for row in costs}
    inside: dict[tuple[str, str], list[str]] = defaultdict(list)
    for step in steps:
        if step.event_id in cost_of:
            inside[step.journey_id, step.first_event_id].append(step.event_id)
    times: dict[str, int] = defaultdict(int)
    for of_instance in inside.values():
        for event_id in of_instance:
            times[event_id] += 1
    outside = [event_id for event_id in cost_of if event_id not in times]
    for event_id in outside:
        times[event_id] = 1
    return [
        {
            "journey_id": key[0],
            "first_event_id": key[1],
            "event_count": len(of_instance),
            "uncosted_event_count": sum(cost_of[one]["cost_status"] != "costed" for one in of_instance),
            "cost": sum((cost_of[one]["cost"] or Decimal(0) for one in of_instance), Decimal(0)),
            "allocated_cost": sum(
                (Fraction(cost_of[one]["cost"] or 0) / times[one] for one in of_instance), Fraction(0)
            ),
        }
        for key, of_instance in [*inside.items(), (("(none)", None), outside)]
        if of_instance
    ]


def steps_of(
    instances: Iterable[journeys.Instance],
    events: Iterable[Mapping[str, Any]],
    *,
    as_of: datetime,
    priorities: Mapping[str, int],
) -> list[Step]:
    """Returns every step of every instance: it is in the phase that was entered last."""
    by_customer: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if counted(event):
            by_customer[event["customer_id"]].append(event)
    found = []
    for one in instances:
        entered = {interval.entry["event_id"]: interval.phase.phase_id for interval in one.intervals}
        first, phase = one.intervals[0].entry["event_id"], one.intervals[0].phase.phase_id
        for step in journeys.steps(one, by_customer[one.customer_id], as_of=as_of):
            phase = entered.get(step["event_id"], phase)
            found.append(Step(one.journey_id, first, phase, step["event_id"]))
    return found


def customer_rows(costs: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Returns attribution.agg_customer_costs."""
    return _added_up(
        costs,
        lambda row: {
            "customer_id": row["customer_id"] if row["is_linkable"] else "(unlinkable)",
            "customer_kind": (
                "unlinkable" if not row["is_linkable"] else "identified" if row["is_identified"] else "anonymous"
            ),
        },
    )


def touchpoint_rows(costs: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Returns attribution.agg_touchpoint_costs_daily."""
    return _added_up(
        costs,
        lambda row: {
            **{name: row[name] or "(none)" for name in ("channel", "touchpoint", "department")},
            "measured_on": row["occurred_on"],
        },
    )


def _added_up(costs: Iterable[Mapping[str, Any]], key_of: Any) -> list[Row]:
    found: dict[tuple[Any, ...], Row] = {}
    for row in costs:
        key = key_of(row)
        zero = {"event_count": 0, "uncosted_event_count": 0, "cost": Decimal(0)}
        total = found.setdefault(tuple(key.values()), {**key, **zero})
        total["event_count"] += 1
        total["uncosted_event_count"] += row["cost_status"] != "costed"
        total["cost"] += row["cost"] or 0
    return list(found.values())
