"""The Python step int_score_drivers: how much of the overall score goes with each step's score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.lib.attribution.jackknife import GROUP_COUNT, interval

# With more steps the subsets are too many, and no customer has been asked about all.
MOST_STEPS = 8
# Customers that are needed at all, and for each step: with fewer a part of R2 is mostly chance.
LEAST_CUSTOMERS = 40
LEAST_CUSTOMERS_PER_STEP = 10
DECIMALS = 6

SCHEMA = pa.schema(
    [
        ("touchpoint", pa.string()),
        ("status", pa.string()),
        ("customer_count", pa.int64()),
        ("step_count", pa.int64()),
        ("r2", pa.float64()),
        ("r2_share", pa.float64()),
        ("r2_share_ci_lower", pa.float64()),
        ("r2_share_ci_upper", pa.float64()),
    ]
)


def score_drivers(scores: pa.Table) -> pa.Table:
    """The rows of int_score_drivers, one per touchpoint.

    `scores` has, of customers who gave an overall score and scores of steps, a row per customer and touchpoint:
    customer_id, customer_group (0 to 19), touchpoint, step_score and overall_score, both from 0 to 1.
    """
    of_customers: dict[str, dict[str, float]] = {}
    overall: dict[str, tuple[int, float]] = {}
    for row in scores.to_pylist():
        of_customers.setdefault(row["customer_id"], {})[row["touchpoint"]] = row["step_score"]
        overall[row["customer_id"]] = row["customer_group"], row["overall_score"]
    touchpoints = sorted({touchpoint for scored in of_customers.values() for touchpoint in scored})
    counts = {name: sum(name in scored for scored in of_customers.values()) for name in touchpoints}
    chosen = chosen_steps(of_customers.values(), counts)
    left_out = {"step_count": len(chosen), "r2": None, "r2_share": None}
    rows: list[dict[str, Any]] = [
        {"touchpoint": name, "status": "not_enough_answers", "customer_count": counts[name], **left_out}
        for name in touchpoints
        if name not in chosen
    ]
    if chosen:
        cases = sorted(one for one, scored in of_customers.items() if all(name in scored for name in chosen))
        steps = np.array([[of_customers[one][name] for name in chosen] for one in cases])
        groups = np.array([overall[one][0] for one in cases])
        total = np.array([overall[one][1] for one in cases])
        shares = shares_of_r2(steps, total)
        without = [shares_of_r2(steps[groups != group], total[groups != group]) for group in range(GROUP_COUNT)]
        lower, upper = interval(shares, without)
        rows += [
            {
                "touchpoint": name,
                "status": "no_variation" if math.isnan(shares[place]) else "measured",
                "customer_count": len(cases),
                "step_count": len(chosen),
                "r2": _rounded(shares.sum()),
                "r2_share": _rounded(shares[place]),
                "r2_share_ci_lower": _rounded(lower[place]),
                "r2_share_ci_upper": _rounded(upper[place]),
            }
            for place, name in enumerate(chosen)
        ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["touchpoint"])), SCHEMA)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), DECIMALS) + 0.0


def chosen_steps(scored: Iterable[Mapping[str, float]], counts: Mapping[str, int]) -> list[str]:
    """The touchpoints that are compared: those with most answers, as long as enough customers have answered them all.

    A customer without a score at one of them is in no comparison: what they would have answered is not known.
    """
    cases = list(scored)
    chosen: list[str] = []
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        left = [case for case in cases if name in case]
        if len(chosen) < MOST_STEPS and len(left) >= max(LEAST_CUSTOMERS, LEAST_CUSTOMERS_PER_STEP * (len(chosen) + 1)):
            chosen.append(name)
            cases = left
    return sorted(chosen)


def shares_of_r2(steps: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """What each column of `steps` (cases by steps) adds to the R2 of `overall`, in the mean of all orders.

    Shapley's value of R2, the measure LMG of Lindeman, Merenda and Gold (1980), exact over all subsets; the shares add
    up to the R2 of all steps together. Not a number where `overall` never changes.
    """
    count = steps.shape[1]
    if len(overall) < 2 or np.ptp(overall) == 0:
        return np.full(count, np.nan)
    centred, total = steps - steps.mean(axis=0), overall - overall.mean()
    # of one size, so that a step of a narrow scale is not taken for one that never changes
    sizes = np.sqrt((centred**2).sum(axis=0))
    centred = centred / np.where(sizes > 0, sizes, 1)
    products, with_total = centred.T @ centred, centred.T @ total
    size = float(total @ total)

    def r2(subset: Sequence[int]) -> float:
        if not subset:
            return 0.0
        chosen = list(subset)
        return float(with_total[chosen] @ np.linalg.pinv(products[np.ix_(chosen, chosen)]) @ with_total[chosen]) / size

    explained = {subset: r2(subset) for k in range(count + 1) for subset in combinations(range(count), k)}
    shares = np.zeros(count)
    for step in range(count):
        for subset, without in explained.items():
            if step not in subset:
                weight = 1 / (count * math.comb(count - 1, len(subset)))
                shares[step] += weight * (explained[tuple(sorted((*subset, step)))] - without)
    return shares
