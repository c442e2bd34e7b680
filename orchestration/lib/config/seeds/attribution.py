"""What must hold in the seeds of attribution: conversion types, touches, the rules that share conversions, and what
experiments say of channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from orchestration.lib.config.faults import suggestion
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
    if method == "calibrated":
        if row.get("based_on") is None:
            yield (
                "method = calibrated needs based_on. Name the rule whose shares are calibrated, such as "
                "last_non_direct."
            )
        for column in ("window_days", *(["path_transform"] if row.get("path_transform") != "as_is" else [])):
            if row.get(column):
                yield (
                    f"{column} = {row.get(column)}: a calibrated rule has the touches of the rule that it is based on. "
                    "Leave it empty, or set it there."
                )
    elif row.get("based_on"):
        yield (
            f"based_on = {row.get('based_on')}: {method} is based on no rule. Leave it empty, or set method = "
            "calibrated."
        )
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


def calibrated_rule_is_based_on_a_plain_one(rows: Rows) -> Iterator[Problem]:
    """A calibrated rule takes shares that depend on their conversion alone, of a rule for the same conversions.

    It is no default: each new experiment changes the figures of all months, and what it leaves to (baseline) is no
    channel's. Shares by removal effects depend on all customers, so that intervals would not be those of the result.
    """
    by_name = {row.get("rule"): row for row in rows["attribution_rules"]}
    for row in rows["attribution_rules"]:
        if row.get("method") != "calibrated":
            continue
        if row.typed.get("is_default"):
            yield row.problem(
                f"{row.get('rule')} is calibrated and can not be the default: each new experiment would change the "
                "figures of all months. Set is_default = true for the rule that it is based on, and show both."
            )
        base = by_name.get(row.get("based_on"))
        if base is None:
            continue
        if base.get("method") in ("calibrated", "markov"):
            yield row.problem(
                f"based_on = {base.get('rule')}: shares of the method {base.get('method')} can't be calibrated. Name a "
                "rule of another method, such as last_non_direct."
            )
        elif base.get("conversion_type") not in (None, row.get("conversion_type")):
            yield row.problem(
                f"based_on = {base.get('rule')}: it is only for conversions of the type {base.get('conversion_type')}. "
                f"Set conversion_type = {base.get('conversion_type')} here as well."
            )


def calibration_has_an_interval(row: SeedRow) -> Iterator[str]:
    columns = ("incremental_share", "share_ci_lower", "share_ci_upper")
    if all(column in row.typed for column in columns):
        share, lower, upper = (row.typed[column] for column in columns)
        if not lower <= share <= upper:
            yield (
                f"incremental_share = {row.get('incremental_share')}: expected it within its interval, from "
                f"{row.get('share_ci_lower')} to {row.get('share_ci_upper')}."
            )
        elif lower == upper:
            yield (
                f"share_ci_lower and share_ci_upper are both {row.get('share_ci_lower')}: an experiment without any "
                "doubt would leave nothing to others. Fill in the bounds of its 95 % interval."
            )
    begins, ends = row.typed.get("valid_from", date.min), row.typed.get("valid_to", date.max)
    if "valid_to" in row.typed and "valid_from" not in row.wrong and ends <= begins:
        yield (
            f"valid_to = {ends}: it ends before its first day {begins}. valid_to is the first day on which it no "
            "longer holds."
        )


def channels_without_calibration(rows: Rows, today: date) -> Iterator[Problem]:
    """Warnings of paid channels whose credit a calibrated rule leaves as it is, and of experiments that ended."""
    rules = [row for row in rows["attribution_rules"] if row.get("method") == "calibrated"]
    calibrations = rows["channel_calibrations"]
    if not rules or not calibrations:
        return
    holding = {row.get("channel") for row in calibrations if row.typed.get("valid_to", date.max) > today}
    known = {row.get("channel") for row in calibrations}
    for row in rows["channels"]:
        channel = row.get("channel")
        if row.typed.get("is_paid") and channel not in holding:
            why = "has no calibration that still holds" if channel in known else "has no calibration"
            yield row.problem(
                f"{channel} is paid and {why}: {rules[0].get('rule')} leaves it all that it is credited with, next to "
                "channels that keep a part. Add an experiment to channel_calibrations.csv."
            )


def calibrations_of_no_channel(rows: Rows) -> Iterator[Problem]:
    """Warnings of calibrations whose channel channels.csv does not list: a misspelt one calibrates nothing."""
    known = [row.values["channel"] for row in rows["channels"] if "channel" in row.values]
    for row in rows["channel_calibrations"]:
        channel = row.get("channel")
        if known and channel is not None and channel not in known:
            yield row.problem(
                f"channel = {channel}: channels.csv lists no such channel. If touches have none of this name, the row "
                f"calibrates nothing: correct it, or add the channel there.{suggestion(channel, known)}"
            )
