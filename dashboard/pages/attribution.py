"""Attribution: what was spent, what each rule credits to which channel, and how far the rules are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from dashboard import words
from dashboard.draw import Bar, Part, bar, bars, key, span, table
from dashboard.figure import Figure, Page
from dashboard.filters import Own
from dashboard.names import channel_names
from dashboard.release import Table
from dashboard.view import View

CONVERSIONS = """
select conversion_type, upper(conversion_type[1]) || replace(conversion_type[2:], '_', ' ')
from attribution.agg_channel_credits
where period = 'all'
group by conversion_type
order by sum(gross_value) desc nulls last, sum(credited_conversions) desc, conversion_type
"""
RULES = """
select rule, upper(rule[1]) || replace(rule[2:], '_', ' ') || if(is_default, ' (default)', '')
from attribution.agg_channel_credits
where conversion_type = $conversion and period = 'all'
group by rule, is_default
order by not is_default, rule
"""
MONTHS = """
select month, label
from (
    select '' as month, 'all months' as label, null as period_start
    where exists (from attribution.agg_channel_credits where conversion_type = $conversion)
    union all
    select distinct strftime(period_start, '%Y-%m'), strftime(period_start, '%B %Y'), period_start
    from attribution.agg_channel_credits where conversion_type = $conversion and period = 'month'
) as months
order by period_start desc nulls first
"""

PAGE = Page(
    name="attribution",
    title="Attribution",
    about=(
        "What was spent, and what each rule credits to the channels. No rule finds causes: it says who is credited, by"
        " an assumption."
    ),
    order=45,
    takes=(
        Own("conversion", "Conversion", CONVERSIONS),
        Own("rule", "Rule", RULES),
        Own("month", "Month of conversion", MONTHS),
    ),
)

NO_CONVERSION = "No event of this release is a conversion."
NOTHING = f"{NO_CONVERSION} conversion_types.csv says which events are (docs/attribution.md)."
UNATTRIBUTED = "(unattributed)"
# What is no channel to be compared with: what no touch earned, and what would have come without any.
OF_NO_CHANNEL = (UNATTRIBUTED, "(baseline)")
ROWS_SHOWN, PATHS_SHOWN = 20, 15
# The month that is chosen, or all of them together.
OF_MONTH = """period = if($month = '', 'all', 'month')
        and ($month = '' or strftime(period_start, '%Y-%m') = $month)"""


def _has_conversions(view: View) -> bool:
    return bool(view.filters.own_values["conversion"])


def _chosen(view: View, name: str) -> str:
    """How a filter's value is called."""
    [choice] = [one for one in view.filters.own if one.name == name]
    return next(label for value, label in choice.options if value == choice.value)


def _rule(view: View) -> str:
    return f"the rule “{_rule_name(view.filters.own_values['rule'])}”"


def _rule_name(rule: str) -> str:
    return rule.replace("_", " ")


def _when(view: View) -> str:
    return f"In {_chosen(view, 'month')}"


def _is_young(view: View) -> bool:
    """Whether the month that is chosen is not over."""
    month = view.filters.own_values["month"]
    if not month:
        return False
    first = date.fromisoformat(f"{month}-01")
    return view.release.as_of.date() < date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _names(view: View) -> dict[str, str]:
    return channel_names(view) | {UNATTRIBUTED: "Without a touch", "(none)": "No channel", "(baseline)": "Baseline"}


def _money(value: float | None) -> str:
    if value is None:
        return "–"
    shown = f"{abs(value):,.0f}" if abs(value) >= 10 or value == 0 else f"{abs(value):,.2f}"
    return f"−{shown}" if value < 0 else shown


def _of_currency(view: View, text: str) -> str:
    return f"{text}, {view.release.currency}" if view.release.currency else text


def _number(value: float | None) -> str:
    """Conversions, of which a rule may credit parts.

    >>> _number(54.0), _number(0.94), _number(-3.0)
    ('54', '0.9', '−3')
    """
    if value is None:
        return "–"
    shown = f"{abs(value):,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{abs(value):,.1f}"
    return f"−{shown}" if value < 0 else shown


