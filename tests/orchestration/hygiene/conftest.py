"""A small warehouse file with landed and published tables, good until a test spoils it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.marts import Freshness, Mart, ReleaseFacts
from orchestration.lib.hygiene.checks import Suite
from orchestration.lib.hygiene.results import CheckResult, SuiteResult
from orchestration.lib.hygiene.session import HygieneSession

AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
PEPPER = "test-pepper"


def contract_of(source: str, table: str, key: tuple[str, ...], columns: tuple[ColumnContract, ...]) -> TableContract:
    return TableContract(source=source, table=table, description="", formats=("csv",), key=key, columns=columns)


EVENTS = contract_of(
    source="feed",
    table="events",
    key=("event_id",),
    columns=(
        ColumnContract("event_id", "string", required=True),
        ColumnContract("occurred_at", "timestamp", required=True),
        ColumnContract("event_name", "string", required=True),
        ColumnContract("direction", "string", accepted_values=("inbound", "outbound")),
        ColumnContract("identifiers", "json", personal=True),
        ColumnContract("amount", "decimal(18,2)"),
        ColumnContract("currency", "string"),
        ColumnContract("feedback_kind", "string"),
        ColumnContract("feedback_score", "double"),
        ColumnContract("feedback_scale_min", "double"),
        ColumnContract("feedback_scale_max", "double"),
    ),
)
SPEND = contract_of(
    source="feed",
    table="spend",
    key=("spent_on", "channel"),
    columns=(
        ColumnContract("spent_on", "date", required=True),
        ColumnContract("channel", "string", required=True),
        ColumnContract("amount", "decimal(18,2)", required=True),
        ColumnContract("impressions", "bigint"),
        ColumnContract("clicks", "bigint"),
    ),
)


def mart_of(name: str, key: str, columns: str, **facts: Any) -> Mart:
    """A table of the schema core; a column is `name` for text, else `name:type`."""
    typed = [column.partition(":") for column in columns.split()]
    return Mart(
        schema="core",
        name=name,
        description="One row per row.",
        columns={column: kind or "string" for column, _, kind in typed},
        facts=ReleaseFacts(answers="?", key=tuple(key.split()), **facts),
    )


CORE = (
    mart_of(
        "bridge_customer_identifiers",
        "identifier_hash valid_from",
        "identifier_type identifier_hash customer_id link_rule valid_from:timestamp valid_to:timestamp",
    ),
    mart_of("bridge_customer_records", "person_key_hash", "source_system person_key_hash customer_id"),
    mart_of(
        "dim_customers",
        "customer_id",
        "customer_id is_anonymous:boolean first_seen_at:timestamp last_seen_at:timestamp event_count:bigint",
        may_shrink=False,
        may_be_empty=False,
    ),
    mart_of(
        "fct_events",
        "event_id",
        "event_id customer_id visitor_id session_id event_number:bigint source_system event_name channel touchpoint"
        " department direction device_type campaign amount:decimal(18,2) currency is_identified:boolean is_bot:boolean"
        " is_after_as_of:boolean occurred_at:timestamp loaded_at:timestamp properties",
        freshness=Freshness(column="occurred_at", within_days=31),
        may_shrink=False,
        may_be_empty=False,
    ),
    mart_of(
        "fct_sessions",
        "session_id",
        "session_id visitor_id customer_id event_count:bigint started_at:timestamp ended_at:timestamp",
    ),
)
LANDING_COLUMNS = (
    "_row_key varchar, _row_hash varchar, _row_status varchar, _extra varchar, _file_id varchar, _line"
    " bigint,"
    " _batch bigint, _changed_in bigint, _loaded_at timestamp"
)
DUCKDB_TYPES = {"string": "varchar", "json": "varchar"}


def create_raw_table(connection, contract: TableContract) -> None:
    columns = ", ".join(
        f"{column.name} {DUCKDB_TYPES.get(column.data_type, column.data_type)}" for column in contract.columns
    )
    table = f"{contract.source}__{contract.table}"
    connection.execute(f"create table raw.{table} ({columns}, {LANDING_COLUMNS})")
    connection.execute(
        f"create table quarantine.{table} (file_id varchar, file_path varchar, line bigint, column_name"
        f" varchar,"
        " reason varchar, expected varchar, row_text varchar, batch bigint, loaded_at timestamp)"
    )


@dataclass(frozen=True)
class WarehouseOfTest:
    """The file, and how tests spoil it and look at it."""

    path: Path

    def execute(self, *statements: str) -> None:
        with open_duckdb(self.path) as connection:
            for statement in statements:
                connection.execute(statement)

    def run(self, suite: Suite) -> SuiteResult:
        with HygieneSession(self.path, pepper=PEPPER, wait_seconds=0.3) as session:
            return session.run(suite)


def run_suites(path: Path, suites: Sequence[Suite], **options: Any) -> list[SuiteResult]:
    """Runs suites over one connection."""
    with HygieneSession(path, **options) as session:
        return [session.run(suite) for suite in suites]


@pytest.fixture(scope="session")
def good_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hygiene") / "warehouse.duckdb"
    with open_duckdb(path) as connection:
        for schema in ("raw", "quarantine", "landing", "core", "journeys", "kpis", "flows", "hygiene"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table landing.files (file_id varchar, source_name varchar, table_name varchar,"
            " file_path varchar,"
            " content_hash varchar, file_format varchar, byte_count bigint, delivered_at timestamp,"
            " batch bigint,"
            " status varchar, reason varchar, rows_read bigint, rows_accepted bigint, rows_quarantined"
            " bigint,"
            " extra_columns varchar, loaded_at timestamp)"
        )
        connection.execute("create table landing.settings (key varchar, value varchar)")
        create_raw_table(connection, EVENTS)
        create_raw_table(connection, SPEND)
        connection.execute(
            "insert into raw.feed__events select 'e' || i, timestamp '2026-01-01' + to_hours(i),"
            " 'page_view', 'inbound',"
            " '{\"email\": \"ann' || i || '@example.org\"}', i, 'EUR', 'nps', i % 11, null, 10,"
            " 'e' || i, 'h' || i, 'current', null, 'f1', i, 1, 1, timestamp '2026-06-30' from"
            " range(100) as t(i)"
        )
        connection.execute(
            "insert into landing.files (file_id, source_name, table_name, file_path, batch, status,"
            " rows_read,"
            " rows_accepted, rows_quarantined) values ('f1', 'feed', 'events', 'feed/events/a.csv', 1,"
            " 'loaded', 100, 100, 0)"
        )
        connection.execute(
            "create table core.dim_customers as select 'c' || i as customer_id, false as is_anonymous,"
            " timestamp '2026-01-01' as first_seen_at, timestamp '2026-06-30' as last_seen_at, 10 as"
            " event_count"
            " from range(10) as t(i)"
        )
        connection.execute(
            "create table core.fct_events as select 'e' || i as event_id, 'c' || (i % 10) as customer_id,"
            " 'v' as visitor_id, 's' || (i % 10) as session_id, i as event_number, 'feed' as source_system,"
            " 'page_view' as event_name, 'web' as channel, 'home' as touchpoint, 'sales' as department,"
            " 'inbound' as direction, 'phone' as device_type, 'spring' as campaign, 1.0::decimal(18,2)"
            " as amount,"
            " 'EUR' as currency, true as is_identified, false as is_bot, false as is_after_as_of,"
            " timestamp '2026-06-01' + to_hours(i) as occurred_at, timestamp '2026-06-30' as loaded_at,"
            ' \'{"page": "/home"}\' as properties from range(100) as t(i)'
        )
        connection.execute(
            "create table core.fct_sessions as select 's' || i as session_id, 'v' as visitor_id, 'c' ||"
            " i as customer_id,"
            " 10 as event_count, timestamp '2026-06-01' as started_at, timestamp '2026-06-02' as ended_at"
            " from range(10) as t(i)"
        )
        connection.execute(
            "create table core.bridge_customer_identifiers as select 'email' as identifier_type,"
            " sha256('ann' || i) as identifier_hash, 'c' || i as customer_id, 'direct' as link_rule,"
            " timestamp '2026-01-01' as valid_from, null::timestamp as valid_to from range(10) as t(i)"
        )
        connection.execute(
            "create table core.bridge_customer_records as select 'crm' as source_system,"
            " sha256('p' || i) as person_key_hash, 'c' || i as customer_id from range(10) as t(i)"
        )
    return path


@pytest.fixture
def warehouse(good_warehouse: Path, tmp_path: Path) -> Iterator[WarehouseOfTest]:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(good_warehouse.read_bytes())
    yield WarehouseOfTest(path)


def found(result: SuiteResult, expectation: str, column: str | None = None, table: str | None = None) -> CheckResult:
    """The one result of that name; a test that names a check wrongly fails here, not later."""
    matches = [
        check
        for check in result.results
        if check.expectation == expectation
        and (column is None or check.column_name == column)
        and (table is None or check.table_name == table)
    ]
    assert len(matches) == 1, f"{expectation} of {column}: {len(matches)} results"
    return matches[0]


def without_columns(contract: TableContract, *names: str) -> TableContract:
    return replace(contract, columns=tuple(column for column in contract.columns if column.name not in names))
