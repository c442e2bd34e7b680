"""What ledgers hold stops growing with the number of runs, and what others rest on remains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.settings import SettingsError, read_settings
from orchestration.lib.hygiene.deliveries import DELIVERIES_KEPT
from orchestration.lib.hygiene.results import CheckResult, SuiteResult, read_results, results_rows, store_results
from orchestration.lib.release.history import RESULTS, forget_old_runs
from orchestration.lib.release.journal import ROLLED_BACK, Line, Switch
from orchestration.lib.release.ledgers import append_rows, create_ledgers
from orchestration.lib.warehouse.build import ensure_ledgers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = 10
RUNS = 50


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        ensure_ledgers(connection, "a key of sixteen")
        create_ledgers(connection)
        yield connection


def a_run(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """What a run writes into ledgers: suites of two tables, deliveries, a deviation that ends, a build, and more."""
    at, run_id = NOW + timedelta(hours=number), f"run {number}"

    def result(table: str) -> CheckResult:
        return CheckResult("raw", table, "columns", None, "pass", "error", number, 0, (), f"of {run_id}")

    suites = ["landing.feed__events", "landing.feed__people"]
    # a source that was removed after the third run, whose suite is not run any more
    suites += ["landing.shop__orders"] if number < 3 else []
    found = [SuiteResult(suite, "landing", (result(suite.partition(".")[2]),) * 3, at) for suite in suites]
    store_results(connection, results_rows(found, run_id), table=RESULTS)
    append_rows(
        connection,
        "source_deliveries",
        [
            {"run_id": run_id, "source_name": "feed", "table_name": table, "file_count": files, "checked_at": at}
            for table, files in (("events", 1), ("people", 0))
        ],
    )
    for ledger, settled in (("delivery_anomalies", at), ("kpi_anomalies", at)):
        append_rows(connection, ledger, [{"anomaly_id": f"{number} ended", "found_at": at, "ended_at": settled}])
    if number == 0:
        for ledger in ("delivery_anomalies", "kpi_anomalies"):
            append_rows(connection, ledger, [{"anomaly_id": "open"}, {"anomaly_id": "accepted", "accepted_at": at}])
    status = "by hand" if number == 1 else "complete" if number < 20 else "failed"
    connection.execute(
        "insert into landing.builds (build, batch, status, started_at) values (?, 1, ?, ?)", [number, status, at]
    )
    forget_old_runs(connection, kept=KEPT)


def sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('hygiene', 'landing')"
    ).fetchall()
    return {table: connection.execute(f"select count(*) from {table}").fetchall()[0][0] for (table,) in sorted(tables)}


def test_ledgers_stop_growing_over_fifty_runs(connection: duckdb.DuckDBPyConnection) -> None:
    counts = []
    for number in range(DELIVERIES_KEPT + RUNS):
        a_run(connection, number)
        counts.append(sizes(connection))
    assert counts[2 * KEPT] != counts[-1], "deliveries that others are compared with are kept longer"
    assert counts[DELIVERIES_KEPT + KEPT] == counts[-1], "nothing grows"
    last = counts[-1]
    # two suites of three checks in each run, and the last results of the one that is gone
    assert last["hygiene.expectation_results"] == KEPT * 6 + 3
    assert last["hygiene.source_deliveries"] == DELIVERIES_KEPT + KEPT
    assert last["hygiene.delivery_anomalies"] == last["hygiene.kpi_anomalies"] == KEPT + 2
    # the newest ones, and the last that was complete and the last by hand
    assert last["landing.builds"] == KEPT + 2


def test_what_others_rest_on_is_kept(connection: duckdb.DuckDBPyConnection) -> None:
    suites = ["landing.feed__events", "landing.feed__people", "landing.shop__orders"]
    for number in range(RUNS):
        a_run(connection, number)
    found = {result.suite: result for result in read_results(connection, suites, table=RESULTS)}
    assert found["landing.feed__events"].results[0].message == f"of run {RUNS - 1}"
    assert found["landing.shop__orders"].results[0].message == "of run 2", "the newest verdict of each check"
    statuses = dict(connection.execute("select status, max(build) from landing.builds group by status").fetchall())
    assert statuses == {"by hand": 1, "complete": 19, "failed": RUNS - 1}
    for ledger in ("delivery_anomalies", "kpi_anomalies"):
        kept = connection.execute(f"select anomaly_id from hygiene.{ledger} where ended_at is null").fetchall()
        assert sorted(kept) == [("accepted",), ("open",)]


def test_the_journal_names_the_newest_releases_and_those_that_are_there(tmp_path: Path) -> None:
    def named(number: int) -> str:
        return f"2026030{number // 10}T0{number % 10}0000_000000Z_own"

    line = Line(tmp_path, ())
    for number in range(RUNS):
        before = named(number - 1) if number else None
        line = line.with_switch(Switch("published", named(number), before, NOW.isoformat(), {}))
    for number in (3, RUNS - 1):
        release = tmp_path / named(number)
        release.mkdir()
        for part in ("customer_journeys.duckdb", "manifest.json"):
            (release / part).touch()
    # readers went back to one that was old already
    line = line.with_switch(Switch(ROLLED_BACK, named(3), named(RUNS - 1), NOW.isoformat(), {}))
    short = line.shortened(KEPT)
    assert short.published == {named(3), *(named(number) for number in range(RUNS - KEPT, RUNS))}
    assert short.current == line.current == named(3)
    assert short.predecessor(named(RUNS - 1)) == named(RUNS - 2)
    assert short.shortened(KEPT) == short


def test_the_setting_covers_the_releases_that_are_kept(tmp_path: Path) -> None:
    environment = {"JOURNEYS_VAR": str(tmp_path), "JOURNEYS_RELEASES_KEPT": "7"}
    assert read_settings(environment).history_kept == 400
    assert read_settings(environment | {"JOURNEYS_RELEASES_KEPT": "500"}).history_kept == 500
    assert read_settings(environment | {"JOURNEYS_HISTORY_KEPT": "7"}).history_kept == 7
    with pytest.raises(SettingsError, match="Give at least 7"):
        read_settings(environment | {"JOURNEYS_HISTORY_KEPT": "6"})
