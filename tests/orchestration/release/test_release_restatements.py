"""A changed figure of a day that was over is a restatement; nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.previous import previous_attached
from orchestration.lib.release.restatements import DailyTable, Restated, find_restatements

PHASES = DailyTable(
    "journeys",
    "agg_phases_daily",
    day="measured_on",
    key=("journey_id", "phase_id"),
    measures=("entered", "value"),
)

# The previous release was built at noon of the 3rd: the 1st and 2nd were over.
PREVIOUS_AS_OF = datetime(2026, 7, 3, 12, tzinfo=UTC)

OLD_ROWS = """
    ('shop', 'consider', 10, 0.5, date '2026-07-01'),
    ('shop', 'consider', 11, 0.1 + 0.2, date '2026-07-02'),
    ('shop', null, 5, null, date '2026-07-02'),
    ('shop', 'gone', 4, 0.25, date '2026-07-02'),
    ('shop', 'gone_empty', 0, null, date '2026-07-02'),
    ('shop', 'consider', 2, 0.5, date '2026-07-03')
"""

# Late rows for the 1st; the 2nd as it was, but for the last bit of a sum; the 3rd was still running.
NEW_ROWS = """
    ('shop', 'consider', 12, 0.5, date '2026-07-01'),
    ('shop', 'consider', 11, 0.3, date '2026-07-02'),
    ('shop', null, 5, 0.75, date '2026-07-02'),
    ('shop', 'new', 1, null, date '2026-07-01'),
    ('shop', 'new_empty', 0, 0.0, date '2026-07-01'),
    ('shop', 'consider', 9, 0.9, date '2026-07-03'),
    ('shop', 'consider', 7, 0.9, date '2026-07-04')
"""


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    return make(tmp_path / "customer_journeys.duckdb", OLD_ROWS)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = make(tmp_path / "warehouse.duckdb", NEW_ROWS)
    with open_duckdb(path) as connection:
        create_ledgers(connection)
    return path


def make(path: Path, rows: str) -> Path:
    with open_duckdb(path) as connection:
        connection.execute("create schema if not exists journeys")
        connection.execute(
            "create or replace table journeys.agg_phases_daily as "
            f"select * from (values {rows}) as days (journey_id, phase_id, entered, value, measured_on)"
        )
        connection.execute("alter table journeys.agg_phases_daily alter entered type bigint")
        connection.execute("alter table journeys.agg_phases_daily alter value type double")
    return path


def find(previous: Path, warehouse: Path, **changes: object) -> list[Restated]:
    arguments: dict[str, Any] = {
        "tables": [PHASES],
        "release_id": "new",
        "previous_release_id": "old",
        "previous_as_of": PREVIOUS_AS_OF,
        "published": {"old"},
    }
    with open_duckdb(warehouse) as connection, previous_attached(connection, previous):
        return find_restatements(connection, **(arguments | changes))


def ledger(warehouse: Path) -> list[tuple]:
    with open_duckdb(warehouse, read_only=True) as connection:
        return connection.execute(
            "select key, measure, old_value, new_value, measured_on from hygiene.restatements order by all"
        ).fetchall()


def test_changed_new_and_vanished_figures_of_days_that_were_over(previous: Path, warehouse: Path) -> None:
    assert find(previous, warehouse) == [Restated(PHASES, 5, date(2026, 7, 1), date(2026, 7, 2))]
    assert ledger(warehouse) == sorted(
        [
            ('{"journey_id":"shop","phase_id":"consider"}', "entered", 10.0, 12.0, date(2026, 7, 1)),
            ('{"journey_id":"shop","phase_id":"gone"}', "entered", 4.0, None, date(2026, 7, 2)),
            ('{"journey_id":"shop","phase_id":"gone"}', "value", 0.25, None, date(2026, 7, 2)),
            ('{"journey_id":"shop","phase_id":"new"}', "entered", None, 1.0, date(2026, 7, 1)),
            ('{"journey_id":"shop","phase_id":null}', "value", None, 0.75, date(2026, 7, 2)),
        ],
        key=lambda row: (row[0], row[1]),
    )
    with open_duckdb(warehouse, read_only=True) as connection:
        assert connection.execute(
            "select distinct release_id, previous_release_id, table_schema, table_name from hygiene.restatements"
        ).fetchall() == [("new", "old", "journeys", "agg_phases_daily")]


def test_days_are_days_of_the_reporting_time_zone(previous: Path, warehouse: Path) -> None:
    """At 12:00 UTC it is the 4th on Kiritimati, so the 3rd was over there."""
    [restated] = find(previous, warehouse, time_zone="Pacific/Kiritimati")
    assert restated.last_on == date(2026, 7, 3)


def test_a_clock_at_midnight_closes_the_day_before(previous: Path, warehouse: Path) -> None:
    [restated] = find(previous, warehouse, previous_as_of=datetime(2026, 7, 2, tzinfo=UTC))
    assert restated.last_on == date(2026, 7, 1)


def test_equal_tables_have_no_restatements(previous: Path, warehouse: Path) -> None:
    make(warehouse, OLD_ROWS)
    assert find(previous, warehouse) == [Restated(PHASES, 0, None, None)]


def test_rows_of_a_candidate_that_failed_are_removed(previous: Path, warehouse: Path) -> None:
    find(previous, warehouse, release_id="failed")
    find(previous, warehouse)
    find(previous, warehouse)
    find(previous, warehouse, release_id="next", previous_release_id="new", published={"old", "new"})
    with open_duckdb(warehouse, read_only=True) as connection:
        assert connection.execute(
            "select release_id, count(*) from hygiene.restatements group by all order by 1"
        ).fetchall() == [("new", 5), ("next", 5)]


def test_only_what_both_sides_have_is_compared(tmp_path: Path, warehouse: Path) -> None:
    """A new measure has no past; a table with another key can't be matched row by row."""
    previous = tmp_path / "customer_journeys.duckdb"
    with open_duckdb(previous) as connection:
        connection.execute("create schema journeys")
        connection.execute(
            "create table journeys.agg_phases_daily as "
            "select 'shop' as journey_id, * from (values ('consider', 12, date '2026-07-01'), "
            "(null, 5, date '2026-07-02'), ('new', 1, date '2026-07-01'), ('consider', 10, date '2026-07-02')"
            ") as days (phase_id, entered, measured_on)"
        )
    other_key = DailyTable("journeys", "agg_phases_daily", "measured_on", ("segment",), ("entered",))
    unknown = DailyTable("kpis", "fct_kpi_values_daily", "measured_on", ("kpi_id",), ("value",))
    found = find(previous, warehouse, tables=[PHASES, other_key, unknown])
    assert [restated.count for restated in found[:1]] == [1]
    assert found[2] == Restated(unknown, 0, None, None)
    assert [row[1:4] for row in ledger(warehouse)] == [("entered", 10.0, 11.0)]


