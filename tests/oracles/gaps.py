"""Finds the gaps of customers' journeys: hand-overs between steps, late answers, intervals without contact.

Readings chosen where the design leaves room:

- A step that the company sent (direction `outbound`) is no step of a hand-over, unless it is at a touchpoint that
  owes answers: then it is part of a conversation. A step without a direction is the customer's own.
- Neighbours are the steps of an instance that name the thing (device type, channel, department), whatever lies
  between them. A department is the event's own, else its touchpoint's.
- A contact is an inbound event at a touchpoint that owes an answer, and no answer to a survey. It is answered by
  what it says itself (`answered_after_seconds`, 0 to ten years), else by the first outbound event, at its instant or
  later, of the same touchpoint, or of the same department at a touchpoint that owes answers or at none.
- A contact that names nobody, no person and no device, is left out unless it says itself when it was answered.
- In time is what took as many whole seconds as the limit says, or fewer. What lies after the clock has not come.
- A hand-over is a gap if it took longer than nine in ten of its journey, kind and pair of names whose instance
  progressed, or than a session may be silent if that is more; with fewer than twenty of these, longer than
  `hand_over_within_hours` of its phase; with neither it is none.
- What gaps cost: an instance is asked once per pair of names, at its first such gap: at that age, in whole seconds
  since it first entered the phase, it and those compared with it are open, and these have had no gap of the kind.
- In an interval whose phase names `contact_within_days`, a contact is expected after the entry, in order: any step
  with a direction, up to the instant at which the interval ends.
- A journey has progressed from a phase if, after the last interval in it, one of a later phase follows, or if it
  was completed. It has dropped off if it fell out instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.oracles.feed import Row
from tests.oracles.flows import percentile
from tests.oracles.journeys import Instance, steps
from tests.oracles.timeline import counted, property_text, total_order

SECOND = timedelta(seconds=1)
TEN_YEARS = 315_360_000
Event = Mapping[str, Any]


def gap_rows(
    instances: Sequence[Instance],
    events: Iterable[Event],
    seeds: Mapping[str, Sequence[Mapping[str, str]]],
    *,
    as_of: datetime,
    priorities: Mapping[str, int],
    inactivity_seconds: int,
) -> list[Row]:
    """Returns one row per gap, shaped like `flows.fct_gaps`, each with the `first_event_id` of its instance."""
    places = {row["touchpoint"]: row for row in seeds.get("touchpoints", ())}
    expected = {
        (row["journey_id"], row["journey_version"], row["phase_id"]): float(row["contact_within_days"])
        for row in seeds["phases"]
        if row.get("contact_within_days")
    }
    allowed = {
        (row["journey_id"], row["journey_version"], row["phase_id"]): round(float(row["hand_over_within_hours"]) * 3600)
        for row in seeds["phases"]
        if row.get("hand_over_within_hours")
    }
    by_customer: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if counted(event):
            by_customer[event["customer_id"]].append(event)

    rows: list[Row] = []
    moves: list[Row] = []
    journeys_of_event: dict[str, list[Row]] = defaultdict(list)
    for instance in instances:
        inside = steps(instance, by_customer[instance.customer_id], as_of=as_of)
        phases = list(phases_at(instance, inside))
        for event, phase_id in zip(inside, phases, strict=True):
            journeys_of_event[event["event_id"]].append(of_journey(instance, phase_id))
        moves += hand_overs(instance, inside, phases, places, allowed)
        rows += intervals_left_alone(instance, inside, expected, as_of=as_of)
    for of_customer in by_customer.values():
        for row in contacts_left_waiting(of_customer, places, as_of=as_of):
            for journey in journeys_of_event[row["from_event_id"]] or [OUTSIDE]:
                rows.append({**row, **journey})
    return rows + too_slow(moves, inactivity_seconds=inactivity_seconds)


OUTSIDE: Row = {
    "journey_id": None,
    "first_event_id": None,
    "phase_id": None,
    "has_progressed": None,
    "has_dropped_off": None,
}


def of_journey(instance: Instance, phase_id: str) -> Row:
    """Returns what a gap in a phase of an instance says of the journey."""
    last = max(number for number, interval in enumerate(instance.intervals) if interval.phase.phase_id == phase_id)
    order = instance.intervals[last].phase.phase_order
    outcome = instance.intervals[-1].outcome
    went_on = outcome == "completed" or any(
        interval.phase.phase_order > order for interval in instance.intervals[last + 1 :]
    )
    return {
        "journey_id": instance.journey_id,
        "first_event_id": instance.intervals[0].entry["event_id"],
        "phase_id": phase_id,
        "has_progressed": went_on,
        "has_dropped_off": outcome == "fell_out" and not went_on,
    }


def phases_at(instance: Instance, inside: Sequence[Event]) -> Iterator[str]:
    """Yields the phase current at each step; before the first match it is that of the first match."""
    entered = {interval.entry["event_id"]: interval.phase.phase_id for interval in instance.intervals}
    current = instance.intervals[0].phase.phase_id
    for event in inside:
        current = entered.get(event["event_id"], current)
        yield current


def department(event: Event, places: Mapping[str, Mapping[str, str]]) -> str | None:
    """Returns whose the event is: its own department, else its touchpoint's."""
    return event.get("department") or places.get(event["touchpoint"], {}).get("department") or None


