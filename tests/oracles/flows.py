"""Reads each instance's steps off its customer's timeline and counts what followed what, path by path.

Readings chosen where the design leaves room:

- The phase of a step is that of the latest entry at or before it in total order; steps of the first instant that come
  before the first hit bear the first phase.
- A percentile is discrete: the smallest value that at least that share does not exceed.
- Of variants equally frequent the shorter comes first, then the one whose names sort first.
- A move is allowed that goes to a later phase, terminal or not, and leaves out no required one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any

from tests.oracles import journeys
from tests.oracles.feed import Row
from tests.oracles.timeline import counted, total_order

STEP_TYPES = ("phase", "channel", "touchpoint", "event")
NO_NAME = "(none)"


@dataclass(frozen=True)
class Step:
    """A step of an instance under its four names."""

    phase: str
    channel: str
    touchpoint: str
    event: str
    occurred_at: datetime
    feedback_score: float | None
    feedback_scale_max: float | None


@dataclass(frozen=True)
class Walk:
    """An instance as the steps it took."""

    journey_id: str
    customer_id: str
    level: str
    outcome: str
    steps: Sequence[Step]


def walks(
    instances: Iterable[journeys.Instance],
    events: Iterable[Mapping[str, Any]],
    *,
    as_of: datetime,
    priorities: Mapping[str, int],
) -> list[Walk]:
    """Returns every instance with its named steps."""
    by_customer: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if counted(event):
            by_customer[event["customer_id"]].append(event)

    found = []
    for instance in instances:
        inside = journeys.steps(instance, by_customer[instance.customer_id], as_of=as_of)
        entered = {stay.entry["event_id"]: stay.phase.phase_id for stay in instance.stays}
        phase, named = instance.stays[0].phase.phase_id, []
        for event in inside:
            phase = entered.get(event["event_id"], phase)
            named.append(
                Step(
                    phase=phase,
                    channel=event["channel"] or NO_NAME,
                    touchpoint=event["touchpoint"] or NO_NAME,
                    event=event["event_name"] or NO_NAME,
                    occurred_at=event["occurred_at"],
                    feedback_score=event.get("feedback_score"),
                    feedback_scale_max=event.get("feedback_scale_max"),
                )
            )
        found.append(
            Walk(
                instance.journey_id,
                instance.customer_id,
                journeys.level(inside),
                instance.stays[-1].outcome or "",
                named,
            )
        )
    return found


def percentile(values: Iterable[int], share: float) -> int:
    """Returns the smallest value that at least a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(1, ceil(share * len(ordered))) - 1]


def seconds(earlier: datetime, later: datetime) -> int:
    """Returns whole seconds, fractions dropped."""
    return (later - earlier) // timedelta(seconds=1)


def transition_rows(of: Iterable[Walk], *cuts: str) -> list[Row]:
    """Returns one row per journey, cut, step type and pair, shaped like `flows.agg_transitions`."""
    pairs: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for walk in of:
        cut = tuple(getattr(walk, name) for name in cuts)
        for step_type in STEP_TYPES:
            for one, following in pairwise(walk.steps):
                key = (walk.journey_id, *cut, step_type, getattr(one, step_type), getattr(following, step_type))
                pairs[key].append((walk.customer_id, seconds(one.occurred_at, following.occurred_at)))
    departures: Counter[tuple[str, ...]] = Counter()
    for key, moves in pairs.items():
        departures[key[:-1]] += len(moves)
    return [
        {
            **dict(zip(("journey_id", *cuts, "step_type", "from_name", "to_name"), key, strict=True)),
            "transition_count": len(moves),
            "customer_count": len({customer for customer, _ in moves}),
            "median_seconds": percentile([waited for _, waited in moves], 0.5),
            "ninth_decile_seconds": percentile([waited for _, waited in moves], 0.9),
            "from_share": round(len(moves) / departures[key[:-1]], 9),
        }
        for key, moves in pairs.items()
    ]


def variant_rows(of: Iterable[Walk], *cuts: str) -> list[Row]:
    """Returns one row per journey, cut, step type and path, shaped like `flows.agg_variants`, none left out."""
    taken: dict[tuple[str, ...], dict[tuple[str, ...], list[Walk]]] = defaultdict(lambda: defaultdict(list))
    for walk in of:
        cut = tuple(getattr(walk, name) for name in cuts)
        for step_type in STEP_TYPES:
            path = tuple(getattr(step, step_type) for step in walk.steps)
            taken[walk.journey_id, *cut, step_type][path].append(walk)
    rows = []
    for key, paths in taken.items():
        ranked = sorted(paths, key=lambda path: (-len(paths[path]), len(path), " > ".join(path)))
        for rank, path in enumerate(ranked, start=1):
            took = paths[path]
            rows.append(
                {
                    **dict(zip(("journey_id", *cuts, "step_type"), key, strict=True)),
                    "variant": " > ".join(path),
                    "variant_rank": rank,
                    "step_count": len(path),
                    "path_count": 1,
                    "instance_count": len(took),
                    "customer_count": len({walk.customer_id for walk in took}),
                    "completed_count": sum(walk.outcome == "completed" for walk in took),
                    "fell_out_count": sum(walk.outcome == "fell_out" for walk in took),
                    "median_seconds": percentile(
                        [seconds(walk.steps[0].occurred_at, walk.steps[-1].occurred_at) for walk in took], 0.5
                    ),
                }
            )
    return rows


