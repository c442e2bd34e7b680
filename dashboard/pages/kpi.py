"""One KPI: what it says, how it moved, where it differs, and who has which role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dashboard import words
from dashboard.charts import rated
from dashboard.draw import deviation, span, switch, table, terms, tiles
from dashboard.figure import Figure, Page
from dashboard.names import channel_names, phase_names
from dashboard.release import Table
from dashboard.view import View
from orchestration.lib.core.shares import chance_of_difference
from orchestration.lib.digests.wording import DAY, HOUR, MINUTE, STATUS_WORDS, amount, change, period

PAGE = Page(
    name="kpi",
    title="KPI",
    about="One KPI: what it says and what would mislead, how it moved, where it differs, and whose it is.",
    order=15,
    takes=("journey", "kpi"),
)

PERIODS_DRAWN = 60
PERIODS_OFFERED = 6
ROWS_SHOWN = 20
NO_RELATION = (
    "KPIs are compared where kpis.csv says that one leads and another is an outcome (timing). This one is neither, or"
    " no other is the opposite."
)
NO_KPI = "There is no KPI to show. kpis.csv is where KPIs are declared."

MEANING = """
select kpis.kpi_id, kpis.kpi_name, kpis.description, kpis.journey_id, kpis.phase_id, kpis.kind, kpis.tier,
    kpis.direction, kpis.unit, kpis.period, kpis.numerator_name, kpis.numerator_description, kpis.denominator_name,
    kpis.denominator_description, targets.target, targets.amber_bound, targets.red_bound,
    targets.valid_from as target_since
from kpis.dim_kpis as kpis
left join kpis.dim_kpi_targets as targets
    on targets.kpi_id = kpis.kpi_id and targets.valid_from <= $today
        and coalesce(targets.valid_to > $today, true)
where kpis.kpi_id = $kpi
"""
VALUES = """
select period_start, period_end, value, value_ci_lower, value_ci_upper, numerator, denominator, target, status, trend,
    previous_value, previous_denominator, trend_year, year_before_value, compared_at, linkable_share,
    measured_day_count, period_day_count, is_mature
from kpis.fct_kpi_values where kpi_id = $kpi order by period_start
"""
# What the columns say of themselves is said once, in the release.
READING = """
select column_name, comment from duckdb_columns()
where schema_name = 'kpis' and table_name = 'fct_kpi_values' and comment is not null
    and column_name in ('value', 'value_ci_lower', 'status', 'is_mature', 'previous_value', 'linkable_share')
