"""Walks each customer through their journeys: matches, instances, intervals with five outcomes, moves, days, norms.

Bots and events after `as_of` are left out before anything else. Everything goes one event after another in
total order, so the definition can be read off the code.

Readings chosen where the design leaves room:

- `valid_from` and `valid_to` of a journey version are half-open and compare with the event's day in the
  reporting time zone; empty means unbounded. An open instance listens to its own version's critical events
  only; a new one begins under the version valid that day.
- An empty condition of a critical event is no condition; names compare exactly. `property_name` without
  `property_value` asks that the property is there. The highest phase is the greatest `phase_order`.
- A name that ends in `*` is met by every name that begins with what is before it. Of the rules that an event meets the
  one with the most exact name counts: a whole name before a beginning, a longer beginning before a shorter one; then
  the one of the highest phase; then one that ends the case.
- An instance whose last match ends the case is completed at it. A later match in the window continues it.
- The deadline is that of the current phase, `window_days` after the last match of the journey. A match at the
  deadline belongs; a deadline equal to `as_of` has not passed.
- A match of the terminal phase right after a terminal phase opens a new instance, which completes at once.
- `dwell_seconds` are whole seconds elapsed, fractions dropped. A norm is compared with whole seconds,
  strictly.
- The norm of a phase is that of all its `fell_through` intervals in the journey, whatever version or customer.
- An interval is `present` on every day from that of entry to that on which it is left, both included, so that those who
  left on a day was present on it, at midnight sharp as well; an open one is present up to the day of `as_of`.
- Steps of an instance are by instant: from `started_at` on, those of the same instant as the first match
  included; a completed instance ends with its last match in total order, and what came up to then is no step of
  the instance that follows at the same instant. A step without a channel is left out of `level`.
- With a `case_key` an instance is of one case. A match of an event with a value belongs to the open instance of that
  value, else to the open one that has none yet, which takes the value; a match without a value to the open instance
  with the latest match. Steps are the instance's own matches, other events with its value, and other events without a
  value of which it is the open instance with the latest match by then. The value `record` names the event's record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles.feed import Row, truth, whole
from tests.oracles.identity import native_record
from tests.oracles.timeline import counted, property_text, total_order

OUTCOMES = ("fell_through", "regressed", "completed", "fell_out", "pending")
INTERVALS_FOR_A_NORM = 20


@dataclass(frozen=True)
class Phase:
    """A row of the seed `phases`."""

    journey_id: str
    journey_version: str
    phase_id: str
    phase_order: int
    window: timedelta | None
    is_terminal: bool
    is_required: bool
    stalled_after_days: int | None


@dataclass(frozen=True)
class Definitions:
    """The seeds that say what a journey is."""

    journeys: Sequence[Mapping[str, str]]
    phases: Mapping[tuple[str, str, str], Phase]
    critical_events: Sequence[Mapping[str, str]]
    time_zone: ZoneInfo

    def case_of(self, event: Mapping[str, Any], journey_id: str) -> str | None:
        """Returns the case that an event says it is about."""
        [key, *_] = [
            *(
                critical["case_property"]
                for critical in self.critical_events
                if critical["journey_id"] == journey_id and critical.get("case_property") and matches(event, critical)
            ),
            self.case_key(journey_id),
        ]
        return native_record(event) if key == "record" else property_text(event, key)

    def case_key(self, journey_id: str) -> str:
        return next(row.get("case_key") or "" for row in self.journeys if row["journey_id"] == journey_id)

    @property
    def journey_ids(self) -> list[str]:
        return sorted({journey["journey_id"] for journey in self.journeys})

    def version_on(self, journey_id: str, day: date) -> str | None:
        """Returns the version of a journey that is valid on a day, or None."""
        for journey in self.journeys:
            begins = date.fromisoformat(journey["valid_from"]) if journey["valid_from"] else date.min
            ends = date.fromisoformat(journey["valid_to"]) if journey["valid_to"] else date.max
            if journey["journey_id"] == journey_id and begins <= day < ends:
                return journey["journey_version"]
        return None

    def day_of(self, instant: datetime) -> date:
        """Returns the day of an instant in the reporting time zone."""
        return instant.replace(tzinfo=UTC).astimezone(self.time_zone).date()


def definitions(seeds: Mapping[str, Sequence[Mapping[str, str]]], *, time_zone: str = "UTC") -> Definitions:
    """Returns the definitions that the seeds `journeys`, `phases` and `critical_events` make."""
    phases = {}
    for row in seeds["phases"]:
        window_days = whole(row["window_days"])
        phase = Phase(
            journey_id=row["journey_id"],
            journey_version=row["journey_version"],
            phase_id=row["phase_id"],
            phase_order=int(row["phase_order"]),
            window=None if window_days is None else timedelta(seconds=window_days * 86_400),
            is_terminal=truth(row["is_terminal"]),
            is_required=truth(row["is_required"]),
            stalled_after_days=whole(row["stalled_after_days"]),
        )
        phases[phase.journey_id, phase.journey_version, phase.phase_id] = phase
    return Definitions(seeds["journeys"], phases, seeds["critical_events"], ZoneInfo(time_zone))


def matches(event: Mapping[str, Any], critical: Mapping[str, str]) -> bool:
    """Returns whether an event meets every condition that a critical event states."""
    if critical["event_name"].endswith("*"):
        if not event["event_name"].startswith(critical["event_name"][:-1]):
            return False
    elif critical["event_name"] and critical["event_name"] != event["event_name"]:
        return False
    for column in ("source_system", "channel", "touchpoint"):
        if critical.get(column) and critical[column] != event[column]:
            return False
    if critical["property_name"]:
        said = property_text(event, critical["property_name"])
        return said is not None and critical["property_value"] in ("", said)
    return True


def rules_matched(
    event: Mapping[str, Any], journey_id: str, version: str, known: Definitions
) -> list[tuple[Phase, bool]]:
    """Returns the phase of each critical event that an event meets and whether it ends the case; first what counts."""

    def preference(critical: Mapping[str, str]) -> tuple[bool, int, int, bool]:
        name = critical["event_name"]
        order = known.phases[journey_id, version, critical["phase_id"]].phase_order
        return not name.endswith("*"), len(name) if name.endswith("*") else 0, order, truth(critical.get("ends_case"))

    met = [
        critical
        for critical in known.critical_events
        if critical["journey_id"] == journey_id and critical["journey_version"] == version and matches(event, critical)
    ]
    return [
        (known.phases[journey_id, version, critical["phase_id"]], truth(critical.get("ends_case")))
        for critical in sorted(met, key=preference, reverse=True)
    ]


@dataclass
class Interval:
    """An interval while the walk is going on."""

    phase: Phase
    entry: Mapping[str, Any]
    last_match: Mapping[str, Any]
    is_case_ended: bool
    outcome: str | None = None
    left_at: datetime | None = None
    next_phase_id: str | None = None

    @property
    def deadline(self) -> datetime | None:
        return None if self.phase.window is None else self.last_match["occurred_at"] + self.phase.window

    def leave(self, outcome: str, at: datetime | None, *, next_phase_id: str | None = None) -> None:
        self.outcome, self.left_at, self.next_phase_id = outcome, at, next_phase_id


@dataclass
class Instance:
    """A journey instance while the walk is going on."""

    journey_id: str
    version: str
    customer_id: str
    follows: Instance | None = None
    known: Definitions | None = None
    """The definitions, where the journey has cases; so with the two that follow."""
    case_value: str | None = None
    siblings: list[Instance] = field(default_factory=list)
    """All instances of the journey and customer, itself included."""
    matched_numbers: dict[str, int] = field(default_factory=dict)
    """Place of each matched event among the customer's."""
    intervals: list[Interval] = field(default_factory=list)
    matches: list[tuple[str, datetime]] = field(default_factory=list)

    def match(self, phase: Phase, at: datetime) -> None:
        self.matches.append((phase.phase_id, at))

    def enter(self, phase: Phase, event: Mapping[str, Any], *, ends_case: bool) -> None:
        self.match(phase, event["occurred_at"])
        interval = Interval(phase, event, event, ends_case)
        self.intervals.append(interval)
        if phase.is_terminal:
            interval.leave("completed", event["occurred_at"])

    def is_open_at(self, instant: datetime) -> bool:
        last = self.intervals[-1]
        return last.outcome is None and (last.deadline is None or instant <= last.deadline)