def rework_rows(of: Iterable[Walk]) -> list[Row]:
    """Returns one row per journey, step type and name, shaped like `flows.agg_rework`."""
    visited: dict[tuple[str, str, str], list[tuple[Walk, list[int]]]] = defaultdict(list)
    for walk in of:
        for step_type in STEP_TYPES:
            places: dict[str, list[int]] = defaultdict(list)
            for place, step in enumerate(walk.steps):
                places[getattr(step, step_type)].append(place)
            for name, at in places.items():
                visited[walk.journey_id, step_type, name].append((walk, at))
    rows = []
    for (journey_id, step_type, name), visits in visited.items():
        again = [(walk, at) for walk, at in visits if len(at) > 1]
        spans = [seconds(walk.steps[at[0]].occurred_at, walk.steps[at[-1]].occurred_at) for walk, at in again]
        further = [pair for _, at in again for pair in pairwise(at)]
        rows.append(
            {
                "journey_id": journey_id,
                "step_type": step_type,
                "name": name,
                "step_count": sum(len(at) for _, at in visits),
                "instance_count": len(visits),
                "reworked_count": len(again),
                "repeat_count": sum(later == place + 1 for place, later in further),
                "return_count": sum(later > place + 1 for place, later in further),
                "fell_out_count": sum(walk.outcome == "fell_out" for walk, _ in visits),
                "reworked_fell_out_count": sum(walk.outcome == "fell_out" for walk, _ in again),
                "reworked_share": round(len(again) / len(visits), 9),
                "mean_seconds_between": round(sum(spans) / len(further), 9) if further else None,
                "median_reworked_seconds": percentile(spans, 0.5) if spans else None,
            }
        )
    return rows


def kind_of_move(one: journeys.Phase, following: journeys.Phase, phases: Iterable[journeys.Phase]) -> str:
    """Returns what a move from one phase to another is."""
    if following.phase_order < one.phase_order:
        return "regressed"
    if any(phase.is_required and one.phase_order < phase.phase_order < following.phase_order for phase in phases):
        return "skipped"
    return "completed" if following.is_terminal else "forward"


def kinds_of_moves(instance: journeys.Instance, known: journeys.Definitions) -> list[tuple[str, str]]:
    """Returns the phase left and the kind of each move of an instance."""
    phases = [
        phase
        for (journey_id, version, _), phase in known.phases.items()
        if journey_id == instance.journey_id and version == instance.version
    ]
    return [
        (one.phase.phase_id, kind_of_move(one.phase, following.phase, phases))
        for one, following in pairwise(instance.stays)
    ]


def conformance_rows(instances: Iterable[journeys.Instance], known: journeys.Definitions) -> list[Row]:
    """Returns one row per journey, version and phase left, shaped like `flows.agg_conformance`."""
    moves: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for instance in instances:
        for phase_id, kind in kinds_of_moves(instance, known):
            moves[instance.journey_id, int(instance.version), phase_id].append(kind)
    return [
        {
            "journey_id": journey_id,
            "journey_version": version,
            "from_phase_id": phase_id,
            "move_count": len(kinds),
            "allowed_count": sum(kind in ("forward", "completed") for kind in kinds),
            **{f"{kind}_count": kinds.count(kind) for kind in ("forward", "completed", "skipped", "regressed")},
            "conformance_share": round(sum(kind in ("forward", "completed") for kind in kinds) / len(kinds), 9),
        }
        for (journey_id, version, phase_id), kinds in moves.items()
    ]


def monthly_conformance_rows(
    instances: Sequence[journeys.Instance], of: Sequence[Walk], known: journeys.Definitions
) -> list[Row]:
    """Returns one row per journey, version, level and month, shaped like `flows.agg_conformance_monthly`."""
    begun: dict[tuple[str, int, str, date], list[list[bool]]] = defaultdict(list)
    for instance, walk in zip(instances, of, strict=True):
        month = known.day_of(instance.stays[0].entry["occurred_at"]).replace(day=1)
        allowed = [kind in ("forward", "completed") for _, kind in kinds_of_moves(instance, known)]
        begun[instance.journey_id, int(instance.version), walk.level, month].append(allowed)
    rows = []
    for (journey_id, version, level, month), judged in begun.items():
        moved = [allowed for allowed in judged if allowed]
        moves = [is_allowed for allowed in moved for is_allowed in allowed]
        rows.append(
            {
                "journey_id": journey_id,
                "journey_version": version,
                "level": level,
                "month_starts_on": month,
                "instance_count": len(judged),
                "moved_count": len(moved),
                "conforming_count": sum(all(allowed) for allowed in moved),
                "move_count": len(moves),
                "allowed_count": sum(moves),
                "conformance_share": round(sum(moves) / len(moves), 9) if moves else None,
                "conforming_share": round(sum(map(all, moved)) / len(moved), 9) if moved else None,
            }
        )
    return rows
