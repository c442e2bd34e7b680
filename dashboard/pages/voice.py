"""Voice: what customers and employees say, about which step, and who does not say anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from dashboard import words
from dashboard.charts import lines
from dashboard.draw import Bar, Part, bar, bars, deviation, key, span, table, tiles
from dashboard.figure import Figure, Page
from dashboard.filters import ALL, ALL_JOURNEYS, Own
from dashboard.release import Table
from dashboard.view import View
from orchestration.lib.core.shares import chance_of_difference, nps_interval, student

# What was asked, of the brand or of a step, and whom: never mixed, as they answer different questions.
ASKED = """
select feedback_kind || '-' || survey_scope || '-' || respondent_kind,
    case feedback_kind when 'nps' then 'Recommendation (NPS)' when 'csat' then 'Satisfaction (CSAT)'
        when 'ces' then 'Effort (CES)' else 'Ratings' end
    || case survey_scope when 'relationship' then ' of the brand' else ' of a step' end
    || case respondent_kind when 'employee' then ', by employees' else '' end
from voice.agg_voice
where feedback_kind <> 'text' and journey_id = 'all' and touchpoint = 'all' and segment = 'all'
group by feedback_kind, survey_scope, respondent_kind
order by respondent_kind, list_position(['nps', 'csat', 'ces', 'rating'], feedback_kind), survey_scope
"""

PAGE = Page(
    name="voice",
    title="Voice",
    about=(
        "What customers and employees say of the brand and of each step, whether it moved by more than chance, and who"
        " does not answer."
    ),
    order=55,
    takes=(ALL_JOURNEYS, "journey", "since", "until", "segment", Own("asked", "Asked", ASKED)),
)

NO_SCORE = "No survey and no rating of this release has a score."
NOTHING = (
    f"{NO_SCORE} surveys.responses, the ratings of tickets, calls and chats,"
    " and events of the feed with a feedback_kind bring them (docs/voice.md)."
)
ROWS_SHOWN = 15
BEYOND, WITHIN = "more than chance explains", "no more than chance may do"


@dataclass(frozen=True)
class Kind:
    """How a kind of feedback is valued: its name, what its groups are called, and what its value is."""

    name: str
    groups: tuple[str, str, str]
    unit: str


KINDS = {
    "nps": Kind(
        "NPS",
        ("promoters (9, 10)", "passives (7, 8)", "detractors (0 to 6)"),
        "promoters less detractors in 100 scores, −100 to 100; 95 % interval (adjusted Wald)",
    ),
    "csat": Kind(
        "satisfied",
        ("satisfied (two best boxes)", "in between", "dissatisfied (two worst)"),
        "share of the two best boxes; 95 % interval (Wilson)",
    ),
    "ces": Kind("ease", ("easy", "in between", "hard"), "mean ease, 0 hard to 1 easy; 95 % interval (Student's t)"),
    "rating": Kind(
        "satisfied",
        ("satisfied (two best boxes)", "in between", "dissatisfied (two worst)"),
        "share of the two best boxes; 95 % interval (Wilson)",
    ),
}


@dataclass(frozen=True)
class Asked:
    """What the page is about: a kind of feedback, its scope, and whose answers."""

    kind: str
    scope: str
    respondent: str

    @property
    def is_of_employees(self) -> bool:
        return self.respondent == "employee"


def _asked(view: View) -> Asked | None:
    chosen = view.filters.own_values["asked"]
    return Asked(*chosen.split("-")) if chosen else None


def _parameters(view: View, asked: Asked) -> dict[str, Any]:
    return {
        "kind": asked.kind,
        "scope": asked.scope,
        "respondent": asked.respondent,
        "place": view.filters.journey or ALL,
        "few": view.min_cell_size,
    }


MONTHS = """
select month_starts_on, is_month_complete, is_suppressed, delivered_count, answered_count, unsolicited_count,
    scored_count, response_rate, response_rate_ci_lower, response_rate_ci_upper, coalesce(nps, csat, ces) as value,
    coalesce(nps_ci_lower, csat_ci_lower, ces_ci_lower) as value_ci_lower,
    coalesce(nps_ci_upper, csat_ci_upper, ces_ci_upper) as value_ci_upper,
    change, change_ci_lower, change_ci_upper, is_change_beyond_noise
from voice.agg_voice
where journey_id = $place and phase_id = 'all' and touchpoint = 'all' and department = 'all' and segment = $segment
    and feedback_kind = $kind and survey_scope = $scope and respondent_kind = $respondent
    and coalesce(month_starts_on >= $since, true) and coalesce(month_starts_on < $until, true)
