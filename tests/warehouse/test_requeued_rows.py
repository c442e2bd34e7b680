"""Rows that a requeue lets in, or reads otherwise, reach every table: the increment equals a build of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing.quarantine import Wanted
from orchestration.lib.landing.requeue import requeue
from tests.conftest import Warehouse, differences, make_warehouse

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("requeued")]

HEADER = "event_id,occurred_at,event_name,source_system,channel,identifiers,amount,currency\n"
FILES = {
    "a.csv": """\
web:1,2026-01-05 09:00:00,product_viewed,web,web,"{""cookie"": ""c-1""}",,
web:2,2026-01-05 09:20:00,logged_in,web,web,"{""cookie"": ""c-1"", ""email"": ""ann@example.com""}",,
shop:1,2026-01-07 20:00:00,order_placed,shop,web,"{""email"": ""ann@example.com""}",59.90,EUR
""",
    "b.csv": """\
web:3,2026-01-06 20:00:00,product_viewed,web,web,"{""cookie"": ""c-2""}",,
web:4,2026-01-08 20:00:00,logged_in,web,web,"{""cookie"": ""c-2"", ""email"": ""ann@example.com""}",,
""",
}
# Its header is misspelt, and its name holds an address.
SUSPICIOUS = (
    "of ann@example.com.csv",
    "event_id,occurred_at,event_name,source_system,amuont\ntill:1,2026-01-09T09:00:00Z,order_placed,till,12.00\n",
)
CORRECTED = read_contracts(PROJECT_ROOT / "models")


def too_strict() -> tuple[TableContract, ...]:
    """Contracts that refuse logins, and read times without an offset as those of another zone."""
    [events] = [contract for contract in CORRECTED if contract.name == "feed.events"]
    columns = tuple(
        replace(c, accepted_values=("product_viewed", "order_placed")) if c.name == "event_name" else c
        for c in events.columns
    )
    strict = replace(events, columns=columns, time_zone="America/New_York")
    return tuple(strict if contract is events else contract for contract in CORRECTED)


def warehouse_of(folder: Path, contracts: tuple[TableContract, ...]) -> Warehouse:
    warehouse = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of="2026-02-01", JOURNEYS_MATCHING="off")
    for name, rows in FILES.items():
        file = warehouse.settings.extracts / "feed" / "events" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + rows, encoding="utf-8")
    name, content = SUSPICIOUS
    (warehouse.settings.extracts / "feed" / "events" / name).write_text(content, encoding="utf-8")
    warehouse = replace(warehouse, contracts=contracts)
    warehouse.land()
    assert warehouse.build(command="build") == "first build"
    return warehouse


def test_a_requeue_is_seen_by_the_next_build(tmp_path: Path) -> None:
    requeued = warehouse_of(tmp_path / "requeued", too_strict())
    at_once = warehouse_of(tmp_path / "at_once", CORRECTED)
    assert "core.bridge_customer_identifiers" in differences(requeued, at_once)
    with open_duckdb(requeued.settings.warehouse) as connection:
        files = requeue(
            connection,
            CORRECTED,
            Wanted("feed", reason="value_not_accepted"),
            extracts=requeued.settings.extracts,
            run_id="requeue",
            now=datetime(2026, 3, 1, 1, tzinfo=UTC),
        )
    assert [(file.file_path, file.rows_let_in) for file in files] == [
        ("feed/events/a.csv", 1),
        ("feed/events/b.csv", 1),
    ]
    reason = requeued.build(command="build")
    assert reason is not None and "landing" in reason
    assert differences(requeued, at_once) == {}
    noted = "select table_name, place, kind, column_name, row_count, file_count from hygiene.landing_warnings"
    assert [tuple(row.values()) for row in requeued.query(noted)] == [
        ("events", "(address)", "misspelt_column", "amount", 1, 1)
    ]
