"""Works out how long intervals last, and which share of them converts, from the intervals themselves.

Kaplan and Meier in fractions, exactly: at each length at which an interval ended, the share that had lasted so long and
did not end then. A pending interval is at risk up to its age, that length included, and says nothing beyond. Intervals
in terminal phases, which complete as they begin, are omitted.

A day of dwell is 24 hours from entry: the row of day 3 covers lengths from 3 days up to but not including 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import exp, log, sqrt
from typing import Any

from tests.oracles.feed import Row
from tests.oracles.journeys import OUTCOMES, Definitions

Z = 1.959963984540054
MIN_CELL_SIZE = 5
DAY = 86_400


def curve(intervals: Iterable[Mapping[str, Any]]) -> list[tuple[int, Fraction, Fraction | None]]:
    """Returns (length, share that lasts longer, Greenwood's sum or None once nobody is left) where intervals ended."""
    lengths = [(interval["dwell_seconds"], interval["outcome"] != "pending") for interval in intervals]
    share, greenwood = Fraction(1), Fraction(0)
    found: list[tuple[int, Fraction, Fraction | None]] = []
    for length in sorted({length for length, has_ended in lengths if has_ended}):
        at_risk = sum(1 for other, _ in lengths if other >= length)
        ended = sum(1 for other, has_ended in lengths if has_ended and other == length)
        share *= Fraction(at_risk - ended, at_risk)
        if ended == at_risk:
            found.append((length, share, None))
        else:
            greenwood += Fraction(ended, at_risk * (at_risk - ended))
            found.append((length, share, greenwood))
    return found


def survival_rows(intervals: Sequence[Mapping[str, Any]], known: Definitions) -> list[Row]:
    """Returns rows shaped like `journeys.agg_phase_survival`."""
    rows = []
    for (journey_id, version, phase_id), lasting in sorted(_grouped(intervals, known).items()):
        steps_down = curve(lasting)
        for day in sorted({interval["dwell_seconds"] // DAY for interval in lasting}):
            begins, ends = day * DAY, (day + 1) * DAY
            within = [interval for interval in lasting if begins <= interval["dwell_seconds"] < ends]
            share, greenwood = Fraction(1), Fraction(0)
            for length, share_there, greenwood_there in steps_down:
                if length < ends:
                    share, greenwood = share_there, greenwood_there
            lowest = highest = None
            if 0 < share < 1:
                spread = Z * sqrt(greenwood) / abs(log(share))
                lowest, highest = float(share) ** exp(spread), float(share) ** exp(-spread)
            rows.append(
                {
                    "journey_id": journey_id,
                    "journey_version": version,
                    "phase_id": phase_id,
                    "dwell_days": day,
                    "at_risk_count": sum(1 for interval in lasting if interval["dwell_seconds"] >= begins),
                    "exit_count": sum(1 for interval in within if interval["outcome"] != "pending"),
                    "censored_count": sum(1 for interval in within if interval["outcome"] == "pending"),
                    "survival_share": float(share),
                    "standard_error": None if greenwood is None else float(share) * sqrt(greenwood),
                    "survival_share_ci_lower": lowest,
                    "survival_share_ci_upper": highest,
                }
            )
    return rows


def conversion_rows(intervals: Sequence[Mapping[str, Any]], known: Definitions) -> list[Row]:
    """Returns rows shaped like `journeys.agg_phase_conversions`."""
    by_month: dict[tuple[str, str, str, date], list[Mapping[str, Any]]] = defaultdict(list)
    for interval in intervals:
        month = known.day_of(interval["entered_at"]).replace(day=1)
        by_month[interval["journey_id"], interval["journey_version"], interval["phase_id"], month].append(interval)
    rows = []
    for (journey_id, version, phase_id, month), begun in sorted(by_month.items()):
        outcomes = Counter(interval["outcome"] for interval in begun)
        converted = outcomes["fell_through"] + outcomes["completed"]
        took = sorted(interval["dwell_seconds"] for interval in begun if interval["outcome"] == "fell_through")
        phase = known.phases[journey_id, version, phase_id]
        halves = [length for length, share, _ in curve(begun) if share <= Fraction(1, 2)]
        row = {
            "journey_id": journey_id,
            "journey_version": version,
            "phase_id": phase_id,
            "entered_count": len(begun),
            **{f"{outcome}_count": outcomes[outcome] for outcome in OUTCOMES},
            "median_conversion_seconds": discrete_percentile(took, 5),
            "p90_conversion_seconds": discrete_percentile(took, 9),
            "median_dwell_seconds": halves[0] if halves and not phase.is_terminal else None,
            "month_starts_on": month,
        }
        for prefix, trials in (("", len(begun)), ("decided_", len(begun) - outcomes["pending"])):
            share = lowest = highest = None
            can_fall_out = phase.window is not None and not phase.is_terminal
            if trials >= MIN_CELL_SIZE and (can_fall_out or not prefix):
                share = converted / trials
                lowest, highest = wilson(converted, trials)
            row[f"{prefix}conversion_share"] = share
            row[f"{prefix}conversion_share_ci_lower"] = lowest
            row[f"{prefix}conversion_share_ci_upper"] = highest
        rows.append(row)
    return rows


def discrete_percentile(values: Sequence[int], tenths: int) -> int | None:
    """Returns the smallest of sorted values that at least so many tenths of them do not exceed; None for no values."""
    return values[-(-tenths * len(values) // 10) - 1] if values else None


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Returns the two shares from which the observed one lies Z of their own standard errors away."""
    # (observed - p)² = Z² p (1 - p) / trials, solved for p
    observed = successes / trials
    square, linear, constant = 1 + Z**2 / trials, -(2 * observed + Z**2 / trials), observed**2
    root = sqrt(max(linear**2 - 4 * square * constant, 0.0))
    return (-linear - root) / (2 * square), (-linear + root) / (2 * square)


def _grouped(
    intervals: Iterable[Mapping[str, Any]], known: Definitions
) -> dict[tuple[str, str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for interval in intervals:
        key = (interval["journey_id"], interval["journey_version"], interval["phase_id"])
        if not known.phases[key].is_terminal:
            found[key].append(interval)
    return found
