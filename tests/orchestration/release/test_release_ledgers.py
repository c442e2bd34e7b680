"""The ledgers are made from their declaration, and their rows outlive its changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.ledgers import (
    LedgerColumn,
    LedgerError,
    append_rows,
    create_ledgers,
    find_ledger,
    read_ledgers,
    replace_rows,
)

RESULT = {
    "run_id": "run",
    "gate": "landing",
    "suite": "feed__events",
    "table_schema": "raw",
    "table_name": "feed__events",
    "expectation": "event_id is never null",
    "verdict": "fail",
    "severity": "error",
    "rows_checked": 10,
    "unexpected_count": 1,
    "unexpected_share": 0.1,
    "sample_keys": '["abc"]',
}


def test_the_declared_ledgers_are_made_with_types_and_comments() -> None:
    with open_duckdb() as connection:
        create_ledgers(connection)
        create_ledgers(connection)
        columns = connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() "
            "where schema_name = 'hygiene' order by table_name, column_index"
        ).fetchall()
        declared = [
            (ledger.name, column.name, column.type, column.description)
            for ledger in sorted(read_ledgers(), key=lambda ledger: ledger.name)
            for column in ledger.columns
        ]
        assert columns == declared
        tables = connection.execute("select table_name, comment from duckdb_tables() order by 1").fetchall()
        assert [table for table, _ in tables] == [
            "customer_id_changes",
            "delivery_anomalies",
            "expectation_results",
            "kpi_anomalies",
            "kpi_bands",
            "releases",
            "restatements",
            "source_deliveries",
            "source_trends",
        ]
        assert all(comment.startswith("One row per ") for _, comment in tables)


def test_the_declaration_is_a_dbt_source_in_schema_hygiene() -> None:
    assert {(ledger.schema, ledger.place) for ledger in read_ledgers()} == {("hygiene", "_hygiene__sources.yml")}


def test_a_ledger_may_be_declared_in_any_folder_of_marts(tmp_path: Path) -> None:
    folder = tmp_path / "activation"
    folder.mkdir()
    (folder / "_activation__sources.yml").write_text(
        yaml.safe_dump(
            {
                "sources": [
                    {
                        "name": "activation_ledgers",
                        "schema": "activation",
                        "tables": [
                            {
                                "name": "deliveries",
                                "description": "One row per delivery.",
                                "columns": [{"name": "sent_on", "data_type": "date", "description": "The day."}],
                            }
                        ],
                    }
                ]
            }
        ),
        encoding="utf-8",
    )
    [ledger] = read_ledgers(tmp_path)
    assert (ledger.schema, ledger.name, ledger.place) == ("activation", "deliveries", "_activation__sources.yml")
    assert [(column.name, column.type) for column in ledger.columns] == [("sent_on", "DATE")]


def test_a_column_that_is_no_longer_declared_is_not_published_unseen() -> None:
    ledger = find_ledger("restatements")
    with open_duckdb() as connection:
        create_ledgers(connection, [ledger])
        with pytest.raises(LedgerError, match=f"has {ledger.columns[-1].name} in the warehouse, which _hygiene__"):
            create_ledgers(connection, [replace(ledger, columns=ledger.columns[:-1])])


def test_rows_are_appended_with_nulls_for_what_they_leave_out() -> None:
    with open_duckdb() as connection:
        create_ledgers(connection)
        noon_in_berlin = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
        rows = [RESULT | {"checked_at": noon_in_berlin}, RESULT | {"checked_at": datetime(2026, 7, 1, 11)}]
        assert append_rows(connection, "expectation_results", rows) == 2
        assert append_rows(connection, "expectation_results", []) == 0
        assert connection.execute(
            "select expectation, column_name, unexpected_count, unexpected_share, message, checked_at "
            "from hygiene.expectation_results order by checked_at"
        ).fetchall() == [
            ("event_id is never null", None, 1, 0.1, None, datetime(2026, 7, 1, 10)),
            ("event_id is never null", None, 1, 0.1, None, datetime(2026, 7, 1, 11)),
        ]


def test_many_rows_go_in_batches() -> None:
    with open_duckdb() as connection:
        create_ledgers(connection)
        rows = ({"release_id": "r", "measure": str(number), "new_value": number} for number in range(25_001))
        assert append_rows(connection, "restatements", rows) == 25_001
        assert connection.execute(
            "select count(distinct measure), sum(new_value) from hygiene.restatements"
        ).fetchone() == (25_001, 312_512_500.0)


def test_a_column_that_the_ledger_lacks_is_named() -> None:
    with open_duckdb() as connection:
        create_ledgers(connection)
        with pytest.raises(LedgerError, match=r"hygiene.expectation_results has no column verdikt"):
            append_rows(connection, "expectation_results", [{"verdikt": "pass"}])
    with pytest.raises(LedgerError, match=r"nonsense is no ledger.*expectation_results, releases, restatements"):
        find_ledger("nonsense")


def test_rows_outlive_a_column_that_is_declared_later() -> None:
    ledger = find_ledger("restatements")
    earlier = replace(ledger, columns=ledger.columns[:-1])
    with open_duckdb() as connection:
        create_ledgers(connection, [earlier])
        connection.execute("insert into hygiene.restatements (release_id) values ('old')")
        create_ledgers(connection, [ledger])
        append_rows(connection, "restatements", [{"release_id": "new", "measured_on": date(2026, 7, 1)}])
        assert connection.execute(
            "select release_id, measured_on is null from hygiene.restatements order by 1"
        ).fetchall() == [("new", False), ("old", True)]


def test_a_column_whose_type_changed_is_refused_and_nothing_is_written() -> None:
    ledger = find_ledger("restatements")
    first, *others = ledger.columns
    changed = replace(ledger, columns=(LedgerColumn(first.name, "BIGINT", "another"), *others))
    with open_duckdb() as connection:
        create_ledgers(connection)
        with pytest.raises(LedgerError, match=r"restatements.release_id is VARCHAR in the warehouse and BIGINT"):
            create_ledgers(connection, [changed])
        assert connection.execute(
            "select comment from duckdb_columns() where table_name = 'restatements' and column_name = 'release_id'"
        ).fetchone() == (first.description,)


def test_replacing_rows_is_all_or_nothing() -> None:
    with open_duckdb() as connection:
        create_ledgers(connection)
        replace_rows(connection, "releases", [{"release_id": "a"}, {"release_id": "b"}])
        with pytest.raises(LedgerError):
            replace_rows(connection, "releases", [{"release_id": "c"}, {"nonsense": 1}])
        assert connection.execute("select release_id from hygiene.releases order by 1").fetchall() == [
            ("a",),
            ("b",),
        ]
