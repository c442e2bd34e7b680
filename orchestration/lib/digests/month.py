"""What customers said in the last complete month, and what was spent in it and credited to it: read, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb

# More of these have no room in a digest.
SCORES_SHOWN, CHANNELS_SHOWN = 6, 5
BEYOND, WITHIN = "more than chance explains", "no more than chance may do"
KINDS = {"nps": "Recommendation (NPS)", "csat": "Satisfaction (CSAT)"}
SCOPES = {"relationship": "of the brand", "transactional": "of single steps"}


@dataclass(frozen=True)
class Score:
    """NPS (-100 to 100) or CSAT (share of the two best boxes) of the month; `journey_id` is all for every answer."""

    journey_id: str
    kind: str
    scope: str
    value: float
    ci_lower: float | None
    ci_upper: float | None
    scored_count: int
    change: float | None
    change_ci_lower: float | None
    change_ci_upper: float | None
    is_change_beyond_noise: bool | None


@dataclass(frozen=True)
class Channel:
    """What was spent on a channel in the month, and the net value that the default rule credits it with."""

    channel_name: str
    spend: float
    net_value: float | None
    net_value_ci_lower: float | None
    net_value_ci_upper: float | None


@dataclass(frozen=True)
class Month:
    """The last complete month. `rule` is the default one of `conversion_type`; None where nothing is a conversion."""

    starts_on: date | None = None
    currency: str = ""
    scores: Sequence[Score] = ()
    conversion_type: str | None = None
    rule: str | None = None
    channels: Sequence[Channel] = field(default=())


def last_month_before(day: date) -> date:
    """The first day of the month before that of a day.

    >>> last_month_before(date(2026, 1, 15))
    datetime.date(2025, 12, 1)
    """
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def read_month(connection: duckdb.DuckDBPyConnection, today: date, currency: str) -> Month:
    """The month before that of `today`, which is a day in the reporting time zone."""
    month = last_month_before(today)
    scores = [Score(*row) for row in connection.execute(SCORES, {"month": month}).fetchall()]
    # as the page Attribution chooses: the type with the most value
    rule = connection.execute("""
        select conversion_type, min(rule)
        from attribution.agg_channel_credits
        where period = 'all' and is_default
        group by conversion_type
        order by sum(gross_value) desc nulls last, sum(credited_conversions) desc, conversion_type
        limit 1
    """).fetchone()
    kind, name = rule or (None, None)
    channels = connection.execute(CHANNELS, {"month": month, "conversion": kind, "rule": name}).fetchall()
    return Month(month, currency, scores, kind, name, [Channel(*row) for row in channels])


SCORES = """
    select journey_id, feedback_kind, survey_scope, coalesce(nps, csat), coalesce(nps_ci_lower, csat_ci_lower),
        coalesce(nps_ci_upper, csat_ci_upper), scored_count, change, change_ci_lower, change_ci_upper,
        is_change_beyond_noise
    from voice.agg_voice
    where month_starts_on = $month and is_month_complete and not is_suppressed and respondent_kind = 'customer'
        and phase_id = 'all' and touchpoint = 'all' and department = 'all' and segment = 'all'
        and feedback_kind in ('nps', 'csat') and coalesce(nps, csat) is not null
    order by journey_id <> 'all', journey_id, feedback_kind desc, survey_scope
"""
CHANNELS = """
    with spent as (
        select coalesce(channel, '(none)') as channel, sum(spend) as spend
        from attribution.fct_spend_daily
        where not is_after_as_of and date_trunc('month', spent_on) = $month
        group by coalesce(channel, '(none)')
    )

    select coalesce(names.channel_name, spent.channel), cast(spent.spend as double), cast(credited_value as double),
        credited_value_ci_lower, credited_value_ci_upper
    from spent
    left join attribution.agg_channel_credits as credited
        on credited.channel = spent.channel and credited.conversion_type = $conversion and credited.rule = $rule
        and credited.period = 'month' and credited.period_start = $month
    left join core.dim_channels as names on names.channel = spent.channel
    where spent.spend > 0
    order by spent.spend desc, spent.channel
