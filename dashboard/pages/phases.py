"""Phases: how far customers get, when they leave, and what becomes of those who enter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dashboard import words
from dashboard.charts import columns, lines
from dashboard.draw import OUTCOMES, Bar, Part, bars, key, switch
from dashboard.figure import Figure, Page
from dashboard.filters import ALL
from dashboard.names import phase_names
from dashboard.release import Table
from dashboard.view import TOO_FEW, View

PAGE = Page(
    name="phases",
    title="Phases",
    about="How far customers get in a journey, how long they stay in a phase, and what becomes of them.",
    order=30,
    takes=("journey", "version", "since", "until", "segment", "channel", "level"),
)

FUNNEL = """
select step_order, phase_id, sum(entered_count) as entered, sum(eventual_count) as went_on,
    sum(next_hit_count) as directly, sum(pending_count) as pending, sum(entered_count) as customers
from journeys.agg_funnel_steps
where journey_id = $journey and ($version is null or journey_version = $version)
group by step_order, phase_id order by step_order, phase_id
"""
# As journeys.agg_funnel_steps counts, for the chosen instances: required phases in order, each at its first entry after
# the one before and within that phase's window.
FILTERED_FUNNEL = """
with recursive instances as ({instances}),
steps as (
    select journey_version, phase_id, window_days * 86400 as window_seconds,
        row_number() over (partition by journey_version order by phase_order) as step_order,
        count(*) over (partition by journey_version) as step_count
    from journeys.dim_phases where journey_id = $journey and is_required
),
intervals as (
    select instances.journey_instance_id, instances.outcome as instance_outcome, instances.customer_id,
        intervals.interval_number, intervals.entered_at, steps.step_order, steps.step_count, steps.phase_id,
        intervals.entered_at + to_seconds(steps.window_seconds) as deadline
    from instances
    inner join journeys.fct_phase_intervals as intervals
        on intervals.journey_instance_id = instances.journey_instance_id
    inner join steps on steps.journey_version = instances.journey_version and steps.phase_id = intervals.phase_id
),
entries as (
    select journey_instance_id, 1 as step_order, min(interval_number) as interval_number
    from intervals where step_order = 1 group by journey_instance_id
    union all
    select entries.journey_instance_id, entries.step_order + 1, min(next_ones.interval_number)
    from entries
    inner join intervals as present on present.journey_instance_id = entries.journey_instance_id
        and present.interval_number = entries.interval_number
    inner join intervals as next_ones on next_ones.journey_instance_id = entries.journey_instance_id
        and next_ones.step_order = entries.step_order + 1 and next_ones.interval_number > entries.interval_number
        and (present.deadline is null or next_ones.entered_at <= present.deadline)
    group by entries.journey_instance_id, entries.step_order
),
steps_taken as (
    select intervals.*, lead(intervals.interval_number) over later as next_number
    from entries
    inner join intervals on intervals.journey_instance_id = entries.journey_instance_id
        and intervals.interval_number = entries.interval_number
    window later as (partition by intervals.journey_instance_id order by intervals.step_order)
)
select step_order, phase_id, count(*) as entered, count(next_number) as went_on,
    count_if(coalesce(next_number = interval_number + 1, false)) as directly,
    count_if(
        next_number is null and step_order < step_count and instance_outcome = 'pending'
        and (deadline is null or deadline >= $as_of)
    ) as pending,
    count(distinct customer_id) as customers
from steps_taken group by step_order, phase_id order by step_order, phase_id
"""


REQUIRED = """
select phase_id from journeys.dim_phases
where journey_id = $journey and is_required
    and journey_version = coalesce(
        $version, (select max(journey_version) from journeys.dim_phases where journey_id = $journey)
    )
