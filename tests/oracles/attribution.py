"""Shares conversions among touches, one customer and one conversion after the other.

Readings chosen where the design leaves room:

- A touch and a conversion are in the order of the timeline, whatever their instants; an event is no touch before
  itself.
- Per conversion type a touch is on one path: that of the next conversion if its window reaches it, else one without.
  Such a path goes on while a touch comes no later than the latest end of a window on it, and ends at a conversion.
- A single event that names nobody is nobody's first: a type for new customers does not count it.
- Who has bought is no new customer: touches after the first event of a type for new customers are on no path of it.
- A path is in the month of its conversion, else of its last touch.
- A visit is one touch with the last click of its channel that no other visit is one with, if less than a session's
  silence lies between. The same campaign, or none on both, comes first; then that one of the two names none.
- Of one ad on the way to one conversion only the strongest kind remains: click, open, view, send. What does not reach
  the conversion gives way to a stronger kind if either is within the window of the other, and is on no path then.
  For a rule with a window of its own, the strongest kind is that of the touches within it.
- Of a conversion the sum of all refunds so far is rounded to cents, and a refund is what it adds to that.
- A cancellation that states no amount takes all that is left, a return nothing.
- A refund is of the last conversion with its reference before it, else of the first after it.
- A calibrated rule keeps of each share of the rule that it is based on what experiments say of its channel, on the day
  of the conversion; a channel without one keeps all, and what no touch earned stays so. The rest is the baseline's.
- Parts of an amount are rounded down to cents; what is left goes to the largest remainders, to the ten thousandth of a
  cent, of equal ones to the earlier touch.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles.feed import Row, truth
from tests.oracles.kpis import rate_on
from tests.oracles.spend import campaign_of
from tests.oracles.timeline import counted, property_text

Seeds = Mapping[str, Sequence[Mapping[str, str]]]
STRENGTH = {"click": 4, "open": 3, "view": 2, "send": 1}
SILENCE = timedelta(minutes=30)
GROUPS = 20
T_95 = 2.093
NAMES_SHOWN = 50


@dataclass
class Path:
    """Touches of one customer in their order, before a conversion or without one."""

    conversion_type: str
    customer_id: str
    touches: list[Row]
    outcome: str
    month: date
    conversion: Row | None = None
    # those before a conversion together with what gave way to a stronger touch of the same ad
    all_touches: list[Row] = field(default_factory=list)

    @property
    def channels(self) -> list[str]:
        return [touch["channel"] for touch in self.touches]


@dataclass
class Attribution:
    """The tables of the schema attribution that the oracle speaks about, shaped like the release's, and the paths."""

    touchpoints: list[Row] = field(default_factory=list)
    conversions: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    credits: list[Row] = field(default_factory=list)
    refund_credits: list[Row] = field(default_factory=list)
    channel_credits: list[Row] = field(default_factory=list)
    channel_effects: list[Row] = field(default_factory=list)
    conversion_paths: list[Row] = field(default_factory=list)
    disagreements: list[Row] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def attributed(
    events: Sequence[Mapping[str, Any]],
    seeds: Seeds,
    *,
    as_of: datetime,
    currency: str = "EUR",
    time_zone: str = "UTC",
    has_intervals: bool = True,
) -> Attribution:
    """Returns what the tables of attribution say of a timeline; without intervals their columns are not there."""
    zone = ZoneInfo(time_zone)
    known: list[Row] = [
        {**event, "day": event["occurred_at"].replace(tzinfo=UTC).astimezone(zone).date()}
        for event in sorted(events, key=lambda event: (event["customer_id"], event["event_number"]))
        if counted(event)
    ]
    rates = seeds.get("exchange_rates", ())
    said = Attribution()
    touch_events = _touch_events(known, seeds)
    said.touchpoints = _touches(touch_events)
    candidates = _conversion_events(known, seeds, rates, currency)
    said.refunds = _refunds(known, candidates, seeds, rates, currency)
    counting = [row for row in candidates if row["is_counted"]]
    said.paths = _paths(said.touchpoints, counting, seeds, as_of)
    said.conversions = _conversions(counting, said.refunds, touch_events, said.paths)
    effects = _effects(said.paths)
    _share(said, seeds.get("attribution_rules", ()), effects, seeds.get("channel_calibrations", ()))
    said.channel_effects = _effect_rows(said.paths, has_intervals)
    said.channel_credits = _credit_rows(said, seeds.get("attribution_rules", ()), has_intervals)
    said.conversion_paths = _path_rows(said)
    said.disagreements = _disagreement_rows(said.channel_credits)
    return said


def group_of(customer_id: str) -> int:
    """The group, of twenty, that a customer is dealt to."""
    return int(hashlib.sha256(customer_id.encode()).hexdigest()[:3], 16) % GROUPS


# --- what seeds say of events


