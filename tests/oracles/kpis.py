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
- Conversions and credits of the default rule are on the day of the conversion, credits on the channel of the touch, so
  that they can be divided by what was spent there.
- A measure has begun with the first event of its name and source, or the first interval of its phase, and no earlier
  than the calendar. A plain figure of a period that begins before is no data, and no period that does is compared with.
- Spend is of no customer and no segment. Where one of a KPI's two measures is spend and the other is not, its rows by
  channel have no value. A cost of a journey or phase is of an event that is a step of it, counted once.
- A period is mature when the windows of the phases whose end, dwell or level is asked for have passed since its end.
  One that is not is compared with what somebody saw of the earlier periods who asked as long after their end.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from tests.oracles.feed import Row, truth
from tests.oracles.journeys import Definitions, rules_matched
from tests.oracles.timeline import counted, scaled_score

if TYPE_CHECKING:
    from tests.oracles.attribution import Attribution

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
    customer_id: str | None
    amount: Decimal | None
    is_without_rate: bool = False
    level: str | None = None
    event_id: str | None = None


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
    events = list(events)
    for event in events:
        channel = event["channel"] or "(none)"
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
            fact = Fact(measure["measure_id"], day, channel, event["customer_id"], amount, is_without_rate)
            found.append(replace(fact, event_id=event["event_id"]))
    return [*found, *interval_facts(intervals, events, levels, seeds, known)]


def counts_outcome(measure: Mapping[str, str], interval: Mapping[str, Any]) -> bool:
    """Returns whether a measure counts intervals of such a journey, phase and outcome."""
    return (
        measure["subject"] == "intervals"
        and measure["journey_id"] == interval["journey_id"]
        and measure["phase_id"] in ("", interval["phase_id"])
        and (not measure["outcome"] or interval["outcome"] in measure["outcome"].split("|"))
        and not (measure["is_pending_included"] == "false" and interval["outcome"] == "pending")
    )


def interval_facts(
    intervals: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    levels: Mapping[str, str],
    seeds: Mapping[str, Seed],
    known: Definitions,
) -> list[Fact]:
    """Returns every match of a measure with an interval; levels are those of the instances that the entries are in."""
    channel_of = {event["event_id"]: event["channel"] or "(none)" for event in events}
    found = []
    for interval in intervals:
        channel = channel_of[interval["entry_event_id"]]
        for measure in seeds.get("measures", ()):
            if not counts_outcome(measure, interval) or measure["channel"] not in ("", channel):
                continue
            level = levels[interval["journey_instance_id"]]
            if measure.get("level") not in (None, "", level):
                continue
            seconds = Decimal(interval["dwell_seconds"]) if measure["value_column"] == "dwell_seconds" else None
            day = known.day_of(interval["entered_at"])
            found.append(Fact(measure["measure_id"], day, channel, interval["customer_id"], seconds, level=level))
    return found


def churn_facts(
    events: Iterable[Mapping[str, Any]], seeds: Mapping[str, Seed], known: Definitions, as_of: datetime
) -> list[Fact]:
    """Returns every match of a measure with a decision about churn that is known by the clock, on the day it is known.

    `events` are in order. Of a rule by silence each event asks whether the same customer has another in time.
    """
    found = []
    for rule in seeds.get("churn_rules", ()):
        asking = [
            event
            for event in events
            if counted(event)
            and event["is_linkable"]
            and event["event_name"] == rule["event_name"]
            and rule["source_system"] in ("", event["source_system"])
        ]
        for place, event in enumerate(asking):
            outcome, end = "churned", event["occurred_at"]
            if rule["silent_days"]:
                end += timedelta(days=int(rule["silent_days"]))
                later = [one for one in asking[place + 1 :] if one["customer_id"] == event["customer_id"]]
                outcome = "stayed" if any(one["occurred_at"] <= end for one in later) else "churned"
            channel = event["channel"] or "(none)"
            for measure in seeds.get("measures", ()):
                if (
                    measure["subject"] == "churn"
                    and measure["churn_rule_id"] == rule["churn_rule_id"]
                    and end <= as_of
                    and measure["channel"] in ("", channel)
                    and outcome in (measure["outcome"] or outcome).split("|")
                ):
                    day = known.day_of(end)
                    found.append(Fact(measure["measure_id"], day, channel, event["customer_id"], None))
    return found