order by list_position(
    ['value', 'value_ci_lower', 'status', 'is_mature', 'previous_value', 'linkable_share'], column_name
)
"""
TERMS = {
    "value": "Value",
    "value_ci_lower": "Interval",
    "status": "Status",
    "is_mature": "Final or not",
    "previous_value": "Change",
    "linkable_share": "Who can be followed",
}
KPI = "select kpi_id, kpi_name, unit, direction, period from kpis.dim_kpis where kpi_id = $kpi"


@PAGE.question("meaning", "What does this KPI say?", is_wide=True)
def meaning(view: View) -> Figure:
    found = view.ask(MEANING, today=view.release.as_of.date())
    if not found:
        return Figure(empty=NO_KPI)
    kpi = found.first()
    unit = kpi["unit"]
    entries: list[tuple[str, object]] = [
        ("Counted" if kpi["denominator_name"] else "Value", _measure(kpi, "numerator")),
    ]
    if kpi["denominator_name"]:
        entries.append(("Divided by", _measure(kpi, "denominator")))
    better = "higher" if kpi["direction"] == "up" else "lower"
    entries.append(("Unit", f"{UNITS.get(unit, unit)}; {better} is better"))
    entries.append(("Rated", _rule(kpi)))
    where = phase_names(view).get(kpi["phase_id"], kpi["phase_id"]) if kpi["phase_id"] else "the whole journey"
    of_journey = f", {where}" if kpi["journey_id"] else ", all customers"
    entries.append(("Is about", f"{kpi['kind']} ({kpi['tier']} KPI){of_journey}"))
    notes = [(TERMS[row["column_name"]], row["comment"]) for row in view.look_up(READING)]
    reading = (
        Markup('<details class="reading"><summary>How its figures are to be read</summary>{}</details>').format(
            terms(notes)
        )
        if notes
        else Markup()
    )
    said = (kpi["description"] or "").strip().rstrip(".")
    rated_period = next((row for row in reversed(view.look_up(VALUES).dicts) if row["status"] is not None), None)
    answer = f"{kpi['kpi_name']}: {said}." if said else f"{kpi['kpi_name']}."
    if rated_period is not None and rated_period["value"] is not None:
        answer += (
            f" {_days(rated_period)}, the last period whose windows have closed: "
            f"{_with_interval(rated_period, unit)}, {STATUS_WORDS[rated_period['status']]}."
        )
    return Figure(
        answer=answer, body=terms(entries) + reading, table=found, counted="1 KPI", unit=f"per {kpi['period']}"
    )


UNITS = {
    "share": "a share, part of a whole",
    "ratio": "a ratio of two flows, which may exceed 1",
    "seconds": "a time",
}


def _measure(kpi: Mapping[str, Any], side: str) -> Markup:
    described = (kpi[f"{side}_description"] or "").strip().rstrip(".")
    return Markup("<b>{}</b>{}").format(kpi[f"{side}_name"], f": {described}" if described else "")


def _rule(kpi: Mapping[str, Any]) -> str:
    if kpi["target"] is None:
        return f"each {kpi['period']}; it has no target now, so no status"
    unit, word = kpi["unit"], "from" if kpi["direction"] == "up" else "up to"
    beyond = "below" if kpi["direction"] == "up" else "above"
    amber = amount(kpi["amber_bound"], unit)
    red = amount(kpi["red_bound"], unit)
    return (
        f"each {kpi['period']}, against the target {amount(kpi['target'], unit)} since "
        f"{words.day(kpi['target_since'])}: green {word} {amber}"
        + (f", amber {word} {red}" if red != amber else "")
        + f", red {beyond}"
    )


def _days(row: Mapping[str, Any]) -> str:
    return period(row["period_start"], row["period_end"])


def _with_interval(row: Mapping[str, Any], unit: str) -> str:
    """A value, its interval where it has one, and over how many it is."""
    inside = []
    if row["value_ci_lower"] is not None:
        inside.append(f"{amount(row['value_ci_lower'], unit)} to {amount(row['value_ci_upper'], unit)}")
    if row["denominator"] is not None:
        inside.append(f"of {row['denominator']:,.0f}")
    return amount(row["value"], unit) + (f" ({', '.join(inside)})" if inside else "")


@PAGE.question("periods", "How did it move, and is that more than chance?", is_wide=True)
def periods(view: View) -> Figure:
    kpi = next(iter(view.look_up(KPI)), None)
    if kpi is None:
        return Figure(empty=NO_KPI)
    found = view.ask(VALUES)
    unit, direction = kpi["unit"], kpi["direction"]
    measured = [row for row in found.dicts if row["value"] is not None]
    if not measured:
        return Figure(
            empty=(
                f"No {kpi['period']} of this KPI has a value: it needs a complete {kpi['period']} in which it counts "
                f"at least {view.min_cell_size}."
            ),
            table=found,
        )
    scale, y_title = _scale(unit, [row["value"] for row in measured])
    drawn = [
        {
            "day": row["period_start"],
            # the line breaks where a period has none
            "value": row["value"] / scale if row["value"] is not None else None,
            "low": row["value_ci_lower"],
            "high": row["value_ci_upper"],
            "target": row["target"] / scale if row["target"] is not None else None,
            "status": row["status"] if row["status"] != "no_data" else None,
            "is_open": not row["is_mature"],
            "said": f"{_days(row)}; no value"
            if row["value"] is None
            else f"{_days(row)}; {_with_interval(row, unit)}; "
            + (STATUS_WORDS[row["status"]] if row["status"] else "still moves, not rated"),
        }
        for row in _with_missing(found.dicts)[-PERIODS_DRAWN:]
    ]
    last = measured[-1]
    before, year = change(last["trend"], unit, direction), change(last["trend_year"], unit, direction)
    is_old = found.dicts[-1]["value"] is None
    answer = (
        f"No value since {_days(last)}, which had {_with_interval(last, unit)}."
        if is_old
        else (f"{_days(last)}: {_with_interval(last, unit)}.")
    )
    changes = [(amount(last["value"], unit), _days(last))]
    if last["trend"] is not None:
        changes.append(_tile(before, f"the {kpi['period']} before"))
        answer += f" Against the {kpi['period']} before, at equal age: {before}{_chance(last)}."
    if last["trend_year"] is not None:
        changes.append(_tile(year, "the year before"))
        answer += f" Against the year before: {year}."
    notes = []
    if not last["is_mature"]:
        notes.append(
            f"{_days(last)} is not final: windows of those who entered are still open, so the value still moves, and it"
            f" is compared with the {kpi['period']} before as that was at the same age. Hollow points are such periods."
        )
    if last["measured_day_count"] < last["period_day_count"]:
        notes.append(
            f"Something was measured on {last['measured_day_count']} of {last['period_day_count']} days of "
            f"{_days(last)}."
        )
    if last["linkable_share"] is not None and last["linkable_share"] < 1:
        notes.append(
            f"{words.percent(last['linkable_share'])} of the events that it is measured on can be followed to others of"
            " the same visitor or person."
        )
    if len(measured) < len(found):
        notes.append(
            f"{words.plural(len(found) - len(measured), 'period')} without a value: too few, or not yet recorded."
        )
    if len(measured) > PERIODS_DRAWN:
        notes.append(f"Drawn are the last {PERIODS_DRAWN} of {len(measured)} periods; the CSV has all.")
    is_share = any(row["value_ci_lower"] is not None for row in measured)
    if not is_share:
        notes.append(
            "Only shares of counts have an interval; of others it is not said whether a change is more than chance."
        )
    return Figure(
        answer=answer,
        body=tiles(changes)
        + rated(drawn, label=f"{kpi['kpi_name']} by {kpi['period']}", percent=unit == "share", y_title=y_title),
        table=found,
        counted=words.plural(len(measured), "period"),
        unit="dashed: target" + ("; band: 95 % interval (Wilson)" if is_share else "; without an interval"),
        notes=notes,
    )


def _with_missing(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The periods from the first with a value to the last with one, those between without one as well."""
    having = [number for number, row in enumerate(rows) if row["value"] is not None]
    return rows[having[0] : having[-1] + 1]