order by phase_order
"""


@PAGE.question("funnel", "How far do customers get?")
def funnel(view: View) -> Figure:
    of_version = _one_version(view)
    if view.is_filtered:
        found = view.ask_by_group(
            FILTERED_FUNNEL, ("step_order", "phase_id"), as_of=view.release.as_of.replace(tzinfo=None)
        )
    else:
        found = view.ask(FUNNEL)
    hidden = {phase_id for _, phase_id in view.hidden}
    rows = {row["phase_id"]: row for row in found if row["entered"]}
    steps = [row[0] for row in view.look_up(REQUIRED).rows]
    if not steps or steps[0] not in rows:
        return Figure(empty="Nobody entered the first required phase with these filters.")
    names = phase_names(view)
    first = rows[steps[0]]["entered"]
    drawn: list[Bar] = []
    table: list[tuple[Any, ...]] = []
    of_decided: list[tuple[float, str, int, int]] = []
    for number, phase in enumerate(steps, start=1):
        name = names.get(phase, phase)
        if phase in hidden:
            drawn.append(Bar(name, (), "not shown"))
            table.append((number, phase, None, None, None, None))
            continue
        row = rows.get(phase)
        entered = row["entered"] if row else 0
        value = f"{entered:,}  ({words.percent(entered / first)})"
        # who went on would say how many are in the next step
        is_cut = number < len(steps) and steps[number] in hidden
        if row is None or number == len(steps) or is_cut:
            said = f"{name}: {entered:,} reached it" + ("; what became of them is not shown" if is_cut else "")
            drawn.append(Bar(name, (Part(entered, "none" if is_cut else "done", said),), value))
            table.append((number, phase, entered, None, None, None))
            continue
        later = row["went_on"] - row["directly"]
        lost = entered - row["went_on"] - row["pending"]
        drawn.append(
            Bar(
                name,
                (
                    Part(row["directly"], "progress", f"{name}: {row['directly']:,} took the next step directly"),
                    Part(later, "back", f"{name}: {later:,} took it after going back or a detour"),
                    Part(row["pending"], "open", f"{name}: {row['pending']:,} still have time"),
                    Part(lost, "out", f"{name}: {lost:,} never took it"),
                ),
                value,
            )
        )
        table.append((number, phase, entered, row["went_on"], row["directly"], row["pending"]))
        if decided := int(entered - row["pending"]):
            of_decided.append((row["went_on"] / decided, name, int(row["went_on"]), decided))
    last = steps[-1]
    answer = f"{first:,} entered {names.get(steps[0], steps[0])}."
    if last not in hidden:
        reached = rows[last]["entered"] if last in rows else 0
        answer = (
            f"Of {first:,} that entered {names.get(steps[0], steps[0])}, {reached:,} reached {names.get(last, last)} "
            f"({words.percent(reached / first)})."
        )
    if of_decided:
        share, name, went_on, decided = min(of_decided)
        low_high = words.interval(went_on, decided)
        answer += f" The hardest step is out of {name}: {words.percent(share)} of the {decided:,} decided ones take it"
        answer += f" ({words.between(*low_high)})." if low_high else "."
    return Figure(
        answer=answer,
        body=key(
            (
                ("progress", "next step directly"),
                ("back", "after a detour"),
                ("open", "still has time"),
                ("out", "never"),
            )
        )
        + bars(drawn),
        table=Table(("step_order", "phase_id", "entered", "went_on", "directly", "pending"), table),
        counted=f"{first:,} instances that entered the first step",
        unit="instances of the journey",
        notes=(
            *((of_version,) if of_version else ()),
            "The strict view: required phases in order, each within the window of the one before. Those who start in "
            "the middle are not in it.",
        ),
    )


VERSIONS = """
select distinct journey_version from journeys.dim_journeys where journey_id = $journey order by journey_version desc
"""


def _one_version(view: View) -> str:
    """Chooses the newest version where none is, and says so: steps of versions with other phases don't add up."""
    versions = [row[0] for row in view.look_up(VERSIONS).rows]
    if view.filters.version != ALL or len(versions) < 2:
        return ""
    view.filters = replace(view.filters, version=str(versions[0]))
    return (
        f"Of version {versions[0]}, the newest of {len(versions)}: steps of different versions do not add up. Choose "
        "another above."
    )