def money_facts(
    spent: Iterable[Mapping[str, Any]],
    costs: Iterable[Mapping[str, Any]],
    steps: Iterable[tuple[str, str, str]],
    seeds: Mapping[str, Seed],
) -> list[Fact]:
    """Returns every match of a measure with a row of spend, which is of no customer, or with an event that costs.

    `steps` are journey, phase and event; a cost of a journey or phase is of an event that is a step of it.
    """
    found = []
    steps_of_event = defaultdict(set)
    for journey, phase, event_id in steps:
        steps_of_event[event_id].add((journey, phase))
    for row in spent:
        for measure in seeds.get("measures", ()):
            channel = row["channel"] or "(none)"
            if (
                measure["subject"] == "spend"
                and not row["is_after_as_of"]
                and _is_asked(measure, {**row, "channel": channel}, ("source_system", "channel"))
            ):
                value = row[measure["value_column"]]
                is_without_rate = measure["value_column"] == "spend" and not row["has_rate"]
                amount = None if value is None else Decimal(value)
                found.append(Fact(measure["measure_id"], row["spent_on"], channel, None, amount, is_without_rate))
    for row in costs:
        for measure in seeds.get("measures", ()):
            channel = row["channel"] or "(none)"
            asked = ("event_name", "source_system", "channel", "touchpoint")
            if (
                measure["subject"] != "costs"
                or (row["cost"] is None and measure["aggregation"] != "sum")
                or not _is_asked(measure, {**row, "channel": channel}, asked)
            ):
                continue
            journey_id, phase_id = measure["journey_id"], measure["phase_id"]
            if not journey_id or any(
                journey_id == journey and phase_id in ("", phase) for journey, phase in steps_of_event[row["event_id"]]
            ):
                fact = Fact(measure["measure_id"], row["occurred_on"], channel, row["customer_id"], row["cost"])
                is_unknown = measure["aggregation"] == "sum" and row["cost_status"] != "costed"
                found.append(replace(fact, event_id=row["event_id"], is_without_rate=is_unknown))
    return found


def credit_facts(said: Attribution, seeds: Mapping[str, Seed]) -> list[Fact]:
    """Returns every match of a measure with a conversion, or with a credit of the default rule of its type.

    Values are net of all refunds up to the clock, on the day of the conversion; a share has six places, as sums have.
    """
    paid = {row["channel"] for row in seeds.get("channels", ()) if truth(row["is_paid"])}
    conversions = {row["conversion_id"]: {**row, "credit_share": 1.0, "is_paid": False} for row in said.conversions}
    credits = [
        {
            **row,
            "net_value": row["credited_value"],
            "is_without_rate": conversions[row["conversion_id"]]["is_without_rate"],
            "is_paid": row["channel"] in paid,
        }
        for row in said.credits
        if row["is_default"]
    ]
    found = []
    for subject, rows in (("conversions", [*conversions.values()]), ("credits", credits)):
        for measure in seeds.get("measures", ()):
            if measure["subject"] != subject:
                continue
            value = measure["value_column"]
            for row in rows:
                if (
                    row["conversion_type"] != measure["conversion_type"]
                    or measure["channel"] not in ("", row["channel"])
                    or (measure.get("is_paid_only") == "true" and not row["is_paid"])
                ):
                    continue
                share = Decimal(row["credit_share"]).quantize(Decimal("0.000001"), ROUND_HALF_UP)
                amount = share if value == "credited_conversions" else row[value] if value else None
                is_lacking = value in ("gross_value", "net_value") and row["is_without_rate"]
                of = row["converted_on"], row["channel"], row["customer_id"]
                found.append(Fact(measure["measure_id"], *of, amount, is_lacking))
    return found