def _share(value: float | None) -> str:
    """A share that may be below 0, as a bound of an interval is."""
    if value is None or value >= 0:
        return words.percent(value)
    return f"−{words.percent(-value)}" if value <= -0.005 else "0 %"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}"


SPEND = f"""
with spent as (
    select coalesce(channel, '(none)') as channel, sum(spend) as spend, count_if(not has_rate) as without_rate_count,
        sum(repeated_spend) as repeated_spend
    from attribution.fct_spend_daily
    where not is_after_as_of and ($month = '' or strftime(spent_on, '%Y-%m') = $month)
    group by coalesce(channel, '(none)')
),
credited as (
    select channel, credited_conversions, credited_conversions_ci_lower, credited_conversions_ci_upper,
        credited_value as net_value, credited_value_ci_lower as net_value_ci_lower,
        credited_value_ci_upper as net_value_ci_upper
    from attribution.agg_channel_credits
    where conversion_type = $conversion and rule = $rule
        and {OF_MONTH}
)
select coalesce(credited.channel, spent.channel) as channel, spend, net_value, net_value_ci_lower, net_value_ci_upper,
    case when spend > 0 and without_rate_count = 0 and (net_value is not null or credited_conversions is null)
        then coalesce(net_value, 0) / spend
    end as roas,
    case when spend > 0 and without_rate_count = 0 then net_value_ci_lower / spend end as roas_ci_lower,
    case when spend > 0 and without_rate_count = 0 then net_value_ci_upper / spend end as roas_ci_upper,
    coalesce(credited_conversions, 0) as credited_conversions, credited_conversions_ci_lower,
    credited_conversions_ci_upper, case when spend >= 0 and without_rate_count = 0
        then spend / nullif(credited_conversions, 0)
    end as cost_per_conversion,
    coalesce(without_rate_count, 0) as without_rate_count, coalesce(repeated_spend, 0) as repeated_spend
from credited
full join spent on spent.channel = credited.channel
order by coalesce(credited.channel, spent.channel) in ('(unattributed)', '(baseline)'),
    spend desc nulls last, net_value desc nulls last, credited.credited_conversions desc nulls last,
    coalesce(credited.channel, spent.channel)
"""