def test_what_is_restated_is_reported_in_a_sentence() -> None:
    one = Restated(PHASES, 1, date(2026, 7, 1), date(2026, 7, 1))
    assert one.line == "1 figure of journeys.agg_phases_daily on 2026-07-01 is restated"
    assert replace(one, count=1200, last_on=date(2026, 7, 3)).line == (
        "1,200 figures of journeys.agg_phases_daily from 2026-07-01 to 2026-07-03 are restated"
    )
    assert replace(one, reasons={"late_data": 1, "definition": 1}).line == (
        "1 figure of journeys.agg_phases_daily on 2026-07-01 is restated: 1 late_data, 1 definition"
    )


def test_rows_that_are_no_promise_are_left_out(previous: Path, warehouse: Path) -> None:
    find(previous, warehouse, tables=[replace(PHASES, rows="phase_id = 'consider'")])
    assert [row[:4] for row in ledger(warehouse)] == [
        ('{"journey_id":"shop","phase_id":"consider"}', "entered", 10.0, 12.0)
    ]


def test_a_table_of_days_alone_has_an_empty_key(tmp_path: Path, warehouse: Path) -> None:
    for path, count in ((tmp_path / "customer_journeys.duckdb", 3), (warehouse, 4)):
        with open_duckdb(path) as connection:
            connection.execute("create schema if not exists journeys")
            connection.execute(
                f"create table journeys.days as select {count} as event_count, date '2026-07-01' as measured_on"
            )
    days = DailyTable("journeys", "days", "measured_on", (), ("event_count",))
    find(tmp_path / "customer_journeys.duckdb", warehouse, tables=[days])
    [(key, *figures)] = ledger(warehouse)
    assert json.loads(key) == {}
    assert figures == ["event_count", 3.0, 4.0, date(2026, 7, 1)]