def _best(event: Mapping[str, Any], rules: Iterable[Mapping[str, str]], id_column: str) -> Mapping[str, str] | None:
    filters = ("source_system", "channel", "touchpoint")
    matching = [
        rule
        for rule in rules
        if _covers(rule["event_name"], event["event_name"])
        and all(rule.get(name) in (None, "", event[name]) for name in filters)
        and (not rule.get("property_name") or property_text(event, rule["property_name"]) == rule["property_value"])
    ]

    def place(rule: Mapping[str, str]) -> tuple[int, int, str]:
        filled = sum(1 for name in (*filters, "property_name") if rule.get(name))
        return -_exactness(rule["event_name"]), -filled, rule[id_column]

    return min(matching, key=place, default=None)


def _covers(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _exactness(pattern: str) -> int:
    return len(pattern) - 1 if pattern.endswith("*") else 10**6


def _touch_events(events: Sequence[Mapping[str, Any]], seeds: Seeds) -> list[Row]:
    paid = {row["channel"] for row in seeds.get("channels", ()) if truth(row["is_paid"])}
    found = []
    for event in events:
        rule = _best(event, seeds.get("touch_rules", ()), "touch_rule_id")
        if rule is None:
            continue
        channel = event["channel"] or "(none)"
        ad = property_text(event, rule["ad_property"]) if rule.get("ad_property") else None
        campaign = campaign_of(event, event.get("campaign"), seeds.get("campaign_names", ()))
        found.append(
            {
                **{name: event[name] for name in ("customer_id", "event_number", "occurred_at", "is_linkable")},
                "touchpoint_event_id": event["event_id"],
                "session_id": event["session_id"],
                "touch_rule_id": rule["touch_rule_id"],
                "channel": channel,
                "campaign": campaign,
                "touch_kind": rule["touch_kind"],
                "is_touch": rule.get("is_touch") != "false",
                "is_direct": rule.get("is_direct") == "true",
                "is_paid": channel in paid,
                "ad": (channel, "ad", ad) if ad is not None else (channel, "campaign", campaign) if campaign else None,
                "occurred_on": event["day"],
                "window_until": event["occurred_at"] + timedelta(seconds=round(float(rule["window_days"]) * 86_400)),
            }
        )
    return found


def _touches(touch_events: Sequence[Row]) -> list[Row]:
    kept: list[Row] = []
    seen: set[tuple[Any, ...]] = set()
    for row in touch_events:
        if row["touch_kind"] == "visit" and row["session_id"] is not None:
            session = row["customer_id"], row["session_id"]
            is_first = session not in seen
            is_first_of_channel = (*session, row["channel"], row["campaign"]) not in seen
            seen |= {session, (*session, row["channel"], row["campaign"])}
            if not (is_first if row["is_direct"] else is_first_of_channel):
                continue
        if row["is_touch"]:
            kept.append(dict(row))
    by_channel: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in kept:
        if row["touch_kind"] in ("click", "visit"):
            by_channel[row["customer_id"], row["channel"]].append(row)
    landings: set[str] = set()
    for rows in by_channel.values():
        rows.sort(key=lambda row: (row["occurred_at"], row["touch_kind"] != "click", row["event_number"]))
        free = {row["touchpoint_event_id"] for row in rows if row["touch_kind"] == "click"}
        for unnamed_count in ((0, 2), (1,)):
            for place, visit in enumerate(rows):
                if visit["touch_kind"] == "click" or visit["touchpoint_event_id"] in landings:
                    continue
                opening = [
                    click
                    for click in rows[:place]
                    if click["touchpoint_event_id"] in free
                    and visit["occurred_at"] - click["occurred_at"] < SILENCE
                    and [click["campaign"], visit["campaign"]].count(None) in unnamed_count
                    and (click["campaign"] == visit["campaign"] or unnamed_count == (1,))
                ]
                if opening:
                    free.remove(opening[-1]["touchpoint_event_id"])
                    landings.add(visit["touchpoint_event_id"])
                    opening[-1]["session_id"] = opening[-1]["session_id"] or visit["session_id"]
    return [row for row in kept if row["touchpoint_event_id"] not in landings]


def _conversion_events(events: Sequence[Mapping[str, Any]], seeds: Seeds, rates: Any, currency: str) -> list[Row]:
    by_type: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for rule in seeds.get("conversion_types", ()):
        by_type[rule["conversion_type"]].append(rule)
    found = []
    for kind, rules in by_type.items():
        begun: set[str] = set()
        for event in events:
            if (rule := _best(event, rules, "conversion_rule_id")) is None:
                continue
            has_value = rule.get("value_column") == "amount" and event["amount"] is not None
            rate = rate_on(event["day"], event["currency"], rates, currency)
            reference = _reference(event, rule)
            is_first = event["is_linkable"] and event["customer_id"] not in begun
            found.append(
                {
                    **{name: event[name] for name in ("customer_id", "event_id", "event_number", "is_identified")},
                    "conversion_id": f"{kind}:{event['event_id']}",
                    "conversion_type": kind,
                    "channel": event["channel"] or "(none)",
                    "currency": event["currency"],
                    "reference": reference and (rule.get("refund_source_system") or event["source_system"], reference),
                    "gross_value": _cents(event["amount"] * rate) if has_value and rate is not None else None,
                    "is_without_rate": has_value and rate is None,
                    "is_first_of_customer": is_first,
                    "is_counted": is_first or rule.get("is_new_customer_only") != "true",
                    "converted_on": event["day"],
                    "converted_at": event["occurred_at"],
                }
            )
            begun.add(event["customer_id"])
    return found


def _reference(event: Mapping[str, Any], rule: Mapping[str, str]) -> str | None:
    """The reference of an event; blanks are none."""
    text = property_text(event, rule["reference_property"]) if rule.get("reference_property") else None
    return (text or "").strip(" ") or None


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


# --- refunds


def _refunds(
    events: Sequence[Mapping[str, Any]], conversions: Sequence[Row], seeds: Seeds, rates: Any, currency: str
) -> list[Row]:
    named: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in conversions:
        if row["reference"]:
            named[row["conversion_type"], *row["reference"]].append(row)
    found = []
    for kind in {rule["conversion_type"] for rule in seeds.get("conversion_types", ())}:
        rules = [r for r in seeds.get("conversion_types", ()) if r["conversion_type"] == kind]
        for event in events:
            matching = [
                (
                    _reference(event, rule) is None,
                    -_exactness(name),
                    rule["conversion_rule_id"],
                    not cancels,
                    rule,
                )
                for rule in rules
                for cancels, column in ((False, "refund_event_name"), (True, "cancellation_event_name"))
                for name in filter(None, (rule.get(column) or "").split("|"))
                if _covers(name, event["event_name"])
                and (rule.get("refund_source_system") or rule.get("source_system"))
                in (None, "", event["source_system"])
            ]
            if not matching:
                continue
            *_, returns, rule = min(matching, key=lambda place: place[:4])
            refund = _refund(kind, event, rule, named, rates, currency, cancels=not returns)
            if refund is not None:
                found.append(refund)
    left: dict[str, Decimal] = {}
    stated: dict[str, Decimal] = defaultdict(Decimal)
    for refund in sorted(found, key=lambda row: (row["refunded_at"], row["event_id"])):
        conversion = refund["conversion"]
        if refund["stated_value"] is not None:
            of = refund["conversion_id"] or refund["refund_id"]
            before, stated[of] = stated[of], stated[of] + refund["stated_value"]
            refund["stated_value"] = _cents(stated[of]) - _cents(before)
        if conversion is None or conversion["gross_value"] is None or refund["stated_value"] is None:
            continue
        rest = left.setdefault(refund["conversion_id"], max(conversion["gross_value"], Decimal(0)))
        refund["refunded_value"] = min(rest, refund["stated_value"])
        left[refund["conversion_id"]] -= refund["refunded_value"]
        if refund["refunded_value"] < refund["stated_value"] and not refund["takes_all"]:
            refund["refund_outcome"] = "capped"
    return found


def _refund(
    kind: str,
    event: Mapping[str, Any],
    rule: Mapping[str, str],
    conversions: Mapping[tuple[str, ...], Sequence[Row]],
    rates: Any,
    currency: str,
    *,
    cancels: bool,
) -> Row | None:
    reference = _reference(event, rule)
    named = [] if reference is None else conversions.get((kind, event["source_system"], reference), [])

    def distance(row: Row) -> tuple[bool, timedelta, str]:
        apart = event["occurred_at"] - row["converted_at"]
        return row["converted_at"] > event["occurred_at"], abs(apart), row["event_id"]

    conversion = min(named, key=distance, default=None)
    if conversion is not None and not conversion["is_counted"]:
        return None
    stated = None
    if rule.get("refund_value_property"):
        stated = _number(property_text(event, rule["refund_value_property"]))
    takes_all = not rule.get("refund_value_property") or (cancels and not stated)
    if takes_all:
        gross = conversion["gross_value"] if conversion else None
        value = None if gross is None else max(gross, Decimal(0))
    else:
        own = event["currency"] or None
        paid_in = own or (conversion["currency"] if conversion else None)
        is_of_conversion = conversion is not None and (own is None or own == conversion["currency"])
        day = conversion["converted_on"] if conversion and is_of_conversion else event["day"]
        rate = rate_on(day, paid_in, rates, currency)
        value = None if stated is None or rate is None else abs(_cents(stated)) * rate
    if conversion is None:
        outcome = "without_conversion"
    elif conversion["gross_value"] is None:
        outcome = "without_value"
    elif not takes_all and stated is None:
        outcome = "not_stated"
    elif value is None:
        outcome = "without_rate"
    else:
        outcome = "counted"
    return {
        "refund_id": f"{kind}:{event['event_id']}",
        "conversion_id": conversion["conversion_id"] if conversion else None,
        "conversion": conversion,
        "conversion_type": kind,
        "customer_id": conversion["customer_id"] if conversion else event["customer_id"],
        "event_id": event["event_id"],
        "refund_outcome": outcome,
        "takes_all": takes_all,
        "stated_value": value,
        "refunded_value": None,
        "refunded_on": event["day"],
        "refunded_at": event["occurred_at"],
    }


def _number(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


# --- paths


def _paths(touches: Sequence[Row], conversions: Sequence[Row], seeds: Seeds, as_of: datetime) -> list[Path]:
    of_customer: dict[str, list[Row]] = defaultdict(list)
    for touch in touches:
        if touch["is_linkable"]:
            of_customer[touch["customer_id"]].append(touch)
    only_new: dict[str, bool] = {}
    for rule in seeds.get("conversion_types", ()):
        kind = rule["conversion_type"]
        only_new[kind] = only_new.get(kind, False) or rule.get("is_new_customer_only") == "true"
    converted: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in conversions:
        converted[row["customer_id"], row["conversion_type"]].append(row)
    found = []
    for customer_id, own in of_customer.items():
        for kind in only_new:
            rest = list(own)
            for conversion in converted[customer_id, kind]:
                earlier = [touch for touch in rest if touch["event_number"] < conversion["event_number"]]
                rest = [touch for touch in rest if touch["event_number"] >= conversion["event_number"]]
                all_reaching = [touch for touch in earlier if touch["window_until"] >= conversion["converted_at"]]
                earlier = _unbeaten(earlier, conversion["converted_at"])
                reaching = [touch for touch in earlier if touch["window_until"] >= conversion["converted_at"]]
                if reaching:
                    month = conversion["converted_on"].replace(day=1)
                    found.append(Path(kind, customer_id, reaching, "converted", month, conversion, all_reaching))
                others = [touch for touch in earlier if touch["window_until"] < conversion["converted_at"]]
                found += _without(kind, customer_id, others, as_of)
                if only_new[kind]:
                    rest = []
            found += _without(kind, customer_id, _unbeaten(rest, None), as_of)
    return found


def _unbeaten(touches: Sequence[Row], converted_at: datetime | None) -> list[Row]:
    """Touches between two conversions without those that a stronger kind of the same ad beats.

    Of those that reach the conversion only the strongest of an ad remain. Another one is beaten by a stronger one of
    which either is within the window of the other.
    """
    of_ad: dict[Any, list[Row]] = defaultdict(list)
    for touch in touches:
        if touch["ad"] and touch["touch_kind"] in STRENGTH:
            of_ad[touch["ad"]].append(touch)

    def reaches(touch: Row) -> bool:
        return converted_at is not None and touch["window_until"] >= converted_at

    def is_beaten(touch: Row) -> bool:
        stronger = [
            one
            for one in of_ad[touch["ad"]]
            if touch["touch_kind"] in STRENGTH and STRENGTH[one["touch_kind"]] > STRENGTH[touch["touch_kind"]]
        ]
        if reaches(touch):
            return any(reaches(one) for one in stronger)
        pairs = [sorted((touch, one), key=lambda row: row["event_number"]) for one in stronger]
        return any(later["occurred_at"] <= earlier["window_until"] for earlier, later in pairs)

    return [touch for touch in touches if not touch["ad"] or not is_beaten(touch)]


def _without(kind: str, customer_id: str, touches: Sequence[Row], as_of: datetime) -> list[Path]:
    runs: list[list[Row]] = []
    reach = datetime.min
    for touch in touches:
        if runs and touch["occurred_at"] <= reach:
            runs[-1].append(touch)
            reach = max(reach, touch["window_until"])
        else:
            runs.append([touch])
            reach = touch["window_until"]
    return [
        Path(
            kind,
            customer_id,
            run,
            "pending" if max(touch["window_until"] for touch in run) >= as_of else "null",
            run[-1]["occurred_on"].replace(day=1),
        )
        for run in runs
    ]


def _conversions(
    conversions: Sequence[Row], refunds: Sequence[Row], touch_events: Sequence[Row], paths: Sequence[Path]
) -> list[Row]:
    touch_count = {path.conversion["conversion_id"]: len(path.touches) for path in paths if path.conversion}
    known: dict[str, list[Row]] = defaultdict(list)
    for row in touch_events:
        known[row["customer_id"]].append(row)
    refunded_of: dict[str, list[Decimal]] = defaultdict(list)
    for row in refunds:
        if row["refunded_value"] is not None:
            refunded_of[row["conversion_id"]].append(row["refunded_value"])
    found = []
    for row in conversions:
        earlier = [one for one in known[row["customer_id"]] if one["event_number"] < row["event_number"]]
        count = touch_count.get(row["conversion_id"], 0)
        if count:
            reason = None
        elif any(one["window_until"] >= row["converted_at"] for one in earlier):
            reason = "all_excluded"
        elif earlier:
            reason = "outside_window"
        else:
            reason = "no_touch" if row["is_identified"] else "anonymous"
        taken = refunded_of[row["conversion_id"]]
        gross = row["gross_value"]
        refunded = None if gross is None else sum(taken, Decimal(0))
        net = None if gross is None or refunded is None else gross - refunded
        found.append(
            {
                **row,
                "touch_count": count,
                "unattributed_reason": reason,
                "refunded_value": refunded,
                "net_value": net,
            }
        )
    return found


# --- chains


Probabilities = Mapping[tuple[Any, Any], float]


def removal_effects(paths: Iterable[tuple[Sequence[str], bool]]) -> tuple[float, dict[str, float]]:
    """Returns the chance to convert in the chain of some paths, and per channel the share that is lost without it.

    A path is its channels and whether it converted. The equations of the chances are solved again without each channel.
    """
    steps: Counter[tuple[Any, Any]] = Counter()
    for channels, converts in paths:
        names = [None, *channels, converts]
        steps.update(itertools.pairwise(names))
    leaving: Counter[Any] = Counter()
    for (origin, _), count in steps.items():
        leaving[origin] += count
    chances = {step: count / leaving[step[0]] for step, count in steps.items()}
    channels = sorted({origin for origin, _ in steps if origin is not None})
    base = _chance(chances, channels)
    lost = {
        name: 1 - _chance(chances, [other for other in channels if other != name]) / base if base else math.nan
        for name in channels
    }
    return base, lost


def _chance(chances: Probabilities, channels: Sequence[str]) -> float:
    """The chance to convert from the start, by Gauss's elimination; whoever comes to another channel is lost."""
    names = [None, *channels]
    rows = [
        [(one == other) - chances.get((one, other), 0.0) for other in names] + [chances.get((one, True), 0.0)]
        for one in names
    ]
    for place in range(len(names)):
        pivot = max(range(place, len(names)), key=lambda number: abs(rows[number][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for number in range(len(names)):
            if number != place and rows[number][place]:
                factor = rows[number][place] / rows[place][place]
                rows[number] = [a - factor * b for a, b in zip(rows[number], rows[place], strict=True)]
    return rows[0][-1] / rows[0][0]


def _decided(paths: Iterable[Path], left_out: int | None = None) -> list[tuple[Sequence[str], bool]]:
    return [
        (path.channels, path.outcome == "converted")
        for path in paths
        if path.outcome != "pending" and group_of(path.customer_id) != left_out
    ]


def _by_month(paths: Iterable[Path]) -> dict[tuple[str, date], list[Path]]:
    found: dict[tuple[str, date], list[Path]] = defaultdict(list)
    for path in paths:
        found[path.conversion_type, path.month].append(path)
    return found


def _effects(paths: Sequence[Path], left_out: int | None = None) -> dict[tuple[str, date], dict[str, float]]:
    return {key: removal_effects(_decided(of, left_out))[1] for key, of in _by_month(paths).items()}


def _interval(figure: float, left_out: Sequence[float]) -> tuple[float, float]:
    mean = sum(left_out) / GROUPS
    error = math.sqrt((GROUPS - 1) / GROUPS * sum((value - mean) ** 2 for value in left_out))
    return figure - T_95 * error, figure + T_95 * error


def _effect_rows(paths: Sequence[Path], has_intervals: bool) -> list[Row]:
    chains = {("month", kind, month): of for (kind, month), of in _by_month(paths).items()}
    for kind in {path.conversion_type for path in paths}:
        own = [path for path in paths if path.conversion_type == kind]
        chains["all", kind, min(path.month for path in own)] = own
    found = []
    for (period, kind, month), of in chains.items():
        counts = {outcome: [p for p in of if p.outcome == outcome] for outcome in ("converted", "null", "pending")}
        customers = {path.customer_id for path in counts["converted"]}
        whole = _chain_figures(of)
        is_bounded = has_intervals and len(customers) >= GROUPS
        without = [_chain_figures(of, group) for group in range(GROUPS)] if is_bounded else []
        for channel in sorted({name for path in of for name in path.channels}):
            row: Row = {
                "conversion_type": kind,
                "period": period,
                "period_start": month,
                "channel": channel,
                "converting_customer_count": len(customers),
            }
            for outcome, those in counts.items():
                row[f"{outcome}_count"] = sum(channel in path.channels for path in those)
                row[f"all_{outcome}_count"] = len(those)
            for figure in ("base_probability", "removal_effect", "credited_conversions"):
                value = whole[figure].get(channel)
                row[figure] = value
                lower, upper = None, None
                if without and value is not None:
                    scale = GROUPS / (GROUPS - 1) if figure == "credited_conversions" else 1
                    others = [one[figure].get(channel, one["missing"][figure]) for one in without]
                    if None not in others:
                        lower, upper = _interval(value, [other * scale for other in others])
                if has_intervals:
                    row[f"{figure}_ci_lower"], row[f"{figure}_ci_upper"] = lower, upper
            found.append(row)
    return found


def _chain_figures(paths: Sequence[Path], left_out: int | None = None) -> dict[str, dict[str, Any]]:
    """The three figures per channel; `missing` is what a channel has that is on no path."""
    decided = _decided(paths, left_out)
    if not decided:
        return {
            "base_probability": {}, "removal_effect": {}, "credited_conversions": {},
            "missing": {"base_probability": 0.0, "removal_effect": None, "credited_conversions": None},
        }  # fmt: skip
    base, effects = removal_effects(decided)
    converted = sum(converts for _, converts in decided)
    total = sum(effects.values())
    shared = {name: converted * effect / total if base else None for name, effect in effects.items()}
    return {
        "base_probability": dict.fromkeys(effects, base),
        "removal_effect": {name: effect if base else None for name, effect in effects.items()},
        "credited_conversions": shared,
        "missing": {
            "base_probability": base,
            "removal_effect": 0.0 if base else None,
            "credited_conversions": 0.0 if base else None,
        },
    }


# --- credits


def weights(rule: Mapping[str, str], touches: Sequence[Row], converted_at: datetime) -> list[Any]:
    """Returns what touches weigh by a rule of another method than markov; what they are shares of is their sum."""
    count, method = len(touches), rule["method"]
    if method == "linear":
        return [Fraction(1)] * count
    if method in ("first", "last", "last_non_direct"):
        chosen = 0 if method == "first" else count - 1
        if method == "last_non_direct":
            chosen = max((n for n, touch in enumerate(touches) if not touch["is_direct"]), default=count - 1)
        return [Fraction(number == chosen) for number in range(count)]
    if method == "time_decay":
        half_life = float(rule.get("half_life_days") or 7)
        ages = [(converted_at - touch["occurred_at"]) // timedelta(seconds=1) / 86_400 for touch in touches]
        return [0.5 ** ((age - min(ages)) / half_life) for age in ages]
    if method == "shapley":
        of_channel = Counter(touch["channel"] for touch in touches)
        return [Fraction(1, of_channel[touch["channel"]]) for touch in touches]
    first, between, last = (Fraction(part) for part in (rule.get("weights") or "0.4|0.2|0.4").split("|"))
    if count == 1:
        return [Fraction(1)]
    if count == 2:
        if rule.get("weights_of_two"):
            return [Fraction(part) for part in rule["weights_of_two"].split("|")]
        return [first, last] if first + last else [Fraction(1, 2)] * 2
    return [first, *[between / (count - 2)] * (count - 2), last]


def shared_cents(amount: Decimal, shares: Sequence[Any]) -> list[Decimal]:
    """Returns an amount in parts of whole cents, by the largest remainders."""
    cents = int(amount * 100)
    exact = [cents * share for share in shares]
    parts = [math.floor(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda n: (-round((exact[n] - parts[n]) * 10_000), n))
    for number in order[: cents - sum(parts)]:
        parts[number] += 1
    return [Decimal(part) / 100 for part in parts]


def _transformed(rule: Mapping[str, str], touches: Sequence[Row]) -> list[Row]:
    transform = rule.get("path_transform") or "as_is"
    if transform == "collapsed":
        following = [*(touch["channel"] for touch in touches[1:]), None]
        return [touch for touch, channel in zip(touches, following, strict=False) if touch["channel"] != channel]
    if transform == "distinct":
        last = {touch["channel"]: touch["touchpoint_event_id"] for touch in touches}
        return [touch for touch in touches if last[touch["channel"]] == touch["touchpoint_event_id"]]
    return list(touches)


def _within(rule: Mapping[str, str], conversion: Row, path: Path) -> list[Row]:
    if not rule.get("window_days"):
        return list(path.touches)
    window = timedelta(seconds=round(float(rule["window_days"]) * 86_400))
    within = [touch for touch in path.all_touches if touch["occurred_at"] + window >= conversion["converted_at"]]
    return _unbeaten(within, conversion["converted_at"])


def incremental_share(calibrations: Iterable[Mapping[str, str]], channel: str, kind: str, day: date) -> Fraction | None:
    """Returns what experiments say that a channel brings, pooled by one over their variances; None without one."""
    holding = [
        (Fraction(row["incremental_share"]), Fraction(row["share_ci_upper"]) - Fraction(row["share_ci_lower"]))
        for row in calibrations
        if row["channel"] == channel
        and row.get("conversion_type") in (None, "", kind)
        and (not row.get("valid_from") or date.fromisoformat(row["valid_from"]) <= day)
        and (not row.get("valid_to") or day < date.fromisoformat(row["valid_to"]))
    ]
    weighed = [(share, 1 / width**2) for share, width in holding]
    total = sum(weight for _, weight in weighed)
    return sum((share * weight for share, weight in weighed), Fraction(0)) / total if weighed else None


def _calibrated(
    rows: Sequence[Row], shares: Sequence[Any], conversion: Row, calibrations: Sequence[Mapping[str, str]]
) -> tuple[list[Row], list[Any]]:
    kept = []
    for row, share in zip(rows, shares, strict=True):
        known = incremental_share(
            calibrations, row["channel"], conversion["conversion_type"], conversion["converted_on"]
        )
        kept.append(share if known is None else share * (float(known) if isinstance(share, float) else known))
    baseline = {"channel": "(baseline)", "touchpoint_event_id": None, "touch_kind": None, "campaign": None}
    return [baseline, *rows], [1 - sum(kept), *kept]


def _share(
    said: Attribution,
    rules: Sequence[Mapping[str, str]],
    effects: Mapping[tuple[str, date], Mapping[str, float]],
    calibrations: Sequence[Mapping[str, str]] = (),
) -> None:
    by_name = {rule["rule"]: rule for rule in rules}
    path_of = {path.conversion["conversion_id"]: path for path in said.paths if path.conversion}
    refunds_of: dict[str, list[Row]] = defaultdict(list)
    for refund in sorted(said.refunds, key=lambda row: (row["refunded_at"], row["event_id"])):
        if refund["refunded_value"] is not None:
            refunds_of[refund["conversion_id"]].append(refund)
    for conversion in said.conversions:
        path = path_of.get(conversion["conversion_id"])
        for named in rules:
            if named.get("conversion_type") not in (None, "", conversion["conversion_type"]):
                continue
            rule = by_name[named["based_on"]] if named["method"] == "calibrated" else named
            touches = _transformed(rule, _within(rule, conversion, path)) if path else []
            if not touches:
                shares: list[Any] = [Fraction(1)]
                rows = [
                    {"channel": "(unattributed)", "touchpoint_event_id": None, "touch_kind": None, "campaign": None}
                ]
                reason = conversion["unattributed_reason"] or "outside_window"
            else:
                if rule["method"] == "markov":
                    month = effects[conversion["conversion_type"], conversion["converted_on"].replace(day=1)]
                    count = Counter(touch["channel"] for touch in touches)
                    weighed = [month[touch["channel"]] / count[touch["channel"]] for touch in touches]
                else:
                    weighed = weights(rule, touches, conversion["converted_at"])
                total = sum(weighed)
                shares = [weight / total for weight in weighed] if total else [Fraction(1, len(touches))] * len(touches)
                rows, reason = touches, None
                if named is not rule:
                    rows, shares = _calibrated(touches, shares, conversion, calibrations)
            _credit(said, conversion, named, rows, shares, reason, refunds_of[conversion["conversion_id"]])


def _credit(
    said: Attribution,
    conversion: Row,
    rule: Mapping[str, str],
    rows: Sequence[Row],
    shares: Sequence[Any],
    reason: str | None,
    refunds: Sequence[Row],
) -> None:
    gross = conversion["gross_value"]
    values: list[Any] = [None] * len(rows) if gross is None else shared_cents(gross, shares)
    taken: list[Any] = [None if gross is None else Decimal(0)] * len(rows)
    so_far = Decimal(0)
    names = ("touchpoint_event_id", "channel", "campaign", "touch_kind")
    common = {
        "conversion_id": conversion["conversion_id"],
        "conversion_type": conversion["conversion_type"],
        "customer_id": conversion["customer_id"],
        "rule": rule["rule"],
    }
    for refund in refunds:
        so_far += refund["refunded_value"]
        upto = shared_cents(so_far, shares)
        for row, before, after in zip(rows, taken, upto, strict=True):
            if after != before:
                said.refund_credits.append(
                    {
                        **common,
                        **{name: row[name] for name in names},
                        "refund_id": refund["refund_id"],
                        "refunded_value": after - before,
                        "refunded_on": refund["refunded_on"],
                    }
                )
        taken = upto
    for row, share, value, refunded in zip(rows, shares, values, taken, strict=True):
        if share > 2**-41:
            said.credits.append(
                {
                    **common,
                    **{name: row[name] for name in names},
                    "unattributed_reason": "baseline" if row["channel"] == "(baseline)" else reason,
                    "credit_share": float(share),
                    "gross_value": value,
                    "refunded_value": refunded,
                    "credited_value": None if value is None else value - refunded,
                    "is_default": rule.get("is_default") == "true",
                    "converted_on": conversion["converted_on"],
                }
            )


# --- sums over credits


def _credit_rows(said: Attribution, rules: Sequence[Mapping[str, str]], has_intervals: bool) -> list[Row]:
    """Credits by channel and period; intervals only of rules whose shares do not depend on other customers."""
    first: dict[str, date] = {}
    for row in said.credits:
        month = row["converted_on"].replace(day=1)
        first[row["conversion_type"]] = min(first.get(row["conversion_type"], month), month)
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    converting: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in said.credits:
        kind = row["conversion_type"]
        for period, start in (("month", row["converted_on"].replace(day=1)), ("all", first[kind])):
            groups[kind, row["rule"], period, start, row["channel"]].append(row)
            converting[kind, period, start].add(row["customer_id"])
    methods = {rule["rule"]: rule["method"] for rule in rules}
    found = []
    for (kind, rule, period, start, channel), rows in groups.items():
        customers = len(converting[kind, period, start])
        values = [row["credited_value"] for row in rows if row["credited_value"] is not None]
        row = {
            "conversion_type": kind,
            "rule": rule,
            "period": period,
            "period_start": start,
            "channel": channel,
            "conversion_count": len({row["conversion_id"] for row in rows}),
            "customer_count": len({row["customer_id"] for row in rows}),
            "converting_customer_count": customers,
            "credited_conversions": sum(row["credit_share"] for row in rows),
            "gross_value": sum(row["gross_value"] for row in rows if row["gross_value"] is not None)
            if values
            else None,
            "credited_value": sum(values) if values else None,
            "is_default": rows[0]["is_default"],
            "is_bounded": methods[rule] != "markov" or channel == "(unattributed)",
        }
        columns = {"credited_conversions": "credit_share", "credited_value": "credited_value"}
        for figure, column in columns.items() if has_intervals else ():
            bounds: tuple[float | None, float | None] = (None, None)
            if customers >= GROUPS and (figure == "credited_conversions" or values):
                of_group = [0.0] * GROUPS
                for one in rows:
                    of_group[group_of(one["customer_id"])] += float(one[column] or 0)
                whole = sum(of_group)
                bounds = _interval(whole, [(whole - part) * GROUPS / (GROUPS - 1) for part in of_group])
            row[f"{figure}_ci_lower"], row[f"{figure}_ci_upper"] = bounds
        found.append(row)
    return found


def _path_rows(said: Attribution) -> list[Row]:
    values = {row["conversion_id"]: row for row in said.conversions}
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in said.paths:
        names = [name.replace(">", ">>") for name in path.channels]
        text = " > ".join(names[:NAMES_SHOWN]) + (" > …" if len(names) > NAMES_SHOWN else "")
        groups[path.conversion_type, text].append(path)
    found = []
    for (kind, text), paths in groups.items():
        converted = [(path, values[path.conversion["conversion_id"]]) for path in paths if path.conversion]
        seconds = sorted(
            (row["converted_at"] - path.touches[0]["occurred_at"]) // timedelta(seconds=1) for path, row in converted
        )
        worth = [row for _, row in converted if row["gross_value"] is not None]
        found.append(
            {
                "conversion_type": kind,
                "path": text,
                "touch_count": max(len(path.touches) for path in paths),
                "customer_count": len({path.customer_id for path in paths}),
                **{f"{o}_count": sum(path.outcome == o for path in paths) for o in ("converted", "null", "pending")},
                "gross_value": sum(row["gross_value"] for row in worth) if worth else None,
                "net_value": sum(row["net_value"] for row in worth) if worth else None,
                "median_hours": seconds[(len(seconds) - 1) // 2] / 3600 if seconds else None,
            }
        )
    return found


def _disagreement_rows(credits: Sequence[Row]) -> list[Row]:
    rules: dict[tuple[Any, ...], dict[str, bool]] = defaultdict(dict)
    said: dict[tuple[Any, ...], dict[str, Row]] = defaultdict(dict)
    valued: set[tuple[Any, ...]] = set()
    for row in credits:
        period = row["conversion_type"], row["period"], row["period_start"]
        if row["credited_value"] is not None:
            valued.add(period)
        rules[period][row["rule"]] = row["is_default"]
        said[(*period, row["channel"])][row["rule"]] = row
    found = []
    for (kind, span, start, channel), rows in said.items():
        period = kind, span, start
        of_rule = {
            rule: (rows[rule]["credited_conversions"], rows[rule]["credited_value"] or Decimal(0))
            if rule in rows
            else (0.0, Decimal(0))
            for rule in rules[period]
        }
        [default] = [rule for rule, is_default in rules[period].items() if is_default]
        counts, values = zip(*of_rule.values(), strict=True)
        found.append(
            {
                **dict(zip(("conversion_type", "period", "period_start"), period, strict=True)),
                "channel": channel,
                "default_rule": default,
                "rule_count": len(of_rule),
                "lowest_conversions": min(counts),
                "highest_conversions": max(counts),
                "default_conversions": of_rule[default][0],
                "lowest_value": min(values) if period in valued else None,
                "highest_value": max(values) if period in valued else None,
                "default_value": of_rule[default][1] if period in valued else None,
            }
        )
    return found