SURVIVAL = """
select phase_id, dwell_days, survival_share, survival_share_ci_lower as low, survival_share_ci_upper as high,
    at_risk_count
from journeys.agg_phase_survival
where journey_id = $journey and journey_version = $version
order by phase_id, dwell_days
"""
# Kaplan and Meier over exact lengths of intervals, by whole days, with the log-log bounds of Kalbfleisch and
# Prentice, as journeys.agg_phase_survival has them per version.
FILTERED_SURVIVAL = """
with instances as ({instances}),
lengths as (
    select intervals.phase_id, intervals.dwell_seconds, count(*) as interval_count,
        count_if(intervals.outcome <> 'pending') as exits
    from journeys.fct_phase_intervals as intervals
    inner join instances on instances.journey_instance_id = intervals.journey_instance_id
    where intervals.outcome <> 'completed'
    group by intervals.phase_id, intervals.dwell_seconds
),
risks as (
    select *, sum(interval_count) over (partition by phase_id order by dwell_seconds desc) as at_risk from lengths
),
curve as (
    select phase_id, floor(dwell_seconds / 86400.0) as dwell_days, dwell_seconds, at_risk,
        min(at_risk - exits) over so_far > 0 as anyone_left,
        exp(sum(case when exits < at_risk then ln(1 - exits / at_risk) else 0 end) over so_far) as survival,
        sum(case when exits < at_risk then exits / (at_risk * (at_risk - exits)) end) over so_far as greenwood
    from risks
    window so_far as (partition by phase_id order by dwell_seconds)
),
days as (
    select phase_id, dwell_days, max(at_risk) as at_risk_count,
        case when bool_and(anyone_left) then min(survival) else 0 end as survival_share, max(greenwood) as greenwood
    from curve group by phase_id, dwell_days
),
sizes as (
    select intervals.phase_id, count(distinct intervals.customer_id) as customers
    from journeys.fct_phase_intervals as intervals
    inner join instances on instances.journey_instance_id = intervals.journey_instance_id
    group by intervals.phase_id
)
select days.phase_id, cast(dwell_days as integer) as dwell_days, survival_share,
    case when survival_share between 1e-12 and 1 - 1e-12 and greenwood > 0
        then power(survival_share, exp(1.959963984540054 * sqrt(greenwood) / abs(ln(survival_share)))) end as low,
    case when survival_share between 1e-12 and 1 - 1e-12 and greenwood > 0
        then power(survival_share, exp(-1.959963984540054 * sqrt(greenwood) / abs(ln(survival_share)))) end as high,
    at_risk_count, sizes.customers
from days inner join sizes on sizes.phase_id = days.phase_id
order by days.phase_id, dwell_days
"""
# Beyond this share of a phase's first number at risk the curve is noise.
LEAST_AT_RISK = 20


@PAGE.question("survival", "How long do customers stay in a phase?")
def survival(view: View) -> Figure:
    versions = [row[0] for row in view.look_up(VERSIONS).rows]
    if view.is_filtered or (view.filters.version == "all" and len(versions) > 1):
        found = view.ask_by_group(FILTERED_SURVIVAL, ("phase_id", "dwell_days"), within=("phase_id",))
        if view.filters.segment != ALL:
            # the end of a curve is single people's lengths of intervals
            found = Table(found.columns, [row for row in found.rows if row[5] >= view.min_cell_size])
    else:
        if not versions:
            return Figure(empty="This journey has no phases.")
        version = versions[0] if view.filters.version == ALL else int(view.filters.version)
        found = view.ask(SURVIVAL, version=version)
    if not found:
        return Figure(empty="No phase interval with these filters.")
    names = phase_names(view)
    order = list(names)
    rows: list[dict[str, Any]] = []
    for row in sorted(found.dicts, key=lambda row: (order.index(row["phase_id"]), row["dwell_days"])):
        if row["at_risk_count"] >= LEAST_AT_RISK and row["dwell_days"] <= 90:
            # the share at the end of a day is that of the day after
            rows.append(
                {
                    "phase": names[row["phase_id"]],
                    "days": row["dwell_days"] + 1,
                    "share": row["survival_share"],
                    "low": row["low"] if row["low"] is not None else row["survival_share"],
                    "high": row["high"] if row["high"] is not None else row["survival_share"],
                }
            )
    starts = [
        {"phase": phase, "days": 0, "share": 1.0, "low": 1.0, "high": 1.0}
        for phase in dict.fromkeys(row["phase"] for row in rows)
    ]
    if not rows:
        return Figure(empty=f"Too few phase intervals: fewer than {LEAST_AT_RISK} in every phase.", table=found)
    # a phase that nobody left by then has no row of these days
    week = dict.fromkeys((row["phase"] for row in rows), 1.0)
    for row in rows:
        if row["days"] <= 7:
            week[row["phase"]] = row["share"]
    entered: dict[str, int] = {}
    for one in found:
        entered[one["phase_id"]] = max(entered.get(one["phase_id"], 0), one["at_risk_count"])
    longest = max(week, key=lambda phase: week[phase])
    return Figure(
        answer=f"After a week {words.percent(week[longest])} are still in {longest}"
        + (
            f", and {words.percent(min(week.values()))} in {min(week, key=lambda phase: week[phase])}."
            if len(week) > 1
            else "."
        ),
        body=lines(
            starts + rows,
            x="days",
            y="share",
            series="phase",
            low="low",
            high="high",
            is_step=True,
            percent=True,
            x_title="days since entering the phase",
            y_title="still in it",
            label="Share still in the phase, by days since entering it",
        ),
        table=found,
        counted=f"{sum(entered.values()):,} phase intervals",
        unit="share of phase intervals that have not ended (Kaplan–Meier), 95 % interval",
        notes=(
            (
                "Leaving is any end: going on, going back or falling out. Where a phase's window ends, the rest falls"
                f" out at once. Drawn while at least {LEAST_AT_RISK} are left, for 90 days at most; terminal phases are"
                " left out."
            ),
        ),
    )