def limit(event: Event, places: Mapping[str, Mapping[str, str]]) -> int | None:
    """Returns the seconds within which the event's touchpoint owes an answer, or None."""
    hours = places.get(event["touchpoint"], {}).get("answer_within_hours")
    return round(float(hours) * 3600) if hours else None


def hand_overs(
    instance: Instance,
    inside: Sequence[Event],
    phases: Sequence[str],
    places: Mapping[str, Mapping[str, str]],
    allowed: Mapping[tuple[str, str, str], int],
) -> Iterator[Row]:
    """Yields the changes of device, channel and department along an instance."""
    for kind in ("device", "channel", "department"):
        named = []
        for event, phase_id in zip(inside, phases, strict=True):
            if event.get("direction") == "outbound" and limit(event, places) is None:
                continue
            name = {
                "device": event.get("device_type"),
                "channel": event["channel"],
                "department": department(event, places),
            }[kind]
            if name:
                named.append((event, phase_id, name))
        for (before, phase_id, from_name), (after, _, to_name) in pairwise(named):
            if from_name != to_name:
                yield {
                    **_row(before, kind, from_name, to_name, after["occurred_at"], after),
                    **of_journey(instance, phase_id),
                    "limit_seconds": allowed.get((instance.journey_id, instance.version, phase_id)),
                }


def too_slow(moves: Sequence[Row], *, inactivity_seconds: int) -> list[Row]:
    """Returns the hand-overs that took longer than is usual for them or, where that is not known, than is allowed."""
    usual: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for move in moves:
        if move["has_progressed"]:
            usual[_names(move)].append(move["wait_seconds"])
    found = []
    for move in moves:
        waits = usual[_names(move)]
        basis, limit_seconds = "stated", move["limit_seconds"]
        if len(waits) >= 20:
            basis, limit_seconds = "usual", max(percentile(waits, 0.9), inactivity_seconds)
        if limit_seconds is not None and move["wait_seconds"] > limit_seconds:
            found.append({**move, "limit_seconds": limit_seconds, "limit_basis": basis, "known_at": move["ended_at"]})
    return found


def _names(move: Row) -> tuple[str, ...]:
    return move["journey_id"], move["gap_kind"], move["from_name"], move["to_name"]


def intervals_left_alone(
    instance: Instance,
    inside: Sequence[Event],
    expected: Mapping[tuple[str, str, str], float],
    *,
    as_of: datetime,
) -> Iterator[Row]:
    """Yields the intervals without a contact within the days that the map declares."""
    places = [event["event_id"] for event in inside]
    for interval in instance.intervals:
        days = expected.get((instance.journey_id, instance.version, interval.phase.phase_id))
        if days is None:
            continue
        until = interval.left_at or as_of
        after = inside[places.index(interval.entry["event_id"]) + 1 :]
        heard = [event for event in after if event.get("direction") and event["occurred_at"] <= until][:1]
        row = {
            **_row(
                interval.entry,
                "communication",
                "(map)",
                heard[0]["touchpoint"] if heard else None,
                heard[0]["occurred_at"] if heard else until,
                heard[0] if heard else None,
            ),
            **of_journey(instance, interval.phase.phase_id),
            "touchpoint": None,
            "limit_seconds": round(days * 86_400),
        }
        if row["wait_seconds"] > row["limit_seconds"]:
            yield {**row, **_silent(row)}


def contacts_left_waiting(
    of_customer: Sequence[Event], places: Mapping[str, Mapping[str, str]], *, as_of: datetime
) -> Iterator[Row]:
    """Yields a customer's contacts that were answered too late or not at all, without their journeys."""
    for contact in of_customer:
        allowed = limit(contact, places)
        if contact.get("direction") != "inbound" or allowed is None or contact.get("feedback_kind"):
            continue
        asked_at, answer, answered_at = contact["occurred_at"], None, None
        itself = said_itself(contact)
        if itself is None and not contact["is_linkable"]:
            continue
        if itself is not None:
            answer, answered_at = contact, asked_at + itself * SECOND
        else:
            for event in of_customer:
                if event.get("direction") != "outbound" or event["occurred_at"] < asked_at:
                    continue
                is_reply = event["touchpoint"] is None or limit(event, places) is not None
                whose = department(contact, places)
                of_one = is_reply and whose and whose == department(event, places)
                if of_one or event["touchpoint"] == contact["touchpoint"]:
                    answer, answered_at = event, event["occurred_at"]
                    break
        if answered_at is not None and answered_at > as_of:
            answer, answered_at = None, None
        row = _row(
            contact,
            "communication",
            contact["touchpoint"],
            answer["touchpoint"] if answer else None,
            answered_at or as_of,
            answer,
        )
        if row["wait_seconds"] > allowed:
            yield {**row, "limit_seconds": allowed, **_silent({**row, "limit_seconds": allowed})}


