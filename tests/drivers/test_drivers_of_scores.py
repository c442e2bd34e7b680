"""What goes with a score: Shapley's parts of R2 against all orders and a published example, impacts by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from orchestration.lib.drivers.impacts import step_impacts
from orchestration.lib.drivers.shares_of_r2 import SCHEMA, chosen_steps, score_drivers, shares_of_r2


def by_orders(steps: np.ndarray, overall: np.ndarray) -> list[float]:
    """The mean over all orders of what each column adds to R2, each regression on its own."""

    def r2(columns: tuple[int, ...]) -> float:
        cases = np.column_stack([np.ones(len(overall)), steps[:, columns]])
        left = overall - cases @ np.linalg.lstsq(cases, overall, rcond=None)[0]
        return 1 - float(left @ left) / float(((overall - overall.mean()) ** 2).sum())

    orders = list(itertools.permutations(range(steps.shape[1])))
    return [
        float(np.mean([r2(order[: order.index(step) + 1]) - r2(order[: order.index(step)]) for order in orders]))
        for step in range(steps.shape[1])
    ]


def test_parts_of_r2_are_those_of_all_orders() -> None:
    chance = np.random.default_rng(8)
    steps = chance.random((60, 5)) @ chance.random((5, 5))
    overall = steps @ [1, 2, 0, 0, 3] + chance.normal(0, 1, 60)
    assert shares_of_r2(steps, overall) == pytest.approx(by_orders(steps, overall), abs=1e-10)


def test_parts_of_r2_are_the_published_ones() -> None:
    """LMG of the diabetes data of Efron et al. (2004), three of its columns."""
    data = pytest.importorskip("sklearn.datasets").load_diabetes()
    chosen = [data.feature_names.index(name) for name in ("bmi", "bp", "s5")]
    shares = shares_of_r2(data.data[:, chosen], data.target)
    assert shares == pytest.approx([0.205768, 0.089955, 0.184359], abs=5e-7)
    assert shares.sum() == pytest.approx(0.480082, abs=5e-7)


def test_a_step_that_never_changes_adds_nothing_and_twins_share() -> None:
    chance = np.random.default_rng(1)
    step = chance.random(200)
    steps = np.column_stack([step, np.full(200, 0.5), step * 1e-6])
    overall = step + chance.normal(0, 0.1, 200)
    shares = shares_of_r2(steps, overall)
    assert shares[1] == pytest.approx(0, abs=1e-9) and shares[0] == pytest.approx(shares[2])
    assert np.isnan(shares_of_r2(steps, np.ones(200))).all()


def scores(steps: dict[str, np.ndarray], overall: np.ndarray) -> pa.Table:
    rows = [
        {
            "customer_id": f"c{number:04}",
            "customer_group": number % 20,
            "touchpoint": name,
            "step_score": float(of_step[number]),
            "overall_score": float(overall[number]),
        }
        for name, of_step in steps.items()
        for number in range(len(overall))
        if not np.isnan(of_step[number])
    ]
    names = [("customer_id", pa.string()), ("customer_group", pa.int64()), ("touchpoint", pa.string())]
    return pa.Table.from_pylist(
        rows, pa.schema([*names, ("step_score", pa.float64()), ("overall_score", pa.float64())])
    )


def test_the_step_that_drives_the_overall_score_is_found_with_its_interval() -> None:
    chance = np.random.default_rng(2)
    call, delivery = chance.random((2, 400))
    rare = np.where(np.arange(400) < 30, 0.5, np.nan)
    found = {
        row["touchpoint"]: row
        for row in score_drivers(
            scores({"call": call, "delivery": delivery, "rare": rare}, 0.8 * call + 0.2 * chance.random(400))
        ).to_pylist()
    }
    assert found["call"]["r2_share"] > 0.8 and found["call"]["r2_share_ci_lower"] > 0.8
    assert found["delivery"]["r2_share"] < 0.02 and found["delivery"]["r2_share_ci_lower"] < 0.01
    assert found["call"]["r2"] == pytest.approx(found["call"]["r2_share"] + found["delivery"]["r2_share"], abs=2e-6)
    assert found["rare"] == {
        "touchpoint": "rare", "status": "not_enough_answers", "customer_count": 30, "step_count": 2, "r2": None,
        "r2_share": None, "r2_share_ci_lower": None, "r2_share_ci_upper": None,
    }  # fmt: skip


def test_eight_steps_at_most_are_compared_and_as_many_as_customers_answered_about() -> None:
    everybody = [{f"step_{n}": 0.5 for n in range(10)} for _ in range(200)]
    counts = {f"step_{n}": 200 - n for n in range(10)}
    assert chosen_steps(everybody, counts) == [f"step_{n}" for n in range(8)]
    # with forty customers four steps have ten customers each
    assert chosen_steps(everybody[:40], counts) == [f"step_{n}" for n in range(4)]
    assert chosen_steps(everybody[:39], counts) == []
    assert score_drivers(scores({}, np.array([]))).schema == SCHEMA


def test_an_impact_is_all_less_all_others_with_the_interval_of_the_jackknife() -> None:
    chance = np.random.default_rng(4)
    rows, answers = [], []
    for group in range(20):
        for step, share, count in (("call", 0.2, 6), ("delivery", 0.9, 10), ("", 0.5, 1)):
            points = chance.random(count) < share
            answers += [(group, step, float(point)) for point in points]
            rows.append(
                {"feedback_kind": "csat", "dimension": "touchpoint", "journey_id": "", "step": step}
                | {"customer_group": group, "answer_count": count, "customer_count": 2}
                | {"point_sum": float(points.sum())}
            )
    found = {row["step"]: row for row in step_impacts(pa.Table.from_pylist(rows)).to_pylist()}

    def impact(left_out: int | None) -> float:
        kept = [(step, point) for group, step, point in answers if group != left_out]
        others = [point for step, point in kept if step != "call"]
        return float(np.mean([point for _, point in kept]) - np.mean(others))

    row = found["call"]
    assert (row["answer_count"], row["customer_count"], row["without_count"]) == (120, 40, 220)
    assert row["impact"] == pytest.approx(impact(None), abs=1e-6) and row["impact"] < -0.1
    without = [impact(group) for group in range(20)]
    error = np.sqrt(19 / 20 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert row["impact_ci_lower"] == pytest.approx(impact(None) - 2.093 * error, abs=1e-6)
    assert row["impact_ci_upper"] == pytest.approx(impact(None) + 2.093 * error, abs=1e-6)
    assert found["call"]["metric"] == found["delivery"]["metric"]


def test_a_step_that_has_all_answers_has_no_impact() -> None:
    row = {"feedback_kind": "nps", "dimension": "phase", "journey_id": "j", "step": "p", "customer_group": 3}
    [found] = step_impacts(
        pa.Table.from_pylist([row | {"answer_count": 9, "customer_count": 9, "point_sum": 300.0}])
    ).to_pylist()
    assert found["metric_without"] is None and found["impact"] is None and found["impact_ci_lower"] is None
