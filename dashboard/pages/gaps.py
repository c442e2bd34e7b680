"""Gaps: hand-overs and answers that take too long, and what became of those who waited."""

from __future__ import annotations

from typing import Any

from dashboard import words
from dashboard.draw import Bar, Part, bars, switch, table
from dashboard.figure import Figure, Page
from dashboard.names import channel_names, phase_names
from dashboard.view import View

PAGE = Page(
    name="gaps",
    title="Gaps",
    about=(
        "Where customers are handed from one device, channel or department to another and wait, and where nobody"
        " answers."
    ),
    order=50,
    takes=("journey",),
)

KINDS = {
    "device": "between devices",
    "channel": "between channels",
    "department": "between departments",
    "communication": "no answer, or silence",
}
ROWS_SHOWN = 15

BY_KIND = """
select gap_kind, sum(gap_count) as gaps, sum(instance_count) as instances, sum(open_count) as compared,
    sum(open_fell_out_count) as fell_out
from flows.agg_gaps where journey_id = $journey group by gap_kind order by gaps desc, gap_kind
"""
GAPS = """
select gap_kind, phase_id, from_name, to_name, gap_count, customer_count, median_wait_seconds, p90_wait_seconds,
    open_count, open_fell_out_count, fall_out_share, fall_out_share_without, median_without_count
from flows.agg_gaps
where journey_id = $journey and ($kind = 'all' or gap_kind = $kind)
order by open_fell_out_count desc, gap_count desc, gap_kind, phase_id, from_name, to_name
"""


@PAGE.question("kinds", "Which kinds of gaps are there?", is_wide=True)
def kinds(view: View) -> Figure:
    found = view.ask(BY_KIND)
    if not found:
        return Figure(empty="No hand-over or answer of this journey took longer than it may.")
    total = sum(row["gaps"] for row in found)
    drawn = [
        Bar(
            KINDS.get(row["gap_kind"], row["gap_kind"]),
            (Part(row["gaps"], "accent", f"{KINDS.get(row['gap_kind'], row['gap_kind'])}: {row['gaps']:,} gaps"),),
            f"{row['gaps']:,}",
            view.address(kind=row["gap_kind"]) + "#gaps",
        )
        for row in found
    ]
    first = found.first()
    return Figure(
        answer=(
            f"{total:,} gaps; most are {KINDS.get(first['gap_kind'], first['gap_kind'])}"
            f" ({words.percent(first['gaps'] / total)})."
        ),
        body=bars(drawn),
        table=found,
        counted=f"{total:,} gaps",
        unit="gaps, whatever became of the instance",
        notes=(
            (
                "A hand-over is a gap if it took longer than nine of ten of its kind in instances that went on. An"
                " answer is late beyond the limit of its touchpoint."
            ),
        ),
    )


@PAGE.question("gaps", "Which gaps go with customers falling out?", is_wide=True)
def gaps(view: View) -> Figure:
    kind = view.extra.get("kind", "all")
    if kind not in KINDS:
        kind = "all"
    found = view.ask(GAPS, kind=kind)
    chooser = switch(
        "Kind:",
        [("all", view.address() + "#gaps", kind == "all")]
        + [(said, view.address(kind=one) + "#gaps", one == kind) for one, said in KINDS.items()],
    )
    if not found:
        return Figure(body=chooser, answer="No gap of this kind.", counted="0 gaps")
    phases, names = phase_names(view), channel_names(view)
    rows = []
    for row in found.dicts[:ROWS_SHOWN]:
        low_high = words.interval(row["open_fell_out_count"] or 0, row["open_count"] or 0)
        rows.append(
            (
                (_said(row, names), KINDS.get(row["gap_kind"], row["gap_kind"])),
                phases.get(row["phase_id"], row["phase_id"] or "–"),
                f"{row['gap_count']:,}",
                words.duration(row["median_wait_seconds"]),
                (
                    words.percent(row["fall_out_share"]),
                    f"{words.between(*low_high)}, of {row['open_count']:,}" if low_high else "",
                ),
                (
                    words.percent(row["fall_out_share_without"]),
                    f"about {row['median_without_count']:,} at once" if row["median_without_count"] else "",
                ),
            )
        )
    worst = found.first()
    answer = ""
    if worst["open_fell_out_count"]:
        answer = (
            f"{_said(worst, names)} ({phases.get(worst['phase_id'], worst['phase_id'])}):"
            f" {worst['open_fell_out_count']:,} of {worst['open_count']:,} fell out afterwards"
            f" ({words.percent(worst['fall_out_share'])}), against {words.percent(worst['fall_out_share_without'])} of"
            " others at the same age."
        )
    return Figure(
        answer=answer,
        body=chooser
        + table(
            "Gaps and what became of those who waited",
            ("Gap", "Phase", "Gaps#", "Median wait#", "Fell out with it#", "Without, at equal age#"),
            rows,
        ),
        table=found,
        counted=f"{sum(row['gap_count'] for row in found):,} gaps in {len(found)} places",
        unit="share of open instances that fell out later; 95 % interval (Wilson)",
        notes=(
            (
                "The difference of the two shares is not the effect of the gap: a hand-over brings customers back, so"
                " those with one may fall out less than others of the same age."
            ),
            *(
                (f"The first {ROWS_SHOWN} by instances that fell out; the CSV has all.",)
                if len(found) > ROWS_SHOWN
                else ()
            ),
        ),
    )


