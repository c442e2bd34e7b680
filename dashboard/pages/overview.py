"""Overview: do we meet our targets, where are customers now, and what did the last release change?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from dashboard import words
from dashboard.draw import Bar, Part, bar, bars, key, table, tiles
from dashboard.figure import Figure, Page
from dashboard.names import phase_names
from dashboard.view import View
from orchestration.lib.digests.wording import STATUS_WORDS, amount, change, change_arrow, period
from orchestration.lib.drawing.sparkline import draw_sparkline

PAGE = Page(
    name="overview",
    title="Overview",
    about="Targets, customers and what changed: for those accountable for a journey.",
    order=10,
    takes=("journey",),
)

SCORECARD = """
select
    scorecard.kpi_id, scorecard.kpi_name, scorecard.phase_id, scorecard.tier, scorecard.unit, scorecard.direction,
    scorecard.value, scorecard.value_ci_lower, scorecard.value_ci_upper, scorecard.denominator,
    scorecard.target, scorecard.status, scorecard.status_value, scorecard.trend, scorecard.is_mature,
    scorecard.period_start, scorecard.period_end, scorecard.status_period_start, scorecard.status_period_end,
    scorecard.responsible, scorecard.accountable
from kpis.kpi_scorecard as scorecard
left join (
    select phase_id, max_by(phase_order, journey_version) as phase_order
    from journeys.dim_phases where journey_id = $journey group by phase_id
) as phases on phases.phase_id = scorecard.phase_id
where scorecard.journey_id = $journey
order by coalesce(phases.phase_order, 0), scorecard.phase_id, scorecard.tier, scorecard.kpi_name
"""
PERIODS = """
select kpi_id, period_start, value, is_mature
from kpis.fct_kpi_values
where kpi_id in (select kpi_id from kpis.kpi_scorecard where journey_id = $journey)
qualify row_number() over (partition by kpi_id order by period_start desc) <= 12
order by kpi_id, period_start
"""
MARKS = {"red": "✕", "amber": "!", "green": "✓", "no_data": "–"}


@PAGE.question("targets", "Which targets are met?", is_wide=True)
def targets(view: View) -> Figure:
    kpis = view.ask(SCORECARD)
    if not kpis:
        return Figure(empty="No KPI belongs to this journey. kpis.csv is where KPIs are declared.")
    history: dict[str, list[tuple[float | None, bool]]] = {}
    for row in view.ask(PERIODS):
        history.setdefault(row["kpi_id"], []).append((row["value"], not row["is_mature"]))
    names = phase_names(view)
    counted = Counter(row["status"] for row in kpis)
    parts = []
    for phase_id, of_phase in groupby(kpis.dicts, lambda row: row["phase_id"]):
        title = names.get(phase_id, phase_id) if phase_id else "The whole journey"
        parts.append(Markup('<tr class="group"><th colspan="7" scope="colgroup">{}</th></tr>').format(title))
        parts.extend(
            _row(kpi, history.get(kpi["kpi_id"], []), f"/kpi?{view.filters.address(kpi=kpi['kpi_id'])}")
            for kpi in of_phase
        )
    head = "".join(
        f'<th scope="col"{" class=n" if is_number else ""}>{name}</th>'
        for name, is_number in (
            ("KPI", False),
            ("Status", False),
            ("Last period", True),
            ("Target", True),
            ("Against the period before", False),
            ("Last 12 periods", False),
            ("Accountable", False),
        )
    )
    body = Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="KPIs and targets"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(Markup(head), Markup("").join(parts))
    shares = [f"{counted[status]} {STATUS_WORDS[status]}" for status in STATUS_WORDS if counted[status]]
    return Figure(
        answer=f"Of {len(kpis)} KPIs {words.listed(shares)}.",
        body=body,
        table=kpis,
        counted=f"{len(kpis)} KPIs",
        unit="each over its last complete period; intervals are 95 %",
        notes=(
            (
                "The status is that of the last period whose windows have closed: where that is another than the last "
                "period, it is named. Hollow points still move. A period is compared with the one before at equal age."
            ),
        ),
    )


def _row(kpi: Mapping[str, Any], periods: list[tuple[float | None, bool]], link: str) -> Markup:
    unit, direction = kpi["unit"], kpi["direction"]
    value = amount(kpi["value"], unit)
    low_high = (
        f"{amount(kpi['value_ci_lower'], unit)} to {amount(kpi['value_ci_upper'], unit)}"
        if kpi["value_ci_lower"] is not None
        else ""
    )
    over = f"of {kpi['denominator']:,.0f}" if kpi["denominator"] is not None else ""
    rated = ""
    if kpi["status_period_start"] not in (None, kpi["period_start"]):
        rated = f"{period(kpi['status_period_start'], kpi['status_period_end'])}: {amount(kpi['status_value'], unit)}"
    arrow = change_arrow(kpi["trend"], unit, direction)
    kind = "better" if "better" in arrow else "worse" if "worse" in arrow else ""
    line = draw_sparkline(
        [value for value, _ in periods],
        label=f"{kpi['kpi_name']}, last {len(periods)} periods",
        target=kpi["target"],
        is_open=[is_open for _, is_open in periods],
    )
    return Markup(
        '<tr><th scope="row"><a href="{link}">{name}</a>{tier}</th><td><span class="pill {status}">{mark} {word}</span>'
        '<div class="sub">{rated}</div></td><td class="n">{value} <div class="sub">{over}'
        ' {interval}<br>{period}</div></td><td class="n">{target}</td><td><span class="{kind}">{arrow}</span> <span'
        ' class="sub">{trend}</span></td><td>{line}</td><td>{who}</td></tr>'
    ).format(
        link=link,
        name=kpi["kpi_name"],
        tier=Markup(' <span class="sub">secondary</span>') if kpi["tier"] == "secondary" else "",
        status=kpi["status"],
        mark=MARKS[kpi["status"]],
        word=STATUS_WORDS[kpi["status"]],
        rated=rated,
        value=value,
        over=over,
        interval=f"({low_high})" if low_high else "",
        period=period(kpi["period_start"], kpi["period_end"]),
        target=amount(kpi["target"], unit),
        kind=kind,
        arrow=arrow.split()[0] if arrow else "",
        trend=change(kpi["trend"], unit, direction),
        line=Markup(line),
        who=kpi["accountable"] or "–",
    )


NOW = """
select
    intervals.phase_id,
    count(distinct intervals.customer_id) as customers,
    count(distinct intervals.customer_id) filter (where intervals.is_stalled) as stalled
