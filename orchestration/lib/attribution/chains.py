"""The Python step int_channel_solutions: what would be lost without a channel, solved exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from orchestration.lib.attribution.jackknife import GROUP_COUNT, interval

# Figures are rounded to so many decimals: what remains of the order in which a machine adds is behind them.
DECIMALS = 12

SCHEMA = pa.schema(
    [
        ("conversion_type", pa.string()),
        ("period", pa.string()),
        ("period_start", pa.date32()),
        ("channel", pa.string()),
        *(
            (f"{figure}{end}", pa.float64())
            for figure in ("base_probability", "removal_effect", "credited_conversions")
            for end in ("", "_ci_lower", "_ci_upper")
        ),
    ]
)


@dataclass(frozen=True)
class Solution:
    """What a chain says: of a path's conversion, and per channel of what is lost without it.

    `removal_effects` is the share of conversions that would be lost, per channel, not a number where nothing converts.
    `credits` shares `converted_count` in proportion to them.
    """

    base_probability: float
    removal_effects: np.ndarray
    credits: np.ndarray


def solve(counts: np.ndarray) -> Solution:
    """Solves an absorbing chain of first order.

    `counts` has a row per channel and, last, one for the start; a column per channel, then (converted) and (null). The
    start leads to channels only.

    With Q the probabilities between channels, r those of converting and s those of being first, N = (I - Q)^-1 are the
    expected visits and x = N r the chance to convert from a channel (Kemeny and Snell, "Finite Markov Chains", 1960). A
    path that comes through channel c is lost without it. It comes there with probability (s N)_c / N_cc, so that the
    removal effect of c is (s N)_c / N_cc * x_c / (s x): one inverse says it of all channels.
    """
    channel_count = counts.shape[0] - 1
    sums = counts.sum(axis=1, keepdims=True)
    chances = np.divide(counts, sums, out=np.zeros(counts.shape), where=sums > 0)
    between, converting = chances[:-1, :channel_count], chances[:-1, channel_count]
    first = chances[-1, :channel_count]
    visits = np.linalg.inv(np.eye(channel_count) - between)
    chance_from = visits @ converting
    base = float(first @ chance_from)
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = (first @ visits) / np.diag(visits) * chance_from / base
        shares = effects / effects.sum()
    return Solution(base, effects, float(counts[:, channel_count].sum()) * shares)


@dataclass(frozen=True)
class Chain:
    """The steps between the channels of one conversion type and period, counted per group of customers.

    `places` has the row of each channel in the counts, which are as `solve` takes them.
    """

    conversion_type: str
    period: str
    period_start: date
    places: Mapping[str, int]
    by_group: np.ndarray


def channel_solutions(transitions: pa.Table) -> pa.Table:
    """The rows of int_channel_solutions, for each month and for all of them together (period `all`).

    `transitions` has conversion_type, period_start, customer_group, step_kind, from_channel, to_channel and
    step_count. Intervals
    come from chains without one group of customers each; whether there are customers enough for them is the reader's
    to say.
    """
    return pa.Table.from_pylist([row for chain in chains_of(transitions) for row in _solved(chain)], SCHEMA)


def chains_of(transitions: pa.Table) -> Iterator[Chain]:
    """The chain of each conversion type and month, and that of all months of a type, which begins with the first."""
    steps_of: dict[tuple[str, str, date], list[Step]] = {}
    first_month: dict[str, date] = {}
    for row in transitions.to_pylist():
        kind, month = row["conversion_type"], row["period_start"]
        first_month[kind] = min(first_month.get(kind, month), month)
        step = (row["customer_group"], row["step_kind"], row["from_channel"], row["to_channel"], row["step_count"])
        steps_of.setdefault((kind, "month", month), []).append(step)
    for (kind, _, _), steps in list(steps_of.items()):
        steps_of.setdefault((kind, "all", first_month[kind]), []).extend(steps)
    for names, steps in steps_of.items():
        channels = sorted({name for step in steps for name in step[2:4] if name is not None})
        places = {name: place for place, name in enumerate(channels)}
        by_group = np.zeros((GROUP_COUNT, len(channels) + 1, len(channels) + 2))
        ends = {"converted": len(channels), "null": len(channels) + 1}
        for group, kind, from_channel, to_channel, count in steps:
            row = len(channels) if from_channel is None else places[from_channel]
            column = ends[kind] if to_channel is None else places[to_channel]
            by_group[group, row, column] += count
        yield Chain(*names, places, by_group)


# Group of customers, what kind of step, from, to, how often.
Step = tuple[int, str, str | None, str | None, int]


def _solved(chain: Chain) -> Iterator[dict[str, object]]:
    counts = chain.by_group.sum(axis=0)
    whole, others = solve(counts), [solve(counts - left_out) for left_out in chain.by_group]
    base = interval(whole.base_probability, [one.base_probability for one in others])
    effects = interval(whole.removal_effects, [one.removal_effects for one in others])
    # a sum over nineteen groups is a sum over twenty when it is as much larger
    scale = GROUP_COUNT / (GROUP_COUNT - 1)
    credited = interval(whole.credits, [one.credits * scale for one in others])
    for channel, place in chain.places.items():
        figures = {
            "base_probability": (whole.base_probability, *base),
            "removal_effect": (whole.removal_effects[place], *(bound[place] for bound in effects)),
            "credited_conversions": (whole.credits[place], *(bound[place] for bound in credited)),
        }
        yield {
            "conversion_type": chain.conversion_type,
            "period": chain.period,
            "period_start": chain.period_start,
            "channel": channel,
            **{
                f"{figure}{end}": _rounded(value)
                for figure, values in figures.items()
                for end, value in zip(("", "_ci_lower", "_ci_upper"), values, strict=True)
            },
        }


def _rounded(value: float) -> float | None:
    """A figure without the last bits; None where there is no number. -0.0 becomes 0."""
    return round(float(value), DECIMALS) + 0.0 if np.isfinite(value) else None