def _is_asked(measure: Mapping[str, str], row: Mapping[str, Any], columns: Iterable[str]) -> bool:
    return all(measure[column] in ("", row[column]) for column in columns)


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
        "group_count": len({fact.customer_id for fact in base} - {None}),
        "without_rate_count": sum(
            fact.is_without_rate for name in (above, below) if name for fact in of_kpi if fact.measure_id == name
        ),
    }


def daily_rows(found: Sequence[Fact], in_segment: Mapping[str, set[str]], seeds: Mapping[str, Seed]) -> list[Row]:
    """Returns one row per KPI, day, channel and segment with anything to count, like `kpis.fct_kpi_values_daily`."""
    measures = {row["measure_id"]: row for row in seeds.get("measures", ())}
    rows = []
    for kpi in seeds.get("kpis", ()):
        names = [name for name in (kpi["numerator_measure_id"], kpi["denominator_measure_id"]) if name]
        subjects = {measures[name]["subject"] for name in names}
        breakdowns: dict[tuple[date, str, str], list[Fact]] = defaultdict(list)
        for fact in found:
            if fact.measure_id in names:
                inside = (
                    []
                    if "spend" in subjects
                    else [segment for segment, customers in in_segment.items() if fact.customer_id in customers]
                )
                for segment in ("all", *inside):
                    for channel in ("all", channel_as_dimension(fact.channel)):
                        breakdowns[fact.day, channel, segment].append(fact)
        of_kpi = {breakdown: figures(kpi, measures, of_dimension) for breakdown, of_dimension in breakdowns.items()}
        hidden = suppressed({breakdown: row["group_count"] for breakdown, row in of_kpi.items()})
        for breakdown, row in of_kpi.items():
            day, channel, segment = breakdown
            is_of_ads = subjects <= {"spend", "credits"}
            if len(subjects) == 2 and subjects & {"spend", "costs", "credits"} and channel != "all" and not is_of_ads:
                row["value"] = None
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


def beginnings(
    events: Iterable[Mapping[str, Any]],
    intervals: Sequence[Mapping[str, Any]],
    seeds: Mapping[str, Seed],
    known: Definitions,
    of_money: Sequence[Fact] = (),
) -> dict[str, date | None]:
    """Returns since when each measure is on record: its first event or interval, and no earlier than the calendar.

    Of spend and costs the first that it adds up (`of_money`). Of events the first of its name and source, of a measure
    without either of its channel, touchpoint and feedback.
    """
    events = list(events)
    met = [event for event in events if counted(event)]
    first_day = calendar_start(events, known)
    found = {}
    for measure in seeds.get("measures", ()):
        if measure["subject"] == "events":
            asked = ["event_name", "source_system"]
            if not measure["event_name"] and not measure["source_system"]:
                asked = ["channel", "touchpoint", "feedback_kind"]
            days = [
                known.day_of(event["occurred_at"])
                for event in met
                if all(not measure[column] or measure[column] == event.get(column) for column in asked)
            ]
        elif measure["subject"] in ("spend", "costs", "conversions", "credits", "churn"):
            days = [fact.day for fact in of_money if fact.measure_id == measure["measure_id"]]
        else:
            days = [
                known.day_of(one["entered_at"])
                for one in intervals
                if measure["journey_id"] == one["journey_id"] and measure["phase_id"] in ("", one["phase_id"])
            ]
        found[measure["measure_id"]] = max(min(days), first_day) if days else None
    return found