def _tile(said: str, than: str) -> tuple[str, str]:
    """How far a value went, large, and what that is."""
    size, _, judged = said.partition(", ")
    return size, f"{judged + ' ' if judged else ''}against {than}, at equal age"


def _chance(row: Mapping[str, Any]) -> str:
    """Whether a share moved more than chance alone moves it; nothing where that can't be said."""
    sizes = (row["denominator"], row["previous_denominator"])
    if row["value_ci_lower"] is None or not all(sizes) or not 0 <= row["previous_value"] <= 1:
        return ""
    by_chance = chance_of_difference(row["value"], sizes[0], row["previous_value"], sizes[1])
    return " – more than chance explains" if abs(row["trend"]) > by_chance else " – no more than chance may do"


def _scale(unit: str, values: Sequence[float]) -> tuple[float, str | None]:
    """What values are divided by to be drawn, and the unit that the axis then has."""
    if unit != "seconds":
        return 1, None if unit in ("share", "ratio") else unit
    most = max(values)
    for size, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if most >= 2 * size:
            return size, name
    return 1, "seconds"


# Days are added up, then divided: a mean of days' values would give a quiet day the weight of a busy one.
BY_CHANNEL = """
select channel as part, sum(numerator) as numerator, sum(denominator) as denominator, count(*) as days,
    count(value) as valued_days, 0 as hidden_days, coalesce(bool_or(value_ci_lower is not null), false) as is_share
from kpis.fct_kpi_values_daily
where kpi_id = $kpi and segment = 'all' and measured_on between $first and $last
group by channel
order by channel <> 'all', coalesce(sum(denominator), sum(numerator)) desc, channel
"""
BY_SEGMENT = """
select segment as part, sum(numerator) as numerator, sum(denominator) as denominator, count(*) as days,
    count(value) as valued_days, count_if(is_suppressed) as hidden_days,
    coalesce(bool_or(value_ci_lower is not null), false) as is_share
from kpis.fct_kpi_values_daily
where kpi_id = $kpi and channel = 'all' and measured_on between $first and $last
group by segment
order by segment <> 'all', coalesce(sum(denominator), sum(numerator)) desc nulls last, segment
"""
SEGMENTS = "select segment, coalesce(segment_name, segment) as segment_name from customers.dim_segments"


