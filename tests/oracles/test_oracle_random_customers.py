"""Random customers are the same on every run, hold every nasty case, and keep the laws."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.oracles import feed, release
from tests.oracles.random_customers import AS_OF, random_customers

# as the warehouse of random customers has them: those of the stories, and its own
SEEDS = [Path(__file__).resolve().parents[1] / name / "seeds" for name in ("scenarios", "warehouse")]


def expected_of(tables: dict[str, list[dict[str, str]]]) -> release.Release:
    return release.expected(
        tables,
        {name: rows for folder in SEEDS for name, rows in feed.read_seeds(folder).items()},
        as_of=AS_OF,
        hash_of=lambda name, value: hashlib.sha256(f"{name}:{value}".encode()).hexdigest(),
    )


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, str]]]:
    return random_customers(120, seed=12)


@pytest.fixture(scope="module")
def expected(tables: dict[str, list[dict[str, str]]]) -> release.Release:
    return expected_of(tables)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(
    tables: dict[str, list[dict[str, str]]],
) -> None:
    assert random_customers(120, seed=12) == tables
    assert random_customers(120, seed=99) != tables


def test_two_prefixes_share_no_identifier() -> None:
    mixed: dict[str, list[dict[str, str]]] = defaultdict(list)
    for prefix in ("one", "two"):
        for table, rows in random_customers(30, seed=3, prefix=prefix).items():
            mixed[table] += rows
    prefixes = defaultdict(set)
    for event in expected_of(mixed).events:
        prefixes[event["customer_id"]].add(event["event_id"].split("_")[0])
    assert {len(found) for found in prefixes.values()} == {1}


def test_every_nasty_case_is_there(expected: release.Release) -> None:
    statuses = Counter(row["_row_status"] for row in expected.event_statuses)
    assert statuses["superseded"] > 20 and statuses["duplicate"] > 20 and statuses["key_collision"] == 0
    instants = Counter((event["customer_id"], event["occurred_at"]) for event in expected.events)
    assert max(instants.values()) > 1
    assert {interval["outcome"] for interval in expected.intervals} == {
        "fell_through", "regressed", "completed", "fell_out", "pending"
    }  # fmt: skip
    assert any(interval["is_stalled"] for interval in expected.intervals)
    assert {row["level"] for row in expected.journeys} == {"micro", "macro", "omni"}
    assert expected.over_cap and expected.overruled_matches and expected.transitions
    assert any(event["is_bot"] for event in expected.events)
    assert any(event["is_after_as_of"] for event in expected.events)
    assert any(event["occurred_at"] == AS_OF for event in expected.events)
    assert any(event["visitor_id"] is None and not event["is_identified"] for event in expected.events)
    owners = defaultdict(set)
    for row in expected.bridge:
        owners[row["identifier_hash"]].add(row["customer_id"])
    assert any(len(found) > 1 for found in owners.values())


def test_delivery_is_no_input(tables: dict[str, list[dict[str, str]]], expected: release.Release) -> None:
    backwards = {
        table: [{**row, "batch": str(9 - int(row["batch"]))} for row in reversed(rows)]
        for table, rows in tables.items()
    }
    again = expected_of(backwards)
    for table in ("sessions", "customers", "bridge", "records", "journeys", "intervals", "phases_daily"):
        assert getattr(again, table) == getattr(expected, table), table
    assert [{**event, "batch": ""} for event in again.events] == [{**event, "batch": ""} for event in expected.events]


def test_laws(expected: release.Release, tables: dict[str, list[dict[str, str]]]) -> None:
    assert len(expected.events) == len({row["event_id"] for row in tables["events"]})
    assert sum(row["event_count"] for row in expected.customers) == len(expected.events)
    assert sum(row["event_count"] for row in expected.sessions) == sum(
        bool(event["session_id"]) for event in expected.events
    )
    by_identifier = defaultdict(list)
    for row in expected.bridge:
        by_identifier[row["identifier_type"], row["identifier"]].append(row)
    for intervals in by_identifier.values():
        for before, after in pairwise(intervals):
            assert before["valid_to"] == after["valid_from"] and before["customer_id"] != after["customer_id"]
        assert intervals[-1]["valid_to"] is None
    until: dict[str, datetime] = {}
    for interval in expected.intervals:
        assert interval["entered_at"] >= until.get(interval["journey_instance_id"], datetime.min)
        until[interval["journey_instance_id"]] = interval["left_at"] or datetime.max
    assert len(expected.transitions) == len(expected.intervals) - len(expected.journeys)
