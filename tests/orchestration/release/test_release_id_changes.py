"""Every id that something moved away from is reported, with what moved and why; nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.id_changes import IdChanges, compare_ids, record_id_changes
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.previous import previous_attached

# customer -> (identifiers of the person, events)
Customers = Mapping[str, tuple[str, str]]

BEFORE: Customers = {
    "c_ann": ("ann_mail ann_card", "e1 e2"),
    "c_ben": ("ben_mail", "e3"),
    "c_cat": ("cat_mail cat_phone cat_card", "e4 e5 e6"),
    "c_dan": ("dan_mail", "e7 e8"),
    "c_eve": ("eve_mail eve_card", "e9"),
    "a_fox": ("", "e10 e11"),
    "c_gus": ("gus_mail", "e12"),
    "c_hal": ("hal_mail", "e13"),
    "c_ida": ("ida_mail", "e14 e15"),
}
NOW: Customers = {
    # Ben turned out to be Ann
    "c_ann": ("ann_mail ann_card ben_mail", "e1 e2 e3"),
    # Cat was two people
    "c_cat": ("cat_mail", "e4"),
    "c_kim": ("cat_phone cat_card", "e5 e6"),
    # the device was somebody else's for one event
    "c_dan": ("dan_mail", "e7"),
    "c_ida": ("ida_mail", "e14 e15 e8"),
    # an earlier observation renames Eve
    "c_eva": ("eve_mail eve_card", "e9"),
    # Fox logged in
    "c_fox": ("fox_mail", "e10 e11"),
    # a person decided
    "c_gus": ("gus_mail hal_mail", "e12 e13"),
    "c_new": ("new_mail", "e16"),
}
DECISION = [("must_link", "gus_mail", "hal_mail")]


def make(path: Path, customers: Customers, decisions: list[tuple[str, str, str]] | None) -> Path:
    with open_duckdb(path) as connection:
        for schema in ("core", "hygiene"):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute("create table core.dim_customers (customer_id varchar, is_anonymous boolean)")
        connection.execute("create table core.fct_events (event_id varchar, customer_id varchar)")
        connection.execute(
            "create table core.bridge_customer_identifiers "
            "(identifier_hash varchar, customer_id varchar, link_rule varchar)"
        )
        for customer, (identifiers, events) in customers.items():
            connection.execute("insert into core.dim_customers values (?, ?)", [customer, customer[0] == "a"])
            for identifier in identifiers.split():
                connection.execute(
                    "insert into core.bridge_customer_identifiers values (?, ?, 'person')", [identifier, customer]
                )
            for event in events.split():
                connection.execute("insert into core.fct_events values (?, ?)", [event, customer])
        if decisions is not None:
            connection.execute(
                "create table hygiene.identity_decision_outcomes "
                "(decision varchar, identifier_a varchar, identifier_b varchar)"
            )
            for decision in decisions:
                connection.execute("insert into hygiene.identity_decision_outcomes values (?, ?, ?)", list(decision))
        connection.execute(
            "create table hygiene.identity_health "
            "(measure varchar, dimension varchar, dimension_value varchar, value double)"
        )
        create_ledgers(connection)
    return path


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    return make(tmp_path / "customer_journeys.duckdb", BEFORE, [])


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return make(tmp_path / "warehouse.duckdb", NOW, DECISION)


def record(previous: Path, warehouse: Path, *, release_id: str = "new") -> IdChanges | None:
    with open_duckdb(warehouse) as connection, previous_attached(connection, previous):
        return record_id_changes(connection, release_id=release_id, previous_release_id="old", published={"old"})


def rows(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_duckdb(warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_each_move_has_its_cause_and_what_moved(previous: Path, warehouse: Path) -> None:
    record(previous, warehouse)
    found = rows(
        warehouse,
        "select previous_customer_id, customer_id, cause, identifier_count, event_count, is_previous_id_gone "
        "from hygiene.customer_id_changes order by all",
    )
    assert found == [
        ("a_fox", "c_fox", "identified", 0, 2, True),
        ("c_ben", "c_ann", "merge", 1, 1, True),
        ("c_cat", "c_kim", "split", 2, 2, False),
        ("c_dan", "c_ida", "late_evidence", 0, 1, False),
        ("c_eve", "c_eva", "late_evidence", 2, 1, True),
        ("c_hal", "c_gus", "decision", 1, 1, True),
    ]


def test_totals_count_ids_that_came_and_went(previous: Path, warehouse: Path) -> None:
    changes = record(previous, warehouse)
    assert changes is not None
    assert (changes.previous_count, changes.count) == (len(BEFORE), len(NOW))
    assert (changes.new_count, changes.removed_count) == (4, 4)
    assert changes.changed_count == 6
    assert changes.changed_share == pytest.approx(6 / 9)


def test_health_shows_churn_once_however_often_it_is_recorded(previous: Path, warehouse: Path) -> None:
    record(previous, warehouse)
    record(previous, warehouse)
    churn = dict(
        rows(warehouse, "select measure || ' ' || dimension_value, value from hygiene.identity_health order by all")
    )
    assert churn["ids_moved merge"] == 1 and churn["ids_new (all)"] == 4
    assert len(churn) == 8
    assert rows(warehouse, "select count(*) from hygiene.customer_id_changes") == [(6,)]


def test_rows_of_a_release_that_never_was_go(previous: Path, warehouse: Path) -> None:
    record(previous, warehouse, release_id="failed")
    record(previous, warehouse, release_id="new")
    assert rows(warehouse, "select distinct release_id from hygiene.customer_id_changes") == [("new",)]


def test_nothing_moved_is_no_row(previous: Path, tmp_path: Path) -> None:
    same = make(tmp_path / "warehouse.duckdb", BEFORE, [])
    changes = record(previous, same)
    assert changes is not None and changes.changed_count == 0
    assert rows(same, "select count(*) from hygiene.customer_id_changes") == [(0,)]


def test_a_release_from_before_decisions_were_published_is_compared(warehouse: Path, tmp_path: Path) -> None:
    """Nothing then says that a decision was new, so the cause is what the identifiers show."""
    old = make(tmp_path / "customer_journeys.duckdb", BEFORE, None)
    record(old, warehouse)
    assert rows(warehouse, "select cause from hygiene.customer_id_changes where previous_customer_id = 'c_hal'") == [
        ("merge",)
    ]


def test_a_release_without_customers_is_not_compared(warehouse: Path, tmp_path: Path) -> None:
    empty = tmp_path / "customer_journeys.duckdb"
    with open_duckdb(empty) as connection:
        connection.execute("create table something (a int)")
    with open_duckdb(warehouse) as connection, previous_attached(connection, empty):
        assert compare_ids(connection) is None
    assert record(empty, warehouse) is None
