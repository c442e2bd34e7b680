"""What must hold in the seeds of attribution: conversion types, touches, and the rules that share conversions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from orchestration.lib.config.seeds.problems import Problem
from orchestration.lib.config.seeds.rows import Rows, SeedRow

# Methods that read weights, and how many shares each column has.
WEIGHTED = ("position", "custom")
WEIGHT_COUNTS = {"weights": 3, "weights_of_two": 2}
# The columns of conversion_types.csv that say something of refunds alone.
OF_REFUNDS = ("refund_source_system", "refund_value_property")
# Those that name the events which take a conversion back.
REFUND_NAMES = ("refund_event_name", "cancellation_event_name")


def refund_names_its_conversion(row: SeedRow) -> Iterator[str]:
    named = [column for column in REFUND_NAMES if row.get(column)]
    if not named:
        for column in OF_REFUNDS:
            if row.get(column):
                yield f"{column} = {row.get(column)}: of which refunds? Fill in refund_event_name, or leave it empty."
        return
    if row.get("reference_property") is None:
        yield (
            f"{named[0]} = {row.get(named[0])}: without a reference_property nothing says which "
            "conversion is taken back. Name the published property that both have, such as order_id."
        )
    if row.get("refund_value_property") and row.get("value_column") is None:
        yield (
            f"refund_value_property = {row.get('refund_value_property')}: the conversion has no value to take back. "
            "Set value_column = amount, or leave this empty."
        )


def named_properties_can_be_looked_up(row: SeedRow) -> Iterator[str]:
    for column in ("reference_property", "refund_value_property", "ad_property"):
        if set(row.get(column) or "") & {'"', "\\"}:
            yield (
                f"{column} = {row.get(column)}: a name with a quotation mark or a backslash can't be looked up. Rename "
                "the property where it is made."
            )


def type_is_for_new_customers_or_not(rows: Rows) -> Iterator[Problem]:
    first: dict[str | None, SeedRow] = {}
    for row in rows["conversion_types"]:
        earlier = first.setdefault(row.get("conversion_type"), row)
        said, before = (one.typed.get("is_new_customer_only", False) for one in (row, earlier))
        if said != before:
            yield row.problem(
                f"is_new_customer_only of {row.get('conversion_type')} is {str(said).lower()} here and "
                f"{str(before).lower()} in line {earlier.line}. Write the same in both, or make two types."
            )


def direct_touch_is_a_visit(row: SeedRow) -> Iterator[str]:
    if row.typed.get("is_direct") and row.get("touch_kind") not in (None, "visit"):
        yield (
            f"is_direct = true, and touch_kind = {row.get('touch_kind')}: only a visit comes directly. Set "
            "touch_kind = visit or is_direct = false."
        )


def parameters_are_of_the_method(row: SeedRow) -> Iterator[str]:
    method = row.get("method")
    if "method" in row.wrong:
        return
    if method not in WEIGHTED:
        for column in WEIGHT_COUNTS:
            if row.get(column):
                yield f"{column} = {row.get(column)}: {method} has no weights. Leave it empty, or set method = custom."
    elif method == "custom" and row.get("weights") is None:
        yield "method = custom needs weights. Fill in three shares that sum to 1, such as 0.2|0.2|0.6."
    if row.get("half_life_days") is None or "half_life_days" in row.wrong:
        return
    if method != "time_decay":
        yield (
            f"half_life_days = {row.get('half_life_days')}: {method} has no half-life. Leave it empty, or set method = "
            "time_decay."
        )
    elif row.typed["half_life_days"] == 0:
        yield "half_life_days = 0: expected more than 0, such as 7. For the last touch alone set method = last."


def weights_sum_to_one(row: SeedRow) -> Iterator[str]:
    for column, count in WEIGHT_COUNTS.items():
        if (text := row.get(column)) is None:
            continue
        shape = "|".join(["0.4", "0.2", "0.4"] if count == 3 else ["0.5", "0.5"])
        weights = [_number(part) for part in text.split("|")]
        if len(weights) != count or any(weight is None or weight < 0 for weight in weights):
            yield f"{column} = {text}: expected {count} shares from 0 to 1, joined by |, such as {shape}."
        elif (total := sum(weight for weight in weights if weight is not None)) != 1:
            yield f"{column} = {text}: they sum to {total}. Let them sum to 1."


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def one_rule_is_the_default(rows: Rows) -> Iterator[Problem]:
    """Every conversion type has one default, of the rules that are for all types or for it."""
    rules = rows["attribution_rules"]
    types = list(dict.fromkeys(row.get("conversion_type") for row in rows["conversion_types"])) or [None]
    reported: set[int] = set()
    for conversion_type in types:
        applied = [rule for rule in rules if rule.get("conversion_type") in (None, conversion_type)]
        defaults = [rule for rule in applied if rule.typed.get("is_default")]
        named = "conversions" if conversion_type is None else f"conversions of the type {conversion_type}"
        if not applied:
            # the shipped rules apply to all types: only a file of one's own can be without
            if rules:
                yield rules[0].problem(f"no rule is for {named}. Add one, or leave conversion_type empty in one.")
        elif not defaults:
            if applied[0].line not in reported:
                reported.add(applied[0].line)
                yield applied[0].problem(f"no rule is the default for {named}. Set is_default = true in one row.")
        elif len(defaults) > 1 and defaults[1].line not in reported:
            reported.add(defaults[1].line)
            yield defaults[1].problem(
                f"{defaults[1].get('rule')} and {defaults[0].get('rule')} in line {defaults[0].line} are both the "
                f"default for {named}. Set is_default = false in one of them."
            )