def _silent(row: Row) -> Row:
    return {"limit_basis": "stated", "known_at": row["started_at"] + row["limit_seconds"] * SECOND}


def said_itself(contact: Event) -> int | None:
    """Returns after how many seconds a contact says that it was answered, None where it says nothing of use."""
    text = property_text(contact, "answered_after_seconds") or ""
    return int(text) if text.isdigit() and int(text) <= TEN_YEARS else None


def _row(begins: Event, kind: str, from_name: str, to_name: str | None, until: datetime, ends: Event | None) -> Row:
    return {
        "customer_id": begins["customer_id"],
        "from_event_id": begins["event_id"],
        "to_event_id": ends["event_id"] if ends else None,
        "gap_kind": kind,
        "from_name": from_name,
        "to_name": to_name or "(none)",
        "touchpoint": begins["touchpoint"],
        "wait_seconds": (until - begins["occurred_at"]) // SECOND,
        "started_at": begins["occurred_at"],
        "ended_at": until if ends else None,
    }


def total_rows(gaps: Sequence[Row], instances: Sequence[Instance]) -> list[Row]:
    """Returns one row per journey, phase, kind and pair of names, shaped like `flows.agg_gaps`."""
    visits: dict[tuple[str, str], dict[str, Visit]] = defaultdict(dict)
    for instance in instances:
        for phase_id in {interval.phase.phase_id for interval in instance.intervals}:
            first = instance.intervals[0].entry["event_id"]
            visits[instance.journey_id, phase_id][first] = Visit.of(instance, phase_id)
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    known: dict[tuple[str, ...], dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for gap in gaps:
        journey = (gap["journey_id"] or "(none)", gap["phase_id"] or "(none)", gap["gap_kind"])
        to_name = "(any)" if gap["gap_kind"] == "communication" else gap["to_name"]
        groups[(*journey, gap["from_name"], to_name)].append(gap)
        if gap["first_event_id"]:
            known[journey][gap["first_event_id"]].append(gap["known_at"])
    rows = []
    for (journey_id, phase_id, kind, from_name, to_name), inside in groups.items():
        with_one = {gap["first_event_id"]: gap for gap in inside if gap["first_event_id"]}
        of_phase, of_kind = visits[journey_id, phase_id], known[journey_id, phase_id, kind]
        asked = []
        for first in with_one:
            age = of_phase[first].age_at(min(gap["known_at"] for gap in inside if gap["first_event_id"] == first))
            if not of_phase[first].is_open_at(age):
                continue
            like = [
                visit.has_fallen_out
                for other, visit in of_phase.items()
                if visit.is_open_at(age) and all(visit.age_at(moment) > age for moment in of_kind.get(other, ()))
            ]
            asked.append((of_phase[first].has_fallen_out, like))
        compared = [sum(like) / len(like) for _, like in asked if like]
        rows.append(
            {
                "journey_id": journey_id,
                "phase_id": phase_id,
                "gap_kind": kind,
                "from_name": from_name,
                "to_name": to_name,
                "gap_count": len(inside),
                "customer_count": len({gap["customer_id"] for gap in inside}),
                "instance_count": len(with_one),
                "progressed_count": sum(gap["has_progressed"] for gap in with_one.values()),
                "dropped_off_count": sum(gap["has_dropped_off"] for gap in with_one.values()),
                "unended_count": sum(gap["to_event_id"] is None for gap in inside),
                "median_wait_seconds": percentile([gap["wait_seconds"] for gap in inside], 0.5),
                "p90_wait_seconds": percentile([gap["wait_seconds"] for gap in inside], 0.9),
                "open_count": len(asked),
                "open_fell_out_count": sum(fell_out for fell_out, _ in asked),
                "compared_count": len(compared),
                "median_without_count": percentile([len(like) for _, like in asked], 0.5) if asked else None,
                "fall_out_share": sum(fell_out for fell_out, _ in asked) / len(asked) if asked else None,
                "fall_out_share_without": sum(compared) / len(compared) if compared else None,
            }
        )
    return rows


@dataclass(frozen=True)
class Visit:
    """An instance in a phase: when it first entered it, and when and how the instance ended (None while open)."""

    entered_at: datetime
    ended_at: datetime | None
    has_fallen_out: bool

    @classmethod
    def of(cls, instance: Instance, phase_id: str) -> Visit:
        entered = min(i.entry["occurred_at"] for i in instance.intervals if i.phase.phase_id == phase_id)
        last = instance.intervals[-1]
        is_decided = last.outcome in ("completed", "fell_out")
        return cls(entered, last.left_at if is_decided else None, last.outcome == "fell_out")

    def age_at(self, moment: datetime) -> int:
        return (moment - self.entered_at) // SECOND

    def is_open_at(self, age: int) -> bool:
        """Whether it was open then, of those whose end is known."""
        return self.ended_at is not None and self.age_at(self.ended_at) > age