def walked(
    events: Iterable[Mapping[str, Any]], known: Definitions, *, as_of: datetime, priorities: Mapping[str, int]
) -> tuple[list[Instance], list[Row]]:
    """Returns every instance with its intervals, and the matches that a higher phase on the same event overruled."""
    by_customer: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        # a single event that names nobody can't be followed
        if counted(event) and event["is_linkable"]:
            by_customer[event["customer_id"]].append(event)

    instances: list[Instance] = []
    overruled: list[Row] = []
    for journey_id in known.journey_ids:
        for customer_id, of_customer in sorted(by_customer.items()):
            instance: Instance | None = None
            of_journey: list[Instance] = []
            for number, event in enumerate(of_customer):
                at = event["occurred_at"]
                if known.case_key(journey_id):
                    instance = of_case(of_journey, known.case_of(event, journey_id), at)
                goes_on = instance is not None and instance.is_open_at(at)
                version = instance.version if goes_on else known.version_on(journey_id, known.day_of(at))
                rules = rules_matched(event, journey_id, version, known) if version is not None else []
                if not rules:
                    continue
                phase, ends_case = rules[0]
                for lower in {other.phase_id: other for other, _ in rules if other != phase}.values():
                    overruled.append(
                        {
                            "journey_id": journey_id,
                            "customer_id": customer_id,
                            "event_id": event["event_id"],
                            "phase_id": lower.phase_id,
                            "counted_phase_id": phase.phase_id,
                        }
                    )
                if not goes_on:
                    instance = Instance(journey_id, version, customer_id, follows=instance)
                    instances.append(instance)
                    if known.case_key(journey_id):
                        of_journey.append(instance)
                        instance.known, instance.siblings = known, of_journey
                        instance.case_value = known.case_of(event, journey_id)
                    instance.matched_numbers[event["event_id"]] = number
                    instance.enter(phase, event, ends_case=ends_case)
                    continue
                instance.matched_numbers[event["event_id"]] = number
                if known.case_key(journey_id) and instance.case_value is None:
                    instance.case_value = known.case_of(event, journey_id)
                interval = instance.intervals[-1]
                if phase.phase_id == interval.phase.phase_id:
                    interval.last_match, interval.is_case_ended = event, ends_case
                    instance.match(phase, at)
                    continue
                onward = phase.phase_order > interval.phase.phase_order
                interval.leave("fell_through" if onward else "regressed", at, next_phase_id=phase.phase_id)
                instance.enter(phase, event, ends_case=ends_case)

    for instance in instances:
        interval = instance.intervals[-1]
        if interval.outcome is None and interval.is_case_ended:
            interval.leave("completed", interval.last_match["occurred_at"])
        elif interval.outcome is None and interval.deadline is not None and interval.deadline < as_of:
            interval.leave("fell_out", interval.deadline)
        elif interval.outcome is None:
            interval.leave("pending", None)
    return instances, overruled


