"""Chains of channels give the effects worked out by hand, whatever repeats; intervals leave out a group at a time."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from orchestration.lib.attribution.chains import SCHEMA, channel_solutions, solve
from orchestration.lib.attribution.credits import UNITS, credit_bounds
from orchestration.lib.attribution.jackknife import GROUP_COUNT, interval
from tests.oracles.attribution import T_95, removal_effects

MONTH = date(2026, 1, 1)
# Channels, whether it converted, group of the customer.
Path = tuple[Sequence[str], bool, int]

TOY: list[Path] = [(["C1", "C2", "C3"], True, 0), (["C1"], False, 1), (["C2", "C3"], False, 2)]
SEARCH: list[Path] = [
    (["GA"], True, 0), (["GA"], True, 1), (["M"], True, 2), (["GA", "M"], True, 3), (["GA"], False, 4),
]  # fmt: skip


def transitions(paths: Sequence[Path], month: date = MONTH) -> pa.Table:
    """What int_path_transitions says of paths."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for channels, converts, group in paths:
        counts[group, "start", None, channels[0]] += 1
        for step in itertools.pairwise(channels):
            counts[group, "between", *step] += 1
        counts[group, "converted" if converts else "null", channels[-1], None] += 1
    return pa.Table.from_pylist(
        [
            {
                "conversion_type": "sale",
                "period_start": month,
                "customer_group": group,
                "step_kind": kind,
                "from_channel": origin,
                "to_channel": target,
                "step_count": count,
            }
            for (group, kind, origin, target), count in counts.items()
        ]
    )


