"""Four tools' exports come in without a change of file or header, and without SQL: a contract says what they hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.project import target
from orchestration.lib.landing import account
from orchestration.lib.sources.resolving import read_all_contracts
from tests.conftest import Warehouse, make_warehouse

pytestmark = pytest.mark.xdist_group("real_exports")

HERE = Path(__file__).parent / "real_exports"
OWN = ("ga4", "hubspot", "shopify", "zendesk")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("real_exports")
    shutil.copytree(HERE / "extracts", folder / "extracts")
    made = make_warehouse(
        folder,
        seeds=PROJECT_ROOT / "seeds",
        as_of="2026-02-01",
        JOURNEYS_SOURCES=str(HERE / "sources"),
        JOURNEYS_MATCHING="off",
        JOURNEYS_COUNTRY="NL",
    )
    made = replace(made, contracts=read_all_contracts(made.settings))
    made.land()
    made.build(select=["+fct_events", "+bridge_customer_records"])
    yield made
    own = made.settings.resolved_sources
    shutil.rmtree(own)
    shutil.rmtree(target(own))


def rows(built: Warehouse, sql: str) -> list[tuple]:
    with open_duckdb(built.settings.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_no_row_is_lost_and_nothing_is_suspicious(built: Warehouse) -> None:
    with open_duckdb(built.settings.warehouse, read_only=True) as connection:
        for contract in built.contracts:
            if contract.source in OWN:
                counted = account(connection, contract)
                assert counted.adds_up and counted.rows_quarantined == 0, counted
                assert counted.rows_current > 0, counted
    assert rows(built, "select kind, place, message from landing.warnings") == []


def test_their_events_are_on_the_timeline(built: Warehouse) -> None:
    found = rows(
        built,
        """
        select
            -- ids of browsers and contacts are hashed
            regexp_replace(event_id, ':[0-9a-f]{32}', ':<hash>') as event_id,
            event_name, occurred_at::varchar, channel, amount::varchar, properties
        from core.fct_events order by occurred_at, event_name
        """,
    )
    assert found == [
        ("hubspot:<hash>:contact_created", "contact_created", "2026-01-02 08:30:00", None, None,
         '{"lifecycle_stage":"Customer"}'),
        ("ga4:<hash>", "page_viewed", "2026-01-05 09:00:00", "paid_search", None,
         '{"page":"https://shop.example/mugs"}'),
        ("ga4:<hash>", "added_to_cart", "2026-01-05 09:11:50", "web", None, None),
        ("shopify:#1001:order_placed", "order_placed", "2026-01-05 09:12:00", "web", "59.90", '{"order_id":"#1001"}'),
        ("ga4:<hash>", "purchase_tracked", "2026-01-05 09:12:05", None, None,
         '{"order_id":"#1001"}'),
        ("zendesk:35436:ticket_opened", "ticket_opened", "2026-01-06 08:00:00", "email", None,
         '{"ticket_id":"35436","order_id":"#1001","category":"delivery"}'),
        ("zendesk:35436:ticket_solved", "ticket_solved", "2026-01-06 15:30:00", "email", None,
         '{"ticket_id":"35436","order_id":"#1001"}'),
        ("shopify:#1002:order_placed", "order_placed", "2026-01-07 19:00:00", "web", "20.00", '{"order_id":"#1002"}'),
        ("shopify:#1002:order_cancelled", "order_cancelled", "2026-01-08 07:00:00", "web", None,
         '{"order_id":"#1002","refunded_amount":20.0}'),
        ("zendesk:35437:ticket_opened", "ticket_opened", "2026-01-08 09:00:00", "web", None,
         '{"ticket_id":"35437","order_id":"#1002"}'),
        ("hubspot:<hash>:contact_created", "contact_created", "2026-01-08 13:00:00", None, None,
         '{"lifecycle_stage":"Lead"}'),
        ("hubspot:<hash>:contact_created", "contact_created", "2026-01-09 07:15:00", None, None,
         '{"lifecycle_stage":"Subscriber"}'),
    ]  # fmt: skip


def test_what_one_person_did_in_four_tools_is_one_customer(built: Warehouse) -> None:
    (journey,) = rows(
        built,
        """
        select list(event_name order by event_number) from core.fct_events
        where customer_id = (select customer_id from core.fct_events where event_id = 'shopify:#1001:order_placed')
        """,
    )
    assert journey[0] == [
        "contact_created", "page_viewed", "added_to_cart", "order_placed", "purchase_tracked", "ticket_opened",
        "ticket_solved",
    ]  # fmt: skip


def test_arrays_are_tables_of_their_own(built: Warehouse) -> None:
    lines = "select order_name, sku, quantity, price::varchar from raw.shopify__order_lines order by all"
    assert rows(built, lines) == [
        ("#1001", "MUG-B", 1, "15.00"), ("#1001", "PLA-1", 2, "20.00"), ("#1002", "PLA-1", 1, "20.00"),
        ("#1003", "MUG-B", 1, "15.00"),
    ]  # fmt: skip
    assert rows(built, "select ticket_id, tag from raw.zendesk__ticket_tags order by all") == [
        ("35436", "late"), ("35436", "order"),
    ]  # fmt: skip
    assert rows(built, "select event_name, item_id, quantity from raw.ga4__event_items order by all") == [
        ("add_to_cart", "MUG-B", 1), ("add_to_cart", "PLA-1", 2), ("purchase", "MUG-B", 1),
    ]  # fmt: skip
    assert rows(built, "select revenue::varchar from raw.ga4__events where revenue is not null") == [("59.90",)]