"""


def said_of(month: Month, journeys: Mapping[str, str]) -> list[dict[str, str]]:
    """The scores of all customers, and of the given journeys (names by id), as a digest shows them."""
    return [
        {
            "name": f"{KINDS[score.kind]} {SCOPES[score.scope]}",
            "where": "all journeys" if score.journey_id == "all" else journeys[score.journey_id],
            "value": _said(score.kind, score.value),
            "interval": f"{_said(score.kind, score.ci_lower)} to {_said(score.kind, score.ci_upper)}"
            if score.ci_lower is not None
            else "no interval",
            "counted": f"{score.scored_count:,} scores",
            "moved": _moved(score),
        }
        for score in month.scores
        if score.journey_id == "all" or score.journey_id in journeys
    ][:SCORES_SHOWN]


def _said(kind: str, value: float | None) -> str:
    if value is None:
        return "–"
    if kind == "nps":
        return f"{round(value)}".replace("-", "−")
    return f"{100 * value:.1f} %"


def _moved(score: Score) -> str:
    if score.change is None:
        return "the month before has too few scores to compare"
    verdict = BEYOND if score.is_change_beyond_noise else WITHIN
    low, high = (_signed(score.kind, bound) for bound in (score.change_ci_lower, score.change_ci_upper))
    unit = "" if score.kind == "nps" else " points"
    return f"{_signed(score.kind, score.change)}{unit} against the month before ({low} to {high}): {verdict}"


def _signed(kind: str, change: float | None) -> str:
    if change is None:
        return "–"
    size = f"{abs(change):.0f}" if kind == "nps" else f"{100 * abs(change):.1f}"
    return f"{'+' if change >= 0 else '−'}{size}"


def spent_of(month: Month) -> dict[str, Any] | None:
    """Spend with what it is credited with, by channel and together; None where nothing was spent."""
    if not month.channels:
        return None
    spend = sum(one.spend for one in month.channels)
    has_value = any(one.net_value is not None for one in month.channels)
    said = f"{_money(spend)} {month.currency} were spent".replace("  ", " ")
    if has_value and month.rule and month.conversion_type:
        earned = sum(one.net_value or 0 for one in month.channels)
        said += (
            f". The rule {month.rule.replace('_', ' ')} (the default) credits the channels that it was spent on with"
            f" {_money(earned)} {month.currency} of {month.conversion_type.replace('_', ' ')} after refunds:"
            f" {_ratio(earned / spend)} for each {month.currency or 'unit of money'}."
        )
    else:
        said += "; no rule credits it with a value."
    rows = [
        {
            "name": one.channel_name,
            "spend": _money(one.spend),
            "net_value": _money(one.net_value or 0) if has_value else "–",
            "roas": _ratio((one.net_value or 0) / one.spend) if has_value else "–",
            "interval": f"{_ratio(one.net_value_ci_lower / one.spend)} to {_ratio(one.net_value_ci_upper / one.spend)}"
            if one.net_value_ci_lower is not None and one.net_value_ci_upper is not None
            else "no interval",
        }
        for one in month.channels[:CHANNELS_SHOWN]
    ]
    left_out = len(month.channels) - len(rows)
    return {
        "said": said,
        "currency": month.currency,
        "rows": rows,
        "left_out": f"{left_out} more with less spend: dashboard, page Attribution." if left_out else "",
    }


def _money(value: float) -> str:
    shown = f"{abs(value):,.0f}" if abs(value) >= 10 or value == 0 else f"{abs(value):,.2f}"
    return f"−{shown}" if value < 0 else shown


def _ratio(value: float) -> str:
    return f"{value:,.2f}".replace("-", "−")