BY_MONTH = """
with instances as ({instances}),
of_phase as (
    select cast({month_of intervals.entered_at} as date) as month, intervals.outcome, intervals.customer_id
    from journeys.fct_phase_intervals as intervals
    inner join instances on instances.journey_instance_id = intervals.journey_instance_id
    where intervals.phase_id = $phase
),
of_months as (
    select month, count(distinct customer_id) as customers from of_phase group by month
)
select of_phase.month, of_phase.outcome, count(*) as interval_count, of_months.customers
from of_phase inner join of_months on of_months.month = of_phase.month
where of_phase.month >= (select min(month_starts_on) from core.dim_dates)
group by all order by all
"""


@PAGE.question("outcomes", "What became of those who entered, month by month?", is_wide=True)
def outcomes(view: View) -> Figure:
    names = phase_names(view)
    if not names:
        return Figure(empty="This journey has no phases.")
    phase = view.extra.get("phase", "")
    if phase not in names:
        phase = _lossiest(view) or next(iter(names))
    # a month is shown whole or not at all: with single outcomes left out, the others would look like more
    found = view.ask_by_group(BY_MONTH, ("month", "outcome"), phase=phase)
    chooser = switch(
        "Phase:", [(name, view.address(phase=one) + "#outcomes", one == phase) for one, name in names.items()]
    )
    if not found:
        return Figure(
            answer=TOO_FEW if view.hidden else f"Nobody entered {names[phase]} with these filters.",
            body=chooser,
            counted="0 phase intervals",
        )
    word = {outcome: said for outcome, said, _ in OUTCOMES}
    of_month: dict[Any, int] = {}
    for row in found:
        of_month[row["month"]] = of_month.get(row["month"], 0) + row["interval_count"]
    rows: list[dict[str, Any]] = []
    for row in found:
        share = row["interval_count"] / of_month[row["month"]]
        said = (
            f"{row['month']:%B %Y}; {row['interval_count']:,} of {of_month[row['month']]:,} phase intervals "
            f"{word[row['outcome']]}"
        )
        rows.append(
            {
                "month": row["month"],
                "outcome": word[row["outcome"]],
                "interval_count": row["interval_count"],
                "share": share,
                "said": f"{said}; {words.percent(share)}",
            }
        )
    total = sum(row["interval_count"] for row in rows)
    parts = []
    for outcome, said, _ in OUTCOMES:
        n = sum(row["interval_count"] for row in found.dicts if row["outcome"] == outcome)
        if n:
            parts.append(f"{words.percent(n / total)} {said}")
    return Figure(
        answer=f"{names[phase]}: of {total:,} phase intervals {words.listed(parts)}.",
        body=chooser
        + columns(
            rows,
            x="month",
            y="share",
            said="said",
            series="outcome",
            order=[said for _, said, _ in OUTCOMES],
            colors=[f"var(--{colour})" for _, _, colour in OUTCOMES],
            label=f"Outcomes of phase intervals in {names[phase]} by month of entry",
            percent=True,
            is_wide=True,
            y_title="share of phase intervals",
        ),
        table=found,
        counted=f"{total:,} phase intervals in {names[phase]}",
        unit="share of the phase intervals that began in the month",
        notes=(
            (
                "A month with grey is not over: its open intervals will go on, go back or fall out. Months before the"
                " calendar of the data (core.dim_dates) are left out."
            ),
        ),
    )


