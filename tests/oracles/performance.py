"""Says what each channel and campaign cost on a day, and what each rule says that it brought.

Readings chosen where the design leaves room:

- Touches, spend and costs are in the rows of every rule of every conversion type, even of a type without conversions.
- Without any conversion type there is one rule and one type, (none), so that money is spent all the same.
- A refund is on its own day, so that a day may be worth less than nothing.
- Nothing credited is worth 0, and what is credited and has no value is worth nothing that is known.
- Of all pairs of a rule and a type one is counted once: a default rule, of several that of the first type by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.oracles.attribution import Attribution
from tests.oracles.feed import Row, truth

Seeds = Mapping[str, Sequence[Mapping[str, str]]]
SUMS = ("impressions", "clicks", "spend", "cost_to_serve")
COUNTS = ("touch_count", "without_rate_count", "uncosted_event_count")


def performance_rows(
    said: Attribution, spend: Sequence[Mapping[str, Any]], costs: Sequence[Mapping[str, Any]], seeds: Seeds
) -> list[Row]:
    """Returns attribution.agg_channel_performance."""
    kinds = {row["conversion_type"] for row in seeds.get("conversion_types", ())}
    valued = {row["conversion_type"] for row in seeds.get("conversion_types", ()) if row.get("value_column")}
    pairs = {
        (kind, rule["rule"]): truth(rule.get("is_default") or "false")
        for kind in kinds
        for rule in seeds.get("attribution_rules", ())
        if rule.get("conversion_type") in (None, "", kind)
    } or {("(none)", "(none)"): True}
    once = min(pairs, key=lambda pair: (not pairs[pair], pair))
    of_any_rule = _of_any_rule(said, spend, costs)
    is_first = {row["conversion_id"]: row["is_first_of_customer"] for row in said.conversions}
    credited: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    refunded: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in said.credits:
        place = row["channel"], row["campaign"] or "(none)", row["converted_on"]
        credited[row["conversion_type"], row["rule"], *place].append(row)
    for row in said.refund_credits:
        place = row["channel"], row["campaign"] or "(none)", row["refunded_on"]
        refunded[row["conversion_type"], row["rule"], *place] += row["refunded_value"]
    keys = {(*pair, *place) for pair in pairs for place in of_any_rule} | credited.keys() | refunded.keys()
    found = []
    for key in keys:
        kind, rule, *rest = key
        own = credited.get(key, [])
        count = sum(row["credit_share"] for row in own)
        new = sum(row["credit_share"] for row in own if is_first[row["conversion_id"]])
        values = [row["gross_value"] for row in own if row["gross_value"] is not None]
        gross = sum(values, Decimal(0)) if kind in valued and (values or not own) else None
        taken = refunded.get(key, Decimal(0)) if kind in valued else None
        net = None if gross is None and not taken else (gross or Decimal(0)) - (taken or Decimal(0))
        row = {
            **of_any_rule.get(tuple(rest), _nothing()),
            "conversion_type": kind,
            "rule": rule,
            "channel": rest[0],
            "campaign": rest[1],
            "measured_on": rest[2],
            "credited_conversions": float(count),
            "credited_new_customers": float(new),
            "gross_value": gross,
            "refunded_value": taken,
            "net_value": net,
            "new_customer_share": new / count if count else None,
            "is_default": pairs[kind, rule],
            "is_counted_once": (kind, rule) == once,
        }
        spent = row["spend"]
        # of what is known in part no quotient is right
        is_known = spent is not None and spent >= 0 and not row["without_rate_count"]
        row["cost_per_conversion"] = float(spent) / count if count and is_known else None
        row["roas"] = float(net / spent) if net is not None and is_known and spent > 0 else None
        found.append(row)
    return found


def _nothing() -> Row:
    return {**dict.fromkeys(SUMS), **dict.fromkeys(COUNTS, 0), "customer_count": 0}


def _of_any_rule(
    said: Attribution, spend: Sequence[Mapping[str, Any]], costs: Sequence[Mapping[str, Any]]
) -> dict[tuple[Any, ...], Row]:
    """What no rule decides, by channel, campaign and day."""
    found: dict[tuple[Any, ...], Row] = defaultdict(_nothing)
    customers: dict[tuple[Any, ...], set[str]] = defaultdict(set)

    def place(row: Mapping[str, Any], day: str) -> tuple[Any, ...]:
        return row["channel"] or "(none)", row["campaign"] or "(none)", row[day]

    def add(row: Row, name: str, amount: Any) -> None:
        if amount is not None:
            row[name] = amount + (row[name] or 0)

    for touch in said.touchpoints:
        of = place(touch, "occurred_on")
        found[of]["touch_count"] += 1
        if touch["is_linkable"]:
            customers[of].add(touch["customer_id"])
            found[of]["customer_count"] = len(customers[of])
    for row in spend:
        if not row["is_after_as_of"]:
            of = place(row, "spent_on")
            for name in ("impressions", "clicks", "spend"):
                add(found[of], name, row[name])
            found[of]["without_rate_count"] += not row["has_rate"]
    for row in costs:
        of = place(row, "occurred_on")
        add(found[of], "cost_to_serve", row["cost"])
        found[of]["uncosted_event_count"] += row["cost_status"] != "costed"
    return found