@PAGE.question("channels", "How does it differ by channel?")
def channels(view: View) -> Figure:
    return _by(view, "channels", "channel", BY_CHANNEL, channel_names(view))


@PAGE.question("segments", "How does it differ by segment?")
def segments(view: View) -> Figure:
    names = {row["segment"]: row["segment_name"] for row in view.look_up(SEGMENTS)}
    return _by(view, "segments", "segment", BY_SEGMENT, names)


@dataclass(frozen=True)
class Part:
    """A channel or segment: its value over the days that have figures, and over how many it is."""

    name: str
    value: float
    over: float | None
    low: float | None
    high: float | None
    days: str
    is_all: bool


def _by(view: View, figure: str, noun: str, query: str, names: Mapping[str, str]) -> Figure:
    kpi = next(iter(view.look_up(KPI)), None)
    if kpi is None:
        return Figure(empty=NO_KPI)
    offered = [row for row in view.look_up(VALUES).dicts if row["value"] is not None]
    if not offered:
        return Figure(empty=f"No {kpi['period']} of this KPI has a value.")
    chosen = _chosen(offered, view.extra.get("period", ""))
    found = view.ask(query, first=chosen["period_start"], last=chosen["period_end"])
    chooser = switch(
        f"{kpi['period'].capitalize()}:",
        [
            (
                _days(row) + ("" if row["is_mature"] else " (still moves)"),
                view.address(period=row["period_start"].isoformat()) + f"#{figure}",
                row is chosen,
            )
            for row in offered[-PERIODS_OFFERED:]
        ],
    )
    whole = next((row for row in found if row["part"] == "all"), None)
    adds_up = whole is not None and all(
        abs((whole[side] or 0) - (chosen[side] or 0)) < 0.5 for side in ("numerator", "denominator")
    )
    parts, small = _parts(view, found, names, noun, adds_up=adds_up)
    unit = kpi["unit"]
    # a target is of the whole period: neither a part of a sum nor days added up can be held against it
    target = chosen["target"] if chosen["denominator"] is not None and adds_up else None
    others = [part for part in parts if not part.is_all]
    notes = _notes(view, noun, small, adds_up=adds_up, chosen=chosen, unit=unit, parts=parts)
    if not others:
        of_parts = [row for row in found if row["part"] != "all"]
        is_withheld = noun == "channel" and any(row["denominator"] for row in of_parts)
        why = (
            "no channel has a value: what is counted and what it is divided by are of different channels, or too few"
            if is_withheld and not any(row["valued_days"] for row in of_parts)
            else f"no {noun} has enough customers to be shown apart"
            if len(found)
            else "nothing was counted"
        )
        return Figure(
            answer=f"{_days(chosen)}: {why}.",
            body=chooser,
            table=found,
            counted=f"0 {noun}s",
            notes=notes,
        )
    most = max(
        [part.high if part.high is not None else part.value for part in parts]
        + ([target] if target is not None else [])
    )
    rows = [
        (
            (part.name, ", ".join(filter(None, (_over(part), part.days)))),
            span(part.value, part.low, part.high, most=most, target=target, label=f"{part.name}: {_said(part, unit)}"),
            (amount(part.value, unit), _between(part, unit)),
        )
        for part in parts[:ROWS_SHOWN]
    ]
    if len(parts) > ROWS_SHOWN:
        notes.append(f"The first {ROWS_SHOWN} of {len(parts)}; the CSV has all.")
    high, low = max(others, key=lambda part: part.value), min(others, key=lambda part: part.value)
    answer = f"{_days(chosen)}: {high.name} has {_said(high, unit)}"
    if len(others) > 1 and high.value == low.value:
        answer = f"{_days(chosen)}: all {len(others)} {noun}s that are shown have {amount(high.value, unit)}"
    elif len(others) > 1:
        answer += f", the highest, and {low.name} {_said(low, unit)}, the lowest"
        if high.low is not None and low.high is not None:
            apart = high.low > low.high
            answer += "; their intervals " + ("do not overlap" if apart else "overlap, so chance may explain it")
    return Figure(
        answer=f"{answer}.",
        body=chooser + table(f"By {noun}", (noun.capitalize(), "Drawn from 0", "Value#"), rows),
        table=found,
        counted=words.plural(len(others), noun),
        unit="point: value"
        + ("; bar: 95 % interval (Wilson)" if any(part.low is not None for part in parts) else "")
        + ("; dashed: target" if target is not None else ""),
        notes=notes,
    )