# A contact that is a step of two instances waited once.
ANSWERS = """
with late as (
    select from_name as touchpoint, from_event_id, bool_or(coalesce(journey_id = $journey, false)) as is_of_journey,
        max(wait_seconds) as wait_seconds, min(limit_seconds) as limit_seconds,
        bool_and(to_event_id is null) as is_unanswered
    from flows.fct_gaps
    where gap_kind = 'communication' and from_name <> '(map)'
    group by from_name, from_event_id
),
inbound as (
    select touchpoint, count(*) as events from core.fct_events
    where direction = 'inbound' and not is_bot and not is_after_as_of
    group by touchpoint
)
select late.touchpoint, count(*) as late_answers, count_if(late.is_unanswered) as never_answered,
    count_if(late.is_of_journey) as late_in_journey,
    percentile_disc(0.5) within group (order by late.wait_seconds) filter (where not late.is_unanswered)
        as median_wait_seconds,
    min(late.limit_seconds) as limit_seconds, max(coalesce(inbound.events, 0)) as inbound_events
from late
left join inbound on inbound.touchpoint = late.touchpoint
group by late.touchpoint
order by late_answers desc, late.touchpoint
"""
TOUCHPOINTS = "select touchpoint, coalesce(touchpoint_name, touchpoint) as touchpoint_name from core.dim_touchpoints"


@PAGE.question("answers", "Where did they wait for an answer, in all journeys and outside of them?", is_wide=True)
def answers(view: View) -> Figure:
    found = view.ask(ANSWERS)
    if not found:
        return Figure(
            empty="No contact waited longer than its touchpoint allows. answer_within_hours in touchpoints.csv is how "
            "long that is; touchpoints without it owe no answer."
        )
    names = {row["touchpoint"]: row["touchpoint_name"] for row in view.look_up(TOUCHPOINTS)}
    rows = []
    for row in found.dicts[:ROWS_SHOWN]:
        of_all = f"of {row['inbound_events']:,} inbound events there" if row["inbound_events"] else ""
        rows.append(
            (
                names.get(row["touchpoint"], row["touchpoint"]),
                (f"{row['late_answers']:,}", of_all),
                f"{row['never_answered']:,}",
                words.duration(row["limit_seconds"]),
                words.duration(row["median_wait_seconds"]) if row["median_wait_seconds"] is not None else "–",
                f"{row['late_in_journey']:,}",
            )
        )
    first = found.first()
    name = names.get(first["touchpoint"], first["touchpoint"])
    late = sum(row["late_answers"] for row in found)
    never = sum(row["never_answered"] for row in found)
    low_high = words.interval(never, late)
    return Figure(
        answer=(
            f"{words.plural(late, 'contact')} waited longer than allowed, most at {name} ({first['late_answers']:,}, "
            f"where {words.duration(first['limit_seconds'])} are allowed). {never:,} of them got no answer"
            + (f" ({words.percent(never / late)}; {words.between(*low_high)})." if low_high else ".")
        ),
        body=table(
            "Late answers by touchpoint",
            (
                "Asked at",
                "Late answers#",
                "Never answered#",
                "Allowed#",
                "Median of answered#",
                "In this journey#",
            ),
            rows,
        ),
        table=found,
        counted=f"{words.plural(late, 'contact')} that waited too long",
        unit="contacts at touchpoints that owe an answer within a time; 95 % interval (Wilson)",
        notes=(
            (
                "The median is that of contacts that were answered late; who got no answer is counted. Inbound events"
                " include answers to surveys, which wait for nothing. Of a call that was given up, the wait goes to the"
                " next message from the same touchpoint or department."
            ),
            *((f"The first {ROWS_SHOWN}; the CSV has all.",) if len(found) > ROWS_SHOWN else ()),
        ),
    )


def _said(row: Any, names: dict[str, str]) -> str:
    if row["gap_kind"] == "communication":
        return "Silence" if row["from_name"] == "(map)" else f"No answer in time: {row['from_name'].replace('_', ' ')}"
    start, end = row["from_name"], row["to_name"]
    if row["gap_kind"] == "channel":
        start, end = names.get(start, start), names.get(end, end)
    return f"{start.replace('_', ' ')} → {end.replace('_', ' ')}"