LOSSIEST = """
select phase_id from journeys.fct_phase_intervals where journey_id = $journey and outcome = 'fell_out'
group by phase_id order by count(*) desc, phase_id limit 1
"""


def _lossiest(view: View) -> str | None:
    found = view.look_up(LOSSIEST)
    return found.rows[0][0] if found.rows else None


# Intervals are of instances: moves of one instance are no independent trials, so shares of moves have none.
CONFORMANCE = """
select month_starts_on as month, sum(instance_count) as instances, sum(moved_count) as moved,
    sum(conforming_count) as conforming, sum(move_count) as moves, sum(allowed_count) as allowed
from flows.agg_conformance_monthly
where journey_id = $journey and ($version is null or journey_version = $version)
    and month_starts_on >= (select min(month_starts_on) from core.dim_dates)
group by month_starts_on order by month_starts_on
"""
FILTERED_CONFORMANCE = """
with instances as ({instances}),
moves as (
    select transitions.journey_instance_id, count(*) as moves,
        count_if(transitions.transition_kind in ('forward', 'completed')) as allowed
    from journeys.fct_phase_transitions as transitions
    where transitions.journey_id = $journey
    group by transitions.journey_instance_id
),
counted as (
    select cast({month_of instances.started_at} as date) as month, instances.customer_id, moves.moves, moves.allowed
    from instances
    left join moves on moves.journey_instance_id = instances.journey_instance_id
)
select month, count(*) as instances, count(moves) as moved, count_if(coalesce(allowed = moves, false)) as conforming,
    coalesce(sum(moves), 0) as moves, coalesce(sum(allowed), 0) as allowed, count(distinct customer_id) as customers
from counted
where month >= (select min(month_starts_on) from core.dim_dates)
group by month order by month
"""
STILL_OPEN = """
with instances as ({instances})
select cast({month_of started_at} as date) as month, count(*) as instances, count_if(outcome = 'pending') as pending
from instances group by month order by month
"""
# A month of which more than this share of the instances is open still moves.
OPEN_SHARE = 0.05


