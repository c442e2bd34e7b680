"""What `make bench-flows` compares: pandas' way of doing it, worked by hand, and a comparison that notices."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import flows, flows_pandas
from benchmarks.flow_log import EVENTS, FOLLOWS, make_log
from orchestration.lib.core.connection import open_duckdb

STEPS = pd.DataFrame(
    [
        ("i1", "c1", "a", "2026-01-01 00:00:00"),
        ("i1", "c1", "b", "2026-01-01 00:00:10"),
        ("i1", "c1", "a", "2026-01-01 00:00:30"),
        ("i1", "c1", "b", "2026-01-01 00:01:30"),
        ("i2", "c1", "a", "2026-01-02 00:00:00"),
        ("i2", "c1", "b", "2026-01-02 00:00:20"),
        ("i3", "c2", "a", "2026-01-02 00:00:00"),
        ("i3", "c2", "b", "2026-01-02 00:00:20"),
    ],
    columns=["instance", "customer", "event", "occurred_at"],
).assign(occurred_at=lambda steps: pd.to_datetime(steps["occurred_at"]))


def test_pandas_counts_what_follows_what() -> None:
    found = flows_pandas.transitions(STEPS, "event").set_index(["from_name", "to_name"])
    assert found.loc[("a", "b"), ["transition_count", "customer_count", "median_seconds"]].tolist() == [4, 2, 20]
    assert found.loc[("b", "a"), ["transition_count", "customer_count", "median_seconds"]].tolist() == [1, 1, 20]
    paths = flows_pandas.variants(STEPS, "event").set_index("variant")["instance_count"]
    assert paths.to_dict() == {"a > b": 2, "a > b > a > b": 1}
    in_phases = STEPS.assign(phase=["one", "one", "two", "one", "two", "two", "two", "one"])
    paths = flows_pandas.variants(in_phases, "phase").set_index("variant")["instance_count"]
    assert paths.to_dict() == {"one > two > one": 1, "two": 1, "two > one": 1}


def test_pandas_cuts_intervals_and_instances() -> None:
    matches = pd.DataFrame(
        [
            ("c1", "e1", "one", 1, 86_400.0, False, "2026-01-01"),
            ("c1", "e2", "one", 1, 86_400.0, False, "2026-01-02"),
            ("c1", "e3", "two", 2, None, False, "2026-01-03"),
            ("c1", "e4", "end", 3, None, True, "2026-02-01"),
            ("c1", "e5", "one", 1, 86_400.0, False, "2026-02-01"),
            ("c1", "e6", "two", 2, None, False, "2026-02-03"),
            ("c1", "e7", "one", 1, 86_400.0, False, "2026-02-04"),
        ],
        columns=["customer", "event_id", "phase", "phase_order", "window_seconds", "is_terminal", "occurred_at"],
    ).assign(occurred_at=lambda rows: pd.to_datetime(rows["occurred_at"]), event_number=range(7))
    found = flows_pandas.intervals(matches, pd.Timestamp("2026-02-05"))
    assert found[
        ["entry_event_id", "first_event_id", "outcome", "matched_event_count", "dwell_seconds"]
    ].values.tolist() == [
        ["e1", "e1", "fell_through", 2, 2 * 86_400],
        ["e3", "e1", "fell_through", 1, 29 * 86_400],
        ["e4", "e1", "completed", 1, 0],
        ["e5", "e5", "fell_out", 1, 86_400],
        ["e6", "e6", "regressed", 1, 86_400],
        ["e7", "e6", "pending", 1, 86_400],
    ]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What three tools that agree leave behind."""
    pairs = flows_pandas.transitions(STEPS, "event")
    paths = flows_pandas.variants(STEPS, "event")
    intervals = pd.DataFrame(
        {"entry_event_id": ["e"], "first_event_id": ["e"], "phase": ["one"], "outcome": ["pending"]}
    )
    intervals = intervals.assign(matched_event_count=1, dwell_seconds=5, left_at=pd.NaT)
    for tool in ("ours", "pandas", "pm4py"):
        pairs.to_parquet(tmp_path / f"{tool} directly-follows.parquet")
        paths.to_parquet(tmp_path / f"{tool} variants.parquet")
        intervals.to_parquet(tmp_path / f"{tool} phase intervals.parquet")
    (tmp_path / "pm4py.json").write_text(json.dumps({"version": "2"}))
    return tmp_path


@pytest.mark.parametrize("tool", ["ours", "pm4py"])
@pytest.mark.parametrize(
    ("task", "column"),
    [
        ("directly-follows", "transition_count"),
        ("variants", "instance_count"),
        ("phase intervals", "matched_event_count"),
    ],
)
def test_a_difference_ends_the_run(tool: str, task: str, column: str, results: Path) -> None:
    assert flows.compare(results) == "2"
    path = results / f"{tool} {task}.parquet"
    rows = pd.read_parquet(path)
    rows.loc[0, column] += 1
    rows.to_parquet(path)
    with pytest.raises(flows.OtherResult):
        flows.compare(results)


def test_the_log_has_so_many_events_and_each_phase(tmp_path: Path) -> None:
    make_log(tmp_path / "log.duckdb", 3_000)
    with open_duckdb(tmp_path / "log.duckdb", read_only=True) as connection:
        row = connection.execute("""
            select
                (select count(*) from intermediate.int_event_versions),
                (select count(distinct phase_id) from intermediate.int_matched_events)
        """).fetchone()
    assert row is not None
    assert 2_500 < row[0] <= 3_000
    assert row[1] == 5


def test_what_follows_an_event_is_an_event() -> None:
    names = {event[0] for event in EVENTS}
    assert set(FOLLOWS) == names
    for follows in FOLLOWS.values():
        assert set(follows) <= names and sum(follows.values()) <= 100
