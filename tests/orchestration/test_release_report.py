"""What `make run` says at its end, without a run."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.cli.release_report import (
    report_next_steps,
    show_hygiene,
    show_scorecard,
    summarise_hygiene,
    summarise_scorecard,
    summarise_tables,
)
from orchestration.lib.core.terminal import Styled


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
    amber = said[4]
    assert isinstance(amber, Styled)
    assert [part for part in amber.parts if part[1]] == [("amber  ", "amber")], "the colour is beside the word"
    assert new == "no data buying New – 20.00 EUR 1,234.50 EUR Bob"
    assert complaints == "green looking Complaints 0.1 0.2 0.1 ↘ better Bob"
    assert passed == "amber looking Passed 58.0 % 60.0 % 44.0 % ↘ worse* Ann"
    assert same == "green looking Same 16.3 % 10.0 % 16.3 % → Bob", "what does not show is no change"
    assert "equal age" in said[6]
    assert len({line.index("Bob") for line in said if "Bob" in line}) == 1, "columns are aligned"


def test_the_end_of_a_run_fits_a_screen_however_much_there_is_to_say() -> None:
    """A screen has 24 lines of 80 columns, and one of them is the prompt's."""
    said: list[str] = []
    manifest = {
        "tables": [
            {"schema": "core", "name": f"fct_{'long_name_' * 3}{number}", "row_count": 10**number}
            for number in range(9)
        ]
        + [{"schema": "hygiene", "name": "delivery_anomalies", "row_count": 1}],
        "database_bytes": 123_456_789,
        "checks": {"pass": 1_550, "fail": 7, "error": 0},
    }
    with duckdb.connect() as connection:
        connection.execute("""
            create schema kpis;
            create table kpis.kpi_scorecard as
            select 'kpi_' || n as kpi_id, 'journey_' || n % 9 as journey_id, 'phase' as phase_id,
                'A KPI with a name that is longer than a column of a table ' || n as kpi_name, 'primary' as tier,
                'up' as direction, 'EUR' as unit, 1234567.891 * n as status_value, 2345678.9 * n as target,
                case n % 3 when 0 then 'green' when 1 then 'amber' else 'red' end as status,
                1234567.891 * n as value, -5e0 as trend, 'Ann' as accountable, null::timestamp as compared_at
            from range(1, 41) as numbers(n);
            create schema hygiene;
            create table hygiene.source_scorecard as select 182206123 as read_count, 174154123 as current_count,
                7184 as superseded_count, 711 as duplicate_count, 157123 as quarantined_count;
            create table hygiene.expectation_results as
            select 'marts' as suite, 'fail' as verdict, repeat('much to read ', 40) || n as message,
                timestamp '2026-06-02' as checked_at
            from range(7) as numbers(n);
            create table hygiene.delivery_anomalies as select null as accepted_at, null as ended_at from range(12);
            create table hygiene.quarantine_summary as
            select 'loyalty' as source_name, 'points' as table_name, 'not_a_time' as reason, 'at' as column_name,
                n as row_count
            from range(1, 30) as numbers(n);
        """)
        said += ["", "Release 20261128T013012_656504Z_omnichannel, as of 2026-07-01 00:00 UTC"]
        summarise_tables(manifest, said.append)
        summarise_scorecard(connection, said.append)
        summarise_hygiene(connection, manifest, said.append)
        said += ["The job took 212 s, all together 254 s."]
        report_next_steps(said.append)
    assert [line for line in said if len(line) > 80] == []
    assert len(said) <= 23
    text = "\n".join(said)
    for shown in ("↘ worse", "EUR", "182,206,123 rows read", "29 × not_a_time", "5 of the 27 primary", "12 unlike"):
        assert shown in text
    for command in ("make report", "make accept", "make quarantine"):
        assert command in text, "the rest is there for whoever asks"


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