@PAGE.question("conformance", "Do customers move as designed?")
def conformance(view: View) -> Figure:
    found = view.ask_by_group(FILTERED_CONFORMANCE, ("month",)) if view.is_filtered else view.ask(CONFORMANCE)
    months = [row for row in found.dicts if row["moves"]]
    if not months:
        return Figure(empty="Nobody moved from one phase to another with these filters.")
    still_open = {row["month"] for row in view.ask(STILL_OPEN) if row["pending"] > OPEN_SHARE * row["instances"]}
    # a month that is not over has instances that are yet to begin
    still_open.add(view.release.as_of.date().replace(day=1))
    rows: list[dict[str, Any]] = []
    for row in months:
        shares: list[tuple[str, Any, Any, tuple[float, float] | None]] = [("moves", row["allowed"], row["moves"], None)]
        if row["moved"]:
            low_high = words.interval(int(row["conforming"]), int(row["moved"]))
            shares.append(("whole journeys", row["conforming"], row["moved"], low_high))
        for said, trues, trials, low_high in shares:
            share = trues / trials
            low, high = low_high or (share, share)
            rows.append(
                {
                    "month": row["month"],
                    "what": said,
                    "share": float(share),
                    "low": float(low),
                    "high": float(high),
                    "is_open": row["month"] in still_open,
                }
            )
    closed = [row for row in months if row["month"] not in still_open]
    last = (closed or months)[-1]
    low_high = words.interval(int(last["conforming"]), int(last["moved"]))
    answer = (
        f"{last['month']:%B %Y}: {words.percent(last['allowed'] / last['moves'])} of "
        f"{words.plural(int(last['moves']), 'move')} are allowed"
    )
    if low_high:
        share = words.percent(last["conforming"] / last["moved"])
        moved = int(last["moved"])
        answer += f"; of {moved:,} journeys that moved, {share} made only such moves ({words.between(*low_high)})"
    return Figure(
        answer=f"{answer}.",
        body=lines(
            rows,
            x="month",
            y="share",
            series="what",
            low="low",
            high="high",
            percent=True,
            is_incomplete="is_open",
            y_title="as designed",
            label="Share of allowed moves, and of journeys with only allowed moves, by month of beginning",
        ),
        table=found,
        counted=(
            f"{sum(int(row['moved']) for row in months):,} instances that moved, "
            f"{sum(int(row['moves']) for row in months):,} moves"
        ),
        unit="by the month in which the instance began; 95 % interval (Wilson) of journeys",
        notes=(
            (
                "Allowed is to go on without skipping a required phase. The longer a journey is, the fewer have only"
                " allowed moves, so compare months, not journeys. Hollow: more than one in twenty of the month's"
                " instances are still open, and may yet leave the order."
            ),
        ),
    )


DEVIATIONS = """
with instances as ({instances})
select transitions.from_phase_id, transitions.to_phase_id, transitions.transition_kind, count(*) as moves,
    count(distinct transitions.journey_instance_id) as instances, count(distinct transitions.customer_id) as customers,
    percentile_disc(0.5) within group (order by transitions.dwell_seconds) as median_dwell_seconds
from journeys.fct_phase_transitions as transitions
inner join instances on instances.journey_instance_id = transitions.journey_instance_id
where transitions.transition_kind in ('skipped', 'regressed')
group by all
order by moves desc, transitions.from_phase_id, transitions.to_phase_id, transitions.transition_kind
"""
DEVIATIONS_SHOWN = 8
KINDS = {"skipped": ("skipped a required phase", "out"), "regressed": ("went back", "back")}


@PAGE.question("deviations", "Which moves are not as designed?")
def deviations(view: View) -> Figure:
    found = view.ask_by_group(DEVIATIONS, ("from_phase_id", "to_phase_id", "transition_kind"))
    if not found:
        return Figure(empty="Every move is as designed with these filters.")
    names = phase_names(view)
    total = sum(row["moves"] for row in found)
    drawn = []
    for row in found.dicts[:DEVIATIONS_SHOWN]:
        said, colour = KINDS[row["transition_kind"]]
        start, end = (names.get(row[side], row[side]) for side in ("from_phase_id", "to_phase_id"))
        label = (
            f"{start} → {end}; {row['moves']:,} moves that {said}, in {row['instances']:,} instances; "
            f"median {words.duration(row['median_dwell_seconds'])} in {start}"
        )
        value = f"{row['moves']:,}  ({words.percent(row['moves'] / total)})"
        drawn.append(Bar(f"{start} → {end}", (Part(row["moves"], colour, label),), value))
    first = found.first()
    start, end = (names.get(first[side], first[side]) for side in ("from_phase_id", "to_phase_id"))
    return Figure(
        answer=(
            f"{words.plural(total, 'move')} went back or skipped a required phase; most often from {start} to {end}: "
            f"{first['moves']:,} times ({words.percent(first['moves'] / total)}), by "
            f"{words.plural(first['customers'], 'customer')}."
        ),
        body=key([(colour, said) for said, colour in KINDS.values()]) + bars(drawn),
        table=found,
        counted=f"{words.plural(total, 'move')} that are not as designed",
        unit="moves, and their share of those that are not as designed",
        notes=(
            (
                "To go back is not to fail: who compares products goes back often. What is not allowed follows from the"
                " order of phases and which of them are required (phases.csv)."
            ),
            *((f"The first {DEVIATIONS_SHOWN}; the CSV has all.",) if len(found) > DEVIATIONS_SHOWN else ()),
        ),
    )