def calendar_start(events: Iterable[Mapping[str, Any]], known: Definitions) -> date:
    """Returns the first day of the first month with 1 % of the events of the median month."""
    counts = Counter(
        known.day_of(event["occurred_at"]).replace(day=1) for event in events if not event["is_after_as_of"]
    )
    up_to, half = 0, sum(counts.values()) / 2
    for count in sorted(counts.values()):
        up_to += count
        if up_to >= half:
            return min(month for month, of_month in counts.items() if of_month * 100 >= count)
    return date.max


def coverage(
    events: Iterable[Mapping[str, Any]], found: Sequence[Fact], seeds: Mapping[str, Seed], known: Definitions
) -> dict[tuple[str, date], list[bool]]:
    """Returns per measure and day whether each event that it is measured on can be followed.

    A measure of intervals is measured on the events that match its phase in the version of the day.
    """
    rows: dict[tuple[str, date], list[bool]] = defaultdict(list)
    events = list(events)
    linkable = {event["event_id"]: event["is_linkable"] for event in events}
    for fact in found:
        if fact.event_id is not None:
            rows[fact.measure_id, fact.day].append(linkable[fact.event_id])
    measures = [measure for measure in seeds.get("measures", ()) if measure["subject"] == "intervals"]
    for event in events:
        if not counted(event):
            continue
        day = known.day_of(event["occurred_at"])
        for journey_id in known.journey_ids:
            version = known.version_on(journey_id, day)
            rules = rules_matched(event, journey_id, version, known) if version is not None else []
            for measure in measures:
                if (
                    rules
                    and measure["journey_id"] == journey_id
                    and measure["phase_id"] in ("", rules[0][0].phase_id)
                    and measure["channel"] in ("", event["channel"] or "(none)")
                ):
                    rows[measure["measure_id"], day].append(event["is_linkable"])
    return rows


def waits_for(measure: Mapping[str, str], known: Definitions) -> timedelta | None:
    """Returns how long what a measure counts may take to be decided, None for ever."""
    waits = measure["subject"] == "intervals" and (
        measure["outcome"]
        or measure.get("level")
        or measure["is_pending_included"] == "false"
        or measure["value_column"] == "dwell_seconds"
    )
    windows = [
        phase.window
        for phase in known.phases.values()
        if phase.journey_id == measure["journey_id"]
        and measure["phase_id"] in ("", phase.phase_id)
        and not phase.is_terminal
    ]
    if not waits or not windows:
        return timedelta(0)
    return None if None in windows else max(window for window in windows if window is not None)