order by month_starts_on
"""


@PAGE.question("months", "How do they feel, and did it move by more than chance?", is_wide=True)
def months(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NOTHING)
    found = view.ask(MONTHS, **_parameters(view, asked))
    valued = [row for row in found.dicts if row["value"] is not None]
    notes = _hidden_months(found)
    if not valued:
        why = (
            f"No month has {view.min_cell_size} scores with these filters."
            if not notes
            else f"No month has {view.min_cell_size} scores that may be shown with these filters."
        )
        return Figure(empty=why, table=found)
    # what the month will say when it is over is not known yet
    over = [row for row in valued if row["is_month_complete"]]
    last = (over or valued)[-1]
    answer = f"{_month(last)}: {_with_interval(asked, last)}, over {words.plural(last['scored_count'], 'score')}."
    large = [(_said(asked, last["value"]), f"{KINDS[asked.kind].name}, {_month(last)}")]
    if last["change"] is not None:
        size = _said_change(asked, last["change"])
        verdict = BEYOND if last["is_change_beyond_noise"] else WITHIN
        between = f"{_said_change(asked, last['change_ci_lower'])} to {_said_change(asked, last['change_ci_upper'])}"
        between = between.replace(" points to", " to")
        answer += f" Against the month before: {size} ({between}), {verdict}."
        large.append((size, f"against the month before: {verdict}"))
    else:
        answer += " The month before has too few scores to be compared with."
    compared = [row for row in valued if row["change"] is not None]
    beyond = sum(bool(row["is_change_beyond_noise"]) for row in compared)
    if len(compared) > 1:
        large.append((f"{beyond} of {len(compared)}", "changes from month to month are beyond noise"))
        if beyond:
            notes.append("Of twenty changes about one is beyond noise by chance.")
    total = sum(row["scored_count"] for row in valued)
    if not last["is_month_complete"] or last is not valued[-1]:
        notes.append("A hollow point is a month that is not over.")
    if asked.scope == "relationship" and not asked.is_of_employees:
        notes.append("Of a customer's answers in a month the last one counts.")
    few = [row for row in found.dicts if row["value"] is None and not row["is_suppressed"] and row["scored_count"]]
    if few:
        notes.append(
            f"{words.plural(len(few), 'month')} with fewer than {view.min_cell_size} scores"
            f" {'has' if len(few) == 1 else 'have'} no value."
        )
    return Figure(
        answer=answer,
        body=tiles(large)
        + lines(
            [_drawn(asked, row) for row in _without_gaps(valued)],
            x="day",
            y="value",
            low="low",
            high="high",
            said="said",
            label=f"{KINDS[asked.kind].name} by month",
            percent=asked.kind in ("csat", "rating"),
            is_wide=True,
            is_incomplete="is_open",
        ),
        table=found,
        counted=words.plural(total, "score"),
        unit=KINDS[asked.kind].unit,
        notes=notes,
    )


def _drawn(asked: Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    is_open = row["is_month_complete"] is False
    return {
        "day": row["month_starts_on"],
        "value": row["value"],
        "low": row["value_ci_lower"],
        "high": row["value_ci_upper"],
        "is_open": is_open,
        "said": f"{_month(row)}; {_with_interval(asked, row)}; {row['scored_count']:,} scores"
        + ("; the month is not over" if is_open else "")
        if row["value"] is not None
        else f"{_month(row)}; no value",
    }


def _without_gaps(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of months with a value and, where months between have none, rows without one: the line breaks there."""
    filled: list[dict[str, Any]] = []
    for row in rows:
        while filled and (following := _month_after(filled[-1]["month_starts_on"])) < row["month_starts_on"]:
            filled.append(dict.fromkeys(row) | {"month_starts_on": following})
        filled.append(row)
    return filled