from journeys.fct_phase_intervals as intervals
where intervals.journey_id = $journey and intervals.outcome = 'pending'
group by intervals.phase_id
"""


# one who is in two phases, with two cases, is one customer
NOW_IN_ALL = """
select count(distinct customer_id) as customers, count(distinct customer_id) filter (where is_stalled) as stalled
from journeys.fct_phase_intervals where journey_id = $journey and outcome = 'pending'
"""


@PAGE.question("now", "Where are customers now?")
def now(view: View) -> Figure:
    names = phase_names(view)
    answer = view.ask(NOW)
    found = {row["phase_id"]: row for row in answer}
    if not found:
        return Figure(empty="Nobody is in a phase of this journey now: every phase interval has ended.")
    rows = []
    for phase_id, name in names.items():
        row = found.get(phase_id)
        if row is None:
            continue
        moving = row["customers"] - row["stalled"]
        rows.append(
            Bar(
                name,
                (
                    Part(moving, "progress", f"{name}: {moving:,} customers within the usual time"),
                    Part(row["stalled"], "out", f"{name}: {row['stalled']:,} customers stalled"),
                ),
                f"{row['customers']:,}",
            )
        )
    everybody = view.ask(NOW_IN_ALL).first()
    total, stalled = everybody["customers"], everybody["stalled"]
    most = max(found.values(), key=lambda row: (row["stalled"], row["phase_id"]))
    return Figure(
        answer=(
            f"{total:,} customers are in a phase now; "
            + (
                f"{stalled:,} of them are stalled, most in {names.get(most['phase_id'], most['phase_id'])} "
                f"({most['stalled']:,})."
                if stalled
                else "none of them is stalled."
            )
        ),
        body=key((("progress", "within the usual time"), ("out", "stalled"))) + bars(rows),
        table=answer,
        counted=f"{total:,} customers in a phase now",
        unit="customers",
        notes=(
            (
                "Stalled: longer in the phase than nine of ten who went on. A customer with two open cases counts in"
                " each phase they are in."
            ),
        ),
    )


CHANGES = """
select table_schema || '.' || table_name as table_name, coalesce(reasons, 'unexplained') as reasons,
    count(*) as figures, min(measured_on) as from_day, max(measured_on) as to_day,
    round(max(abs(new_value - old_value) / nullif(abs(old_value), 0)), 3) as largest_change
from hygiene.restatements
where release_id = $release_id
group by all order by figures desc, table_name, reasons
"""
ROWS = """
select now.row_count, now.row_count - before.row_count as more_rows, now.previous_release_id, before.as_of,
    before.created_at
