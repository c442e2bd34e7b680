"""One customer with a hundred thousand events is built like many with few, and comes out right by arithmetic."""

from __future__ import annotations

import resource
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import make_warehouse
from tests.oracles.feed import moment_text
from tests.scenarios.load import FEED_COLUMNS, SEEDS
from tests.warehouse import random_deliveries

pytestmark = pytest.mark.long

EVENTS = 100_000
BEGIN = datetime(2025, 10, 1)
FLOWS = ("agg_transitions", "agg_variants", "agg_rework", "map_stops")


def event(number: int) -> dict[str, str]:
    """Web and app in turn, one a minute; the first moves the customer into a phase, each thousandth keeps it open."""
    name, touchpoint = ("page_viewed", "home") if number % 1_000 == 0 else ("signed_in", "")
    return {
        **dict.fromkeys(FEED_COLUMNS["events"], ""),
        "event_id": f"many_{number:06}",
        "occurred_at": moment_text(BEGIN + timedelta(minutes=number)),
        "event_name": name,
        "source_system": "web",
        "channel": "web" if number % 2 == 0 else "app",
        "touchpoint": touchpoint,
        "identifiers": '{"account": "many-account"}',
    }


def _largest_program_gib() -> float:
    """The memory of the largest program that this process has started and waited for, in GiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2


def test_a_customer_with_a_hundred_thousand_events_is_one_path_of_as_many_steps(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path, seeds=SEEDS, as_of="2026-03-01", JOURNEYS_MATCHING="off")
    events = [event(number) for number in range(EVENTS)]
    random_deliveries.write({"events": events}, warehouse.settings.extracts, "many")
    warehouse.land()
    peak_before = _largest_program_gib()
    warehouse.build(select=[f"+{name}" for name in FLOWS])

    # each match opens the window of thirty days again, so it is one instance, which falls out long after the last event
    assert warehouse.query(
        "select step_count, channel_count, level, outcome from intermediate.int_journey_instances"
    ) == [{"step_count": EVENTS, "channel_count": 2, "level": "omni", "outcome": "fell_out"}]
    pairs = warehouse.query(
        "select from_name, to_name, transition_count, customer_count, median_seconds from flows.agg_transitions "
        "where step_type in ('channel', 'event') order by step_type, from_name, to_name"
    )
    assert [tuple(row.values()) for row in pairs] == [
        ("app", "web", EVENTS // 2 - 1, 1, 60),
        ("web", "app", EVENTS // 2, 1, 60),
        ("page_viewed", "signed_in", EVENTS // 1_000, 1, 60),
        ("signed_in", "page_viewed", EVENTS // 1_000 - 1, 1, 60),
        ("signed_in", "signed_in", EVENTS - 2 * EVENTS // 1_000, 1, 60),
    ]
    variants = warehouse.query(
        "select step_type, variant, step_count, instance_count, is_shortened from flows.agg_variants"
    )
    # all in one phase, which it entered once
    assert sorted((row["step_count"], row["instance_count"], row["is_shortened"]) for row in variants) == [
        (1, 1, False),
        *[(EVENTS, 1, True)] * 3,
    ]
    by_channel = next(row["variant"] for row in variants if row["step_type"] == "channel")
    assert by_channel == " > ".join(["web", "app"] * 25) + " > …"
    assert warehouse.query(
        "select name, step_count, repeat_count, return_count, mean_seconds_between from flows.agg_rework "
        "where step_type = 'channel' order by name"
    ) == [
        {
            "name": name,
            "step_count": EVENTS // 2,
            "repeat_count": 0,
            "return_count": EVENTS // 2 - 1,
            "mean_seconds_between": 120.0,
        }
        for name in ("app", "web")
    ]
    stops = warehouse.query(
        "select line, visit_count, drop_off_count from flows.map_stops "
        "where line_type = 'channel' and visit_count > 0 order by line"
    )
    # the last step is odd, so it was on the app
    assert [tuple(row.values()) for row in stops] == [("app", EVENTS // 2, 1), ("web", EVENTS // 2, 0)]
    # what dbt took at most, its own code and DuckDB's included; the system remembers the largest of all programs so far
    peak = _largest_program_gib()
    assert peak < 2 or peak == peak_before, f"{peak:.1f} GiB"
