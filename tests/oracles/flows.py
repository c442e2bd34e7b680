"""Reads each instance's steps off its customer's timeline and counts what followed what, path by path.

Readings chosen where the design leaves room:

- The phase of a step is that of the latest entry at or before it in total order; steps of the first instant that come
  before the first match have the first phase.
- A percentile is discrete: the smallest value that at least that share does not exceed.
- The path of phases has a phase once for as long as the instance stays in it.
- Of variants equally frequent the shorter comes first, then the one whose names sort first.
- A move is allowed that goes to a later phase, terminal or not, and leaves out no required one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from math import ceil
from typing import Any, TypeVar

from tests.oracles import journeys
from tests.oracles.feed import Row
from tests.oracles.timeline import counted, scaled_score, total_order

Amount = TypeVar("Amount", int, Decimal)

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
    scaled_score: float | None


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
        entered = {interval.entry["event_id"]: interval.phase.phase_id for interval in instance.intervals}
        phase, named = instance.intervals[0].phase.phase_id, []
        for event in inside:
            phase = entered.get(event["event_id"], phase)
            named.append(
                Step(
                    phase=phase,
                    channel=event["channel"] or NO_NAME,
                    touchpoint=event["touchpoint"] or NO_NAME,
                    event=event["event_name"] or NO_NAME,
                    occurred_at=event["occurred_at"],
                    scaled_score=scaled_score(event),
                )
            )
        found.append(
            Walk(
                instance.journey_id,
                instance.customer_id,
                journeys.level(inside),
                instance.intervals[-1].outcome or "",
                named,
            )
        )
    return found


def percentile(values: Iterable[Amount], share: float) -> Amount:
    """Returns the smallest value that at least a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(1, ceil(share * len(ordered))) - 1]


def seconds(earlier: datetime, later: datetime) -> int:
    """Returns whole seconds, fractions dropped."""
    return (later - earlier) // timedelta(seconds=1)


def transition_rows(of: Iterable[Walk], *dimensions: str) -> list[Row]:
    """Returns one row per journey, dimensions, step type and pair, shaped like `flows.agg_transitions`."""
    pairs: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for walk in of:
        values_of = tuple(getattr(walk, name) for name in dimensions)
        for step_type in STEP_TYPES:
            for one, following in pairwise(walk.steps):
                key = (walk.journey_id, *values_of, step_type, getattr(one, step_type), getattr(following, step_type))
                pairs[key].append((walk.customer_id, seconds(one.occurred_at, following.occurred_at)))
    departures: Counter[tuple[str, ...]] = Counter()
    for key, moves in pairs.items():
        departures[key[:-1]] += len(moves)
    return [
        {
            **dict(zip(("journey_id", *dimensions, "step_type", "from_name", "to_name"), key, strict=True)),
            "transition_count": len(moves),
            "customer_count": len({customer for customer, _ in moves}),
            "median_seconds": percentile([waited for _, waited in moves], 0.5),
            "p90_seconds": percentile([waited for _, waited in moves], 0.9),
            "from_share": round(len(moves) / departures[key[:-1]], 9),
        }
        for key, moves in pairs.items()
    ]


def path_of(walk: Walk, step_type: str) -> tuple[str, ...]:
    """Returns the names of an instance's steps; of phases those that it entered, not those that it stayed in."""
    names = [getattr(step, step_type) for step in walk.steps]
    return tuple(name for name, _ in groupby(names)) if step_type == "phase" else tuple(names)


def written(path: Sequence[str]) -> str:
    """Returns the names joined, each `>` in a name twice."""
    return " > ".join(name.replace(">", ">>") for name in path)