from hygiene.releases as now
left join hygiene.releases as before on before.release_id = now.previous_release_id
where now.release_id = $release_id
"""


@PAGE.question("changes", "What changed since the last release, in all journeys?")
def changes(view: View) -> Figure:
    release_id = view.release.release_id
    found = view.ask(ROWS, release_id=release_id)
    if not found or found.first()["previous_release_id"] is None:
        return Figure(empty="This is the first release of its data set, so there is none to compare it with.")
    row = found.first()
    table = view.ask(CHANGES, release_id=release_id)
    restated = sum(one["figures"] for one in table)
    lines = Markup("").join(
        Markup('<tr><th scope="row">{}</th><td>{}</td><td class="n">{}</td><td>{} to {}</td></tr>').format(
            one["table_name"],
            one["reasons"].replace("_", " "),
            words.count(one["figures"]),
            one["from_day"],
            one["to_day"],
        )
        for one in table.dicts[:8]
    )
    body = tiles(
        (
            (f"{row['more_rows'] or 0:+,}".replace("-", "−"), "rows"),
            (words.count(restated), "figures of past days that moved"),
        )
    )
    if table:
        body += Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="Restated figures"><table><thead><tr>'
            '<th scope="col">Table</th><th scope="col">Why</th><th scope="col" class="n">Figures</th>'
            '<th scope="col">Days</th></tr></thead><tbody>{}</tbody></table></div>'
        ).format(lines)
    return Figure(
        answer=f"Against the release as of {words.moment(row['as_of'])}: "
        + (
            f"{words.count(restated)} figures of past days moved." if restated != 1 else "1 figure of a past day moved."
        ),
        body=body,
        table=table if table else None,
        counted=f"{words.count(row['row_count'])} rows in this release",
        unit="figures of days that both releases have",
    )


# One row per person; KPIs for which nobody is accountable are in a row without a name: somebody has to take them.
PEOPLE = """
with roles as (
    select kpi_id, person, role from kpis.dim_kpi_roles
    union all
    select kpi_id, null, 'accountable' from kpis.kpi_scorecard where accountable is null
)
select roles.person,
    count_if(roles.role = 'accountable' and scorecard.status = 'red') as red,
    count_if(roles.role = 'accountable' and scorecard.status = 'amber') as amber,
    count_if(roles.role = 'accountable' and scorecard.status = 'green') as green,
    count_if(roles.role = 'accountable' and scorecard.status = 'no_data') as no_data,
    count_if(roles.role = 'responsible') as responsible_for, count_if(roles.role = 'consulted') as consulted_on,
    count_if(roles.role = 'informed') as informed_of
from roles
inner join kpis.kpi_scorecard as scorecard on scorecard.kpi_id = roles.kpi_id
group by roles.person
order by red desc, amber desc, no_data desc, green desc, roles.person nulls last
"""
OTHER_ROLES = {"responsible_for": "responsible for", "consulted_on": "consulted on", "informed_of": "informed of"}
STATUS_COLOURS = {"red": "red", "amber": "amber", "green": "green", "no_data": "none"}


@PAGE.question("accountable", "Who is accountable, and how do their KPIs stand, over all journeys?", is_wide=True)
def accountable(view: View) -> Figure:
    people = view.ask(PEOPLE)
    rows = [row for row in people.dicts if any(row[status] for status in STATUS_WORDS)]
    if not rows:
        return Figure(empty="There is no KPI in this release. kpis.csv is where KPIs are declared.")
    if not any(row["person"] for row in rows):
        return Figure(
            empty="This release says of no KPI who is accountable. kpi_roles.csv is where people get their roles.",
            table=people,
        )
    total = sum(row[status] for row in rows for status in STATUS_WORDS)
    longest = max(sum(row[status] for status in STATUS_WORDS) for row in rows)
    drawn = []
    for row in rows:
        name = row["person"] or "nobody"
        parts = [
            Part(row[status], STATUS_COLOURS[status], f"{name}: {row[status]} {said}")
            for status, said in STATUS_WORDS.items()
        ]
        others = [f"{said} {row[column]}" for column, said in OTHER_ROLES.items() if row[column]]
        drawn.append((name, bar(parts, longest), *(f"{row[status]}" for status in STATUS_WORDS), ", ".join(others)))
    worst = rows[0]
    of_worst = sum(worst[status] for status in STATUS_WORDS)
    who = worst["person"] or "nobody"
    if worst["red"]:
        red = sum(row["red"] for row in rows)
        answer = f"{red} of {words.plural(total, 'KPI')} are red. Most are with {who}: {worst['red']} of {of_worst}."
    elif worst["amber"]:
        answer = f"No KPI is red. Most that are amber are with {who}: {worst['amber']} of {of_worst}."
    else:
        answer = f"None of {words.plural(total, 'KPI')} is red or amber."
    without = next((row for row in rows if not row["person"]), None)
    named = sum(bool(row["person"]) for row in rows)
    return Figure(
        answer=answer,
        body=key([(STATUS_COLOURS[status], said) for status, said in STATUS_WORDS.items()])
        + table(
            "KPIs of accountable people, by status",
            ("Accountable", "KPIs", "Red#", "Amber#", "Green#", "No data#", "Other roles"),
            drawn,
        ),
        table=people,
        counted=f"{words.plural(total, 'KPI')} of {named} accountable {'person' if named == 1 else 'people'}",
        unit="KPIs by status, of all journeys",
        notes=(
            *(
                (f"For {words.plural(sum(without[status] for status in STATUS_WORDS), 'KPI')} nobody is accountable.",)
                if without
                else ()
            ),
            (
                "The status is that of the last period whose windows have closed; a KPI without a target has no status"
                " and counts as no data. Who has many KPIs has more that can be red. The table also says for how many"
                " each is responsible, and on how many consulted or informed."
            ),
        ),
    )
