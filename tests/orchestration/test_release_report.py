"""What `make run` says at its end, without a run."""

from __future__ import annotations

import duckdb

from orchestration.cli.release_report import show_scorecard


def test_the_scorecard_says_what_is_rated_and_whether_it_gets_better() -> None:
    """Fewer complaints are better though the figure falls; an open month is compared at equal age, and says so."""
    said: list[str] = []
    with duckdb.connect() as connection:
        connection.execute("""
            create schema kpis;
            create table kpis.kpi_scorecard as
            select * from (values
                ('passed', 'buying', 'looking', 'Passed', 'primary', 'up', 0.58e0, 0.6e0, 'amber', 0.44e0, -0.08e0,
                    'Ann', timestamp '2026-06-01'),
                ('complaints', 'buying', 'looking', 'Complaints', 'primary', 'down', 0.1e0, 0.2e0, 'green', 0.1e0,
                    -0.02e0, 'Bob', null),
                ('new', 'buying', 'looking', 'New', 'primary', 'up', null, 0.2e0, 'no_data', 0.3e0, null, 'Bob', null)
            ) as rows (kpi_id, journey_id, phase_id, kpi_name, tier, direction, status_value, target, status, value,
                trend, accountable, compared_at)
        """)
        show_scorecard(connection, said.append)
    complaints, new, passed = (" ".join(line.split()) for line in said[1:4])
    assert complaints == "green looking Complaints 0.1 target 0.2 now 0.1 ↘ better Bob"
    assert new == "no_data looking New – target 0.2 now 0.3 Bob"
    assert passed == "amber looking Passed 0.58 target 0.6 now 0.44 ↘ worse* Ann"
    assert "equal age" in said[4]