def variant_rows(of: Iterable[Walk], *dimensions: str) -> list[Row]:
    """Returns one row per journey, dimensions, step type and path, shaped like `flows.agg_variants`, none omitted."""
    taken: dict[tuple[str, ...], dict[tuple[str, ...], list[Walk]]] = defaultdict(lambda: defaultdict(list))
    for walk in of:
        values_of = tuple(getattr(walk, name) for name in dimensions)
        for step_type in STEP_TYPES:
            path = path_of(walk, step_type)
            taken[walk.journey_id, *values_of, step_type][path].append(walk)
    rows = []
    for key, paths in taken.items():
        ranked = sorted(paths, key=lambda path: (-len(paths[path]), len(path), written(path)))
        for rank, path in enumerate(ranked, start=1):
            took = paths[path]
            rows.append(
                {
                    **dict(zip(("journey_id", *dimensions, "step_type"), key, strict=True)),
                    "variant": written(path),
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


def follows_rows(of: Iterable[Walk]) -> list[Row]:
    """Returns one row per journey, step type and pair at any distance, shaped like `flows.agg_eventually_follows`."""
    pairs: Counter[tuple[str, str, str, str]] = Counter()
    with_name: Counter[tuple[str, str, str]] = Counter()
    for walk in of:
        for step_type in STEP_TYPES:
            names = [getattr(step, step_type) for step in walk.steps]
            later: set[str] = set()
            found: set[tuple[str, str]] = set()
            for name in reversed(names):
                found |= {(name, following) for following in later}
                later.add(name)
            pairs.update((walk.journey_id, step_type, *pair) for pair in found)
            with_name.update((walk.journey_id, step_type, name) for name in set(names))
    return [
        {
            "journey_id": journey_id,
            "step_type": step_type,
            "from_name": from_name,
            "to_name": to_name,
            "instance_count": count,
            "from_instance_count": with_name[journey_id, step_type, from_name],
            "from_share": round(count / with_name[journey_id, step_type, from_name], 9),
        }
        for (journey_id, step_type, from_name, to_name), count in pairs.items()
    ]


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
                "first_step_count": sum(at[0] == 0 for _, at in visits),
                "last_step_count": sum(at[-1] == len(walk.steps) - 1 for walk, at in visits),
                "completed_last_step_count": sum(
                    at[-1] == len(walk.steps) - 1 and walk.outcome == "completed" for walk, at in visits
                ),
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
        for one, following in pairwise(instance.intervals)
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
        month = known.day_of(instance.intervals[0].entry["occurred_at"]).replace(day=1)
        allowed = [kind in ("forward", "completed") for _, kind in kinds_of_moves(instance, known)]
        begun[instance.journey_id, int(instance.version), walk.level, month].append(allowed)
    rows = []
    for (journey_id, version, level, month), decided in begun.items():
        moved = [allowed for allowed in decided if allowed]
        moves = [is_allowed for allowed in moved for is_allowed in allowed]
        rows.append(
            {
                "journey_id": journey_id,
                "journey_version": version,
                "level": level,
                "month_starts_on": month,
                "instance_count": len(decided),
                "moved_count": len(moved),
                "conforming_count": sum(all(allowed) for allowed in moved),
                "move_count": len(moves),
                "allowed_count": sum(moves),
                "conformance_share": round(sum(moves) / len(moves), 9) if moves else None,
                "conforming_share": round(sum(map(all, moved)) / len(moved), 9) if moved else None,
            }
        )
    return rows


def lines_placed(of: Iterable[Walk], channels: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], tuple[int, bool]]:
    """Returns the place of each line of channels, and of the line of all customers, and whether it is declared.

    Declared channels are ordered by group (none last) and name, then the line of no channel, then undeclared ones,
    by first appearance.
    """
    declared = [
        row["channel"]
        for row in sorted(channels, key=lambda row: (not row["channel_group"], row["channel_group"], row["channel"]))
    ]
    seen: dict[str, datetime] = {}
    for walk in of:
        for step in walk.steps:
            seen[step.channel] = min(step.occurred_at, seen.get(step.channel, step.occurred_at))
    others = sorted(set(seen) - {*declared, NO_NAME}, key=lambda channel: (seen[channel], channel))
    lines = {
        ("channel", line): (place, line in declared)
        for place, line in enumerate([*declared, NO_NAME, *others], start=1)
    }
    return lines | {("segment", "all"): (1, True)}


def phases_placed(known: journeys.Definitions) -> dict[tuple[str, str], int]:
    """Returns the place of each phase of a journey: its order in the newest version that has it, newer ones first."""
    newest: dict[tuple[str, str], journeys.Phase] = {}
    for phase in sorted(known.phases.values(), key=lambda phase: int(phase.journey_version)):
        newest[phase.journey_id, phase.phase_id] = phase
    places: dict[tuple[str, str], int] = {}
    for journey_id in {journey_id for journey_id, _ in newest}:
        mine = [phase for phase in newest.values() if phase.journey_id == journey_id]
        mine.sort(key=lambda phase: (phase.phase_order, -int(phase.journey_version), phase.phase_id))
        places |= {(journey_id, phase.phase_id): place for place, phase in enumerate(mine, start=1)}
    return places


def mood(answers: Sequence[Step], *, at_least: int) -> float | None:
    """Returns the mean score from 0 to 1, None for few answers."""
    if len(answers) < at_least:
        return None
    shares = [step.scaled_score for step in answers]
    return round(sum(shares) / len(shares), 9)


def answered(steps: Iterable[Step]) -> list[Step]:
    """Returns the steps that are answers with a score on a scale."""
    return [step for step in steps if step.scaled_score is not None]


def stop_id(walk: Walk, line_type: str, step: Step) -> str:
    """Returns the id of the stop at which a step is, on the lines of channels or on that of all customers."""
    return f"{walk.journey_id}:{line_type}:{step.channel if line_type == 'channel' else 'all'}:{step.phase}"


def stop_rows(
    of: Sequence[Walk],
    known: journeys.Definitions,
    channels: Iterable[Mapping[str, str]],
    *,
    min_cell_size: int = 5,
) -> list[Row]:
    """Returns one row per stop of channels and of all customers, shaped like `flows.map_stops`.

    Lines that nobody declared have stops only where somebody was.
    """
    visits: dict[str, list[tuple[Walk, int]]] = defaultdict(list)
    for walk in of:
        for place, step in enumerate(walk.steps):
            for line_type in ("channel", "segment"):
                visits[stop_id(walk, line_type, step)].append((walk, place))
    rows = []
    for (journey_id, phase_id), x in phases_placed(known).items():
        for (line_type, line), (y, is_declared) in lines_placed(of, channels).items():
            stop = f"{journey_id}:{line_type}:{line}:{phase_id}"
            here = visits[stop]
            if not here and not is_declared:
                continue
            last = [walk for walk, place in here if place == len(walk.steps) - 1]
            onward = [
                (walk.steps[place], walk.steps[place + 1], walk) for walk, place in here if place < len(walk.steps) - 1
            ]
            came = {id(walk) for walk, _ in here}
            answers = answered(walk.steps[place] for walk, place in here)
            dropped_off = sum(walk.outcome == "fell_out" for walk in last)
            rows.append(
                {
                    "stop_id": stop,
                    "x": x,
                    "y": y,
                    "is_declared": is_declared,
                    "visit_count": len(here),
                    "instance_count": len(came),
                    "customer_count": len({walk.customer_id for walk, _ in here}),
                    "repeat_count": sum(stop_id(walk, line_type, following) == stop for _, following, walk in onward),
                    "drop_off_count": dropped_off,
                    "completed_count": sum(walk.outcome == "completed" for walk in last),
                    "answer_count": len(answers),
                    "drop_off_share": round(dropped_off / len(came), 9) if came else None,
                    "median_pause_seconds": percentile(
                        [seconds(one.occurred_at, following.occurred_at) for one, following, _ in onward], 0.5
                    )
                    if onward
                    else None,
                    "mood": mood(answers, at_least=min_cell_size),
                }
            )
    return rows


def move_rows(of: Iterable[Walk], *, is_transfer: bool, min_cell_size: int = 5) -> list[Row]:
    """Returns one row per two stops with moves, shaped like `flows.map_edges` or `flows.map_transfers`."""
    moved: dict[tuple[str, str], list[tuple[Walk, Step, Step, bool]]] = defaultdict(list)
    for walk in of:
        for line_type in ("channel", "segment"):
            changes = [
                (stop_id(walk, line_type, one), stop_id(walk, line_type, following), one, following)
                for one, following in pairwise(walk.steps)
                if stop_id(walk, line_type, one) != stop_id(walk, line_type, following)
            ]
            for number, (left, come_to, one, following) in enumerate(changes, start=1):
                changes_line = line_type == "channel" and one.channel != following.channel
                if changes_line == is_transfer:
                    has_dropped_off = number == len(changes) and walk.outcome == "fell_out"
                    moved[left, come_to].append((walk, one, following, has_dropped_off))
    rows = []
    for (left, come_to), moves in moved.items():
        answers = answered(following for _, _, following, _ in moves)
        dropped_off = sum(has_dropped_off for *_, has_dropped_off in moves)
        rows.append(
            {
                "from_stop_id": left,
                "to_stop_id": come_to,
                "volume_count": len(moves),
                "instance_count": len({id(walk) for walk, *_ in moves}),
                "customer_count": len({walk.customer_id for walk, *_ in moves}),
                "drop_off_count": dropped_off,
                "drop_off_share": round(dropped_off / len(moves), 9),
                "answer_count": len(answers),
                "median_delay_seconds": percentile(
                    [seconds(one.occurred_at, following.occurred_at) for _, one, following, _ in moves], 0.5
                ),
                "mood": mood(answers, at_least=min_cell_size),
            }
        )
    return rows