def period_rows(
    found: Sequence[Fact],
    seeds: Mapping[str, Seed],
    known: Definitions,
    began: Mapping[str, date | None],
    facts_at: Callable[[datetime], Sequence[Fact]],
    measured_on: Mapping[tuple[str, date], Sequence[bool]],
    *,
    as_of: datetime,
) -> list[Row]:
    """Returns one row per KPI and complete period, like `kpis.fct_kpi_values`.

    `facts_at` says which intervals count, and how, for somebody who asks at an earlier moment.
    """
    measures = {row["measure_id"]: row for row in seeds.get("measures", ())}
    rows = []
    for kpi in seeds.get("kpis", ()):
        names = [name for name in (kpi["numerator_measure_id"], kpi["denominator_measure_id"]) if name]
        days = [began[name] for name in names]
        on_record = max(day for day in days if day) if all(days) else None
        waits = [waits_for(measures[name], known) for name in names]
        wait = None if None in waits else max(one for one in waits if one is not None)
        last = current_period(kpi["period"], known.day_of(as_of))

        def over(first: date, of: Sequence[Fact], kpi=kpi, names=names, on_record=on_record) -> Row:
            inside = [f for f in of if f.measure_id in names and first <= f.day <= period_end(kpi["period"], first)]
            row = figures(kpi, measures, inside)
            is_on_record = on_record is not None and first >= on_record
            is_known = row["denominator"] >= MIN_CELL_SIZE if row["denominator"] is not None else is_on_record
            if not is_known:
                row |= dict.fromkeys(("value", "value_ci_lower", "value_ci_upper"))
            return row | {"is_on_record": is_on_record, "measured_day_count": len({fact.day for fact in inside})}

        first = last
        while True:
            end = period_end(kpi["period"], first)
            closed = start_of(end + timedelta(days=1), known)
            is_mature = wait is not None and closed + wait <= as_of
            now = over(first, found)
            earlier: list[float | None] = []
            previous_denominator = compared_at = None
            for other in (period_before(kpi["period"], first), year_before(kpi["period"], first)):
                if is_mature:
                    then = over(other, found)
                else:
                    moment = start_of(period_end(kpi["period"], other) + timedelta(days=1), known) + (as_of - closed)
                    of_events = [fact for fact in found if measures[fact.measure_id]["subject"] != "intervals"]
                    then = over(other, [*of_events, *facts_at(moment)]) if on_record and other >= on_record else None
                    if not earlier and then is not None:
                        compared_at = moment
                value = then["value"] if then is not None and then["is_on_record"] else None
                if not earlier and then is not None and value is not None:
                    previous_denominator = then["denominator"]
                earlier.append(value)
            target = next(
                (
                    row
                    for row in seeds.get("kpi_targets", ())
                    if row["kpi_id"] == kpi["kpi_id"]
                    and date.fromisoformat(row["valid_from"]) <= end
                    and (not row["valid_to"] or end < date.fromisoformat(row["valid_to"]))
                ),
                None,
            )
            can_be_followed = [
                one
                for (measure_id, day), of_day in measured_on.items()
                if measure_id == names[-1] and first <= day <= end
                for one in of_day
            ]
            changes = [None if None in (now["value"], then) else now["value"] - then for then in earlier]
            rows.append(
                {
                    **now,
                    "kpi_id": kpi["kpi_id"],
                    "period": kpi["period"],
                    "status": status(kpi, now["value"], target) if is_mature or wait is None else None,
                    "target": float(target["target"]) if target else None,
                    "trend": changes[0],
                    "trend_year": changes[1],
                    "previous_value": earlier[0],
                    "previous_denominator": previous_denominator,
                    "year_before_value": earlier[1],
                    "linkable_share": sum(can_be_followed) / len(can_be_followed) if can_be_followed else None,
                    "period_day_count": (end - first).days + 1,
                    "is_mature": is_mature,
                    "period_start": first,
                    "period_end": end,
                    "compared_at": compared_at,
                }
            )
            first = period_before(kpi["period"], first)
            if on_record is None or period_end(kpi["period"], first) < on_record:
                break
    return rows


def scorecard_rows(periods: Sequence[Row], seeds: Mapping[str, Seed]) -> list[Row]:
    """Returns one row per KPI, like `kpis.kpi_scorecard`: its last period, and the status of the last rated one."""
    rows = []
    for kpi in seeds.get("kpis", ()):
        mine = sorted((row for row in periods if row["kpi_id"] == kpi["kpi_id"]), key=lambda row: row["period_start"])
        rated: Row = ([row for row in mine if row["status"]] or [{}])[-1]
        people = {
            role: sorted(
                row["person"]
                for row in seeds.get("kpi_roles", ())
                if row["kpi_id"] == kpi["kpi_id"] and row["role"] == role
            )
            for role in ("responsible", "accountable")
        }
        rows.append(
            {
                **mine[-1],
                "tier": kpi["tier"],
                "status": rated.get("status", "no_data"),
                "status_value": rated.get("value"),
                "target": (rated or mine[-1])["target"],
                "status_period_start": rated.get("period_start"),
                "status_period_end": rated.get("period_end"),
                **{role: named[0] if named else None for role, named in people.items()},
            }
        )
    return rows


def start_of(day: date, known: Definitions) -> datetime:
    """Returns the UTC instant at which a day begins in the reporting time zone, naive."""
    local = datetime(day.year, day.month, day.day, tzinfo=known.time_zone)
    return local.astimezone(UTC).replace(tzinfo=None)