def _month_after(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _month(row: Mapping[str, Any]) -> str:
    return f"{row['month_starts_on']:%B %Y}"


def _hidden_months(found: Table) -> list[str]:
    hidden = sum(row["is_suppressed"] for row in found)
    if not hidden:
        return []
    return [
        f"{words.plural(hidden, 'month')} {'is' if hidden == 1 else 'are'} not shown: so few have answered, or are"
        " outside of the segment, that single people could be recognised."
    ]


def _said(asked: Asked, value: float) -> str:
    """A value as people say it: 34, 81 %, 0.72."""
    if asked.kind == "nps":
        return f"{value:.0f}".replace("-0", "0") if abs(value) < 0.5 else f"{value:.0f}".replace("-", "−")
    return f"{value:.2f}" if asked.kind == "ces" else words.percent(value)


def _said_change(asked: Asked, change: float) -> str:
    sign = "+" if change >= 0 else "−"
    size = abs(change)
    if asked.kind == "nps":
        return f"{sign}{size:.0f}"
    return f"{sign}{size:.2f}" if asked.kind == "ces" else f"{sign}{100 * size:.0f} points"


def _with_interval(asked: Asked, row: Mapping[str, Any]) -> str:
    name, value = KINDS[asked.kind].name, _said(asked, row["value"])
    said = f"{value} {name}" if asked.kind in ("csat", "rating") else f"{name} {value}"
    if row["value_ci_lower"] is None:
        return said
    return f"{said} ({_said(asked, row['value_ci_lower'])} to {_said(asked, row['value_ci_upper'])})"


# The answers that count, as agg_voice counts them, of all months of the period together.
OF_PERIOD = """
with opinions as (
    select *
    from voice.fct_feedback
    where is_counted and feedback_kind = $kind and survey_scope = $scope
    -- what somebody thinks of the brand is one opinion per month
    qualify survey_scope = 'transactional' or is_anonymous or row_number() over (
        partition by customer_id, date_trunc('month', answered_on) order by answered_at desc, feedback_id
    ) = 1
),
chosen as (
    select *
    from opinions
    where coalesce(answered_on >= $since, true) and coalesce(answered_on < $until, true)
        and ($place = 'all' or feedback_id in (
            select feedback_id from voice.bridge_feedback_journeys where journey_id = $place
        ))"""
CHOSEN = (
    OF_PERIOD
    + """
        and ($segment = 'all' or customer_id in (
            select customer_id from customers.segment_members where segment = $segment
        ))
)
"""
)
# Counts that a value follows from need as many scores as the value.
COUNTS = """
    count(*) as scores, count(distinct customer_id) as customers,
    if(count(*) >= $few, count_if(feedback_group in ('promoter', 'satisfied', 'easy')), null) as positive,
    if(count(*) >= $few, count_if(feedback_group in ('passive', 'neutral')), null) as neutral,
    if(count(*) >= $few, count_if(feedback_group in ('detractor', 'dissatisfied', 'hard')), null) as negative,
    if(count(*) >= $few, avg(score_share), null) as mean_share,
    if(count(*) >= $few, var_samp(score_share) / count(*), null) as mean_variance
"""
BY_TOUCHPOINT = (
    CHOSEN
    + f"""
select coalesce(touchpoint, '(none)') as touchpoint, {COUNTS}
from chosen group by coalesce(touchpoint, '(none)') order by scores desc, touchpoint
"""
)
BY_PHASE = (
    CHOSEN
    + f"""
select places.journey_id, places.phase_id, {COUNTS}
from chosen
inner join voice.bridge_feedback_journeys as places on places.feedback_id = chosen.feedback_id
where $place = 'all' or places.journey_id = $place
group by places.journey_id, places.phase_id order by places.journey_id, places.phase_id
"""
)
# The answers of employees are in no table of single answers: the months that may be shown are added up.
OF_EMPLOYEES = """
select touchpoint, sum(scored_count) as scores, sum(positive_count) as positive, sum(neutral_count) as neutral,
    sum(negative_count) as negative, sum(mean_score_share * scored_count) / sum(scored_count) as mean_share,
    null as mean_variance
from voice.agg_voice
where journey_id = $place and phase_id = 'all' and touchpoint <> 'all' and segment = $segment
    and feedback_kind = $kind and survey_scope = $scope and respondent_kind = $respondent
    and coalesce(month_starts_on >= $since, true) and coalesce(month_starts_on < $until, true)
    and positive_count is not null
group by touchpoint order by scores desc, touchpoint
"""
NONE = "(none)"
TOUCHPOINTS = "select touchpoint, coalesce(touchpoint_name, touchpoint) as touchpoint_name from core.dim_touchpoints"


@dataclass(frozen=True)
class Shown:
    """A touchpoint, phase or segment: its name, how many scores, their groups, and the value with its interval.

    `within` is the journey of a phase, where the page is about all of them. `is_compared` is false of a row that is
    not one of the parts: all together, or what has none.
    """

    name: str
    within: str
    is_compared: bool
    scores: int
    groups: tuple[int, int, int]
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Named:
    """A row of an answer, and what it is called."""

    row: Mapping[str, Any]
    name: str
    within: str = ""
    is_compared: bool = True


def _shown(asked: Asked, named: Named) -> Shown | None:
    """None for too few scores."""
    row = named.row
    if row["positive"] is None:
        return None
    scores = int(row["scores"])
    positive, neutral, negative = (int(row[group]) for group in ("positive", "neutral", "negative"))
    low_high: tuple[float, float] | None
    if asked.kind == "nps":
        value = 100 * (positive - negative) / scores
        low_high = nps_interval(positive, negative, scores)
    elif asked.kind == "ces":
        value = row["mean_share"]
        variance = row["mean_variance"]
        half = student(scores - 1) * math.sqrt(variance) if variance is not None and scores > 1 else None
        low_high = (max(0.0, value - half), min(1.0, value + half)) if half is not None else None
    else:
        value = positive / scores
        low_high = words.interval(positive, scores)
    low, high = low_high or (None, None)
    return Shown(named.name, named.within, named.is_compared, scores, (positive, neutral, negative), value, low, high)


@PAGE.question("touchpoints", "At which touchpoint do they feel how?", is_wide=True)
def touchpoints(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    parameters = _parameters(view, asked)
    if asked.is_of_employees:
        found = view.ask(OF_EMPLOYEES, **parameters)
    else:
        found = view.ask_by_group(BY_TOUCHPOINT, ("touchpoint",), **parameters)
    names = {row["touchpoint"]: row["touchpoint_name"] for row in view.look_up(TOUCHPOINTS)}
    named = [Named(row, names.get(row["touchpoint"], row["touchpoint"])) for row in found if row["touchpoint"] != NONE]
    without = [Named(row, "No touchpoint known", is_compared=False) for row in found if row["touchpoint"] == NONE]
    return _by(view, asked, found, "touchpoint", named + without)


PHASES = """
select journeys.journey_id, journeys.journey_name, phases.phase_id, phases.phase_name, phases.phase_order
from (select journey_id, max_by(journey_name, journey_version) as journey_name from journeys.dim_journeys
    group by journey_id) as journeys
inner join (select journey_id, phase_id, max_by(phase_name, journey_version) as phase_name,
    max_by(phase_order, journey_version) as phase_order from journeys.dim_phases
    group by journey_id, phase_id) as phases on phases.journey_id = journeys.journey_id
order by journeys.journey_name, journeys.journey_id, phases.phase_order, phases.phase_id
"""


def _phase_names(view: View) -> dict[tuple[str, str], tuple[str, str]]:
    """Names of phases and of their journeys by ids, in the order of journeys and phases."""
    return {
        (row["journey_id"], row["phase_id"]): (row["phase_name"], row["journey_name"]) for row in view.look_up(PHASES)
    }


@PAGE.question("phases", "In which phase do they feel how?")
def phases(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    if asked.is_of_employees:
        return Figure(empty="Employees go through no journey: what they say is about a touchpoint or a department.")
    found = view.ask_by_group(BY_PHASE, ("journey_id", "phase_id"), within=("journey_id",), **_parameters(view, asked))
    rows = {(row["journey_id"], row["phase_id"]): row for row in found}
    named = [
        Named(rows[place], name, "" if view.filters.journey else journey)
        for place, (name, journey) in _phase_names(view).items()
        if place in rows
    ]
    note = "An answer whose step is in two journeys is in a phase of both." if not view.filters.journey else ""
    return _by(view, asked, found, "phase", named, is_ordered=True, note=note)


BY_SEGMENT = (
    OF_PERIOD
    + f"""
),
members as (
    select 'all' as segment, chosen.* from chosen
    union all
    select segment_members.segment, chosen.*
    from chosen
    inner join customers.segment_members as segment_members on segment_members.customer_id = chosen.customer_id
    where segment_members.segment <> 'all' and ($segment = 'all' or segment_members.segment = $segment)
),
counted as (select segment, {COUNTS} from members group by segment)
select segment,
    if(is_few, null, scores) as scores, if(is_few, null, positive) as positive, if(is_few, null, neutral) as neutral,
    if(is_few, null, negative) as negative, if(is_few, null, mean_share) as mean_share,
    if(is_few, null, mean_variance) as mean_variance
from (
    select *, segment <> 'all' and (
        customers < $few or max(customers) over () - customers between 1 and $few - 1
    ) as is_few
    from counted
) as judged
order by segment <> 'all', segment
"""
)
SEGMENTS = "select segment, coalesce(segment_name, segment) as segment_name from customers.dim_segments"


@PAGE.question("segments", "Which segment feels how?")
def segments(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    if asked.is_of_employees:
        return Figure(empty="Employees are in no segment of customers.")
    found = view.ask(BY_SEGMENT, **_parameters(view, asked))
    names = {row["segment"]: row["segment_name"] for row in view.look_up(SEGMENTS)} | {ALL: "All customers"}
    named = [Named(row, names.get(row["segment"], row["segment"]), is_compared=row["segment"] != ALL) for row in found]
    note = "Segments overlap, and membership is as of now, for past answers as well."
    return _by(view, asked, found, "segment", named, is_ordered=True, note=note)


GROUP_COLOURS = ("mood4", "none", "mood0")


def _by(
    view: View,
    asked: Asked,
    found: Table,
    noun: str,
    named: Sequence[Named],
    *,
    is_ordered: bool = False,
    note: str = "",
) -> Figure:
    """The value of each part with its groups; the worst first unless the parts have an order of their own."""
    parts = [part for one in named if (part := _shown(asked, one)) is not None]
    left_out = len(named) - len(parts)
    if not parts:
        where = f"No {noun} has" if noun != "segment" else "Nobody has given"
        return Figure(empty=f"{where} {view.min_cell_size} scores with these filters.", table=found)
    if not is_ordered:
        parts.sort(key=lambda part: (not part.is_compared, part.value, part.name))
    rows = []
    for part in parts[:ROWS_SHOWN]:
        drawn = bar(
            [
                Part(size, colour, f"{part.name}: {size:,} {said}")
                for size, colour, said in zip(part.groups, GROUP_COLOURS, KINDS[asked.kind].groups, strict=True)
            ],
            part.scores,
        )
        between = (
            f"{_said(asked, part.low)} to {_said(asked, part.high)}"
            if part.low is not None and part.high is not None
            else ""
        )
        rows.append(((part.name, words.plural(part.scores, "score")), drawn, (_said(asked, part.value), between)))
    compared = [part for part in parts if part.is_compared]
    answer = ""
    if compared:
        low, high = min(compared, key=lambda one: one.value), max(compared, key=lambda one: one.value)
        answer = f"Lowest is {_with_journey(low)} with {_in_words(asked, low)}"
        if len(compared) == 1:
            answer = f"Only one {noun} has enough scores: {_with_journey(low)}, with {_in_words(asked, low)}"
        else:
            answer += f", highest {_with_journey(high)} with {_in_words(asked, high)}"
            if low.high is not None and high.low is not None:
                apart = high.low > low.high
                answer += "; their intervals " + ("do not overlap" if apart else "overlap, so chance may explain it")
        answer += "."
    else:
        rest = "all together have" if noun == "segment" else "what belongs to none has"
        answer = f"No {noun} has enough scores to be shown apart; {rest} {_in_words(asked, parts[0])}."
    notes = [note] if note else []
    if left_out:
        notes.append(
            f"{words.plural(left_out, noun)} {'has' if left_out == 1 else 'have'} too few scores"
            + (" or people" if noun == "segment" else "")
            + f" to be shown (fewer than {view.min_cell_size}"
            + (", or so few outside)." if noun == "segment" else ").")
        )
    if len(parts) > ROWS_SHOWN:
        notes.append(f"The first {ROWS_SHOWN} of {len(parts)}; the CSV has all.")
    scores = parts[0].scores if noun == "segment" else sum(part.scores for part in parts)
    kind = KINDS[asked.kind]
    return Figure(
        answer=answer,
        body=key([(colour, said) for colour, said in zip(GROUP_COLOURS, kind.groups, strict=True)])
        + table(f"By {noun}", (noun.capitalize(), "Of its scores", f"{_titled(kind.name)}#"), rows),
        table=found,
        counted=words.plural(scores, "score"),
        unit=kind.unit,
        notes=notes,
    )


def _titled(name: str) -> str:
    return name[:1].upper() + name[1:]


def _with_journey(part: Shown) -> str:
    return f"{part.name} ({part.within})" if part.within else part.name


def _in_words(asked: Asked, part: Shown) -> str:
    return _with_interval(asked, {"value": part.value, "value_ci_lower": part.low, "value_ci_upper": part.high})


@PAGE.question("response", "Who answers?")
def response(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    found = view.ask(MONTHS, **_parameters(view, asked))
    notes = _hidden_months(found)
    shown = [row for row in found.dicts if not row["is_suppressed"]]
    delivered, answered = (sum(row[f"{name}_count"] or 0 for row in shown) for name in ("delivered", "answered"))
    unsolicited = sum(row["unsolicited_count"] or 0 for row in shown)
    scored = sum(row["scored_count"] or 0 for row in shown)
    if not delivered:
        return Figure(
            empty=f"Nobody was asked: all {scored:,} scores came unasked."
            if scored
            else "No invitation and no answer with these filters that may be shown.",
            table=found,
        )
    low, high = words.interval(answered, delivered) or (None, None)
    rated = [row for row in shown if row["response_rate"] is not None]
    return Figure(
        answer=(
            f"{words.percent(answered / delivered)} ({words.between(low, high)}) of {delivered:,} who were asked have"
            f" answered: {answered:,}."
            + (f" {unsolicited:,} more came unasked, or name no invitation that is known." if unsolicited else "")
        ),
        body=lines(
            [
                {
                    "day": row["month_starts_on"],
                    "rate": row["response_rate"],
                    "low": row["response_rate_ci_lower"],
                    "high": row["response_rate_ci_upper"],
                    "is_open": row["is_month_complete"] is False,
                    "said": f"{_month(row)}; {words.percent(row['response_rate'])}"
                    f" ({words.between(row['response_rate_ci_lower'], row['response_rate_ci_upper'])});"
                    f" {row['answered_count']:,} of {row['delivered_count']:,} answered"
                    if row["response_rate"] is not None
                    else f"{_month(row)}; nobody was asked",
                }
                for row in _without_gaps(rated)
            ],
            x="day",
            y="rate",
            low="low",
            high="high",
            said="said",
            label="Share of invitations that were answered, by month of the invitation",
            percent=True,
            is_incomplete="is_open",
        ),
        table=found,
        counted=f"{words.plural(delivered, 'invitation')} that did not bounce",
        unit="share answered by now; 95 % interval (Wilson)",
        notes=[*notes, "By month of the invitation. Those of the last weeks may still be answered."],
    )


JOINS = (
    CHOSEN
    + """
select join_kind, count(*) as answers, count(distinct customer_id) as customers, count(event_id) as with_step,
    count(journey_id) as with_journey, percentile_disc(0.5) within group (order by hours_between) as median_hours
from chosen group by join_kind
order by list_position(['reference', 'named', 'last_touchpoint', 'none'], join_kind)
"""
)
STEP_COLOURS = (("s1", "a step of a journey"), ("s6", "a step outside of journeys"), ("none", "no step"))
JOIN_KINDS = {
    "reference": "the record that it names",
    "named": "the touchpoint that it names",
    "last_touchpoint": "the last touchpoint before it",
    "none": "no step found",
}


@PAGE.question("joins", "To which step do answers belong?")
def joins(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    if asked.is_of_employees:
        return Figure(empty="Employees answer about a touchpoint or a department, not about a step of theirs.")
    found = view.ask_by_group(JOINS, ("join_kind",), **_parameters(view, asked))
    total = sum(row["answers"] for row in found)
    if not total:
        return Figure(empty="No answer with these filters.", table=found)
    steps, journeys = (sum(row[name] for row in found) for name in ("with_step", "with_journey"))
    drawn = []
    for row in found:
        name = JOIN_KINDS[row["join_kind"]]
        in_journey, other = row["with_journey"], row["with_step"] - row["with_journey"]
        rest = row["answers"] - row["with_step"]
        drawn.append(
            Bar(
                name,
                [
                    Part(in_journey, "s1", f"{name}: {in_journey:,} with a step of a journey"),
                    Part(other, "s6", f"{name}: {other:,} with a step outside of journeys"),
                    Part(rest, "none", f"{name}: {rest:,} without a step"),
                ],
                f"{row['answers']:,}"
                + (f", {words.duration(3600 * row['median_hours'])}" if row["median_hours"] is not None else ""),
            )
        )
    return Figure(
        answer=(
            f"{words.percent(steps / total)} of {words.plural(total, 'answer')} belong to a step of the customer,"
            f" {words.percent(journeys / total)} to one within a journey."
        ),
        body=key([("s1", "a step of a journey"), ("s6", "a step outside of journeys"), ("none", "no step")])
        + bars(drawn),
        table=found,
        counted=words.plural(total, "answer"),
        unit="answers, and the median time from the step to the answer",
        notes=(
            "A ticket, order, call or chat that an answer names leads to its step for certain; the last touchpoint is"
            " the nearest, and need not be what moved them.",
        ),
    )


SILENT = """
select journey_id, phase_id, sum(silent_decided_count) as silent, sum(silent_dropped_off_count) as silent_dropped_off,
    sum(answered_decided_count) as answered, sum(answered_dropped_off_count) as answered_dropped_off
from voice.agg_voice
where touchpoint = 'all' and segment = $segment and feedback_kind = $kind and survey_scope = $scope
    and respondent_kind = $respondent and not is_suppressed
    and if($place = 'all', phase_id = 'all', journey_id = $place)
    and coalesce(month_starts_on >= $since, true) and coalesce(month_starts_on < $until, true)
group by journey_id, phase_id
order by phase_id <> 'all' or journey_id <> $place, silent desc, journey_id, phase_id
"""
JOURNEYS = """
select journey_id, max_by(journey_name, journey_version) as journey_name from journeys.dim_journeys group by journey_id
"""


@PAGE.question("silent", "Did those who were asked and did not answer drop off?", is_wide=True)
def silent(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    if asked.is_of_employees:
        return Figure(empty="Employees go through no journey, so they drop off from none.")
    found = view.ask(SILENT, **_parameters(view, asked))
    rows, verdicts = [], []
    left_out = 0
    names = (
        {place: name for place, (name, _) in _phase_names(view).items()}
        if view.filters.journey
        else {(row["journey_id"], ALL): row["journey_name"] for row in view.look_up(JOURNEYS)}
    )
    together = (view.filters.journey or ALL, ALL)
    names[together] = "All phases" if view.filters.journey else "All journeys"
    for row in found.dicts:
        silent_count, answered_count = int(row["silent"] or 0), int(row["answered"] or 0)
        if silent_count < view.min_cell_size:
            left_out += bool(silent_count or answered_count)
            continue
        name = names.get((row["journey_id"], row["phase_id"]), row["phase_id"])
        cells: list[object] = [(name, f"{silent_count:,} did not answer")]
        shares = []
        for who, dropped, count in (
            ("did not answer", row["silent_dropped_off"], silent_count),
            ("answered", row["answered_dropped_off"], answered_count),
        ):
            if count < view.min_cell_size:
                cells += ["", ("–", "too few")]
                continue
            share = dropped / count
            low, high = words.interval(dropped, count) or (None, None)
            label = f"{name}: {words.percent(share)} of {count:,} who {who} dropped off"
            cells += [
                span(share, low, high, most=1, target=None, label=label),
                (words.percent(share), f"{words.between(low, high)}, of {count:,}"),
            ]
            shares.append((share, count))
        rows.append(cells)
        if len(shares) == 2:
            by_chance = chance_of_difference(*shares[0], *shares[1])
            is_apart = abs(shares[0][0] - shares[1][0]) > by_chance
            verdicts.append((name, shares, is_apart))
    if not rows:
        return Figure(
            empty="With these filters it is known of too few who did not answer how their journey ended.",
            table=found,
        )
    answer = "No row has enough who answered, so the silent can be compared with nobody."
    if verdicts:
        apart = [verdict for verdict in verdicts if verdict[2]]
        name, shares, is_apart = apart[0] if apart else verdicts[0]
        answer = (
            f"{name}: {words.percent(shares[0][0])} of those who did not answer dropped off, of those who answered"
            f" {words.percent(shares[1][0])} – {BEYOND if is_apart else WITHIN}."
        )
    head = "Phase" if view.filters.journey else "Journey"
    return Figure(
        answer=answer,
        body=table(
            "Who dropped off",
            (head, "Did not answer", "Dropped off#", "Answered", "Dropped off#"),
            rows,
        ),
        table=found,
        counted=f"{max(int(row['silent'] or 0) for row in found):,} who did not answer and whose journey has ended",
        unit="share whose journey fell out; bar: 95 % interval (Wilson), drawn from 0 to 1",
        notes=[
            "Compare these before a score is taken for what all customers think.",
            *(
                [f"{words.plural(left_out, head.lower())} with fewer than {view.min_cell_size} not shown."]
                if left_out
                else []
            ),
        ],
    )


DRIVERS = """
select feedback_kind, touchpoint, journey_id, phase_id, status, answer_count, customer_count, metric, metric_without,
    association, association_ci_lower, association_ci_upper, association_rank, is_beyond_noise, reading
from voice.agg_drivers
where analysis = $analysis and feedback_kind = $kind and dimension = $dimension
    and coalesce(journey_id, 'all') = $within
order by association_rank nulls last, coalesce(touchpoint, phase_id)
"""
ONE_IN_TWENTY = "Of twenty rows about one is beyond noise by chance."


@PAGE.question("drivers", "Which steps go with what they think, in all segments and the last year?", is_wide=True)
def drivers(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    if asked.is_of_employees:
        return Figure(empty="Steps are compared by what customers say, not by what employees say.")
    is_of_brand = asked.scope == "relationship"
    if is_of_brand and asked.kind != "nps":
        return Figure(empty="Of what is asked of the brand, only the recommendation (NPS) is compared with steps.")
    by_phase = bool(view.filters.journey) and not is_of_brand
    found = view.ask(
        DRIVERS,
        kind=asked.kind,
        analysis="share_of_r2" if is_of_brand else "impact",
        dimension="phase" if by_phase else "touchpoint",
        within=view.filters.journey if by_phase else ALL,
    )
    noun = "phase" if by_phase else "touchpoint"
    measured = [row for row in found.dicts if row["association"] is not None]
    if not measured:
        return Figure(empty=_why_no_drivers(view, found, noun, is_of_brand=is_of_brand), table=found)
    names = _step_names(view)
    said = _added if is_of_brand else _said_impact
    most = max(
        abs(row[name])
        for row in measured
        for name in ("association", "association_ci_lower", "association_ci_upper")
        if row[name] is not None
    )
    rows = []
    for row in measured[:ROWS_SHOWN]:
        name, low, high = (
            _step_name(names, row),
            row["association_ci_lower"],
            row["association_ci_upper"],
        )
        between = _from_to(said(asked, low), said(asked, high)) if low is not None else "no interval"
        verdict = "beyond noise" if row["is_beyond_noise"] else "within noise" if low is not None else "not known"
        label = f"{name}: {said(asked, row['association'])} ({between}), {verdict}"
        drawn = deviation(row["association"], low, high, most=most or 1, label=label)
        over = "" if row["answer_count"] is None else words.plural(row["answer_count"], "answer")
        rows.append(((name, over), drawn, (said(asked, row["association"]), between), verdict))
    beyond = [row for row in measured if row["is_beyond_noise"]]
    first = (beyond or measured)[0]
    name, low, high = (
        _step_name(names, first),
        first["association_ci_lower"],
        first["association_ci_upper"],
    )
    between = f" ({_from_to(said(asked, low), said(asked, high))})" if low is not None else ""
    kind = KINDS[asked.kind]
    if is_of_brand:
        answer = (
            f"What they think of {name} goes with what they think of the brand: it adds"
            f" {said(asked, first['association'])}{between} to R², which is {first['metric']:.2f} for all"
            f" {words.plural(len(measured), noun)} together"
        )
        counted = words.plural(first["customer_count"], "customer") + f" who scored the brand and every {noun} here"
        unit = "part of R², 0 to 1 (Shapley's value)"
    else:
        answer = (
            f"All answers about steps: {_precisely(asked, first['metric'])}; without those about {name}:"
            f" {_precisely(asked, first['metric_without'])}. The difference is"
            f" {said(asked, first['association'])}{between}"
        )
        answers = sum(row["answer_count"] for row in measured)
        counted = words.plural(answers, "answer") + f" of customers about these {noun}s"
        unit = f"{kind.name} of all less {kind.name} without the {noun}; below 0 it lowers the figure"
    answer += ", more than chance explains." if first["is_beyond_noise"] else ", no more than chance may do."
    answer += (
        f" {len(beyond)} of {words.plural(len(measured), noun)} {'is' if len(beyond) == 1 else 'are'} beyond noise."
    )
    notes = [
        "An association, not an effect: customers of one step differ from those of another.",
        "The months and the segment above do not apply: it is of all customers and of the last 365 days before the"
        " release, unless drivers_within_days says otherwise.",
    ]
    if is_of_brand and view.filters.journey:
        notes.append("Nor does the journey: touchpoints of all journeys are compared.")
    if not is_of_brand:
        notes.append(f"A {noun} with many answers moves the figure most, even if it is little worse.")
    if len(measured) > 1:
        notes.append(ONE_IN_TWENTY)
    if few := len(found) - len(measured):
        notes.append(f"{words.plural(few, noun)} {'has' if few == 1 else 'have'} too few answers to be compared.")
    if len(measured) > ROWS_SHOWN:
        notes.append(f"The first {ROWS_SHOWN} of {len(measured)}; the CSV has all.")
    return Figure(
        answer=answer,
        body=table(
            f"Association by {noun}", (noun.capitalize(), "Below 0, above 0", "Association#", "Against noise"), rows
        ),
        table=found,
        counted=counted,
        unit=f"{unit}; 95 % interval (jackknife over groups of customers)",
        notes=notes,
    )


def _why_no_drivers(view: View, found: Table, noun: str, *, is_of_brand: bool) -> str:
    if any(row["status"] == "no_variation" for row in found):
        return "Every customer gave the brand the same score in the last year, so no step goes with it."
    if is_of_brand:
        return (
            "Too few customers have scored both the brand and steps in the last year: 40 are needed, and 10 for each"
            " touchpoint (docs/voice.md)."
        )
    if not found:
        return f"No {noun} has an answer of this kind in the last year."
    return (
        f"No {noun} can be compared: it takes {view.min_cell_size} answers and customers at it, and as many answers"
        " elsewhere, in the last year."
    )


def _step_names(view: View) -> dict[tuple[str | None, str | None], str]:
    """Names by touchpoint and phase of the chosen journey, one of which is none."""
    names: dict[tuple[str | None, str | None], str] = {
        (row["touchpoint"], None): row["touchpoint_name"] for row in view.look_up(TOUCHPOINTS)
    }
    for (journey, phase), (name, _) in _phase_names(view).items():
        if journey == view.filters.journey:
            names[None, phase] = name
    return names


def _step_name(names: Mapping[tuple[str | None, str | None], str], row: Mapping[str, Any]) -> str:
    """The name of a row's touchpoint or phase; the id where there is none."""
    return names.get((row["touchpoint"], row["phase_id"])) or str(row["touchpoint"] or row["phase_id"])


def _from_to(low: str, high: str) -> str:
    return f"{low.removesuffix(' points')} to {high}"


def _said_impact(asked: Asked, change: float) -> str:
    """What one step does to a figure is small: with a digit more than a change from month to month."""
    sign, size = "+" if change >= 0 else "−", abs(change)
    if asked.kind == "nps":
        return f"{sign}{size:.1f}"
    return f"{sign}{size:.3f}" if asked.kind == "ces" else f"{sign}{100 * size:.1f} points"


def _added(_: Asked, part: float) -> str:
    return f"{part:.3f}".replace("-", "−")


def _precisely(asked: Asked, value: float) -> str:
    name = KINDS[asked.kind].name
    if asked.kind == "nps":
        return f"{name} {value:.1f}".replace("-", "−")
    return f"{name} {value:.3f}" if asked.kind == "ces" else f"{100 * value:.1f} % {name}"


# The marts have no interval of a mood: it follows from how far the texts of the month are spread.
MOODS = (
    CHOSEN
    + """,
spreads as (
    select cast(date_trunc('month', answered_on) as date) as month_starts_on, count(sentiment) as texts,
        var_samp(sentiment) / count(sentiment) as mean_variance
    from chosen group by all
)
select months.feedback_kind, months.month_starts_on, months.is_month_complete, months.is_suppressed,
    months.sentiment_count, months.mean_sentiment,
    if(months.mean_sentiment is not null, spreads.mean_variance, null) as mean_variance
from voice.agg_voice as months
left join spreads on spreads.month_starts_on = months.month_starts_on and spreads.texts = months.sentiment_count
where months.journey_id = $place and months.phase_id = 'all' and months.touchpoint = 'all'
    and months.department = 'all' and months.segment = $segment and months.feedback_kind = $kind
    and months.survey_scope = $scope and months.respondent_kind = $respondent
    and coalesce(months.month_starts_on >= $since, true) and coalesce(months.month_starts_on < $until, true)
order by months.month_starts_on
"""
)
WITHOUT_SCORE = "text"


@PAGE.question("moods", "In which mood do they write?")
def moods(view: View) -> Figure:
    asked = _asked(view)
    if asked is None:
        return Figure(empty=NO_SCORE)
    parameters = _parameters(view, asked)
    of_kind = view.ask(MOODS, **parameters)
    unscored = view.ask(MOODS, **parameters | {"kind": WITHOUT_SCORE})
    found = Table(of_kind.columns, [*of_kind.rows, *unscored.rows])
    drawn, answers = [], []
    texts = 0
    for named, rows in (("with this score", of_kind.dicts), ("without a score", unscored.dicts)):
        valued = [row for row in rows if row["mean_sentiment"] is not None]
        if not valued:
            continue
        texts += sum(row["sentiment_count"] for row in valued)
        last = ([row for row in valued if row["is_month_complete"]] or valued)[-1]
        answers.append(
            f"{_month(last)}, texts {named}: {_mood_with_interval(last)}, over"
            f" {words.plural(last['sentiment_count'], 'text')}."
        )
        drawn += [_drawn_mood(named, row) for row in _without_gaps(valued)]
    notes = _hidden_months(of_kind)
    if not answers:
        return Figure(
            empty=f"No month has {view.min_cell_size} texts whose mood is known with these filters"
            + (" that may be shown." if notes else "."),
            table=found,
        )
    if any(row["is_open"] for row in drawn):
        notes.append("A hollow point is a month that is not over.")
    if asked.is_of_employees:
        notes.append("Answers of employees are in no table of single answers, so their moods have no interval.")
    return Figure(
        answer=" ".join(answers),
        body=lines(
            drawn,
            x="day",
            y="mood",
            low="low",
            high="high",
            series="texts",
            said="said",
            label="Mean mood of texts by month",
            is_incomplete="is_open",
        ),
        table=found,
        counted=f"{words.plural(texts, 'text')} whose mood is known",
        unit="mean mood, −1 unhappy to 1 happy; 95 % interval (Student's t)",
        notes=[
            *notes,
            "A model reads it: no score that a customer gave, and often wrong of a single text. The figure below says"
            " how far to trust it. Compare it with itself, never with a score.",
        ],
    )


def _drawn_mood(named: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if row["mean_sentiment"] is None:
        nothing = dict.fromkeys(("mood", "low", "high"))
        return nothing | {
            "day": row["month_starts_on"],
            "texts": named,
            "is_open": False,
            "said": f"{_month(row)}; none",
        }
    low, high = _mood_interval(row) or (None, None)
    is_open = row["is_month_complete"] is False
    return {
        "day": row["month_starts_on"],
        "texts": named,
        "mood": row["mean_sentiment"],
        "low": low,
        "high": high,
        "is_open": is_open,
        "said": f"{_month(row)}, {named}; {_mood_with_interval(row)}; {row['sentiment_count']:,} texts"
        + ("; the month is not over" if is_open else ""),
    }


def _mood_interval(row: Mapping[str, Any]) -> tuple[float, float] | None:
    if row["mean_variance"] is None:
        return None
    half = student(row["sentiment_count"] - 1) * math.sqrt(row["mean_variance"])
    return max(-1.0, row["mean_sentiment"] - half), min(1.0, row["mean_sentiment"] + half)


def _mood_with_interval(row: Mapping[str, Any]) -> str:
    between = _mood_interval(row)
    return f"mood {_signed(row['mean_sentiment'])}" + (
        f" ({_signed(between[0])} to {_signed(between[1])})" if between else ""
    )


def _signed(mood: float) -> str:
    return f"{mood:+.2f}".replace("-", "−")


TRUST = """
select language, sentiment_method, text_count, label_count, happy_label_count, auc, auc_ci_lower, auc_ci_upper,
    brier_score, not_scored_share, learnt_before
from voice.sentiment_quality
order by text_count desc, language
"""
METHODS = {
    "own_model": "a model learnt from scored answers",
    "lexicon": "a list of words of mood",
    "not_scored": "not read",
}


@PAGE.question("trust", "How far can the mood of a text be trusted, in all texts?")
def trust(view: View) -> Figure:
    found = view.ask(TRUST)
    if not found:
        return Figure(empty="No customer and no employee has written a text.")
    texts = sum(row["text_count"] for row in found)
    unread = sum(row["text_count"] * (row["not_scored_share"] or 0) for row in found)
    rows = []
    for row in found.dicts:
        right: object = ("–", "not read" if row["sentiment_method"] == "not_scored" else "too few labels")
        drawn: object = ""
        if row["auc"] is not None:
            between = words.between(row["auc_ci_lower"], row["auc_ci_upper"])
            right = (words.percent(row["auc"]), between)
            label = f"{row['language']}: right in {words.percent(row['auc'])} of pairs ({between}); half is guessing"
            drawn = span(row["auc"], row["auc_ci_lower"], row["auc_ci_upper"], most=1, target=0.5, label=label)
        name = (row["language"], f"{words.plural(row['text_count'], 'text')}, {METHODS[row['sentiment_method']]}")
        unhappy = row["label_count"] - row["happy_label_count"]
        rows.append((name, drawn, right, (f"{row['label_count']:,}", f"{unhappy:,} unhappy")))
    known = [row for row in found.dicts if row["auc"] is not None]
    answer = (
        " ".join(
            f"{row['language']}: of a happy and an unhappy text the happy one has the better mood in"
            f" {words.percent(row['auc'])} ({words.between(row['auc_ci_lower'], row['auc_ci_upper'])}) of pairs"
            + (", more than guessing." if (row["auc_ci_lower"] or 0) > 0.5 else ", which may be guessing.")
            for row in known[:2]
        )
        or "It is not known: in no language have enough happy and unhappy customers written a text and a score."
    )
    return Figure(
        answer=f"{answer} {words.percent(unread / texts)} of texts have no mood." if texts else answer,
        body=table("Moods by language", ("Language", "Right", "Of pairs#", "Scored texts#"), rows),
        table=found,
        counted=words.plural(texts, "text") + " of customers and employees",
        unit="share of pairs of a happy and an unhappy text (AUC), 0.5 is guessing; 95 % interval (Hanley and McNeil)",
        notes=["All filters above do not apply. Those who score may write otherwise than those who only write."],
    )


TOPIC_WORDS = """
select touchpoint, language, word, said_by, answer_count, log_odds, log_odds_ci_lower, log_odds_ci_upper, z_score
from voice.agg_topic_words
order by touchpoint <> 'all', touchpoint, z_score desc, language, word
"""
WORDS_SHOWN = 8


@PAGE.question("words", "Which words set unhappy texts apart from happy ones, in all texts?", is_wide=True)
def topic_words(view: View) -> Figure:
    found = view.ask(TOPIC_WORDS)
    if not found:
        return Figure(
            empty=f"No word is in the scored texts of {view.min_cell_size} customers, happy and unhappy, of months that"
            " are over."
        )
    has_languages = len({row["language"] for row in found}) > 1

    def worded(row: Mapping[str, Any]) -> str:
        return f"{row['word']} ({row['language']})" if has_languages else str(row["word"])

    of_all = [row for row in found.dicts if row["touchpoint"] == ALL]
    apart = [row for row in of_all if row["log_odds_ci_lower"] > 0 or row["log_odds_ci_upper"] < 0]
    unhappy = [row for row in apart if row["log_odds"] > 0]
    happy = [row for row in reversed(apart) if row["log_odds"] < 0]
    if not apart:
        answer = f"None by more than chance may do, of {words.plural(len(of_all), 'word')}."
    else:
        answer = " ".join(
            f"{who} customers say {words.listed([f'“{worded(row)}”' for row in some[:3]])} more often."
            for who, some in (("Unhappy", unhappy), ("Happy", happy))
            if some
        )
    shown = [*unhappy[:WORDS_SHOWN], *reversed(happy[:WORDS_SHOWN])]
    most = max((abs(row[f"log_odds_ci_{end}"]) for row in shown for end in ("lower", "upper")), default=1.0)
    rows = []
    for row in shown:
        times = [_times(abs(row["log_odds"]))]
        ends = sorted((abs(row["log_odds_ci_lower"]), abs(row["log_odds_ci_upper"])))
        between = f"{_times(ends[0])} to {_times(ends[1])}"
        label = f"{worded(row)}: {times[0]} ({between}), said more often by the {row['said_by']}"
        drawn = deviation(row["log_odds"], row["log_odds_ci_lower"], row["log_odds_ci_upper"], most=most, label=label)
        name = (worded(row), words.plural(row["answer_count"], "text"))
        rows.append((name, drawn, (f"{row['said_by']}, {times[0]}", between)))
    names = {row["touchpoint"]: row["touchpoint_name"] for row in view.look_up(TOUCHPOINTS)}
    places: dict[str, dict[str, list[str]]] = {}
    for row in found.dicts:
        if row["touchpoint"] == ALL:
            continue
        said = places.setdefault(row["touchpoint"], {"unhappy": [], "happy": []})
        if row["log_odds_ci_lower"] > 0:
            said["unhappy"].append(worded(row))
        elif row["log_odds_ci_upper"] < 0:
            said["happy"].insert(0, worded(row))
    by_touchpoint = [
        (
            names.get(place, "No touchpoint known" if place == NONE else place),
            ", ".join(said["unhappy"][:WORDS_SHOWN]) or "–",
            ", ".join(said["happy"][:WORDS_SHOWN]) or "–",
        )
        for place, said in places.items()
        if said["unhappy"] or said["happy"]
    ]
    body = table("Words", ("Word", "Happy, unhappy", "Said by, odds#"), rows) if rows else Markup()
    if by_touchpoint:
        body += table("Words by touchpoint", ("Touchpoint", "The unhappy say", "The happy say"), by_touchpoint)
    return Figure(
        answer=answer,
        body=body,
        table=found,
        counted=f"{words.plural(len(of_all), 'word')} of {view.min_cell_size} customers or more",
        unit="odds of the word in texts of the one over those of the other; 95 % interval; words beyond noise only",
        notes=[
            "All filters above do not apply: texts of all months that are over, whose customers scored as well.",
            "Of many words a few stand out by chance. Words that could be names are left out.",
        ],
    )


def _times(log_odds: float) -> str:
    return f"{math.exp(log_odds):.1f} times"
