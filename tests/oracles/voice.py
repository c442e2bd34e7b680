"""Finds the step of each answer and counts answers by month and breakdown, in plain loops.

Readings chosen where the design leaves room:

- An answer is about what was so when its invitation was sent; one without an invitation, when it was given.
- A record that belongs to another customer is not followed; an answer that names nobody may name anybody's, if it is of
  one customer only.
- The kind of a record is what the answer says, else that of its touchpoint. Of two kinds without either none is
  followed.
- Who names nobody is whom the invitation went to, if anything else names them.
- The last touchpoint leaves out messages that the company sends unasked.
- Of several answers to one invitation the latest scored one counts, else the latest.
- A relationship answer is about no touchpoint and no record. Of these the last per customer and month counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

Z = 1.959963984540054
LEAST = 5
LAST_WITHIN, NAMED_WITHIN = timedelta(days=7), timedelta(days=90)


@dataclass(frozen=True)
class Happened:
    """An event of a customer that is no answer."""

    event_id: str
    customer: str
    touchpoint: str | None
    direction: str | None
    reference: str | None
    at: datetime
    kind_of_record: str | None = None


@dataclass(frozen=True)
class Asked:
    """An invitation."""

    invitation_id: str
    customer: str | None
    kind: str
    touchpoint: str | None
    reference: str | None
    at: datetime
    is_delivered: bool = True
    is_employee: bool = False
    department: str | None = None
    kind_of_record: str | None = None


@dataclass(frozen=True)
class Said:
    """An answer; `own_event` is the event that was rated or written, where there is one."""

    feedback_id: str
    customer: str | None
    kind: str
    at: datetime
    touchpoint: str | None = None
    reference: str | None = None
    invitation_id: str | None = None
    score: float | None = None
    least: float | None = None
    greatest: float | None = None
    direction: str | None = None
    is_complete: bool | None = None
    own_event: Happened | None = None
    is_employee: bool = False
    department: str | None = None
    kind_of_record: str | None = None


def score_of(said: Said) -> tuple[str, str | None, float | None]:
    """Returns what became of a score, its group, and its share of the scale."""
    if said.kind == "text":
        return "text", None, None
    if said.score is None or said.is_complete is False:
        return "partial", None, None
    least = said.least if said.least is not None else (0.0 if said.kind == "nps" else 1.0)
    if said.greatest is None or said.greatest <= least or math.isinf(said.greatest - least):
        return "no_scale", None, None
    if said.score < least or said.score > said.greatest:
        return "outside_scale", None, None
    if said.kind == "nps" and (said.greatest != 10 or least not in (0, 1)):
        return "unusual_scale", None, None
    # from the good end of the scale
    away = said.score - least if said.direction == "down" else said.greatest - said.score
    width = said.greatest - least
    share = round(1 - away / width, 6)
    if said.kind == "nps":
        return "scored", "promoter" if away <= 1 else "passive" if away <= 3 else "detractor", share
    if said.kind == "ces":
        return "scored", "easy" if share > 0.5 else "hard" if share < 0.5 else "neutral", share
    boxes = 1 if width >= 3 else 0
    if away <= boxes:
        return "scored", "satisfied", share
    return "scored", "dissatisfied" if away >= width - boxes else "neutral", share


def step_of(
    one: Said | Asked,
    invitations: Mapping[str, Asked],
    events: Sequence[Happened],
    answering: Iterable[str],
    kinds: Mapping[str, str] = {},
) -> dict[str, Any]:
    """Returns the step of an answer or an invitation, and how it was found.

    `answering` touchpoints owe an answer; `kinds` says of a touchpoint of what kind the records are that it is about.
    """
    asked = invitations.get(one.invitation_id or "")
    asked = None if asked is None or asked.is_employee else asked
    touchpoint, reference, at, customer, kind = one.touchpoint, one.reference, one.at, one.customer, one.kind_of_record
    if asked is not None:
        touchpoint = asked.touchpoint if touchpoint in (None, "brand") else touchpoint
        if reference is None:
            reference, kind = asked.reference, asked.kind_of_record
        customer = customer or asked.customer
        at = min(at, asked.at)
    touchpoint = None if touchpoint == "brand" else touchpoint
    kind = kind or kinds.get(touchpoint or "")
    found = {
        "event_id": None, "touchpoint": touchpoint, "is_reference_of_another": False, "join_kind": "none",
        "customer": customer,
    }  # fmt: skip
    if isinstance(one, Said) and one.own_event is not None:
        own = one.own_event
        return found | {"event_id": own.event_id, "touchpoint": own.touchpoint, "join_kind": "reference"}
    before = [event for event in events if event.at <= at]

    def is_of_record(event: Happened) -> bool:
        is_of_kind = kind is None or event.kind_of_record in (None, kind)
        return reference is not None and event.reference == reference and is_of_kind

    of_record = [event for event in before if is_of_record(event)]
    owners: dict[str | None, set[str]] = defaultdict(set)
    for event in events:
        if is_of_record(event):
            owners[event.kind_of_record].add(event.customer)
    mine = [
        event
        for event in of_record
        if (event.customer == customer if customer else len(owners[event.kind_of_record]) == 1)
    ]
    if mine:
        there = [event for event in mine if touchpoint is not None and event.touchpoint == touchpoint]
        if there or len({event.kind_of_record for event in mine} - {None}) < 2:
            step = max(there or mine, key=lambda event: event.at)
            return found | {
                "event_id": step.event_id, "touchpoint": touchpoint or step.touchpoint, "join_kind": "reference",
            }  # fmt: skip
    found["is_reference_of_another"] = bool(of_record) and not mine
    own_events = [event for event in before if event.customer == customer and customer is not None]
    if touchpoint is not None:
        there = [event for event in own_events if event.touchpoint == touchpoint and event.at >= at - NAMED_WITHIN]
        last = max(there, key=lambda event: event.at, default=None)
        return found | {"event_id": last and last.event_id, "join_kind": "named"}
    met = [
        event
        for event in own_events
        if event.touchpoint is not None
        and event.at >= at - LAST_WITHIN
        and (event.direction != "outbound" or event.touchpoint in answering)
    ]
    if met:
        last = max(met, key=lambda event: event.at)
        return found | {"event_id": last.event_id, "touchpoint": last.touchpoint, "join_kind": "last_touchpoint"}
    return found


def feedback(
    answers: Sequence[Said],
    invitations: Sequence[Asked],
    events: Sequence[Happened],
    answering: Iterable[str],
    as_of: datetime,
    kinds: Mapping[str, str] = {},
) -> dict[str, dict[str, Any]]:
    """Returns what is known of each answer up to a clock, by its id."""
    people = {one.customer for one in answers} | {event.customer for event in events}
    by_id = {
        asked.invitation_id: asked if asked.customer in people else replace(asked, customer=None)
        for asked in invitations
    }
    known = [said for said in answers if said.at <= as_of]
    found = {}
    for said in known:
        status, group, share = score_of(said)
        if said.is_employee:
            asked = by_id.get(said.invitation_id or "")
            asked = asked if asked is not None and asked.is_employee else None
            named = [said.touchpoint, asked and asked.touchpoint]
            touchpoint = next((name for name in named if name not in (None, "brand")), None)
            step = {
                "event_id": None,
                "touchpoint": touchpoint,
                "department": said.department or (asked and asked.department),
                "customer": None,
                "is_reference_of_another": False,
                "join_kind": "named" if touchpoint else "none",
            }
            scope = "transactional" if touchpoint else "relationship"
        else:
            step = step_of(said, by_id, events, answering, kinds)
            asked = by_id.get(said.invitation_id or "")
            asked = None if asked is None or asked.is_employee else asked
            named = [said.touchpoint, said.reference, *((asked.touchpoint, asked.reference) if asked else ())]
            is_about = said.own_event is not None or any(name not in (None, "brand") for name in named)
            scope = "transactional" if is_about else "relationship"
        invited = by_id.get(said.invitation_id or "")
        found[said.feedback_id] = {
            "feedback_kind": said.kind,
            "respondent_kind": "employee" if said.is_employee else "customer",
            "invitation_id": said.invitation_id,
            "survey_scope": scope,
            "score_status": status,
            "feedback_group": group,
            "score_share": share,
            "invitation_status": "unsolicited" if said.invitation_id is None
            else "unknown_invitation" if invited is None
            else "before_invitation" if said.at < invited.at
            else "invited",
            "answered_at": said.at,
            **step,
        }  # fmt: skip
    for one in found.values():
        rivals = [
            other
            for other in found.values()
            if other["invitation_id"] == one["invitation_id"] and other["invitation_status"] == "invited"
        ]
        best = max(rivals, key=lambda other: (other["score_status"] == "scored", other["answered_at"]), default=None)
        one["is_latest_answer"] = one["invitation_status"] != "invited" or one is best
        one["is_counted"] = one["is_latest_answer"] and one["score_status"] in ("scored", "text")
    return found


def nps(promoters: int, detractors: int, answers: int) -> tuple[float, float, float]:
    """Returns the NPS with the ends of its interval, from 3/4 of a promoter, 3/4 of a detractor, 3/2 passives more."""
    low, middle, high = _adjusted(promoters, detractors, answers)
    del middle
    return 100 * (promoters - detractors) / answers, max(-100.0, low), min(100.0, high)


def _adjusted(promoters: int, detractors: int, answers: int) -> tuple[float, float, float]:
    values = {100: promoters + 0.75, 0: answers - promoters - detractors + 1.5, -100: detractors + 0.75}
    total = sum(values.values())
    mean = sum(value * weight for value, weight in values.items()) / total
    variance = sum(weight * (value - mean) ** 2 for value, weight in values.items()) / total
    error = math.sqrt(variance / total)
    return mean - Z * error, mean, mean + Z * error


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Returns the ends of Wilson's interval: where the distance to the share is Z errors of the end itself."""
    share = hits / trials
    middle = (share + Z * Z / 2 / trials) / (1 + Z * Z / trials)
    half = Z / (1 + Z * Z / trials) * math.sqrt(share * (1 - share) / trials + Z * Z / 4 / trials / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def change_of_nps(now: tuple[int, int, int], before: tuple[int, int, int]) -> tuple[float, float, float]:
    """Returns the difference of two NPS (promoters, detractors, answers), and its interval."""
    ends = [_adjusted(*now), _adjusted(*before)]
    errors = [(high - low) / 2 / Z for low, _, high in ends]
    middle, half = ends[0][1] - ends[1][1], Z * math.hypot(*errors)
    raw = nps(*now)[0] - nps(*before)[0]
    return raw, max(-200.0, middle - half), min(200.0, middle + half)


Key = tuple[str, str, str, str, str, str, str, str, str]


def counts(
    said: Mapping[str, Mapping[str, Any]],
    invitations: Sequence[tuple[Asked, Mapping[str, Any]]],
    journeys_of: Callable[[str], Sequence[tuple[str, str]]],
    segments_of: Callable[[str | None], Sequence[str]],
    outcomes_of: Callable[[str], Mapping[str, str]] = lambda _: {},
) -> dict[Key, dict[str, Any]]:
    """Returns counts by (month, journey, phase, touchpoint, department, segment, kind, scope, respondent).

    `invitations` come with their step. `journeys_of` gives journey and phase of an answer or an invitation, those whose
    instances began last first; `outcomes_of` how these instances ended, by journey.
    """
    found: dict[Key, list[tuple[str, Any]]] = defaultdict(list)
    last: dict[Any, tuple[datetime, str]] = {}
    counted = {one: row for one, row in said.items() if row["is_counted"]}
    for one, row in counted.items():
        who = (row["customer"], row["feedback_kind"], row["respondent_kind"], f"{row['answered_at']:%Y-%m}")
        if row["survey_scope"] == "relationship":
            last[who] = max(last.get(who, (datetime.min, "")), (row["answered_at"], one))
    for one, row in counted.items():
        who = (row["customer"], row["feedback_kind"], row["respondent_kind"], f"{row['answered_at']:%Y-%m}")
        if row["survey_scope"] == "relationship" and row["customer"] is not None and last[who][1] != one:
            continue
        for key in _keys(one, row, f"{row['answered_at']:%Y-%m}", journeys_of, segments_of):
            found[key].append(("answer", row))
    answered = {
        row["invitation_id"]
        for row in said.values()
        if row["invitation_status"] == "invited" and row["score_status"] != "partial"
    }
    for asked, step in invitations:
        if not asked.is_delivered:
            continue
        is_about = asked.reference or asked.touchpoint not in (None, "brand")
        row = {
            "customer": asked.customer,
            "department": asked.department,
            "feedback_kind": asked.kind,
            "respondent_kind": "employee" if asked.is_employee else "customer",
            "survey_scope": "transactional" if is_about else "relationship",
            "touchpoint": step["touchpoint"],
        }
        for key in _keys(asked.invitation_id, row, f"{asked.at:%Y-%m}", journeys_of, segments_of):
            outcomes = outcomes_of(asked.invitation_id)
            newest = next((journey for journey, _ in journeys_of(asked.invitation_id)), "")
            ended = outcomes.get(newest if key[1] == "all" else key[1])
            found[key].append(("asked", (asked.invitation_id in answered, ended)))
    return {key: _counted(rows) for key, rows in found.items()}


def _keys(
    one: str,
    row: Mapping[str, Any],
    month: str,
    journeys_of: Callable[[str], Sequence[tuple[str, str]]],
    segments_of: Callable[[str | None], Sequence[str]],
) -> Iterator[Key]:
    places = {("all", "all")}
    for journey, phase in journeys_of(one):
        places |= {(journey, "all"), (journey, phase)}
    for journey, phase in places:
        for touchpoint in ("all", row["touchpoint"] or "(none)"):
            for segment in ("all", *segments_of(row["customer"])):
                departments = ["all"]
                if row["respondent_kind"] == "employee" and touchpoint == "all":
                    departments.append(row.get("department") or "(none)")
                for department in departments:
                    yield (
                        month, journey, phase, touchpoint, department, segment,
                        row["feedback_kind"], row["survey_scope"], row["respondent_kind"],
                    )  # fmt: skip


def _counted(rows: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    answers = [row for kind, row in rows if kind == "answer"]
    asked = [one for kind, one in rows if kind == "asked"]
    lost = {
        f"{name}_{what}_count": sum(
            is_answered == (name == "answered") and ended in outcomes for is_answered, ended in asked
        )
        for name in ("answered", "silent")
        for what, outcomes in (("decided", ("completed", "fell_out")), ("dropped_off", ("fell_out",)))
    }
    groups = [row["feedback_group"] for row in answers]
    shares = [row["score_share"] for row in answers if row["score_share"] is not None]
    return {
        "delivered_count": len(asked),
        "answered_count": sum(is_answered for is_answered, _ in asked),
        **lost,
        "unsolicited_count": sum(row["invitation_status"] != "invited" for row in answers),
        "answer_count": len(answers),
        "scored_count": len(shares),
        "positive_count": sum(group in ("promoter", "satisfied", "easy") for group in groups),
        "neutral_count": sum(group in ("passive", "neutral") for group in groups),
        "negative_count": sum(group in ("detractor", "dissatisfied", "hard") for group in groups),
        "mean": sum(shares) / len(shares) if shares else None,
    }