def _chosen(offered: Sequence[dict[str, Any]], asked: str) -> dict[str, Any]:
    """The period that the address names, else the last whose windows have closed, else the last."""
    for row in offered[-PERIODS_OFFERED:]:
        if row["period_start"].isoformat() == asked:
            return row
    return next((row for row in reversed(offered[-PERIODS_OFFERED:]) if row["is_mature"]), offered[-1])


def _parts(view: View, found: Table, names: Mapping[str, str], noun: str, *, adds_up: bool) -> tuple[list[Part], int]:
    """The rows that may be shown, all together first, and how many may not.

    Of a segment half of its days need figures, all of them where the value is a sum.
    """
    parts, small = [], 0
    for row in found:
        over, is_all = row["denominator"], row["part"] == "all"
        shown_days = row["days"] - row["hidden_days"]
        is_partial = row["hidden_days"] > 0 and (over is None or row["hidden_days"] > shown_days)
        # the sums of a part without a value on any day are of different things
        is_withheld = not is_all and row["valued_days"] == 0 and row["hidden_days"] == 0
        is_few = over is not None and over < max(view.min_cell_size, 1)
        if row["numerator"] is None or is_partial or is_withheld or is_few:
            small += not is_all and not is_withheld
            continue
        value = row["numerator"] / over if over is not None else row["numerator"]
        low_high = words.interval(row["numerator"], over) if row["is_share"] and adds_up and over else None
        low, high = low_high or (None, None)
        name = f"All {noun}s" if noun == "channel" else "All customers"
        parts.append(
            Part(
                name if is_all else names.get(row["part"], row["part"]),
                value,
                over,
                low,
                high,
                f"{shown_days} of {row['days']} days" if row["hidden_days"] else "",
                is_all,
            )
        )
    return parts, small


def _said(part: Part, unit: str) -> str:
    inside = [_between(part, unit)] if part.low is not None else []
    inside += [_over(part)] if part.over is not None else []
    return amount(part.value, unit) + (f" ({', '.join(inside)})" if inside else "")


def _over(part: Part) -> str:
    return f"of {part.over:,.0f}" if part.over is not None else ""