@PAGE.question("spend", "What was spent, and what is it credited with?", is_wide=True)
def spend(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NOTHING)
    found = view.ask(SPEND)
    if not found:
        return Figure(empty="Nothing was spent and nobody converted in this month.")
    names, currency = _names(view), view.release.currency
    has_value = any(row["net_value"] is not None for row in found)
    rows = found.dicts
    # what has no touch is no channel to be compared with
    drawn_rows = [row for row in rows if row["channel"] not in OF_NO_CHANNEL]
    longest = float(max((max(row["net_value"] or 0, row["spend"] or 0) for row in drawn_rows), default=0)) or 1.0
    most = max((row["credited_conversions"] for row in drawn_rows), default=0) or 1.0
    lines = []
    for row in rows[:ROWS_SHOWN]:
        name = names.get(row["channel"], row["channel"])
        credited = row["net_value"] if has_value else row["credited_conversions"]
        said = f"{_money(row['net_value'])} {currency} of net value" if has_value else _conversions(row)
        drawn = bar([Part(float(credited or 0), "s1", f"{name}: {said}")], longest if has_value else most)
        if has_value and row["spend"] is not None:
            spent = f"{name}: {_money(row['spend'])} {currency} spent"
            drawn += bar([Part(float(row["spend"]), "s2", spent)], longest)
        pair = Markup('<div class="pair">{}</div>').format(drawn) if row in drawn_rows else ""
        cells: list[object] = [name, pair]
        if has_value:
            cells.append((_money(row["net_value"]), _between(row, "net_value", _money)))
        cells.append(_money(row["spend"]))
        if has_value:
            cells.append((_ratio(row["roas"]), _between(row, "roas", _ratio)))
        cells += [
            (_number(row["credited_conversions"]), _between(row, "credited_conversions", _number)),
            _money(row["cost_per_conversion"]),
        ]
        lines.append(cells)
    paid = [row for row in rows if row["spend"] is not None and row["spend"] > 0]
    total_spend = sum(row["spend"] for row in paid)
    if not paid:
        answer = f"{_when(view)}: no source says that anything was spent."
    elif has_value:
        earned = sum(row["net_value"] or 0 for row in paid)
        answer = (
            f"{_when(view)} {_money(total_spend)} {currency} were spent; {_rule(view)} credits the channels that it was"
            f" spent on with {_money(earned)} {currency} after refunds, {_ratio(earned / total_spend)} for each"
            f" {currency or 'unit of money'}."
        )
        with_return = [row for row in paid if row["roas"] is not None]
        if len(with_return) > 1:
            high, low = (pick(with_return, key=lambda row: row["roas"]) for pick in (max, min))
            answer += (
                f" Most for each has {names.get(high['channel'], high['channel'])} with"
                f" {_with_interval(high, 'roas', _ratio)},"
                f" least {names.get(low['channel'], low['channel'])} with {_with_interval(low, 'roas', _ratio)}."
            )
    else:
        credited = sum(row["credited_conversions"] for row in paid)
        answer = (
            f"{_when(view)} {_money(total_spend)} {currency} were spent; {_rule(view)} credits the channels that it was"
            f" spent on with {_number(credited)} conversions."
        )
    return Figure(
        answer=answer,
        body=(key([("s1", "net value"), ("s2", "spend")]) if has_value else Markup())
        + table(
            "Spend and what it is credited with, by channel",
            [
                "Channel",
                "Net value and spend" if has_value else "Conversions",
                *([_of_currency(view, "Net value") + "#"] if has_value else []),
                "Spend#",
                *(["ROAS#"] if has_value else []),
                "Conversions#",
                "Cost per conversion#",
            ],
            lines,
        ),
        table=found,
        counted=f"{_number(sum(row['credited_conversions'] for row in rows))} conversions",
        unit="net value: after refunds; ROAS: net value for each unit of spend; 95 % intervals (jackknife)",
        notes=_notes_of_spend(view, rows),
    )


