"""What `make run` says at its end, without a run."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.cli.release_report import show_hygiene, show_scorecard


def test_the_scorecard_says_what_is_rated_and_whether_it_gets_better() -> None:
    """Fewer complaints are better though the figure falls; an open month is compared at equal age, and says so."""
    said: list[str] = []
    with duckdb.connect() as connection:
        connection.execute("""
            create schema kpis;
            create table kpis.kpi_scorecard as
            select * from (values
                ('passed', 'buying', 'looking', 'Passed', 'primary', 'up', 'share', 0.58e0, 0.6e0, 'amber', 0.44e0,
                    -0.08e0, 'Ann', timestamp '2026-06-01'),
                ('complaints', 'buying', 'looking', 'Complaints', 'primary', 'down', 'ratio', 0.1e0, 0.2e0, 'green',
                    0.1e0, -0.02e0, 'Bob', null),
                ('new', 'buying', null, 'New', 'primary', 'up', 'EUR', null, 20e0, 'no_data', 1234.5e0, null, 'Bob',
                    null),
                ('same', 'buying', 'looking', 'Same', 'primary', 'up', 'share', 0.163e0, 0.1e0, 'green', 0.163e0,
                    0.0003e0, 'Bob', null)
            ) as rows (kpi_id, journey_id, phase_id, kpi_name, tier, direction, unit, status_value, target, status,
                value, trend, accountable, compared_at)
        """)
        show_scorecard(connection, said.append)
    # of the whole journey first, then by phase
    heads, new, complaints, passed, same = (" ".join(line.split()) for line in said[1:6])
    assert heads == "rated target now accountable"
    assert new == "no data buying New – 20.00 EUR 1,234.50 EUR Bob"
    assert complaints == "green looking Complaints 0.1 0.2 0.1 ↘ better Bob"
    assert passed == "amber looking Passed 58.0 % 60.0 % 44.0 % ↘ worse* Ann"
    assert same == "green looking Same 16.3 % 10.0 % 16.3 % → Bob", "what does not show is no change"
    assert "equal age" in said[6]
    assert len({line.index("Bob") for line in said if "Bob" in line}) == 1, "columns are aligned"


def test_warnings_are_named_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """A check that warned in an earlier run and passes now is no warning."""
    said: list[str] = []
    with duckdb.connect() as connection:
        connection.execute("""
            create schema hygiene;
            create table hygiene.source_scorecard as select 9 as read_count, 1 as current_count, 1 as superseded_count,
                0 as duplicate_count, 7 as quarantined_count;
            create table hygiene.expectation_results as
            select * from (values
                ('marts.core', 'fail', 'core.fct_events fresh: too old', timestamp '2026-06-02'),
                ('marts.core', 'pass', 'core.fct_events columns: fine', timestamp '2026-06-02'),
                ('marts.core', 'fail', 'core.fct_events shrunk: by half', timestamp '2026-06-01'),
                ('landing.feed__events', 'fail', 'raw.feed__events one_of: 3 of 9', timestamp '2026-06-01')
            ) as rows (suite, verdict, message, checked_at);
            create table hygiene.quarantine_summary as
            select 'feed' as source_name, 'events' as table_name, 'reason_' || n as reason,
                case when n > 1 then 'amount' end as column_name, 10 - n as row_count
            from range(1, 8) as numbers(n);
        """)
        show_hygiene(connection, {"checks": {"pass": 2, "fail": 2, "error": 0}, "tables": []}, tmp_path, said.append)
    assert said[1:] == [
        "  warning: core.fct_events fresh: too old",
        "  warning: raw.feed__events one_of: 3 of 9",
        f"  all checks: {tmp_path}/data_docs/index.html",
        "  9 rows read = 1 current + 1 superseded + 0 duplicate + 7 quarantined",
        "          9 × reason_1 in feed.events",
        *(f"          {10 - number} × reason_{number} in feed.events, amount" for number in range(2, 6)),
        "  … and 2 more: make sql SQL='from hygiene.quarantine_summary'",
    ]
