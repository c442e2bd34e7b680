"""Which KPIs change before an outcome: ranks, intervals and what was tried, against scipy and a planted relation."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from orchestration.lib.drivers.relations import SCHEMA, benjamini_hochberg, interval_of, kpi_relations

Series = dict[str, tuple[str, str, list[float | None]]]


def values(series: Series) -> pa.Table:
    """Rows of KPIs as (timing, period, values), of periods that follow one another."""
    rows = [
        {
            "kpi_id": kpi,
            "timing": timing,
            "period": period,
            "period_number": 300 + number,
            "period_start": date(2020, 1, 1) + timedelta(days=30 * number),
            "value": value,
        }
        for kpi, (timing, period, found) in series.items()
        for number, value in enumerate(found)
    ]
    names = ("kpi_id", "timing", "period")
    columns = [(name, pa.string()) for name in names]
    types = [*columns, ("period_number", pa.int64()), ("period_start", pa.date32()), ("value", pa.float64())]
    return pa.Table.from_pylist(rows, pa.schema(types))


def relations(series: Series) -> dict[tuple[str, str, int], dict]:
    rows = kpi_relations(values(series)).to_pylist()
    return {(row["leading_kpi_id"], row["outcome_kpi_id"], row["lag"]): row for row in rows}


@pytest.fixture(scope="module")
def planted() -> Series:
    """Churn follows waiting by two months; the weather follows nothing. With ties, as rounded figures have them."""
    chance = np.random.default_rng(7)
    waiting = np.round(np.cumsum(chance.normal(0, 3, 40)))
    churn = np.concatenate([chance.normal(0, 0.01, 2), waiting[:-2] / 100]) + chance.normal(0, 0.004, 40)
    return {
        "waiting": ("leads", "month", list(waiting)),
        "weather": ("leads", "month", list(np.round(chance.normal(20, 5, 40)))),
        "churn": ("outcome", "month", list(churn)),
    }


def test_correlations_and_p_values_are_those_of_scipy(planted: Series) -> None:
    found = relations(planted)
    assert found.keys() == {(kpi, "churn", lag) for kpi in ("waiting", "weather") for lag in range(4)}
    expected = {}
    for kpi, _, lag in found:
        earlier, later = np.diff(planted[kpi][2]), np.diff(planted["churn"][2])
        expected[kpi, "churn", lag] = stats.spearmanr(earlier[: len(earlier) - lag], later[lag:])
    adjusted = stats.false_discovery_control([one.pvalue for one in expected.values()])
    for (key, one), wanted in zip(expected.items(), adjusted, strict=True):
        row = found[key]
        assert row["correlation"] == pytest.approx(one.statistic, abs=1e-6), key
        assert (row["p_value"], row["adjusted_p_value"]) == pytest.approx((one.pvalue, wanted)), key
        assert row["change_count"] == 39 - key[2] and row["tried_count"] == 8
        assert row["correlation_ci_lower"] < row["correlation"] < row["correlation_ci_upper"]


def test_the_lag_that_was_planted_is_beyond_noise_and_the_weather_is_not(planted: Series) -> None:
    found = relations(planted)
    strongest = max(found, key=lambda key: abs(found[key]["correlation"]))
    assert strongest == ("waiting", "churn", 2) and found[strongest]["status"] == "beyond_noise"
    assert {row["status"] for key, row in found.items() if key[0] == "weather"} == {"within_noise"}
    assert found[strongest]["first_period_start"] == date(2020, 1, 31)


def test_many_that_are_tried_are_held_to_more(planted: Series) -> None:
    """Of 100 KPIs of noise some have a p value below 0.05, and none is beyond noise."""
    chance = np.random.default_rng(11)
    noise: Series = {f"noise_{n}": ("leads", "month", list(chance.normal(0, 1, 40))) for n in range(100)}
    rows = list(relations(noise | {"churn": planted["churn"]}).values())
    assert sum(row["p_value"] < 0.05 for row in rows) > 5
    assert {row["status"] for row in rows} == {"within_noise"}


def test_what_is_too_short_or_never_changes_says_so() -> None:
    chance = np.random.default_rng(3)
    some = [float(value) for value in chance.normal(0, 1, 40)]
    # 13 values are 12 changes; a gap takes two of them
    gap = [*some[:5], None, *some[6:13]]
    found = relations(
        {
            "short": ("leads", "month", some[:13]),
            "gap": ("leads", "month", gap),
            "still": ("leads", "month", [0.1 * 3] * 20 + [0.3] * 20),
            "weekly": ("leads", "week", some),
            "lost": ("leads", "month", [None] * 40),
            "churn": ("outcome", "month", some[::-1]),
        }
    )
    assert [found["short", "churn", lag]["status"] for lag in range(4)] == ["within_noise"] * 4
    assert (found["gap", "churn", 0]["status"], found["gap", "churn", 0]["change_count"]) == ("not_enough_history", 10)
    assert found["still", "churn", 0]["status"] == "no_change"
    assert found["weekly", "churn", 1]["status"] == "different_periods"
    assert (found["lost", "churn", 1]["status"], found["lost", "churn", 1]["change_count"]) == ("not_enough_history", 0)
    for key in (("gap", "churn", 0), ("still", "churn", 0), ("weekly", "churn", 1)):
        assert found[key]["correlation"] is None and found[key]["adjusted_p_value"] is None
    assert {row["tried_count"] for row in found.values()} == {4}


def test_a_correlation_of_one_is_not_certain() -> None:
    lower, upper = interval_of(1.0, 12)
    assert 0.9 < lower < 0.999 and upper == 1.0
    assert interval_of(-1.0, 12) == (-1.0, pytest.approx(-lower))


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Of correlated normal pairs; the true rank correlation is 6 / pi * asin(r / 2)."""
    chance = np.random.default_rng(5)
    true = 6 / np.pi * np.arcsin(0.6 / 2)
    hits = 0
    for _ in range(1000):
        first, noise = chance.normal(size=(2, 30))
        lower, upper = interval_of(float(stats.spearmanr(first, 0.6 * first + 0.8 * noise).statistic), 30)
        hits += lower <= true <= upper
    assert 0.93 <= hits / 1000 <= 0.97


def test_no_kpis_with_a_timing_are_no_relations() -> None:
    assert kpi_relations(values({})).schema == SCHEMA and kpi_relations(values({})).num_rows == 0
    assert benjamini_hochberg([]) == []
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