def of_case(of_journey: Sequence[Instance], value: str | None, at: datetime) -> Instance | None:
    """Returns the open instance that an event with a value, or without one, belongs to."""
    live = sorted((one for one in of_journey if one.is_open_at(at)), key=lambda one: max(one.matched_numbers.values()))
    if value is None:
        return live[-1] if live else None
    for wanted in (value, None):
        for one in live:
            if one.case_value == wanted:
                return one
    return None


def dwell_seconds(entered_at: datetime, left_at: datetime | None, as_of: datetime) -> int:
    """Returns the whole seconds of an interval, up to `as_of` when it is open."""
    return ((as_of if left_at is None else left_at) - entered_at) // timedelta(seconds=1)


def norm_seconds(fell_through_dwells: Sequence[int], stalled_after_days: int | None) -> int | None:
    """Returns how long an interval may last before it stalls: measured, else the seed's figure, else None.

    Measured is the discrete 90th percentile: the smallest dwell that at least nine tenths do not exceed.
    """
    if len(fell_through_dwells) >= INTERVALS_FOR_A_NORM:
        at_least = -(-9 * len(fell_through_dwells) // 10)
        return sorted(fell_through_dwells)[at_least - 1]
    return None if stalled_after_days is None else stalled_after_days * 86_400


def instance_id(instance: Instance) -> str:
    """Returns the name this oracle gives an instance: its journey and first event."""
    return f"{instance.journey_id}|{instance.intervals[0].entry['event_id']}"


def interval_rows(instances: Sequence[Instance], *, as_of: datetime) -> list[Row]:
    """Returns one row per interval, shaped like `journeys.fct_phase_intervals`."""
    through: dict[tuple[str, str], list[int]] = defaultdict(list)
    for instance in instances:
        for interval in instance.intervals:
            if interval.outcome == "fell_through":
                dwell = dwell_seconds(interval.entry["occurred_at"], interval.left_at, as_of)
                through[instance.journey_id, interval.phase.phase_id].append(dwell)

    rows = []
    for instance in instances:
        for number, interval in enumerate(instance.intervals, start=1):
            entered_at = interval.entry["occurred_at"]
            dwell = dwell_seconds(entered_at, interval.left_at, as_of)
            norm = norm_seconds(
                through[instance.journey_id, interval.phase.phase_id], interval.phase.stalled_after_days
            )
            rows.append(
                {
                    "interval_id": f"{instance_id(instance)}|{number}",
                    "journey_instance_id": instance_id(instance),
                    "journey_id": instance.journey_id,
                    "journey_version": instance.version,
                    "customer_id": instance.customer_id,
                    "phase_id": interval.phase.phase_id,
                    "phase_order": interval.phase.phase_order,
                    "interval_number": number,
                    "first_event_id": instance.intervals[0].entry["event_id"],
                    "entry_event_id": interval.entry["event_id"],
                    "case_value": instance.case_value,
                    "outcome": interval.outcome,
                    "next_phase_id": interval.next_phase_id,
                    "dwell_seconds": dwell,
                    "is_stalled": interval.outcome == "pending" and norm is not None and dwell > norm,
                    "entered_at": entered_at,
                    "left_at": interval.left_at,
                }
            )
    return rows


def instance_rows(
    instances: Sequence[Instance],
    events: Iterable[Mapping[str, Any]],
    *,
    as_of: datetime,
    priorities: Mapping[str, int],
) -> list[Row]:
    """Returns one row per instance, shaped like `journeys.fct_journeys`, and `first_event_id`."""
    by_customer: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if counted(event):
            by_customer[event["customer_id"]].append(event)
    rows = []
    for instance in instances:
        inside = steps(instance, by_customer[instance.customer_id], as_of=as_of)
        rows.append(
            {
                "journey_instance_id": instance_id(instance),
                "journey_id": instance.journey_id,
                "journey_version": instance.version,
                "customer_id": instance.customer_id,
                "first_event_id": instance.intervals[0].entry["event_id"],
                "case_value": instance.case_value,
                "level": level(inside),
                "outcome": instance.intervals[-1].outcome,
                "first_event_name": inside[0]["event_name"],
                "last_event_name": inside[-1]["event_name"],
                "duration_seconds": (inside[-1]["occurred_at"] - inside[0]["occurred_at"]) // timedelta(seconds=1),
                "started_at": instance.intervals[0].entry["occurred_at"],
                "last_step_at": inside[-1]["occurred_at"],
                "ended_at": instance.intervals[-1].left_at,
            }
        )
    return rows


def is_of_case(event: Mapping[str, Any], number: int, instance: Instance, known: Definitions) -> bool:
    """Returns whether an event is about the instance's case, where the journey has cases."""
    for one in instance.siblings:
        if event["event_id"] in one.matched_numbers:
            return one.case_value == instance.case_value
    if (value := known.case_of(event, instance.journey_id)) is not None:
        return value == instance.case_value

    def latest_match(one: Instance) -> int:
        return max((place for place in one.matched_numbers.values() if place < number), default=-1)

    open_then = [one for one in instance.siblings if latest_match(one) >= 0 and was_open(one, event, latest_match(one))]
    return bool(open_then) and max(open_then, key=latest_match).case_value == instance.case_value


def was_open(instance: Instance, event: Mapping[str, Any], latest_match: int) -> bool:
    """Returns whether an instance had not ended when an event came, of whose earlier matches one was the latest."""
    last = instance.intervals[-1]
    if last.outcome == "completed" and instance.matched_numbers[last.last_match["event_id"]] <= latest_match:
        return False
    return last.left_at is None or event["occurred_at"] <= last.left_at


def steps(instance: Instance, of_customer: Sequence[Mapping[str, Any]], *, as_of: datetime) -> list[Mapping[str, Any]]:
    """Returns the customer's events within an instance, from their counted events in total order."""
    started_at, last = instance.intervals[0].entry["occurred_at"], instance.intervals[-1]
    follows = instance.follows
    if instance.known is not None:
        earlier = instance.siblings[: instance.siblings.index(instance)]
        same = [one for one in earlier if one.case_value == instance.case_value]
        follows = same[-1] if same else None
    before = follows.intervals[-1] if follows else None
    inside: list[Mapping[str, Any]] = []
    for number, event in enumerate(of_customer):
        if instance.known is not None and not is_of_case(event, number, instance, instance.known):
            continue
        if started_at <= event["occurred_at"] <= (last.left_at or as_of):
            inside.append(event)
        if before and before.outcome == "completed" and event["event_id"] == before.last_match["event_id"]:
            inside.clear()
        if last.outcome == "completed" and event["event_id"] == last.last_match["event_id"]:
            break
    return inside


def level(inside: Sequence[Mapping[str, Any]]) -> str:
    """Returns micro for at most one channel, macro for unbroken runs, omni where one is returned to."""
    channels = [event["channel"] for event in inside if event["channel"]]
    runs = channels[:1] + [after for before, after in pairwise(channels) if after != before]
    if len(runs) <= 1:
        return "micro"
    return "macro" if len(runs) == len(set(runs)) else "omni"


def transition_rows(intervals: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Returns one row per move from an interval to the next of the same instance, with the event that moved."""
    rows = []
    for interval, following in pairwise(intervals):
        if interval["journey_instance_id"] == following["journey_instance_id"]:
            rows.append(
                {
                    "journey_instance_id": interval["journey_instance_id"],
                    "journey_id": interval["journey_id"],
                    "customer_id": interval["customer_id"],
                    "from_phase_id": interval["phase_id"],
                    "to_phase_id": following["phase_id"],
                    "outcome": interval["outcome"],
                    "interval_number": interval["interval_number"],
                    "event_id": following["entry_event_id"],
                    "dwell_seconds": interval["dwell_seconds"],
                    "occurred_at": interval["left_at"],
                }
            )
    return rows


def daily_rows(intervals: Sequence[Mapping[str, Any]], known: Definitions, *, as_of: datetime) -> list[Row]:
    """Returns one row per journey, phase and day with anything to count, like `journeys.agg_phases_daily`.

    `entered` and the five outcomes count intervals by day of entry; `present` and `left_<outcome>` by calendar
    day.
    """
    counts: dict[tuple[str, str, date], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for interval in intervals:
        entered_on = known.day_of(interval["entered_at"])
        cohort = counts[interval["journey_id"], interval["phase_id"], entered_on]
        cohort["entered"] += 1
        cohort[interval["outcome"]] += 1
        cohort["present"] += 1
        until, day = interval["left_at"] or as_of, entered_on + timedelta(days=1)
        while day <= known.day_of(until):
            counts[interval["journey_id"], interval["phase_id"], day]["present"] += 1
            day += timedelta(days=1)
        if interval["left_at"] is not None:
            left_on = known.day_of(interval["left_at"])
            counts[interval["journey_id"], interval["phase_id"], left_on][f"left_{interval['outcome']}"] += 1
    columns = (
        "entered",
        *OUTCOMES,
        "present",
        *(f"left_{outcome}" for outcome in OUTCOMES if outcome != "pending"),
    )
    return [
        {
            "journey_id": journey_id,
            "phase_id": phase_id,
            "day": day,
            **{column: counts[journey_id, phase_id, day][column] for column in columns},
        }
        for journey_id, phase_id, day in sorted(counts)
    ]