def _between(part: Part, unit: str) -> str:
    return f"{amount(part.low, unit)} to {amount(part.high, unit)}" if part.low is not None else ""


def _notes(
    view: View,
    noun: str,
    small: int,
    *,
    adds_up: bool,
    chosen: Mapping[str, Any],
    unit: str,
    parts: Sequence[Part],
) -> list[str]:
    notes = [
        "Segments overlap, and membership is as of now, for past days as well."
        if noun == "segment"
        else "The channel is that of the event that is counted, or on which the phase interval began. One of several is"
        " always highest."
    ]
    # the parts of a share are the same events or intervals, so they are of one channel
    if noun == "channel" and unit != "share" and chosen["denominator"] is not None:
        notes.append(
            "What is counted and what it is divided by are different things, each on the channel that it happened on:"
            " a channel's value compares the two there, and says nothing of what came from it and happened elsewhere."
        )
    whole = next((part for part in parts if part.is_all), None)
    if not adds_up and whole is not None:
        notes.append(
            "Days are added up here, and who comes on two days counts twice, while the period counts them once: over"
            f" all that gives {amount(whole.value, unit)} here, {amount(chosen['value'], unit)} above. So there is no"
            " interval."
        )
    if any(part.days for part in parts):
        notes.append(
            "Days on which so few customers are in a segment, or outside of it, that they could be recognised are left"
            " out."
        )
    if small:
        why = (
            "too few customers on too many days"
            if noun == "segment"
            else f"fewer than {max(view.min_cell_size, 1)} are counted"
        )
        notes.append(f"{words.plural(small, noun)} {'is' if small == 1 else 'are'} not shown: {why}.")
    return notes


RELATIONS = """
select leading_kpi_id, outcome_kpi_id, lag, period, outcome_period, status, change_count, correlation,
    correlation_ci_lower, correlation_ci_upper, p_value, adjusted_p_value, tried_count, first_period_start,
    last_period_start
from kpis.agg_kpi_relations
where leading_kpi_id = $kpi or outcome_kpi_id = $kpi
order by adjusted_p_value nulls last, abs(correlation) desc nulls last, leading_kpi_id, outcome_kpi_id, lag
"""
KPI_NAMES = "select kpi_id, kpi_name from kpis.dim_kpis"
RELATION_STATUS = {"beyond_noise": "beyond noise", "within_noise": "within noise"}


