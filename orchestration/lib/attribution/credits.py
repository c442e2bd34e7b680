"""The Python step int_channel_credit_bounds: how sure the credits of channels are, for every rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pyarrow as pa

from orchestration.lib.attribution.chains import DECIMALS, chains_of, solve
from orchestration.lib.attribution.jackknife import GROUP_COUNT, interval

UNITS = 2**40
# What is credited: conversions, and their value after refunds.
FIGURES = ("credited_conversions", "credited_value")
# A sum over nineteen groups is a sum over twenty when it is as much larger.
SCALE = GROUP_COUNT / (GROUP_COUNT - 1)

SCHEMA = pa.schema(
    [
        ("conversion_type", pa.string()),
        ("rule", pa.string()),
        ("period", pa.string()),
        ("period_start", pa.date32()),
        ("channel", pa.string()),
        *((f"{figure}_{end}", pa.float64()) for figure in FIGURES for end in ("ci_lower", "ci_upper")),
    ]
)

# Conversion type, rule, month, channel.
Place = tuple[str, str, date, str]


def credit_bounds(credits: pa.Table, paths: pa.Table, transitions: pa.Table) -> pa.Table:
    """The rows of int_channel_credit_bounds, for each month and for all of them together (period `all`).

    `credits` has what each rule credits to a channel, per group of customers: conversion_type, rule, period_start,
    channel, customer_group, share_units and credited_value. `paths` has the conversions that rules of the method
    markov share, by the channels of their paths (channels, conversion_count, credited_value); without a group, these
    are shared by what `transitions` (those of int_channel_solutions) says without it.
    """
    whole, left_out = _sums(credits)
    left_out.update(_shared_anew(paths, transitions))
    months: dict[Place, list[Place]] = {}
    first: dict[str, date] = {}
    for kind, _, month, _ in whole:
        first[kind] = min(first.get(kind, month), month)
    for place in whole:
        kind, rule, _, channel = place
        months.setdefault((kind, rule, first[kind], channel), []).append(place)
    rows = [_row("month", place, whole[place], left_out[place]) for place in whole]
    rows += [
        _row(
            "all",
            place,
            np.sum([whole[one] for one in parts], axis=0),
            np.sum([left_out[one] for one in parts], axis=0),
        )
        for place, parts in months.items()
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def _row(period: str, place: Place, whole: np.ndarray, left_out: np.ndarray) -> dict[str, object]:
    kind, rule, month, channel = place
    lower, upper = interval(whole, list(left_out))
    bounds = {
        f"{figure}_{end}": round(float(bound), 6 if figure == "credited_value" else DECIMALS) + 0.0
        for figure, *ends in zip(FIGURES, lower, upper, strict=True)
        for end, bound in zip(("ci_lower", "ci_upper"), ends, strict=True)
    }
    return {
        "conversion_type": kind,
        "rule": rule,
        "period": period,
        "period_start": month,
        "channel": channel,
        **bounds,
    }


def _sums(credits: pa.Table) -> tuple[dict[Place, np.ndarray], dict[Place, np.ndarray]]:
    """Per place the two figures, and the same without each group, scaled to all customers."""
    by_group: dict[Place, np.ndarray] = {}
    for row in credits.to_pylist():
        place = row["conversion_type"], row["rule"], row["period_start"], row["channel"]
        figures = by_group.setdefault(place, np.zeros((GROUP_COUNT, len(FIGURES))))
        figures[row["customer_group"]] += row["share_units"] / UNITS, float(row["credited_value"])
    whole = {place: figures.sum(axis=0) for place, figures in by_group.items()}
    return whole, {place: (whole[place] - figures) * SCALE for place, figures in by_group.items()}


def _shared_anew(paths: pa.Table, transitions: pa.Table) -> Iterator[tuple[Place, np.ndarray]]:
    """The figures without each group of the rules of the method markov: effects and conversions both are without it."""
    by_rule: dict[tuple[str, str, date], dict[str, np.ndarray]] = {}
    for row in paths.to_pylist():
        shared = by_rule.setdefault((row["conversion_type"], row["rule"], row["period_start"]), {})
        figures = shared.setdefault(row["channels"], np.zeros((GROUP_COUNT, len(FIGURES))))
        figures[row["customer_group"]] += row["conversion_count"], float(row["credited_value"])
    effects_of: dict[tuple[str, date], tuple[Mapping[str, int], np.ndarray]] = {
        (chain.conversion_type, chain.period_start): (chain.places, _effects_without(chain.by_group))
        for chain in chains_of(transitions)
        if chain.period == "month"
    }
    for (kind, rule, month), by_path in by_rule.items():
        places, effects = effects_of[kind, month]
        found: dict[str, np.ndarray] = {}
        for channels, figures in by_path.items():
            names = [name.replace(">>", ">") for name in channels.split(" > ")]
            weights = effects[:, [places[name] for name in names]]
            sums = weights.sum(axis=1, keepdims=True)
            # where nothing is left to tell channels apart, they share alike, as in int_rule_shares
            shares = np.divide(weights, sums, out=np.full(weights.shape, 1 / len(names)), where=sums > 0)
            without = (figures.sum(axis=0) - figures) * SCALE
            for number, name in enumerate(names):
                credited = found.setdefault(name, np.zeros((GROUP_COUNT, len(FIGURES))))
                credited += shares[:, [number]] * without
        for name, credited in found.items():
            yield (kind, rule, month, name), credited


def _effects_without(by_group: np.ndarray) -> np.ndarray:
    counts = by_group.sum(axis=0)
    return np.nan_to_num(np.array([solve(counts - left_out).removal_effects for left_out in by_group]))