def solved(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    rows = channel_solutions(transitions(paths)).to_pylist()
    return {row["channel"]: row for row in rows if row["period"] == "all"}


def random_paths(seed: int, count: int = 60) -> list[Path]:
    chance = random.Random(seed)
    return [
        (chance.choices("abcdef", k=chance.randint(1, 7)), chance.random() < 0.4, chance.randrange(GROUP_COUNT))
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("paths", "base", "effects", "credits"),
    [
        (TOY, 1 / 3, {"C1": 0.5, "C2": 1, "C3": 1}, {"C1": 0.2, "C2": 0.4, "C3": 0.4}),
        (SEARCH, 0.8, {"GA": 0.75, "M": 0.5}, {"GA": 2.4, "M": 1.6}),
    ],
    ids=["toy", "search"],
)
def test_a_chain_says_what_is_worked_out_by_hand(
    paths: list[Path], base: float, effects: dict[str, float], credits: dict[str, float]
) -> None:
    said = solved(paths)
    assert [row["base_probability"] for row in said.values()] == pytest.approx([base] * len(said), abs=1e-12)
    assert {name: row["removal_effect"] for name, row in said.items()} == pytest.approx(effects, abs=1e-12)
    assert {name: row["credited_conversions"] for name, row in said.items()} == pytest.approx(credits, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_random_chains_say_what_solving_them_again_without_each_channel_says(seed: int) -> None:
    paths = random_paths(seed)
    base, effects = removal_effects((channels, converts) for channels, converts, _ in paths)
    said = solved(paths)
    assert [row["base_probability"] for row in said.values()] == pytest.approx([base] * len(said), abs=1e-9)
    assert {name: row["removal_effect"] for name, row in said.items()} == pytest.approx(effects, abs=1e-9)
    assert base == pytest.approx(sum(converts for _, converts, _ in paths) / len(paths), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_repeats_of_a_channel_change_no_removal_effect(seed: int) -> None:
    paths = random_paths(seed)
    collapsed: list[Path] = [
        ([name for name, _ in itertools.groupby(channels)], converts, group) for channels, converts, group in paths
    ]
    assert any(len(one[0]) < len(other[0]) for one, other in zip(collapsed, paths, strict=True))
    said, without = solved(paths), solved(collapsed)
    for figure in ("base_probability", "removal_effect", "credited_conversions", "removal_effect_ci_upper"):
        assert {name: row[figure] for name, row in said.items()} == pytest.approx(
            {name: row[figure] for name, row in without.items()}, abs=1e-9
        )


def test_where_nothing_converts_there_is_no_effect() -> None:
    [row] = [row for row in channel_solutions(transitions([(["a"], False, 0)])).to_pylist() if row["period"] == "all"]
    assert row["base_probability"] == 0
    assert row["removal_effect"] is None and row["credited_conversions"] is None


def test_without_paths_there_are_no_rows() -> None:
    empty = transitions(TOY).slice(0, 0)
    assert channel_solutions(empty).schema == SCHEMA and channel_solutions(empty).num_rows == 0


def test_months_are_chains_of_their_own_and_all_of_them_one_more() -> None:
    both = pa.concat_tables([transitions(TOY), transitions(SEARCH, date(2026, 2, 1))])
    rows = channel_solutions(both).to_pylist()
    assert {(row["period"], row["period_start"]) for row in rows} == {
        ("month", MONTH), ("month", date(2026, 2, 1)), ("all", MONTH),
    }  # fmt: skip
    assert {row["channel"] for row in rows if row["period"] == "all"} == {"C1", "C2", "C3", "GA", "M"}
    assert all(row["base_probability"] == pytest.approx(5 / 8) for row in rows if row["period"] == "all")


def test_an_interval_is_what_leaving_out_each_group_says() -> None:
    left_out = [float(number) for number in range(GROUP_COUNT)]
    error = math.sqrt(19 / 20 * sum((value - 9.5) ** 2 for value in left_out))
    assert interval(9.0, left_out) == (pytest.approx(9 - T_95 * error), pytest.approx(9 + T_95 * error))


def test_the_interval_of_an_effect_comes_from_chains_without_a_group() -> None:
    paths = random_paths(7, 200)
    effects = [
        removal_effects((channels, converts) for channels, converts, own in paths if own != group)[1]["a"]
        for group in range(GROUP_COUNT)
    ]
    mean = sum(effects) / GROUP_COUNT
    error = math.sqrt(19 / 20 * sum((value - mean) ** 2 for value in effects))
    said = solved(paths)["a"]
    assert said["removal_effect_ci_lower"] == pytest.approx(said["removal_effect"] - T_95 * error, abs=1e-9)
    assert said["removal_effect_ci_upper"] == pytest.approx(said["removal_effect"] + T_95 * error, abs=1e-9)


def test_conversions_that_markov_shares_are_shared_anew_without_each_group() -> None:
    """Left out is the group in the chain as well as among the conversions; in the long form A has 2.6 of 4, B 1.4."""
    paths = random_paths(11, 200)

    def credited(without: int | None) -> float:
        kept = [path for path in paths if path[2] != without]
        effects = removal_effects((channels, converts) for channels, converts, _ in kept)[1]
        return sum(
            effects["a"] / sum(effects[name] for name in set(channels))
            for channels, converts, _ in kept
            if converts and "a" in channels
        )

    left_out = [credited(group) * 20 / 19 for group in range(GROUP_COUNT)]
    mean = sum(left_out) / GROUP_COUNT
    error = math.sqrt(19 / 20 * sum((value - mean) ** 2 for value in left_out))
    row = _bounds_of(paths)["a"]
    whole = credited(None)
    assert row["credited_conversions_ci_lower"] == pytest.approx(whole - T_95 * error, abs=1e-6)
    assert row["credited_conversions_ci_upper"] == pytest.approx(whole + T_95 * error, abs=1e-6)
    # each conversion is worth 2
    assert row["credited_value_ci_upper"] == pytest.approx(2 * (whole + T_95 * error), abs=1e-5)


def _bounds_of(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The bounds of the rule markov for paths of one month whose conversions are worth 2 each."""
    effects = removal_effects((channels, converts) for channels, converts, _ in paths)[1]
    credits: Counter[tuple[str, int]] = Counter()
    sets: Counter[tuple[int, str]] = Counter()
    for channels, converts, group in paths:
        if converts:
            names = sorted(set(channels))
            sets[group, " > ".join(names)] += 1
            for name in names:
                credits[name, group] += round(UNITS * effects[name] / sum(effects[other] for other in names))
    common = {"conversion_type": "sale", "rule": "markov", "period_start": MONTH}
    credit_rows = [
        {**common, "channel": name, "customer_group": group, "share_units": units, "credited_value": 2 * units / UNITS}
        for (name, group), units in credits.items()
    ]
    path_rows = [
        {**common, "customer_group": group, "channels": names, "conversion_count": count, "credited_value": 2 * count}
        for (group, names), count in sets.items()
    ]
    bounds = credit_bounds(pa.Table.from_pylist(credit_rows), pa.Table.from_pylist(path_rows), transitions(paths))
    return {row["channel"]: row for row in bounds.to_pylist() if row["period"] == "all"}


def test_a_chain_of_many_channels_is_solved_in_a_moment() -> None:
    """A hundred channels: one inverse says it of all."""
    counts = np.random.default_rng(3).integers(1, 9, (101, 102)).astype(float)
    counts[-1, -2:] = 0
    effects = solve(counts).removal_effects
    assert ((effects > 0) & (effects < 1)).all()
