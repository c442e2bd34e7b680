"""The models that walk through journeys hold for customers beyond the usual, without a build of their own."""

from __future__ import annotations

import time

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.compiled import models_on

MATCHES = 100_000
INTERVALS = "int_phase_intervals"


@pytest.mark.parametrize("versions", [1, 2])
def test_a_customer_with_a_hundred_thousand_matches_is_walked_in_seconds(versions: int) -> None:
    """One match a minute, to and fro between two phases; with a second version valid for the later half of the days.

    The first version's instance never ends, so nothing of the second one, matched by each event as well, is heard.
    """
    boundary = "date '2025-02-05'"
    with open_duckdb() as connection:
        connection.execute(f"""
            create table journeys as
            select 'j' as journey_id, 1 as journey_version, null::varchar as case_key, null::date as valid_from,
                {boundary if versions == 2 else "null::date"} as valid_to
        """)
        if versions == 2:
            connection.execute(f"insert into journeys values ('j', 2, null, {boundary}, null)")
        connection.execute(f"""
            create table matches as
            select
                'j' as journey_id, 'busy' as customer_id, 'e' || number as event_id,
                case when number % 2 = 0 then 'here' else 'there' end as phase_id, 'web' as channel,
                journey_version, number % 2 as phase_order, 86400 as window_seconds,
                number + 1 as event_number, false as is_terminal, false as ends_case, true as is_counted,
                cast(timestamp '2025-01-01' + to_minutes(number) as date) as occurred_on,
                timestamp '2025-01-01' + to_minutes(number) as occurred_at
            from range({MATCHES}) as numbers (number), journeys
        """)
        connection.execute("""
            create table no_cases as
            select
                '' as journey_id, 1 as journey_version, '' as customer_id, '' as event_id, '' as case_id,
                '' as case_value, false as is_terminal, false as is_walked
            where false
        """)
        sql = models_on(
            [INTERVALS],
            {"journeys": "journeys", "int_matched_events": "matches", "int_match_cases": "no_cases"},
            as_of="timestamp '2025-06-01'",
        )[INTERVALS]
        began = time.monotonic()
        found = connection.execute(f"""
            select journey_version, count(*), count(distinct journey_instance_id), max(interval_number)
            from ({sql}) group by journey_version
        """).fetchall()
    assert found == [(1, MATCHES, 1, MATCHES)]
    assert time.monotonic() - began < 30
