"""Each release notes how its sources are: delivered since the one before, and of the last four weeks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.source_trends import record_source_trends

AS_OF = datetime(2026, 2, 1, 12, tzinfo=UTC)


DELIVERED = """
    insert into hygiene.source_deliveries
        (source_name, table_name, read_count, quarantined_count, newest_row_at, checked_at) values
        ('shop', 'orders', 100, 10, '2026-01-30 12:00', '2026-01-31'),
        ('shop', 'orders', 40, 1, '2026-02-01 06:00', '2026-02-01'),
        ('shop', 'returns', 5, 0, null, '2026-01-31');
    create table hygiene.source_scorecard_daily as from (values
        ('shop', 'orders', 30, 15, 0.5, date '2026-01-31'), ('shop', 'orders', 10, 10, 0.9, date '2026-01-04'),
        ('shop', 'orders', 7, 7, 1.0, date '2026-01-03'), ('shop', 'orders', 7, 7, 1.0, date '2026-02-01')
    ) as days(source_name, table_name, row_count, identified_count, filled_share, measured_on);
    """


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as connection:
        create_ledgers(connection)
        connection.execute(DELIVERED)
        yield connection


def rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute("""
        select release_id, table_name, read_count, quarantined_count, recent_row_count, quarantined_share,
            filled_share, identified_share, hours_since_newest_row
        from hygiene.source_trends order by all
    """).fetchall()


def test_the_first_release_has_all_deliveries_and_the_last_four_weeks(warehouse: duckdb.DuckDBPyConnection) -> None:
    record_source_trends(warehouse, release_id="r1", as_of=AS_OF, published=[])
    assert rows(warehouse) == [
        # 28 whole days before the clock's own: from 4 January on
        ("r1", "orders", 140, 11, 40, pytest.approx(11 / 140), pytest.approx(0.6), pytest.approx(25 / 40), 6.0),
        ("r1", "returns", 5, 0, 0, 0.0, None, None, None),
    ]


def test_a_later_one_has_what_came_since_and_a_candidate_that_failed_leaves_nothing(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("insert into hygiene.releases (release_id, created_at) values ('r1', '2026-01-31 18:00')")
    record_source_trends(warehouse, release_id="r1", as_of=AS_OF, published=[])
    record_source_trends(warehouse, release_id="failed", as_of=AS_OF, published=["r1"])
    record_source_trends(warehouse, release_id="r2", as_of=AS_OF, published=["r1"])
    # tried again
    record_source_trends(warehouse, release_id="r2", as_of=AS_OF, published=["r1", "r2"])
    found = rows(warehouse)
    assert [(release, table) for release, table, *_ in found] == [
        ("r1", "orders"), ("r1", "returns"), ("r2", "orders"), ("r2", "returns"),
    ]  # fmt: skip
    assert found[2][2:6] == (40, 1, 40, 0.025)
    # nothing was delivered
    assert found[3][2:6] == (0, 0, 0, None)
