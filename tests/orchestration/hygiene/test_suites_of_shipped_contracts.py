"""Every shipped contract has a suite that DuckDB can run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
import yaml

from orchestration.lib.config.contracts import ColumnContract, TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.hygiene.checks import TableChecks
from orchestration.lib.hygiene.landing_suites import EXTRAS, landing_suite
from orchestration.lib.hygiene.results import LEDGER_COLUMNS
from orchestration.lib.hygiene.session import HygieneSession

from .conftest import AS_OF, PEPPER, create_raw_table, found

CONTRACTS = read_contracts(PROJECT_ROOT / "models")


def plain_value(column: ColumnContract) -> str:
    """An SQL expression for a value that any suite finds good; `i` is the row's number."""
    if column.accepted_values:
        return f"'{column.accepted_values[0]}'"
    if column.data_type == "timestamp":
        return "timestamp '2026-06-01' + to_hours(i)"
    if column.data_type == "date":
        return "date '2026-06-01'"
    if column.data_type == "boolean":
        return "true"
    if column.data_type == "json":
        return '\'{"a": "b"}\''
    if column.data_type == "string":
        return {"currency": "'EUR'"}.get(column.name, "'ann' || i || '@example.org'")
    # the greatest answer of a scale is beyond its least
    return "2" if column.name.endswith("scale_max") else "1"


@pytest.fixture(scope="module")
def all_sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("hygiene") / "all.duckdb"
    with open_duckdb(path) as connection:
        for schema in ("raw", "quarantine", "landing"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table landing.files (file_id varchar, source_name varchar, table_name varchar, file_path varchar,"
            " batch bigint,"
            " status varchar, reason varchar, rows_read bigint, rows_quarantined bigint)"
        )
        for contract in CONTRACTS:
            create_raw_table(connection, contract)
            values = ", ".join(f"{plain_value(column)} as {column.name}" for column in contract.columns)
            connection.execute(
                f"insert into raw.{contract.identifier} by name select {values}, 'k' || i as _row_key,"
                " 'current' as _row_status, i as _line, timestamp '2026-06-30' as _loaded_at from"
                " range(20) as t(i)"
            )
    return path


def test_every_suite_passes_on_plain_rows(all_sources):
    with HygieneSession(all_sources, pepper=PEPPER) as session:
        for contract in CONTRACTS:
            result = session.run(landing_suite(contract, as_of=AS_OF))
            assert result.verdict == "pass" and not result.warnings, result.message
            assert len({(c.expectation, c.column_name) for c in result.results}) == len(result.results)


def test_extras_speak_of_tables_and_columns_that_exist():
    by_name = {(contract.source, contract.table): contract for contract in CONTRACTS}
    for name, rules in EXTRAS.items():
        contract = by_name[name]
        names = {check.name for check in landing_suite(contract, as_of=AS_OF).checks}
        missing = {rule(TableChecks("raw.x", key=None)).name for rule in rules} - names
        assert not missing, f"{name}: a column that the contract lacks leaves out {missing}"


def test_accepted_values_of_whole_numbers_are_compared_as_numbers():
    contract = TableContract(
        source="s",
        table="t",
        description="",
        formats=("csv",),
        key=("a",),
        columns=(ColumnContract("a", "bigint", required=True, accepted_values=("1", "2")),),
    )
    (check,) = (c for c in landing_suite(contract, as_of=AS_OF).checks if c.name == "accepted_values")
    assert dict(check.arguments)["value_set"] == (1, 2)


def test_birth_dates_may_be_older_than_computers():
    def limit(personal: bool) -> str:
        column = ColumnContract("born_on", "date", personal=personal)
        contract = replace(CONTRACTS[0], columns=(column,))
        (check,) = (c for c in landing_suite(contract, as_of=AS_OF).checks if c.name == "plausible_time")
        return check.where

    assert "1900-01-01" in limit(True) and "1990-01-01" in limit(False)


def test_as_of_is_taken_in_utc():
    east = AS_OF.astimezone(timezone(timedelta(hours=5)))
    assert landing_suite(CONTRACTS[0], as_of=east) == landing_suite(CONTRACTS[0], as_of=AS_OF)


def test_the_ledger_has_the_columns_that_its_declaration_names():
    declared = yaml.safe_load((PROJECT_ROOT / "models/marts/hygiene/_hygiene__sources.yml").read_text())
    tables = {table["name"]: table for source in declared["sources"] for table in source["tables"]}
    names = [column["name"] for column in tables["expectation_results"]["columns"]]
    assert names == list(LEDGER_COLUMNS)


def test_a_suite_finds_what_is_wrong_in_a_native_source(all_sources, tmp_path):
    path = tmp_path / "spoilt.duckdb"
    path.write_bytes(all_sources.read_bytes())
    by_name = {contract.name: contract for contract in CONTRACTS}
    with open_duckdb(path) as connection:
        connection.execute("update raw.surveys__responses set score = 12, scale_max = 10")
        connection.execute("update raw.shop__orders set refunded_amount = 500, total_price = 20")
        connection.execute("update raw.ads__daily_spend set impressions = -5")
    with HygieneSession(path, pepper=PEPPER) as session:
        surveys, orders, spend = (
            session.run(landing_suite(by_name[name], as_of=AS_OF))
            for name in ("surveys.responses", "shop.orders", "ads.daily_spend")
        )
    assert found(surveys, "score_within_scale").unexpected_count == 20 and surveys.blocks
    assert [check.expectation for check in orders.warnings] == ["refund_within_price"] and not orders.blocks
    assert found(spend, "at_least", "impressions").verdict == "fail"
