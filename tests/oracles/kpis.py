"""Counts measures and KPIs over a customer's events and intervals, by channel and segment, and checks their targets.

One row after another is matched against every measure; every breakdown is counted from those matches, so nothing is
added up that was added up before.

Readings chosen where the design leaves room:

- An interval counts on its day of entry and on the channel of the event that began it; a null channel reads `(none)`,
  and one that is called all is `(all)` in breakdowns by channel.
- Money without a rate on its day counts nothing and is counted apart; a converted amount has two decimals.
- A count or a number of customers with a value column counts only what has that value.
- A segment holds whom all its conditions hold for, as things are now, for all days. What is unknown meets nothing.
- The group behind a rate is the customers whom its denominator counts; behind a plain figure whom that counts.
- By segment a row is suppressed if its group is below the minimum, if those outside the segment are (and are somebody),
  and the smallest other channel of the segment if a single one was suppressed, or several that are as few together.
- A plain figure of a period that begins before the first counted event is no data.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from tests.oracles.feed import Row
from tests.oracles.journeys import Definitions
from tests.oracles.timeline import counted, scaled_score

MIN_CELL_SIZE = 5
# what the breakdowns of one group share: a day, or a phase
Of = TypeVar("Of")
Seed = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Fact:
    """Something that a measure counts."""

    measure_id: str
    day: date
    channel: str
    customer_id: str
    amount: Decimal | None
    is_without_rate: bool = False
    level: str | None = None


def rate_on(day: date, currency: str | None, rates: Seed, reporting_currency: str) -> Decimal | None:
    """Returns what one unit of a currency is worth on a day, None where no rate is known."""
    if currency in (None, "", reporting_currency):
        return Decimal(1)
    known = [row for row in rates if row["currency"] == currency and date.fromisoformat(row["valid_from"]) <= day]
    return Decimal(max(known, key=lambda row: row["valid_from"])["rate_to_reporting"]) if known else None


def facts(
    events: Iterable[Mapping[str, Any]],
    intervals: Iterable[Mapping[str, Any]],
    levels: Mapping[str, str],
    seeds: Mapping[str, Seed],
    known: Definitions,
    *,
    reporting_currency: str = "EUR",
) -> list[Fact]:
    """Returns every match of a measure with an event or an interval."""
    found = []
    channel_of = {}
    for event in events:
        channel = event["channel"] or "(none)"
        channel_of[event["event_id"]] = channel
        if not counted(event):
            continue
        day = known.day_of(event["occurred_at"])
        for measure in seeds.get("measures", ()):
            wanted = ("event_name", "source_system", "channel", "touchpoint", "feedback_kind")
            if measure["subject"] != "events" or any(
                measure[column] and measure[column] != event.get(column) for column in wanted
            ):
                continue
            amount, is_without_rate = None, False
            if measure["value_column"] == "feedback_share" and (share := scaled_score(event)) is not None:
                amount = Decimal(str(share))
            if measure["value_column"] == "amount" and event["amount"] is not None:
                rate = rate_on(day, event["currency"], seeds.get("exchange_rates", ()), reporting_currency)
                is_without_rate = rate is None
                if rate is not None:
                    amount = (event["amount"] * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            if measure["aggregation"] != "sum" and measure["value_column"] and amount is None:
                continue
            found.append(Fact(measure["measure_id"], day, channel, event["customer_id"], amount, is_without_rate))
    for interval in intervals:
        channel = channel_of[interval["entry_event_id"]]
        for measure in seeds.get("measures", ()):
            if measure["subject"] != "intervals" or measure["journey_id"] != interval["journey_id"]:
                continue
            if measure["phase_id"] not in ("", interval["phase_id"]) or measure["channel"] not in ("", channel):
                continue
            if measure["outcome"] and interval["outcome"] not in measure["outcome"].split("|"):
                continue
            if measure["is_pending_included"] == "false" and interval["outcome"] == "pending":
                continue
            level = levels[interval["journey_instance_id"]]
            if measure.get("level") not in (None, "", level):
                continue
            seconds = Decimal(interval["dwell_seconds"]) if measure["value_column"] == "dwell_seconds" else None
            day = known.day_of(interval["entered_at"])
            found.append(Fact(measure["measure_id"], day, channel, interval["customer_id"], seconds, level=level))
    return found


def holds(condition: Mapping[str, str], stated: Sequence[Any]) -> bool:
    """Returns whether a condition holds of what is stated of a customer: nothing, one value or several."""
    wanted = condition["value"]
    if not stated:
        return False
    if isinstance(stated[0], int) and not isinstance(stated[0], bool):
        [number] = stated
        return {
            "equals": number == int(wanted),
            "not_equals": number != int(wanted),
            "at_least": number >= int(wanted),
            "below": number < int(wanted),
        }[condition["comparison"]]
    texts = [str(value).lower() for value in stated]
    wanted = wanted.lower()
    if condition["comparison"] == "not_equals":
        return wanted not in texts
    if condition["comparison"] == "at_least":
        return any(text >= wanted for text in texts)
    if condition["comparison"] == "below":
        return any(text < wanted for text in texts)
    return any(text in (wanted.split("|") if condition["comparison"] == "one_of" else [wanted]) for text in texts)


def members(
    customers: Iterable[Mapping[str, Any]],
    people: Sequence[Mapping[str, Any]],
    seeds: Mapping[str, Seed],
    known: Definitions,
) -> dict[str, set[str]]:
    """Returns the customers of each segment; `people` are current records, each with its `customer_id`."""
    records: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for person in sorted(people, key=lambda row: (row["source_system"], row["person_key"])):
        records[person["customer_id"]].append(person)
    by_segment: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in seeds.get("segments", ()):
        by_segment[row["segment"]].append(row)
    found: dict[str, set[str]] = defaultdict(set)
    for customer in customers:
        mine = sorted(records[customer["customer_id"]], key=lambda row: row["updated_at"], reverse=True)
        stated: dict[str, list[Any]] = {
            "is_anonymous": [customer["is_anonymous"]],
            "event_count": [customer["event_count"]],
            "first_seen_at": [known.day_of(customer["first_seen_at"])],
            "last_seen_at": [known.day_of(customer["last_seen_at"])],
            "record_source": [row["source_system"] for row in mine],
        }
        for column in ("city", "postcode", "country", "birth_date"):
            stated[column] = [row[column] for row in mine if row.get(column)][:1]
        for segment, conditions in by_segment.items():
            if all(holds(condition, stated[condition["attribute"]]) for condition in conditions):
                found[segment].add(customer["customer_id"])
    return found


def total(measure: Mapping[str, str], of_measure: Sequence[Fact]) -> Decimal:
    """Returns what a measure comes to over some facts."""
    if measure["aggregation"] == "count":
        return Decimal(len(of_measure))
    if measure["aggregation"] == "distinct_customers":
        return Decimal(len({fact.customer_id for fact in of_measure}))
    return sum((fact.amount for fact in of_measure if fact.amount is not None), Decimal(0))


def interval(part: float, whole: float) -> tuple[float, float] | None:
    """Returns the Wilson interval of a share: centre and half its width, after Wilson 1927."""
    if whole <= 0 or not 0 <= part <= whole:
        return None
    z, share = 1.959963984540054, part / whole
    centre = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return max(0.0, centre - half), min(1.0, centre + half)


def figures(kpi: Mapping[str, str], measures: Mapping[str, Mapping[str, str]], of_kpi: Sequence[Fact]) -> Row:
    """Returns numerator, denominator, value, interval and group of a KPI over the facts of its two measures."""
    above, below = kpi["numerator_measure_id"], kpi["denominator_measure_id"]
    numerator = float(total(measures[above], [fact for fact in of_kpi if fact.measure_id == above]))
    base = [fact for fact in of_kpi if fact.measure_id == (below or above)]
    denominator = float(total(measures[below], base)) if below else None
    is_share_of_counts = (
        kpi["unit"] == "share"
        and bool(below)
        and "sum" not in {measures[name]["aggregation"] for name in (above, below)}
    )
    ends = interval(numerator, denominator) if is_share_of_counts else None
    return {
        "numerator": numerator,
        "denominator": denominator,
        "value": numerator if denominator is None else numerator / denominator if denominator else None,
        "value_ci_lower": ends[0] if ends else None,
        "value_ci_upper": ends[1] if ends else None,
        "group_count": len({fact.customer_id for fact in base}),
        "without_rate_count": sum(
            fact.is_without_rate for name in (above, below) if name for fact in of_kpi if fact.measure_id == name
        ),
    }


def daily_rows(found: Sequence[Fact], in_segment: Mapping[str, set[str]], seeds: Mapping[str, Seed]) -> list[Row]:
    """Returns one row per KPI, day, channel and segment with anything to count, like `kpis.fct_kpi_values_daily`."""
    measures = {row["measure_id"]: row for row in seeds.get("measures", ())}
    rows = []
    for kpi in seeds.get("kpis", ()):
        breakdowns: dict[tuple[date, str, str], list[Fact]] = defaultdict(list)
        for fact in found:
            if fact.measure_id in (kpi["numerator_measure_id"], kpi["denominator_measure_id"]):
                inside = [segment for segment, customers in in_segment.items() if fact.customer_id in customers]
                for segment in ("all", *inside):
                    for channel in ("all", channel_as_dimension(fact.channel)):
                        breakdowns[fact.day, channel, segment].append(fact)
        of_kpi = {breakdown: figures(kpi, measures, of_dimension) for breakdown, of_dimension in breakdowns.items()}
        hidden = suppressed({breakdown: row["group_count"] for breakdown, row in of_kpi.items()})
        for breakdown, row in of_kpi.items():
            day, channel, segment = breakdown
            rows.append(
                {
                    "kpi_id": kpi["kpi_id"],
                    "measured_on": day,
                    "channel": channel,
                    "segment": segment,
                    "is_suppressed": breakdown in hidden,
                    **(dict.fromkeys(row) if breakdown in hidden else row),
                }
            )
    return rows


def by_level_rows(found: Sequence[Fact], seeds: Mapping[str, Seed]) -> list[Row]:
    """Returns one row per KPI about intervals alone, day and level, like `kpis.fct_kpi_values_by_level_daily`."""
    measures = {row["measure_id"]: row for row in seeds.get("measures", ())}
    rows = []
    for kpi in seeds.get("kpis", ()):
        names = [name for name in (kpi["numerator_measure_id"], kpi["denominator_measure_id"]) if name]
        if any(measures[name]["subject"] != "intervals" for name in names):
            continue
        breakdowns: dict[tuple[date, str | None], list[Fact]] = defaultdict(list)
        for fact in found:
            if fact.measure_id in names:
                breakdowns[fact.day, fact.level].append(fact)
        for (day, level), of_dimension in breakdowns.items():
            rows.append(
                {"kpi_id": kpi["kpi_id"], "measured_on": day, "level": level, **figures(kpi, measures, of_dimension)}
            )
    return rows


def channel_as_dimension(channel: str) -> str:
    """Returns what a channel is called in breakdowns by channel."""
    return "(all)" if channel == "all" else channel


def suppressed(
    group_of: Mapping[tuple[Of, str, str], int], *others: Mapping[tuple[Of, str, str], int]
) -> set[tuple[Of, str, str]]:
    """Returns the breakdowns of one KPI that would reveal too few customers; `others` are other counts of them."""
    hidden = set()
    for (day, channel, segment), group in group_of.items():
        outside = [counts[day, channel, "all"] - counts[day, channel, segment] for counts in (group_of, *others)]
        if segment != "all" and (group < MIN_CELL_SIZE or any(0 < count < MIN_CELL_SIZE for count in outside)):
            hidden.add((day, channel, segment))
    channels: dict[tuple[Of, str], list[str]] = defaultdict(list)
    for day, channel, segment in group_of:
        if channel != "all" and segment != "all":
            channels[day, segment].append(channel)
    also = set()
    for (day, segment), of_segment in channels.items():
        shown = [channel for channel in of_segment if (day, channel, segment) not in hidden]
        left_out = [group_of[day, channel, segment] for channel in of_segment if channel not in shown]
        if shown and left_out and (len(left_out) == 1 or sum(left_out) < MIN_CELL_SIZE):
            smallest = min(shown, key=lambda channel: (group_of[day, channel, segment], channel))
            also.add((day, smallest, segment))
    return hidden | also


def period_before(period: str, first: date) -> date:
    """Returns the first day of the period before the one that begins on a day."""
    if period == "month":
        return (first - timedelta(days=1)).replace(day=1)
    return first - timedelta(days=7 if period == "week" else 1)


def period_end(period: str, first: date) -> date:
    """Returns the last day of the period that begins on a day."""
    if period == "month":
        return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first + timedelta(days=6 if period == "week" else 0)


def current_period(period: str, today: date) -> date:
    """Returns the first day of the last period that was over when a day began."""
    running = {"day": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}[period]
    return period_before(period, running)


def year_before(period: str, first: date) -> date:
    """Returns the first day of the period a year before: the same month, or 52 weeks."""
    return first.replace(year=first.year - 1) if period == "month" else first - timedelta(weeks=52)


def status(kpi: Mapping[str, str], value: float | None, target: Mapping[str, str] | None) -> str:
    """Returns what a value is worth against the target that holds on the last day of its period."""
    if value is None or target is None:
        return "no_data"
    amber = float(target["amber_bound"] or target["target"])
    red = float(target["red_bound"] or target["amber_bound"] or target["target"])
    sign = 1 if kpi["direction"] == "up" else -1
    if sign * value >= sign * amber:
        return "green"
    return "amber" if sign * value >= sign * red else "red"


def scorecard_rows(
    found: Sequence[Fact], seeds: Mapping[str, Seed], *, today: date, first_day: date | None
) -> list[Row]:
    """Returns one row per KPI, like `kpis.kpi_scorecard`; `first_day` is that of the first counted event."""
    measures = {row["measure_id"]: row for row in seeds.get("measures", ())}
    rows = []
    for kpi in seeds.get("kpis", ()):
        of_kpi = [f for f in found if f.measure_id in (kpi["numerator_measure_id"], kpi["denominator_measure_id"])]

        def over(first: date, kpi=kpi, of_kpi=of_kpi) -> Row:
            last = period_end(kpi["period"], first)
            inside = [fact for fact in of_kpi if first <= fact.day <= last]
            row = figures(kpi, measures, inside)
            is_known = (
                row["denominator"] >= MIN_CELL_SIZE
                if row["denominator"] is not None
                else first_day is not None and first >= first_day
            )
            value = row["value"] if is_known else None
            ends = {name: row[name] if value is not None else None for name in ("value_ci_lower", "value_ci_upper")}
            return {**row, **ends, "value": value, "measured_day_count": len({fact.day for fact in inside})}

        first = current_period(kpi["period"], today)
        now, previous, last_year = (
            over(first),
            over(period_before(kpi["period"], first)),
            over(year_before(kpi["period"], first)),
        )
        last = period_end(kpi["period"], first)
        valid = [
            row
            for row in seeds.get("kpi_targets", ())
            if row["kpi_id"] == kpi["kpi_id"]
            and date.fromisoformat(row["valid_from"]) <= last
            and (not row["valid_to"] or last < date.fromisoformat(row["valid_to"]))
        ]
        target = valid[0] if valid else None
        roles = {
            role: sorted(
                row["person"]
                for row in seeds.get("kpi_roles", ())
                if row["kpi_id"] == kpi["kpi_id"] and row["role"] == role
            )[:1]
            for role in ("responsible", "accountable")
        }

        def less(other: Row, now=now) -> float | None:
            return None if now["value"] is None or other["value"] is None else now["value"] - other["value"]

        rows.append(
            {
                "kpi_id": kpi["kpi_id"],
                "tier": kpi["tier"],
                "numerator": now["numerator"],
                "denominator": now["denominator"],
                "value": now["value"],
                "value_ci_lower": now["value_ci_lower"],
                "value_ci_upper": now["value_ci_upper"],
                "target": float(target["target"]) if target else None,
                "status": status(kpi, now["value"], target),
                "trend": less(previous),
                "trend_year": less(last_year),
                "previous_value": previous["value"],
                "year_before_value": last_year["value"],
                "responsible": roles["responsible"][0] if roles["responsible"] else None,
                "accountable": roles["accountable"][0] if roles["accountable"] else None,
                "measured_day_count": now["measured_day_count"],
                "period_day_count": (last - first).days + 1,
                "period_start": first,
                "period_end": last,
            }
        )
    return rows


def first_counted_day(events: Iterable[Mapping[str, Any]], known: Definitions) -> date | None:
    """Returns the day of the first event that counts."""
    return min((known.day_of(event["occurred_at"]) for event in events if counted(event)), default=None)


def today_of(as_of: datetime, known: Definitions) -> date:
    """Returns the day of the clock."""
    return known.day_of(as_of)
