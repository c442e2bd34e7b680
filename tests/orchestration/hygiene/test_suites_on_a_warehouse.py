"""Suites against real DuckDB files: what passes, what fails, what could not be checked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.hygiene.checks import Suite, TableChecks
from orchestration.lib.hygiene.landing_suites import landing_suite, warnings_suite
from orchestration.lib.hygiene.published_suites import published_suite
from orchestration.lib.hygiene.results import (
    LEDGER_COLUMNS,
    SuiteResult,
    read_results,
    reason_without_data,
    results_rows,
    store_results,
)
from orchestration.lib.hygiene.session import HygieneSession
from orchestration.lib.landing.quarantine import mostly_quarantined

from .conftest import AS_OF, CORE, EVENTS, PEPPER, SPEND, WarehouseOfTest, found, run_suites


def run_suite(path: Path, suite: Suite, **options: Any) -> SuiteResult:
    return run_suites(path, [suite], **options)[0]


def landing(warehouse: WarehouseOfTest, contract=EVENTS, **options):
    return warehouse.run(landing_suite(contract, as_of=AS_OF, **options))


def core(warehouse: WarehouseOfTest, **options):
    return warehouse.run(published_suite("core", CORE, as_of=AS_OF, **options))


def test_good_tables_pass(warehouse):
    for result in (landing(warehouse), core(warehouse)):
        assert result.verdict == "pass", result.message
        assert not result.blocks and not result.warnings
        assert result.rows_checked == 100
        assert len(result.results) > 10


def test_an_absent_source_is_an_empty_table_and_passes(warehouse):
    result = landing(warehouse, SPEND)
    assert result.verdict == "pass", result.message
    check = found(result, "present", "channel")
    assert (check.rows_checked, check.unexpected_count) == (0, 0)
    assert "no rows" in check.message


@pytest.mark.parametrize(
    ("spoil", "expectation", "column", "count"),
    [
        ("update raw.feed__events set event_name = null where _line < 3", "present", "event_name", 3),
        ("update raw.feed__events set _row_key = 'e1' where _line < 2", "unique", "_row_key", 2),
        ("update raw.feed__events set direction = 'up' where _line < 4", "accepted_values", "direction", 4),
        (
            "update raw.feed__events set occurred_at = '1970-01-01' where _line < 5",
            "plausible_time",
            "occurred_at",
            5,
        ),
        (
            "update raw.feed__events set occurred_at = '2206-01-01' where _line < 5",
            "plausible_time",
            "occurred_at",
            5,
        ),
        ("update raw.feed__events set amount = 2e12 where _line < 6", "between", "amount", 6),
        (
            "update raw.feed__events set feedback_score = 11 where _line < 7",
            "score_within_scale",
            "feedback_score",
            7,
        ),
        (
            "update raw.feed__events set feedback_kind = 'ces', feedback_score = _line % 2, feedback_scale_max = 7"
            " where _line < 8",
            "score_within_scale",
            "feedback_score",
            4,
        ),
        (
            "update raw.feed__events set feedback_score = 5, feedback_scale_min = 5, feedback_scale_max = 5"
            " where _line < 9",
            "scale_has_two_ends",
            "feedback_scale_max",
            9,
        ),
    ],
)
def test_rows_that_break_a_law_fail(warehouse, spoil, expectation, column, count):
    warehouse.execute(spoil)
    result = landing(warehouse)
    check = found(result, expectation, column)
    assert result.verdict == "fail" and result.blocks
    assert [failed.expectation for failed in result.blocking_results] == [expectation]
    assert (check.verdict, check.unexpected_count, check.rows_checked) == ("fail", count, 100)
    assert check.unexpected_share == pytest.approx(count / 100)
    assert "raw.feed__events" in check.message and f"{count} of 100" in check.message
    assert 1 <= len(check.sample_keys) <= 5


def test_the_query_in_a_failing_message_finds_the_rows(warehouse):
    warehouse.execute("update raw.feed__events set direction = 'up' where _line < 4")
    query = found(landing(warehouse), "accepted_values").message.split("Look with: ")[1]
    with open_duckdb(warehouse.path, read_only=True) as connection:
        assert len(connection.execute(query).fetchall()) == 4


def test_only_current_rows_count(warehouse):
    warehouse.execute(
        "update raw.feed__events set event_name = null, _row_key = 'e99', _row_status = 'superseded' where _line < 9"
    )
    result = landing(warehouse)
    assert result.verdict == "pass", result.message
    assert found(result, "unique").rows_checked == 91


def test_a_tolerated_slip_passes_and_is_counted(warehouse):
    warehouse.execute("update raw.feed__events set occurred_at = '1970-01-01' where _line = 1")
    check = found(landing(warehouse), "plausible_time")
    assert (check.verdict, check.unexpected_count) == ("pass", 1)
    assert "within the tolerated 1.0%" in check.message


def test_a_clock_set_back_does_not_make_later_events_implausible(warehouse):
    result = warehouse.run(landing_suite(EVENTS, as_of=datetime(2019, 1, 1, tzinfo=UTC)))
    assert found(result, "plausible_time").verdict == "pass"


def test_warnings_are_shown_and_block_nothing(warehouse):
    warehouse.execute("update raw.feed__events set currency = 'euro' where _line < 10")
    result = landing(warehouse)
    assert (result.verdict, result.blocks) == ("pass", False)
    assert [check.expectation for check in result.warnings] == ["currency_code"]
    assert "warning:" in result.message


def test_too_large_a_quarantine_fails_and_says_where_to_look(warehouse):
    warehouse.execute("update landing.files set rows_accepted = 70, rows_quarantined = 30")
    result = landing(warehouse)
    check = found(result, "quarantined_share")
    assert (check.verdict, check.rows_checked, check.unexpected_count) == ("fail", 100, 30)
    assert '"quarantine"."feed__events"' in check.message
    assert landing(warehouse, max_quarantined_share=0.5).verdict == "pass"


def test_a_file_that_was_corrected_where_it_lies_counts_as_it_is_now(warehouse):
    """Bug: all rows of the only file were bad; the corrected file was blocked, too, and the message named the old."""
    warehouse.execute("update landing.files set rows_accepted = 0, rows_quarantined = 100")
    assert landing(warehouse).verdict == "fail"
    warehouse.execute(
        "insert into landing.files (source_name, table_name, file_path, batch, status, rows_read, rows_quarantined)"
        " values ('feed', 'events', 'feed/events/a.csv', 2, 'loaded', 100, 1)"
    )
    result = landing(warehouse)
    # what a tool wrote over may be another day's rows: that file remains a warning
    assert (result.verdict, [check.expectation for check in result.warnings]) == (
        "pass", ["quarantined_share_per_file"],
    )  # fmt: skip
    check = found(result, "quarantined_share")
    assert (check.rows_checked, check.unexpected_count) == (100, 1)


def broken_file(number: int, *, read: int, quarantined: int, path: str | None = None) -> list[str]:
    """Statements that add a file of its own batch to a long history."""
    shown = path or f"feed/events/{number}.csv"
    return [
        "insert into landing.files"
        " (file_id, source_name, table_name, file_path, batch, status, rows_read, rows_quarantined) values"
        f" ('n{number}', 'feed', 'events', '{shown}', {number}, 'loaded', {read}, {quarantined})",
        f"insert into quarantine.feed__events select 'n{number}', '{shown}', 2 + i, 'occurred_at', 'not_a_time', 'no',"
        f" null, {number}, null from range({quarantined}) as t(i)",
    ]


def test_a_bad_file_in_a_long_history_is_a_warning(warehouse):
    warehouse.execute(*broken_file(2, read=10, quarantined=5))
    result = landing(warehouse)
    assert (result.verdict, found(result, "quarantined_share_per_file").verdict) == ("pass", "fail")


@pytest.mark.parametrize(
    ("read", "quarantined", "verdict"),
    [
        (10, 10, "fail"),
        (10, 6, "fail"),
        (10, 5, "pass"),
        (2, 2, "fail"),
        (3, 2, "fail"),
        # one broken row is a slip, also where it is the only one
        (1, 1, "pass"),
        # a file without rows breaks nothing
        (0, 0, "pass"),
    ],
)
def test_a_file_that_is_mostly_quarantined_fails_in_a_history_of_any_length(warehouse, read, quarantined, verdict):
    warehouse.execute(
        "update landing.files set rows_read = 1000000, rows_accepted = 1000000",
        *broken_file(2, read=read, quarantined=quarantined),
        # later good deliveries do not hide it
        *broken_file(3, read=1000, quarantined=0),
    )
    result = landing(warehouse)
    check = found(result, "quarantined_share_of_delivery")
    assert (result.blocks, check.verdict, check.unexpected_count) == (
        verdict == "fail",
        verdict,
        int(verdict == "fail"),
    )
    with open_duckdb(warehouse.path, read_only=True) as connection:
        named = mostly_quarantined(connection, EVENTS)
        if verdict == "fail":
            look = check.message.partition("Look with: ")[2]
            assert connection.execute(look).fetchall() == [
                ("feed/events/2.csv", "not_a_time", "occurred_at", quarantined)
            ]
            [file] = named
            assert file.message.startswith(
                f"extracts/feed/events/2.csv: {quarantined} of {read} rows are in quarantine: "
                f"{quarantined} × not_a_time in occurred_at. "
            )
            for fix in ("make requeue SOURCE=feed TABLE=events", 'make withdraw FILE="feed/events/2.csv"'):
                assert fix in file.message
            assert len(connection.execute(file.message.partition("Look with: ")[2]).fetchall()) == quarantined
        else:
            assert named == ()


def test_a_delivery_of_many_files_with_one_broken_row_each_fails(warehouse):
    for number in range(3):
        warehouse.execute(*broken_file(number + 10, read=1, quarantined=1))
    assert not landing(warehouse).blocks, "three deliveries of a slip each"
    warehouse.execute("update landing.files set batch = 10 where file_id like 'n%'")
    assert found(landing(warehouse), "quarantined_share_of_delivery").unexpected_count == 3


@pytest.mark.parametrize(
    "resolve",
    [
        ["update landing.files set status = 'withdrawn' where file_id = 'n2'"],
        broken_file(3, read=10, quarantined=1, path="feed/events/2.csv"),
        # what a requeue does
        ["delete from quarantine.feed__events where line > 3"],
    ],
    ids=["withdrawn", "replaced", "requeued"],
)
def test_a_mostly_quarantined_file_blocks_until_it_is_resolved(warehouse, resolve):
    warehouse.execute("update landing.files set rows_read = 1000", *broken_file(2, read=10, quarantined=10))
    assert landing(warehouse).blocks
    warehouse.execute(*resolve)
    assert found(landing(warehouse), "quarantined_share_of_delivery").verdict == "pass"


def test_a_refused_file_fails_until_it_is_replaced(warehouse):
    warehouse.execute(
        "insert into landing.files (source_name, table_name, file_path, batch, status)"
        " values ('feed', 'spend', 'feed/spend/a.csv', 1, 'refused')"
    )
    result = landing(warehouse, SPEND)
    assert found(result, "no_refused_file").verdict == "fail"
    assert landing(warehouse).verdict == "pass", "the refusal is another table's"
    assert landing(warehouse, SPEND, refused_files=[]).verdict == "pass", "the file is gone from the folder"
    assert landing(warehouse, SPEND, refused_files=["feed/spend/a.csv"]).verdict == "fail"
    warehouse.execute(
        "insert into landing.files (source_name, table_name, file_path, batch, status, rows_read,"
        " rows_quarantined)"
        " values ('feed', 'spend', 'feed/spend/a.csv', 2, 'loaded', 5, 0)"
    )
    assert landing(warehouse, SPEND).verdict == "pass"


def test_what_is_suspicious_in_the_extracts_folder_is_a_warning(warehouse):
    warehouse.execute(
        "create table landing.warnings (source_name varchar, table_name varchar, file_id varchar, place varchar,"
        " kind varchar, column_name varchar, row_count bigint, message varchar, batch bigint, loaded_at timestamp)",
    )
    assert warehouse.run(warnings_suite()).warnings == ()
    warehouse.execute(
        "insert into landing.warnings (source_name, table_name, file_id, place, kind, message) values"
        " ('feed', 'events', 'f1', 'feed/events/a.csv', 'misspelt_column', 'one'),"
        " ('feed', 'events', 'f1', 'feed/events/a.csv', 'misspelt_column', 'two'),"
        " (null, null, null, 'fed', 'undeclared_source', 'three'), (null, null, null, '.', 'ignored_files', 'four'),"
        " ('desk', 'tickets', null, 'desk/tickets', 'guesses_left', 'five'),"
        " ('desk', 'tickets', null, 'desk/tickets', 'value_never_seen', 'six')"
    )
    result = warehouse.run(warnings_suite())
    assert (result.verdict, result.blocks) == ("pass", False)
    assert [(check.expectation, check.unexpected_count) for check in result.warnings] == [
        ("no_suspicious_file", 1),
        ("everything_is_read", 1),
        ("contracts_are_settled", 2),
    ]
    with open_duckdb(warehouse.path, read_only=True) as connection:
        looks = [check.message.partition("Look with: ")[2] for check in result.warnings]
        shown = [row[-1] for look in looks for row in connection.execute(look).fetchall()]
    assert shown == ["one", "two", "three", "five", "six"]
    # corrected under its path
    warehouse.execute(*broken_file(2, read=10, quarantined=0, path="feed/events/a.csv"))
    assert [check.expectation for check in warehouse.run(warnings_suite()).warnings] == [
        "everything_is_read",
        "contracts_are_settled",
    ]


# --- published schemas --------------------------------------------------------------------------------------


def test_a_missing_column_fails(warehouse):
    warehouse.execute("alter table core.fct_events drop column touchpoint")
    check = found(core(warehouse), "columns", table="fct_events")
    assert (check.verdict, check.unexpected_count) == ("fail", 1)


def test_a_table_that_lost_more_than_half_its_rows_fails(warehouse):
    rows = {"core.fct_events": 201, "core.bridge_customer_records": 201}
    result = core(warehouse, previous_row_counts=rows)
    assert [check.table_name for check in result.blocking_results] == ["fct_events"]
    assert [check.table_name for check in result.warnings] == ["bridge_customer_records"]
    assert not core(warehouse, previous_row_counts=rows, may_shrink=True).blocks
    assert core(warehouse, previous_row_counts={"core.fct_events": 200}).verdict == "pass"


def test_faults_that_were_corrected_are_no_lost_rows(warehouse):
    """The table of landing warnings warned of itself once its warnings were dealt with."""
    rows = {mart.label: 10_000 for mart in CORE}
    faults = [
        replace(mart, facts=mart.facts.model_copy(update={"lists_faults": mart.name == "bridge_customer_records"}))
        for mart in CORE
    ]
    result = warehouse.run(published_suite("core", faults, as_of=AS_OF, previous_row_counts=rows, may_shrink=True))
    lost = {check.table_name for check in result.warnings if check.expectation == "row_count"}
    assert lost == {mart.name for mart in CORE} - {"bridge_customer_records"}


def test_an_empty_timeline_fails_only_when_events_landed(warehouse):
    warehouse.execute("delete from core.fct_events")
    result = core(warehouse)
    check = found(result, "not_empty", table="fct_events")
    assert (check.verdict, check.unexpected_count) == ("fail", 100)
    warehouse.execute("delete from raw.feed__events")
    assert found(core(warehouse), "not_empty", table="fct_events").verdict == "pass"


def test_old_data_is_a_warning(warehouse):
    result = warehouse.run(published_suite("core", CORE, as_of=datetime(2027, 1, 1, tzinfo=UTC)))
    assert result.verdict == "pass"
    assert [check.expectation for check in result.warnings] == ["fresh"]


@pytest.mark.parametrize(
    "text",
    ["bob.smith+x@mail.example.org", "write to bob@example.org!", "call +31 6 1234 5678", "+4915112345678"],
)
def test_a_text_that_looks_like_a_person_fails(warehouse, text):
    warehouse.execute(f"update core.fct_events set campaign = '{text}' where event_id = 'e7'")
    check = found(core(warehouse), "no_direct_identifier", table="fct_events")
    assert (check.verdict, check.unexpected_count) == ("fail", 1)
    assert "campaign (1)" in check.message
    assert text not in check.message


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01 00:00:00+00",
        "spring+summer",
        "a@b",
        "0049151-article",
        "1+1=2",
        "search > email",
        "@brand",
        "x+12345",
    ],
)
def test_a_text_that_only_resembles_one_passes(warehouse, text):
    warehouse.execute(f"update core.fct_events set campaign = '{text}'")
    assert found(core(warehouse), "no_direct_identifier", table="fct_events").verdict == "pass"


# --- what could not be checked ------------------------------------------------------------------------------


def assert_all_could_not_run(result):
    assert result.verdict == "error" and result.blocks
    assert result.results and all(check.verdict == "error" for check in result.results)
    assert all(check.unexpected_count is None and "could not be checked" in check.message for check in result.results)


def test_a_missing_table_is_an_error(warehouse):
    warehouse.execute("drop table raw.feed__events")
    result = landing(warehouse)
    assert_all_could_not_run(result)
    assert "feed__events does not exist" in result.message


def test_a_missing_published_table_is_an_error(warehouse):
    warehouse.execute("drop table core.fct_events")
    result = core(warehouse)
    assert result.verdict == "error"
    assert found(result, "columns", table="fct_events").verdict == "error"
    assert found(result, "columns", table="dim_customers").verdict == "pass"


def test_a_missing_file_is_an_error(warehouse, tmp_path):
    assert_all_could_not_run(run_suite(tmp_path / "nowhere.duckdb", landing_suite(EVENTS, as_of=AS_OF)))
    assert_all_could_not_run(run_suite(tmp_path / "nowhere.duckdb", published_suite("core", CORE, as_of=AS_OF)))
    assert not (tmp_path / "nowhere.duckdb").exists()


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"this is no database" * 1000)
    assert_all_could_not_run(run_suite(path, landing_suite(EVENTS, as_of=AS_OF), wait_seconds=0.2))


def test_a_locked_file_is_an_error(warehouse):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)",
            str(warehouse.path),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline().strip() == b"open"
        result = landing(warehouse)
    finally:
        holder.kill()
        holder.wait()
    assert_all_could_not_run(result)
    assert landing(warehouse).verdict == "pass"


def test_a_schema_without_tables_is_an_error(warehouse):
    tables = [replace(mart, schema="flows") for mart in CORE]
    assert_all_could_not_run(warehouse.run(published_suite("flows", tables, as_of=AS_OF)))


def test_broken_sql_is_an_error_of_that_check_only(warehouse):
    here = TableChecks("raw.feed__events", key="_row_key")
    suite = Suite(
        name="mixed",
        gate="landing",
        checks=(
            here.no_row_where("no_column", "no_such_column > 1", says="it is"),
            here.no_row_where("no_syntax", "amount >", says="it is"),
            here.no_row_where("no_number", "cast(event_name as integer) = 1", says="it is", column="event_name"),
            here.between("event_name", least=0),
            here.between("no_such_column", least=0),
            here.present("event_name"),
            here.present("amount"),
            here.between("amount", least=0),
        ),
    )
    result = warehouse.run(suite)
    assert [check.verdict for check in result.results] == ["error"] * 5 + ["pass"] * 3, result.message
    assert result.verdict == "error"
    assert "no_such_column" in result.results[0].message
    assert "page_view" not in result.message, "an error about a value must not show the value"


def test_a_suite_without_its_extras_columns_still_runs(warehouse):
    small = EVENTS.__class__(**{**EVENTS.__dict__, "columns": EVENTS.columns[:3]})
    assert warehouse.run(landing_suite(small, as_of=AS_OF)).verdict == "pass"


# --- conditions reach DuckDB as they were written -----------------------------------------------------------


def test_colons_braces_percents_and_quotes_survive_the_way(warehouse):
    here = TableChecks("raw.feed__events", key="_row_key")
    condition = (
        "regexp_matches('a:b{2}%s $1 :name', '^[[:alpha:]]:b[{]\\d{1,2}[}]%s [$]1 :name$')"
        " and event_name::varchar = 'page_view' and '12:30:00' < '12:30:01' and 'it''s' = 'it''s' and"
        " _line = 1"
    )
    check = warehouse.run(Suite("odd", "landing", (here.no_row_where("odd", condition, says="x"),))).results[0]
    assert (check.verdict, check.unexpected_count) == ("fail", 1), check.message


def test_reserved_and_odd_column_names_are_no_trouble(warehouse):
    warehouse.execute(
        'create table raw.odd ("order" integer, "select" varchar, "two words" varchar, "CamelCase" varchar)',
        "insert into raw.odd values (1, 'a', 'b', 'c'), (1, null, null, null)",
    )
    here = TableChecks("raw.odd", key='"order"')
    checks = (
        here.unique("order"),
        here.present("select"),
        here.present("two words"),
        here.present("CamelCase"),
    )
    result = warehouse.run(Suite("odd", "landing", checks))
    assert [check.verdict for check in result.results] == ["fail"] * 4, result.message
    assert [check.unexpected_count for check in result.results] == [2, 1, 1, 1]


# --- the connection -----------------------------------------------------------------------------------------


def test_queries_of_a_suite_run_with_the_projects_settings(warehouse):
    """DuckDB gives wrong rows without this setting, so a suite on a connection of its own would check
    wrongly.
    """
    here = TableChecks("core.dim_customers", key=None)
    witness = (
        "with e as (select * from (values (1,100),(2,100),(100,1),(100,2)) t(a,b)),"
        " g as (select * from (values (1,1,1),(2,2,2),(100,1,1)) t(n,f,gf)),"
        " u as (select ga.f n, gb.gf v from e join g ga on ga.n=e.a join g gb on gb.n=e.b where"
        " gb.gf<ga.gf union all"
        " select e.a, gb.gf from e join g ga on ga.n=e.a join g gb on gb.n=e.b where gb.gf<ga.gf)"
        " select count(*) as rows_checked, count_if(not (n = 2 and v = 1)) as unexpected_count from u"
    )
    suite = Suite(
        "canary",
        "marts",
        (
            here.no_row_where(
                "setting",
                "current_setting('disabled_optimizers') <> 'common_subplan' or current_setting('TimeZone') <> 'UTC'",
                says="the settings hold",
            ),
            here.counted("witness", witness, says="the rows are right", look=""),
        ),
    )
    result = warehouse.run(suite)
    assert result.verdict == "pass", result.message
    assert result.results[1].rows_checked == 2


def test_the_file_is_free_after_a_suite(warehouse):
    for _ in range(2):
        assert landing(warehouse).verdict == "pass"
        code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create or replace table raw.t (a int)')"
        subprocess.run([sys.executable, "-c", code, str(warehouse.path)], check=True, capture_output=True)


def test_a_session_outside_its_block_checks_nothing(warehouse):
    session = HygieneSession(warehouse.path)
    assert_all_could_not_run(session.run(landing_suite(EVENTS, as_of=AS_OF)))


def test_nothing_is_printed(warehouse, capfd):
    warehouse.execute("update raw.feed__events set direction = 'up' where _line < 4")
    landing(warehouse)
    core(warehouse)
    assert capfd.readouterr() == ("", "")


def test_great_expectations_counts_a_table_in_few_statements_and_fetches_no_value(warehouse, monkeypatch):
    from orchestration.lib.hygiene.engine import DuckDBExecutionEngine

    asked: list[str] = []
    execute = DuckDBExecutionEngine.execute_query

    def recorded(self, query):
        asked.append(str(query))
        return execute(self, query)

    monkeypatch.setattr(DuckDBExecutionEngine, "execute_query", recorded)
    warehouse.execute("update raw.feed__events set direction = 'up', event_name = null where _line < 4")
    suite = landing_suite(EVENTS, as_of=AS_OF)
    assert warehouse.run(suite).verdict == "fail"
    figures = [check for check in suite.checks if check.expectation == "figures"]
    for kind in ("table.rows_where", "column_values.nonnull", "column_values.in_set"):
        assert len([query for query in asked if kind in query]) == 1, kind
    # all conditions, all columns, uniqueness, the columns of the table; each query of figures
    assert len(asked) <= 4 + len(figures), asked


def test_a_share_is_tolerated_of_the_values_not_of_the_empty_rows(warehouse):
    warehouse.execute("update raw.feed__events set amount = null where _line >= 20")
    here = TableChecks("raw.feed__events", key="_row_key")

    def between(tolerated: float):
        suite = Suite("s", "landing", (here.between("amount", least=1, tolerated_share=tolerated),))
        return warehouse.run(suite).results[0]

    check = between(0.04)
    assert (check.verdict, check.rows_checked, check.unexpected_count) == ("fail", 20, 1), check.message
    assert between(0.05).verdict == "pass"


# --- no personal data, and the ledger -----------------------------------------------------------------------


def test_results_hold_hashes_and_no_value_of_a_row(warehouse):
    warehouse.execute(
        "update raw.feed__events set _row_key = 'ann' || (_line % 2) || '@example.org', event_name = null,"
        " direction = 'secret street 5'"
    )
    result = landing(warehouse)
    text = json.dumps(results_rows([result], "r1"), default=str) + result.message
    assert result.verdict == "fail"
    assert "@example.org" not in text and "secret street" not in text and PEPPER not in text
    keys = found(result, "present", "event_name").sample_keys
    with duckdb.connect() as connection:
        expected = connection.execute(
            "select list_sort([left(sha256(? || '|ann' || i || '@example.org'), 16) for i in [0, 1]])",
            [PEPPER],
        ).fetchone()[0]
    assert list(keys) == expected


def test_the_landed_pepper_keys_the_hashes(warehouse):
    warehouse.execute(
        f"insert into landing.settings values ('pepper', '{PEPPER}')",
        "update raw.feed__events set event_name = null where _line = 1",
    )
    suite = landing_suite(EVENTS, as_of=AS_OF)
    landed = found(run_suite(warehouse.path, suite), "present", "event_name").sample_keys
    given = found(run_suite(warehouse.path, suite, pepper=PEPPER), "present", "event_name").sample_keys
    other = found(run_suite(warehouse.path, suite, pepper="other"), "present", "event_name").sample_keys
    assert landed == given != other


@pytest.mark.parametrize(
    ("error", "kept", "lost"),
    [
        ("Conversion Error: Could not convert string 'ann@example.org' to INT32", "Conversion Error", "ann@"),
        ("Invalid Input Error: Malformed JSON at byte 2 of input: \"Ann O'Hara\n5", "Malformed JSON", "Ann"),
        ('(duckdb.BinderException) Binder Error: Referenced column "amuont" not found', "amuont", "duckdb."),
        ("something 'private' went wrong", "went wrong", "private"),
        ("", "unknown", "x"),
    ],
)
def test_reasons_keep_names_and_lose_values(error, kept, lost):
    assert kept in reason_without_data(error)
    assert lost not in reason_without_data(error)


def test_the_ledger_gives_back_what_was_stored(warehouse):
    warehouse.execute("update raw.feed__events set direction = 'up' where _line < 4")
    suites = [landing_suite(EVENTS, as_of=AS_OF), published_suite("core", CORE, as_of=AS_OF)]
    results = run_suites(warehouse.path, suites, pepper=PEPPER, checked_at=AS_OF)
    rows = results_rows(results, "r1")
    assert all(list(row) == list(LEDGER_COLUMNS) for row in rows)
    with open_duckdb(warehouse.path) as connection:
        table = "hygiene.expectation_results"
        for _ in range(2):  # a step that is tried again does not count twice
            assert store_results(connection, rows, table=table) == len(rows)
        assert connection.execute(f"select count(*) from {table}").fetchone() == (len(rows),)
        names = {suite.suite for suite in results}
        back = read_results(connection, names, table=table)
        assert read_results(connection, ["landing.nothing"], table=table) == []
        # a later run that checks one suite leaves the last results of the others
        later = replace(results[0], checked_at=results[0].checked_at + timedelta(hours=1))
        store_results(connection, results_rows([later], "r2"), table=table)
        again = read_results(connection, names, table=table)
        assert sorted(suite.checked_at for suite in again) == sorted(
            [later.checked_at.replace(tzinfo=None), *(suite.checked_at.replace(tzinfo=None) for suite in results[1:])]
        )
    assert [(suite.suite, suite.verdict, suite.results) for suite in back] == [
        (suite.suite, suite.verdict, suite.results) for suite in results
    ]