def _notes_of_spend(view: View, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    notes = [
        "No rule finds causes: who searches for the name of a shop and clicks on its ad may have bought anyway. What an"
        " ad causes, an experiment says.",
        "Value is of the month of the conversion, spend of its own: what is spent in one month may be credited in the"
        " next.",
    ]
    if any(row["net_value_ci_lower"] is None for row in rows if row["net_value"] is not None):
        notes.append("Without interval where fewer than 20 customers converted.")
    if _is_young(view):
        notes.append("The month is not over.")
    without_rate = sum(row["without_rate_count"] for row in rows)
    if without_rate:
        notes.append(f"{words.plural(without_rate, 'row')} of spend without an exchange rate: in no sum.")
    repeated = sum(row["repeated_spend"] for row in rows)
    if repeated:
        notes.append(f"{_money(repeated)} {view.release.currency} that two sources deliver are counted once.")
    if len(rows) > ROWS_SHOWN:
        notes.append(f"The first {ROWS_SHOWN} of {len(rows)} channels; the CSV has all.")
    return notes


def _conversions(row: Mapping[str, Any]) -> str:
    return f"{_number(row['credited_conversions'])} conversions"


def _between(row: Mapping[str, Any], name: str, said: Any) -> str:
    low, high = row[f"{name}_ci_lower"], row[f"{name}_ci_upper"]
    return f"{said(low)} to {said(high)}" if low is not None and high is not None else ""


def _with_interval(row: Mapping[str, Any], name: str, said: Any) -> str:
    between = _between(row, name, said)
    return f"{said(row[name])} ({between})" if between else str(said(row[name]))


SIDE_BY_SIDE = f"""
select channel, rule, is_default, credited_value, credited_value_ci_lower, credited_value_ci_upper,
    credited_conversions, credited_conversions_ci_lower, credited_conversions_ci_upper
from attribution.agg_channel_credits
where conversion_type = $conversion
        and {OF_MONTH}
order by rule <> $rule, not is_default, rule, channel
"""


@PAGE.question("rules", "What does each rule credit to each channel?", is_wide=True)
def rules(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NO_CONVERSION)
    found = view.ask(SIDE_BY_SIDE)
    if not found:
        return Figure(empty="Nobody converted in this month.")
    names = _names(view)
    measure, said = _measure(found)
    columns = list(dict.fromkeys(row["rule"] for row in found))
    cells = {(row["channel"], row["rule"]): row for row in found}
    most = float(max((row[measure] or 0 for row in found if row["channel"] not in OF_NO_CHANNEL), default=0)) or 1.0
    totals = dict.fromkeys((row["channel"] for row in found), 0.0)
    for row in found:
        totals[row["channel"]] += float(row[measure] or 0)
    channels = sorted(totals, key=lambda one: (one in OF_NO_CHANNEL, -totals[one], one))
    head = Markup("").join(
        Markup('<th scope="col" class="n">{}</th>').format(_rule_name(rule) + (" (chosen)" if n == 0 else ""))
        for n, rule in enumerate(columns)
    )
    lines = []
    for channel in channels[:ROWS_SHOWN]:
        drawn = Markup("")
        for rule in columns:
            cell = cells.get((channel, rule))
            value = float(cell[measure] or 0) if cell else 0.0
            drawn += Markup('<td class="n heat" style="--heat:{:.0f}%">{}<div class="sub">{}</div></td>').format(
                100 * max(value, 0) / most if channel not in OF_NO_CHANNEL else 0,
                said(value),
                _between(cell, measure, said) if cell else "",
            )
        lines.append(Markup('<tr><th scope="row">{}</th>{}</tr>').format(names.get(channel, channel), drawn))
    body = Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="Rules side by side"><table class="matrix"><thead>'
        '<tr><th scope="col">Channel</th>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, Markup("").join(lines))
    what, total = _total(view, found, columns[0])
    return Figure(
        answer=(
            f"{_when(view)} {words.plural(len(columns), 'rule')} share the same {what}: {total}. They differ in who"
            " gets how much."
        ),
        body=body,
        table=found,
        counted=words.plural(len(columns), "rule"),
        unit=(_of_currency(view, "net value") if measure == "credited_value" else "conversions")
        + "; below it the 95 % interval (jackknife); the darker, the more",
        notes=[
            *(["Without interval where fewer than 20 customers converted."] if _lacks_interval(found) else []),
            *(
                [f"The first {ROWS_SHOWN} of {len(channels)} channels; the CSV has all."]
                if len(channels) > ROWS_SHOWN
                else []
            ),
        ],
    )


def _measure(found: Table) -> tuple[str, Any]:
    """What channels are compared by: value where conversions have one."""
    if any(row["credited_value"] is not None for row in found):
        return "credited_value", _money
    return "credited_conversions", _number


def _lacks_interval(found: Table) -> bool:
    return any(row["credited_conversions_ci_lower"] is None for row in found)


def _total(view: View, found: Table, rule: str) -> tuple[str, str]:
    of_rule = [row for row in found if row["rule"] == rule]
    conversions = _number(round(sum(row["credited_conversions"] for row in of_rule), 6))
    values = [row["credited_value"] for row in of_rule if row["credited_value"] is not None]
    if not values:
        return "conversions", conversions
    return "conversions and value", f"{conversions}, {_money(sum(values))} {view.release.currency} after refunds"


CHANGE = f"""
with chosen as (
    select channel, credited_conversions, credited_value from attribution.agg_channel_credits
    where conversion_type = $conversion and rule = $rule
        and {OF_MONTH}
)
select disagreement.channel, coalesce(chosen.credited_value, disagreement.default_value * 0) as chosen_value,
    default_value, lowest_value, highest_value, coalesce(chosen.credited_conversions, 0) as chosen_conversions,
    default_conversions, lowest_conversions, highest_conversions, lowest_rule, highest_rule, default_rule, rule_count
from attribution.agg_rule_disagreement as disagreement
left join chosen on chosen.channel = disagreement.channel
where conversion_type = $conversion
        and {OF_MONTH}
order by highest_conversions - lowest_conversions desc, disagreement.channel
"""


@PAGE.question("change", "What would another rule change?", is_wide=True)
def change(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NO_CONVERSION)
    found = view.ask(CHANGE)
    rows = [row for row in found.dicts if row["channel"] not in OF_NO_CHANNEL]
    if not rows:
        return Figure(empty="No channel is credited with a conversion of this month.", table=found)
    names = _names(view)
    # conversions, as the marts name the lowest and the highest rule by them
    most = max(row["highest_conversions"] for row in rows) or 1.0
    default = rows[0]["default_rule"]
    is_default = view.filters.own_values["rule"] == default
    lines = []
    for row in rows[:ROWS_SHOWN]:
        name = names.get(row["channel"], row["channel"])
        chosen, low, high = (row[f"{one}_conversions"] for one in ("chosen", "lowest", "highest"))
        said = f"{name}: {_number(chosen)}, by other rules {_number(low)} to {_number(high)}"
        cells: list[object] = [
            name,
            span(chosen, low, high, most=most, target=None, label=said),
            (_number(chosen), f"{_money(row['chosen_value'])} {view.release.currency}" if _has_value(row) else ""),
            (_number(low), _rule_name(row["lowest_rule"])),
            (_number(high), _rule_name(row["highest_rule"])),
        ]
        if not is_default:
            difference = chosen - (row["default_conversions"] or 0)
            cells.append(f"{'+' if difference > 0 else ''}{_number(round(difference, 6))}")
        lines.append(cells)
    widest = rows[0]
    name = names.get(widest["channel"], widest["channel"])
    if widest["highest_conversions"] == widest["lowest_conversions"]:
        answer = f"Nothing: all {widest['rule_count']} rules credit every channel with the same."
    else:
        answer = (
            f"{name} most: {_rule_name(widest['lowest_rule'])} credits it with {_number(widest['lowest_conversions'])}"
            f" conversions, {_rule_name(widest['highest_rule'])} with {_number(widest['highest_conversions'])}. "
            "Where rules are that far apart, the choice of the rule decides; test it by an experiment."
        )
    head = ["Channel", "From the lowest to the highest rule", "Chosen rule#", "Lowest#", "Highest#"]
    return Figure(
        answer=answer,
        body=table(
            "What other rules credit",
            head + ([] if is_default else [f"Against {_rule_name(default)}, the default#"]),
            lines,
        ),
        table=found,
        counted=f"{words.plural(rows[0]['rule_count'], 'rule')}, {words.plural(len(rows), 'channel')}",
        unit="conversions; point: the chosen rule, bar: from the lowest to the highest",
        notes=[
            "Rules that are close to each other may all be wrong: each looks at the touches before a conversion, and"
            " none at those who would have converted without.",
            *([f"The first {ROWS_SHOWN} of {len(rows)}; the CSV has all."] if len(rows) > ROWS_SHOWN else []),
        ],
    )


def _has_value(row: Mapping[str, Any]) -> bool:
    return row["chosen_value"] is not None


EFFECTS = f"""
select channel, removal_effect, removal_effect_ci_lower, removal_effect_ci_upper, credited_conversions,
    credited_conversions_ci_lower, credited_conversions_ci_upper, converted_count, null_count, pending_count,
    all_converted_count, all_null_count, all_pending_count, base_probability
from attribution.agg_channel_effects
where conversion_type = $conversion
        and {OF_MONTH}
order by removal_effect desc nulls last, channel
"""


@PAGE.question("effects", "How many conversions would be lost without a channel, by how paths run?", is_wide=True)
def effects(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NO_CONVERSION)
    found = view.ask(EFFECTS)
    rows = [row for row in found.dicts if row["removal_effect"] is not None]
    if not rows:
        return Figure(empty="No path of this month ended in a conversion.", table=found)
    names, first = _names(view), rows[0]
    most = max(row["removal_effect_ci_upper"] or row["removal_effect"] for row in rows)
    lines = []
    for row in rows[:ROWS_SHOWN]:
        name = names.get(row["channel"], row["channel"])
        effect = _with_interval(row, "removal_effect", _share)
        lines.append(
            (
                (name, f"on {row['converted_count']:,} of {row['all_converted_count']:,} converted paths"),
                span(
                    row["removal_effect"],
                    row["removal_effect_ci_lower"],
                    row["removal_effect_ci_upper"],
                    most=most,
                    target=None,
                    label=f"{name}: {effect}",
                ),
                (words.percent(row["removal_effect"]), _between(row, "removal_effect", _share)),
                (_number(row["credited_conversions"]), _between(row, "credited_conversions", _number)),
            )
        )
    decided = first["all_converted_count"] + first["all_null_count"]
    notes = [
        "The same for every rule. A channel that comes last because customers have made up their minds has a large"
        " effect, and causes nothing.",
    ]
    if first["all_pending_count"]:
        notes.append(
            f"{words.plural(first['all_pending_count'], 'path')} may still convert and are left out. Young months"
            " convert too well: a path converts at once, and has not converted only when its windows have closed."
        )
    return Figure(
        answer=(
            f"{_when(view)}: {names.get(first['channel'], first['channel'])} most, with"
            f" {_with_interval(first, 'removal_effect', words.percent)} of conversions that had a touch, if customers"
            f" moved on as they do now."
            f" {words.percent(first['base_probability'])} of {decided:,} decided paths converted."
        ),
        body=table(
            "What would be lost without a channel",
            ("Channel", "Lost without it", "Share lost#", "Classical Markov credit#"),
            lines,
        ),
        table=found,
        counted=f"{decided:,} decided paths",
        unit="share of converted paths; bar: 95 % interval (jackknife)",
        notes=notes,
    )


PATHS = """
select path, path_rank, touch_count, customer_count, converted_count, null_count, pending_count, gross_value, net_value,
    median_hours, is_rest
from attribution.agg_conversion_paths where conversion_type = $conversion order by path_rank
"""


@PAGE.question("paths", "Over which channels do customers come, in all months?", is_wide=True)
def paths(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NO_CONVERSION)
    found = view.ask(PATHS)
    named = [row for row in found.dicts if not row["is_rest"]]
    if not named:
        return Figure(empty="No touch led to a path yet.", table=found)
    names = _names(view)
    most = max(row["converted_count"] for row in named) or 1
    lines = []
    for row in named[:PATHS_SHOWN]:
        decided = row["converted_count"] + row["null_count"]
        low, high = words.interval(row["converted_count"], decided) or (None, None)
        path = " → ".join(names.get(part.replace(">>", ">"), part) for part in row["path"].split(" > "))
        lines.append(
            (
                path,
                bar([Part(row["converted_count"], "done", f"{path}: {row['converted_count']:,} conversions")], most),
                (f"{row['converted_count']:,}", f"{row['pending_count']:,} may still" if row["pending_count"] else ""),
                (
                    words.percent(row["converted_count"] / decided) if decided else "–",
                    f"{words.between(low, high)}, of {decided:,}" if decided else "",
                ),
                _money(row["net_value"]),
                words.duration(3600 * row["median_hours"]) if row["median_hours"] is not None else "–",
            )
        )
    converted = sum(row["converted_count"] for row in found)
    of_named = sum(row["converted_count"] for row in named)
    first = named[0]
    several = sum(row["converted_count"] for row in named if row["touch_count"] > 1)
    answer = (
        f"{words.percent(several / of_named)} of {of_named:,} conversions whose path has a row of its own had more than"
        " one touch. Most often"
        f" it is {names.get(first['path'], first['path']).replace(' > ', ' → ')}: {first['converted_count']:,}."
        if of_named
        else "No path has ended in a conversion yet."
    )
    return Figure(
        answer=answer,
        body=table(
            "Paths",
            (
                "Path",
                "Drawn",
                "Conversions#",
                "Of decided paths#",
                _of_currency(view, "Net value") + "#",
                "Median time#",
            ),
            lines,
        ),
        table=found,
        counted=f"{converted:,} conversions with a touch",
        unit="of all months, the same for every rule; 95 % interval (Wilson)",
        notes=[
            "A path is the touches before a conversion since the one before; repeats are part of it.",
            *([f"The first {PATHS_SHOWN} of {len(named)} paths; the CSV has all."] if len(named) > PATHS_SHOWN else []),
        ],
    )


REASONS = f"""
select coalesce(unattributed_reason, 'touched') as reason, count(*) as conversions, sum(net_value) as net_value,
    (select credited_conversions from attribution.agg_channel_credits
        where conversion_type = $conversion and rule = $rule and channel = '{UNATTRIBUTED}'
        and {OF_MONTH}) as unattributed_by_rule
from attribution.fct_conversions
where conversion_type = $conversion and ($month = '' or strftime(converted_on, '%Y-%m') = $month)
group by coalesce(unattributed_reason, 'touched')
order by reason <> 'touched', conversions desc, reason
"""
WHY = {
    "touched": "A touch earned it",
    "no_touch": "Known, and never met a touch",
    "outside_window": "The touches were too long ago",
    "anonymous": "Not identified, no touch",
    "all_excluded": "The touches do not count, or earned another one",
    "no_consent": "No consent",
}


@PAGE.question("unattributed", "Which conversions has no touch earned, and why?", is_wide=True)
def unattributed(view: View) -> Figure:
    if not _has_conversions(view):
        return Figure(empty=NO_CONVERSION)
    found = view.ask(REASONS)
    if not found:
        return Figure(empty="Nobody converted in this month.")
    total = sum(row["conversions"] for row in found)
    without = [row for row in found.dicts if row["reason"] != "touched"]
    missing = sum(row["conversions"] for row in without)
    drawn = [
        Bar(
            WHY.get(row["reason"], row["reason"].replace("_", " ")),
            (
                Part(
                    row["conversions"],
                    "done" if row["reason"] == "touched" else "open",
                    f"{WHY.get(row['reason'], row['reason'])}: {row['conversions']:,} conversions",
                ),
            ),
            f"{row['conversions']:,}"
            + (f", {_money(row['net_value'])} {view.release.currency}" if row["net_value"] is not None else ""),
        )
        for row in found
    ]
    low, high = words.interval(missing, total) or (None, None)
    answer = f"{words.percent(missing / total)} of {total:,} conversions ({words.between(low, high)}) have no touch"
    if without:
        why = WHY.get(without[0]["reason"], without[0]["reason"])
        answer += f"; most often: {why[0].lower()}{why[1:]} ({without[0]['conversions']:,})"
    by_rule = found.first()["unattributed_by_rule"] or 0
    more = round(by_rule - missing)
    return Figure(
        answer=f"{answer}.",
        body=bars(drawn),
        table=found,
        counted=f"{total:,} conversions",
        unit="conversions and their value after refunds",
        notes=[
            "That is no channel's failure: tills without a card, customers who are not recognised, and touches that"
            " nobody measures.",
            *(
                [f"By {_rule(view)}, whose own window is shorter, {words.plural(more, 'conversion')} more have none."]
                if more > 0
                else []
            ),
        ],
    )
