"""The Python step int_step_impacts: what the figure of all answers would be without those about a step."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from orchestration.lib.attribution.jackknife import GROUP_COUNT, interval

DECIMALS = 6

SCHEMA = pa.schema(
    [
        ("feedback_kind", pa.string()),
        ("dimension", pa.string()),
        ("journey_id", pa.string()),
        ("step", pa.string()),
        ("answer_count", pa.int64()),
        ("customer_count", pa.int64()),
        ("without_count", pa.int64()),
        ("metric", pa.float64()),
        ("metric_without", pa.float64()),
        ("impact", pa.float64()),
        ("impact_ci_lower", pa.float64()),
        ("impact_ci_upper", pa.float64()),
    ]
)


def step_impacts(sums: pa.Table) -> pa.Table:
    """The rows of int_step_impacts.

    `sums` has a row per feedback_kind, dimension (touchpoint, phase), journey_id, step and customer_group (0 to 19):
    answer_count, customer_count and point_sum, the sum of what the figure is the mean of. All answers are those of the
    same kind, dimension and journey.
    """
    of_steps: dict[tuple[str, str, str], dict[str, np.ndarray]] = {}
    customers: dict[tuple[str, str, str, str], int] = {}
    for row in sums.to_pylist():
        whole = row["feedback_kind"], row["dimension"], row["journey_id"]
        # answers and points by group
        of_step = of_steps.setdefault(whole, {}).setdefault(row["step"], np.zeros((GROUP_COUNT, 2)))
        of_step[row["customer_group"]] = row["answer_count"], row["point_sum"]
        customers[*whole, row["step"]] = customers.get((*whole, row["step"]), 0) + row["customer_count"]
    rows = []
    for whole, steps in of_steps.items():
        total = np.sum(list(steps.values()), axis=0)
        for step, of_step in steps.items():
            others = total - of_step
            metric, without = _mean(total), _mean(others)
            left_out = [
                _mean(np.delete(total, group, axis=0)) - _mean(np.delete(others, group, axis=0))
                for group in range(GROUP_COUNT)
            ]
            lower, upper = interval(metric - without, left_out)
            rows.append(
                {
                    **dict(zip(SCHEMA.names, (*whole, step), strict=False)),
                    "answer_count": int(of_step[:, 0].sum()),
                    "customer_count": customers[*whole, step],
                    "without_count": int(others[:, 0].sum()),
                    "metric": _rounded(metric),
                    "metric_without": _rounded(without),
                    "impact": _rounded(metric - without),
                    "impact_ci_lower": _rounded(float(lower)),
                    "impact_ci_upper": _rounded(float(upper)),
                }
            )
    return pa.Table.from_pylist(rows, SCHEMA)


def _mean(sums: np.ndarray) -> float:
    """The mean of the points of all groups, not a number without an answer."""
    answers, points = sums.sum(axis=0)
    return float(points / answers) if answers else math.nan


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DECIMALS) + 0.0
