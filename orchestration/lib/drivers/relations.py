"""The Python step int_kpi_relations: which KPIs move before an outcome does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import stdtr

# Periods by which a KPI may lead an outcome; 0 = they move together.
LAGS = (0, 1, 2, 3)
# Pairs of changes that a correlation needs; with fewer it is said that the history is too short.
LEAST_CHANGES = 12
FALSE_DISCOVERIES = 0.05
Z_95 = 1.959963984540054
DECIMALS = 6

SCHEMA = pa.schema(
    [
        ("leading_kpi_id", pa.string()),
        ("outcome_kpi_id", pa.string()),
        ("lag", pa.int64()),
        ("period", pa.string()),
        ("outcome_period", pa.string()),
        ("status", pa.string()),
        ("change_count", pa.int64()),
        ("correlation", pa.float64()),
        ("correlation_ci_lower", pa.float64()),
        ("correlation_ci_upper", pa.float64()),
        ("p_value", pa.float64()),
        ("adjusted_p_value", pa.float64()),
        ("tried_count", pa.int64()),
        ("first_period_start", pa.date32()),
        ("last_period_start", pa.date32()),
    ]
)


def kpi_relations(values: pa.Table) -> pa.Table:
    """The rows of int_kpi_relations.

    `values` has the values of KPIs with a timing: kpi_id, timing (leads, outcome), period (day, week, month),
    period_number (whole periods since some day, so that neighbours differ by 1), period_start and value (null where
    there is none). A row is a leading KPI, an outcome and a lag.
    """
    series: dict[str, dict[int, float]] = {}
    period_of: dict[str, str] = {}
    starts: dict[tuple[str, int], date] = {}
    kpis: dict[str, list[str]] = {"leads": [], "outcome": []}
    for row in values.to_pylist():
        if row["kpi_id"] not in series:
            kpis[row["timing"]].append(row["kpi_id"])
            period_of[row["kpi_id"]] = row["period"]
        known = series.setdefault(row["kpi_id"], {})
        if row["value"] is not None:
            known[row["period_number"]] = row["value"]
            starts[row["period"], row["period_number"]] = row["period_start"]
    changes = {kpi: dict(_changes(known)) for kpi, known in series.items()}
    rows: list[dict[str, Any]] = []
    for leading in sorted(kpis["leads"]):
        for outcome in sorted(kpis["outcome"]):
            periods = period_of[leading], period_of[outcome]
            for lag in LAGS:
                rows.append(
                    {"leading_kpi_id": leading, "outcome_kpi_id": outcome, "lag": lag}
                    | {"period": periods[0], "outcome_period": periods[1]}
                    | _relation(changes[leading], changes[outcome], lag, periods, starts)
                )
    tried = [row for row in rows if row["p_value"] is not None]
    for row, adjusted in zip(tried, benjamini_hochberg([row["p_value"] for row in tried]), strict=True):
        row["adjusted_p_value"] = adjusted
        row["status"] = "beyond_noise" if adjusted <= FALSE_DISCOVERIES else "within_noise"
    for row in rows:
        row["tried_count"] = len(tried)
        for name in ("correlation", "correlation_ci_lower", "correlation_ci_upper"):
            row[name] = None if row[name] is None else round(row[name], DECIMALS) + 0.0
    return pa.Table.from_pylist(rows, SCHEMA)


def _changes(known: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    """The change since the period before, of each period whose neighbour has a value as well."""
    for number, value in known.items():
        if number - 1 in known:
            yield number, value - known[number - 1]


def _relation(
    leading: Mapping[int, float],
    outcome: Mapping[int, float],
    lag: int,
    periods: tuple[str, str],
    starts: Mapping[tuple[str, int], date],
) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(SCHEMA.names[5:]) | {"change_count": 0}
    if periods[0] != periods[1]:
        return found | {"status": "different_periods"}
    numbers = sorted(number for number in leading if number + lag in outcome)
    found["change_count"] = len(numbers)
    if numbers:
        found["first_period_start"] = starts[periods[0], numbers[0]]
        found["last_period_start"] = starts[periods[0], numbers[-1]]
    if len(numbers) < LEAST_CHANGES:
        return found | {"status": "not_enough_history"}
    # a change is that of decimals: two that are alike but for the last bit are one rank
    earlier = [round(leading[number], 12) for number in numbers]
    later = [round(outcome[number + lag], 12) for number in numbers]
    correlation = spearman(earlier, later)
    if correlation is None:
        return found | {"status": "no_change"}
    lower, upper = interval_of(correlation, len(numbers))
    return found | {
        "correlation": correlation,
        "correlation_ci_lower": lower,
        "correlation_ci_upper": upper,
        "p_value": p_value(correlation, len(numbers)),
    }


def ranks(values: Sequence[float]) -> np.ndarray:
    """The ranks from 1; of values that are alike the mean of theirs."""
    _, places, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]


def spearman(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Spearman's rank correlation, Pearson's of the ranks; None where either side never changes."""
    first, second = (ranks(side) - (len(side) + 1) / 2 for side in (left, right))
    below = math.sqrt(float(first @ first) * float(second @ second))
    return None if below == 0 else max(-1.0, min(1.0, float(first @ second) / below))


def interval_of(correlation: float, count: int) -> tuple[float, float]:
    """The bounds of the 95 % interval of Spearman's correlation of `count` pairs.

    Fisher's z with the standard error sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright 2000, "Sample size requirements
    for estimating Pearson, Kendall and Spearman correlations"). At -1 and 1, where z has no end, that of the
    correlation half a swap of neighbours away.
    """
    most = 1 - 6 / (count * (count**2 - 1))
    middle = math.atanh(max(-most, min(most, correlation)))
    half = Z_95 * math.sqrt((1 + correlation**2 / 2) / (count - 3))
    return min(correlation, math.tanh(middle - half)), max(correlation, math.tanh(middle + half))


def p_value(correlation: float, count: int) -> float:
    """The two-sided p value of no relation: Student's t with n - 2 degrees of freedom."""
    rest = 1 - correlation**2
    if rest <= 0:
        return 0.0
    return float(2 * stdtr(count - 2, -abs(correlation) * math.sqrt((count - 2) / rest)))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for how many there are (Benjamini and Hochberg 1995), in their order."""
    adjusted = [0.0] * len(p_values)
    least = 1.0
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    for rank in range(len(order), 0, -1):
        place = order[rank - 1]
        least = min(least, p_values[place] * len(order) / rank)
        adjusted[place] = least
    return adjusted
