"""Events of a customer at one instant, as sources that know no time of day have them, cost what events cost."""

from __future__ import annotations

import time

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.compiled import models_on

EVENTS = 100_000
STEPS = "int_steps"


def test_a_hundred_thousand_completed_journeys_of_one_instant_have_each_event_once() -> None:
    """Every second event completes an instance of its own; the event before it is its first step."""
    with open_duckdb() as connection:
        connection.execute(f"""
            create table landed_events as
            select
                'e' || number as event_id, 'house' as customer_id, number + 1 as event_number,
                false as is_bot, false as is_after_as_of, timestamp '2026-01-01' as occurred_at, 'bought' as event_name,
                'till' as channel,
                null::varchar as touchpoint, null::varchar as department, null::varchar as direction,
                null::varchar as device_type, null::varchar as properties, null::varchar as record_key, number
            from range({EVENTS}) as numbers (number);

            create table known_intervals as
            select
                'j:' || event_id as interval_id, 'j:' || event_id as journey_instance_id, 'j' as journey_id,
                customer_id, 'bought' as phase_id, event_id as entry_event_id, 'completed' as outcome,
                event_number as last_matched_event_number
            from landed_events where number % 2 = 1;

            create table known_journeys as
            select
                journey_instance_id, journey_id, customer_id, entry_event_id as first_event_id,
                phase_id as first_phase_id, null::varchar as case_value, outcome, last_matched_event_number,
                timestamp '2026-01-01' as started_at, timestamp '2026-01-01' as ended_at
            from known_intervals;

            create table no_cases as
            select
                '' as journey_id, 1 as journey_version, null::date as valid_from, null::date as valid_to,
                null::varchar as case_key, '' as customer_id, '' as event_id, '' as case_id, '' as case_value,
                false as is_terminal, false as is_walked
            where false;
        """)
        sql = models_on(
            [STEPS],
            {
                "int_instance_bounds": "known_journeys",
                "int_phase_intervals": "known_intervals",
                "int_timeline_events": "landed_events",
                "int_match_cases": "no_cases",
                "journeys": "no_cases",
            },
            as_of="timestamp '2026-06-01'",
        )[STEPS]
        began = time.monotonic()
        found = connection.execute(f"""
            select count(*), count(distinct event_id), count(distinct journey_instance_id), max(step_number)
            from ({sql})
        """).fetchall()
    assert found == [(EVENTS, EVENTS, EVENTS // 2, 2)]
    assert time.monotonic() - began < 30