@PAGE.question("relations", "What moves before it, or after it, in whatever journey?", is_wide=True)
def relations(view: View) -> Figure:
    kpi = next(iter(view.look_up(KPI)), None)
    if kpi is None:
        return Figure(empty=NO_KPI)
    found = view.ask(RELATIONS)
    if not found:
        return Figure(empty=NO_RELATION)
    compared = [row for row in found.dicts if row["correlation"] is not None]
    if not compared:
        most = max(row["change_count"] for row in found)
        why = f"it takes 12 changes from {kpi['period']} to {kpi['period']} of both KPIs, and there are {most} at most"
        if all(row["status"] == "different_periods" for row in found):
            why = "the periods of the KPIs differ"
        elif any(row["status"] == "no_change" for row in found):
            why += ", or one of the two never changes"
        return Figure(empty=f"Nothing can be said yet: {why}.", table=found)
    names = {row["kpi_id"]: row["kpi_name"] for row in view.look_up(KPI_NAMES)}
    rows = []
    for row in compared[:ROWS_SHOWN]:
        lead, outcome = (names.get(row[f"{side}_kpi_id"], row[f"{side}_kpi_id"]) for side in ("leading", "outcome"))
        later = _later(row)
        between = f"{_correlation(row['correlation_ci_lower'])} to {_correlation(row['correlation_ci_upper'])}"
        verdict = RELATION_STATUS[row["status"]]
        label = f"{lead}, then {outcome}, {later}: {_correlation(row['correlation'])} ({between}), {verdict}"
        drawn = deviation(
            row["correlation"], row["correlation_ci_lower"], row["correlation_ci_upper"], most=1, label=label
        )
        number = (_correlation(row["correlation"]), between)
        over = words.plural(row["change_count"], "change")
        rows.append(((lead, f"then {outcome}, {later}; {over}"), drawn, number, verdict))
    beyond = [row for row in compared if row["status"] == "beyond_noise"]
    first = (beyond or compared)[0]
    lead, outcome = (names.get(first[f"{side}_kpi_id"], first[f"{side}_kpi_id"]) for side in ("leading", "outcome"))
    together = "rise and fall together" if first["correlation"] > 0 else "go opposite ways"
    answer = (
        f"Changes of {lead} and of {outcome}, {_later(first)}, {together}: {_correlation(first['correlation'])}"
        f" ({_correlation(first['correlation_ci_lower'])} to {_correlation(first['correlation_ci_upper'])}), over"
        f" {words.plural(first['change_count'], 'change')}, "
        + ("more than chance explains." if beyond else "no more than chance may do.")
        + f" {len(beyond)} of {len(compared)} relations of this KPI {'is' if len(beyond) == 1 else 'are'} beyond noise."
    )
    notes = [
        "An association, not an effect: both may follow the season or a third figure.",
        f"Beyond noise considers that {first['tried_count']:,} relations of all KPIs were tried; an interval is for one"
        " relation alone.",
        *(["In the same period nothing leads."] if any(row["lag"] == 0 for row in compared) else []),
    ]
    if few := len(found) - len(compared):
        notes.append(
            f"{words.plural(few, 'relation')} {'has' if few == 1 else 'have'} fewer than 12 changes, never changes, or"
            " has KPIs of different periods."
        )
    if len(compared) > ROWS_SHOWN:
        notes.append(f"The first {ROWS_SHOWN} of {len(compared)}; the CSV has all.")
    return Figure(
        answer=answer,
        body=table("Relations", ("Leads, then follows", "−1 to 1", "Correlation#", "Against noise"), rows),
        table=found,
        counted=f"changes from {first['period']} to {first['period']} that are final",
        unit="rank correlation of changes (Spearman), −1 to 1; 95 % interval (Bonett and Wright)",
        notes=notes,
    )


def _later(row: Mapping[str, Any]) -> str:
    return f"the same {row['period']}" if not row["lag"] else f"{words.plural(row['lag'], row['period'])} later"


def _correlation(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


ROLES = """
select role, person from kpis.dim_kpi_roles where kpi_id = $kpi
order by list_position(['accountable', 'responsible', 'consulted', 'informed'], role), person
"""
DUTIES = {
    "accountable": "answers for it; exactly one",
    "responsible": "does the work",
    "consulted": "is asked before a change",
    "informed": "is told afterwards",
}


@PAGE.question("roles", "Who has which role?", is_wide=True)
def roles(view: View) -> Figure:
    kpi = next(iter(view.look_up(KPI)), None)
    if kpi is None:
        return Figure(empty=NO_KPI)
    found = view.ask(ROLES)
    if not found:
        return Figure(
            empty="This release says of nobody which role they have at this KPI. kpi_roles.csv is where people get "
            "their roles."
        )
    people: dict[str, list[str]] = {}
    for row in found:
        people.setdefault(row["role"], []).append(row["person"])
    accountable = words.listed(people.get("accountable", [])) if people.get("accountable") else "Nobody"
    answer = f"{accountable} is accountable"
    if people.get("responsible"):
        answer += f"; {words.listed(people['responsible'])} does the work"
    return Figure(
        answer=f"{answer}.",
        body=table(
            "Roles",
            ("Role", "Who"),
            [((role, DUTIES.get(role, "")), words.listed(people[role])) for role in people],
        ),
        table=found,
        counted=words.plural(len(found), "role"),
        unit="people and posts as of now",
        notes=("Overview shows over all KPIs who is accountable, and how they stand.",),
    )
