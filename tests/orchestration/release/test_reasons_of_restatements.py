"""Reasons of restated figures on random events and intervals: those of a plain definition, and by joins that scale."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.restatement_reasons import (
    EventModel,
    ReleaseBefore,
    _Explaining,
    explain_restatements,
)

FIRST, DAYS = date(2026, 6, 1), 20
AS_OF = datetime(2026, 6, 15, tzinfo=UTC)
EVENTS, CUSTOMERS = 400, 30
# Measure: its event, channel and touchpoint; what it counts.
MEASURES = {
    "orders": ("order_placed", None, None, "count", None),
    "all_customers": (None, None, None, "distinct_customers", None),
    "web_customers": (None, "web", None, "distinct_customers", None),
    "page_orders": ("order_placed", None, "page", "distinct_customers", None),
    "repeats": ("order_placed", None, None, "count", "2+"),
}
SCHEMA = """
create schema {place}core;
create table {place}core.fct_events (
    event_id varchar, customer_id varchar, event_name varchar, source_system varchar, channel varchar,
    touchpoint varchar, department varchar, direction varchar, device_type varchar, campaign varchar, amount double,
    currency varchar, is_bot boolean, is_after_as_of boolean, occurred_at timestamp, loaded_at timestamp,
    properties varchar
);
create schema {place}journeys;
create table {place}journeys.fct_phase_intervals (
    journey_instance_id varchar, journey_id varchar, phase_id varchar, customer_id varchar, entry_channel varchar,
    outcome varchar, entered_at timestamp, left_at timestamp
);
create table {place}journeys.fct_journeys (
    journey_instance_id varchar, journey_id varchar, customer_id varchar, level varchar, started_at timestamp,
    last_step_at timestamp
);
"""
HERE = """
create schema landing;
create table landing.batches as select 1 as batch, timestamp '2026-06-15' as finished_at;
create schema staging;
create table staging.events (
    event_id varchar, loaded_at timestamp, changed_in bigint, row_status varchar, version_key varchar
);
create schema config;
create table config.kpis (kpi_id varchar, numerator_measure_id varchar, denominator_measure_id varchar);
create table config.measures (
    measure_id varchar, subject varchar, aggregation varchar, event_name varchar, source_system varchar,
    channel varchar, touchpoint varchar, journey_id varchar, phase_id varchar, occurrence varchar, level varchar
);
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as connection:
        connection.execute("attach ':memory:' as previous")
        for place in ("", "previous."):
            connection.execute(SCHEMA.format(place=place))
        connection.execute(HERE)
        create_ledgers(connection)
        yield connection


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(row)
        connection.execute(f"insert into {table} ({names}) values ({', '.join('?' for _ in row)})", list(row.values()))


def restate(connection: duckdb.DuckDBPyConnection, kpi: str, day: date, channel: str = "all") -> None:
    key = json.dumps({"kpi_id": kpi, "channel": channel, "segment": "all"})
    row = {"release_id": "r2", "table_schema": "kpis", "table_name": "fct_kpi_values_daily", "key": key}
    insert(connection, "hygiene.restatements", [{**row, "measure": "numerator", "measured_on": day}])


def explain(connection: duckdb.DuckDBPyConnection, spend: Sequence[str] = ()) -> dict[tuple[str, str, date], set[str]]:
    explain_restatements(
        connection,
        release_id="r2",
        before=ReleaseBefore(AS_OF, 1),
        models=[EventModel("staging.events", {})],
        spend=spend,
        redefined=(),
    )
    rows = connection.execute(
        "select key ->> '$.kpi_id', key ->> '$.channel', measured_on, reasons from hygiene.restatements"
    ).fetchall()
    return {(kpi, channel, day): set(reasons.split(", ")) for kpi, channel, day, reasons in rows}


def random_events(connection: duckdb.DuckDBPyConnection, seed: int) -> tuple[list[Any], list[Any], dict[str, str]]:
    """Events of both releases, of which some came late, changed, or have another owner; the reasons of events."""
    draw = random.Random(seed)
    before, now, reasons = [], [], {}
    for number in range(EVENTS):
        # few are touched, so that many figures have few reasons or none
        kind = draw.choices(("same", "late_data", "correction"), (94, 3, 3))[0]
        customer = draw.randrange(CUSTOMERS)
        event = {
            "event_id": f"e{number}",
            "event_name": draw.choice(("order_placed", "product_viewed")),
            "source_system": "shop",
            "channel": draw.choice(("web", "store", None, "all")),
            "touchpoint": draw.choice(("page", None)),
            "is_bot": draw.random() < 0.02,
            "is_after_as_of": False,
            "occurred_at": datetime.combine(FIRST, datetime.min.time()) + timedelta(hours=draw.randrange(24 * DAYS)),
        }
        # customers 0 and 1 became one; 2 became 2 and 3
        was = {3: 2}.get(customer, customer)
        is_now = {1: 0}.get(customer, customer)
        if kind != "late_data":
            before.append({**event, "customer_id": f"c{was}", "amount": 1.0})
        now.append({**event, "customer_id": f"c{is_now}", "amount": 2.0 if kind == "correction" else 1.0})
        version = {"event_id": f"e{number}", "row_status": "accepted", "version_key": f"feed.events:{number}#1"}
        landed = {"same": (10, 1), "late_data": (20, 2), "correction": (10, 2)}[kind]
        loaded = datetime(2026, 6, landed[0])
        insert(connection, "staging.events", [{**version, "loaded_at": loaded, "changed_in": landed[1]}])
        if kind != "same":
            reasons[f"e{number}"] = kind
    insert(connection, "previous.core.fct_events", before)
    insert(connection, "core.fct_events", now)
    return before, now, reasons


def counts(kpi: str, channel: str, event: dict[str, Any]) -> bool:
    name, of_channel, touchpoint, *_ = MEASURES[kpi]
    shown = event["channel"] or "(none)"
    return (
        name in (None, event["event_name"])
        and of_channel in (None, shown)
        and touchpoint in (None, event["touchpoint"])
        and channel in ("all", "(all)" if shown == "all" else shown)
    )


def plain_reasons(
    before: list[Any], now: list[Any], reasons: dict[str, str], kpi: str, channel: str, day: date
) -> set[str]:
    """What the module's description says, one event after the other."""
    *_, aggregation, occurrence = MEASURES[kpi]
    owner_before = {event["event_id"]: event["customer_id"] for event in before}
    former_of, present_of = defaultdict(set), defaultdict(set)
    for event in now:
        if event["event_id"] in owner_before:
            former_of[event["customer_id"]].add(owner_before[event["event_id"]])
            present_of[owner_before[event["event_id"]]].add(event["customer_id"])
    again = {
        event["customer_id"]
        for event in [*before, *now]
        if counts(kpi, channel, event) and event["occurred_at"].date() == day
    }
    found = set()
    for event in [*before, *now]:
        on, owners = event["occurred_at"].date(), {event["customer_id"]}
        if event["is_bot"] or not counts(kpi, channel, event):
            continue
        if event["event_id"] in reasons and (on <= day and owners & again if occurrence else on == day):
            found.add(reasons[event["event_id"]])
    for event in now:
        former, present = owner_before.get(event["event_id"]), event["customer_id"]
        on = event["occurred_at"].date()
        if former in (None, present) or event["is_bot"] or not counts(kpi, channel, event):
            continue
        if on <= day and {former, present} & again if occurrence else on == day and aggregation != "count":
            found |= {"merge"} if len(former_of[present]) > 1 else set()
            found |= {"split"} if len(present_of[former]) > 1 else set()
    return found or {"unexplained"}


def restate_all(connection: duckdb.DuckDBPyConnection) -> None:
    for kpi, (event, channel, touchpoint, aggregation, occurrence) in MEASURES.items():
        measure = {"measure_id": kpi, "subject": "events", "aggregation": aggregation, "event_name": event}
        measure |= {"channel": channel, "touchpoint": touchpoint, "occurrence": occurrence}
        insert(connection, "config.measures", [measure])
        insert(connection, "config.kpis", [{"kpi_id": kpi, "numerator_measure_id": kpi}])
        for number in range(DAYS):
            for of in ("all", "web", "(none)", "(all)"):
                restate(connection, kpi, FIRST + timedelta(days=number), of)


@pytest.mark.parametrize("seed", [1, 2])
def test_reasons_of_random_events_are_those_of_the_plain_definition(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    events = random_events(connection, seed)
    restate_all(connection)
    found = explain(connection)
    expected = {figure: plain_reasons(*events, *figure) for figure in found}
    assert found == expected
    assert len(found) == len(MEASURES) * DAYS * 4
    seen = [reason for reasons in found.values() for reason in reasons]
    assert all(seen.count(reason) >= 10 for reason in ("late_data", "correction", "merge", "split", "unexplained"))


def test_every_join_is_by_equality(connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A join by `or` or by a range alone compares every row with every other: an hour for a million of each."""
    random_events(connection, 1)
    restate_all(connection)
    level_kpi(connection)
    plans = []
    note, make = _Explaining._note, _Explaining._make

    def seen(self: _Explaining, query: str) -> None:
        plans.append(self.connection.execute(f"explain {query}").fetchall()[0][1].upper())

    def noted(self: _Explaining, query: str) -> None:
        seen(self, query)
        note(self, query)

    def made(self: _Explaining, table: str, query: str) -> None:
        seen(self, query)
        make(self, table, query)

    monkeypatch.setattr(_Explaining, "_note", noted)
    monkeypatch.setattr(_Explaining, "_make", made)
    explain(connection)
    joins = [step for plan in plans for step in re.findall(r"─ (\w[\w ]* (?:JOIN|PRODUCT)) ─", plan)]
    assert len(plans) > 12
    assert set(joins) == {"HASH JOIN"}


def level_kpi(connection: duckdb.DuckDBPyConnection, level: str | None = "macro") -> None:
    measure = {"measure_id": "looks", "subject": "intervals", "aggregation": "count", "journey_id": "buying"}
    insert(connection, "config.measures", [{**measure, "phase_id": "looking", "level": level}])
    insert(connection, "config.kpis", [{"kpi_id": "looks", "numerator_measure_id": "looks"}])
    restate(connection, "looks", FIRST)


def level_changes(connection: duckdb.DuckDBPyConnection, last_step_at: datetime) -> None:
    """An interval is as it was, of an instance that has another level since."""
    entered = datetime(2026, 6, 1, 9)
    for place, level, last in (("previous.", "micro", entered), ("", "macro", last_step_at)):
        instance = {"journey_instance_id": "i", "journey_id": "buying", "customer_id": "ann"}
        interval = {**instance, "phase_id": "looking", "outcome": "completed", "entered_at": entered}
        insert(connection, f"{place}journeys.fct_phase_intervals", [{**interval, "left_at": datetime(2026, 6, 2)}])
        insert(
            connection,
            f"{place}journeys.fct_journeys",
            [{**instance, "level": level, "started_at": entered, "last_step_at": last}],
        )


def late_event(connection: duckdb.DuckDBPyConnection, occurred_at: datetime) -> None:
    event = {"event_id": "e", "customer_id": "ann", "event_name": "order_placed", "occurred_at": occurred_at}
    insert(connection, "core.fct_events", [{**event, "is_bot": False, "is_after_as_of": False}])
    version = {"event_id": "e", "row_status": "accepted", "version_key": "feed.events:e#1"}
    insert(connection, "staging.events", [{**version, "loaded_at": datetime(2026, 6, 20), "changed_in": 2}])


def test_a_late_event_of_another_phase_moves_a_kpi_by_level(connection: duckdb.DuckDBPyConnection) -> None:
    level_kpi(connection)
    level_changes(connection, datetime(2026, 6, 5))
    late_event(connection, datetime(2026, 6, 5))
    assert explain(connection) == {("looks", "all", FIRST): {"late_data"}}


def test_an_instance_that_went_on_since_moves_a_kpi_by_level_as_the_clock(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    level_kpi(connection)
    level_changes(connection, datetime(2026, 6, 18))
    late_event(connection, datetime(2026, 6, 18))
    assert explain(connection) == {("looks", "all", FIRST): {"clock"}}


@pytest.mark.parametrize("level", [None, "omni"])
def test_a_level_explains_no_kpi_that_does_not_ask_for_it(
    connection: duckdb.DuckDBPyConnection, level: str | None
) -> None:
    level_kpi(connection, level)
    level_changes(connection, datetime(2026, 6, 5))
    late_event(connection, datetime(2026, 6, 5))
    assert explain(connection) == {("looks", "all", FIRST): {"unexplained"}}


def test_spend_moves_as_rows_of_spend_land_and_are_corrected(connection: duckdb.DuckDBPyConnection) -> None:
    """A row of spend has no event: without its own reasons a platform's correction read as unexplained."""
    connection.execute("""
        create table staging.stg_ads__spend (
            record_key varchar, source_system varchar, channel varchar, spent_on date, loaded_at timestamp,
            changed_in bigint
        );
        insert into staging.stg_ads__spend values
            ('corrected', 'ads', 'display', '2026-06-01', '2026-06-10', 2),
            ('corrected', 'ads', 'display', '2026-06-01', '2026-06-20', 2),
            ('late', 'ads', 'search', '2026-06-01', '2026-06-20', 2),
            ('old', 'ads', 'search', '2026-06-02', '2026-06-10', 1);
    """)
    insert(connection, "config.kpis", [{"kpi_id": kpi, "numerator_measure_id": kpi} for kpi in ("spent", "by_feed")])
    measure = {"subject": "spend", "aggregation": "sum"}
    insert(connection, "config.measures", [{**measure, "measure_id": "spent"}])
    insert(connection, "config.measures", [{**measure, "measure_id": "by_feed", "source_system": "feed"}])
    day, next_day = date(2026, 6, 1), date(2026, 6, 2)
    for kpi, channel, on in (
        ("spent", "all", day), ("spent", "display", day), ("spent", "search", day), ("spent", "all", next_day),
        ("by_feed", "all", day),
    ):  # fmt: skip
        restate(connection, kpi, on, channel)
    for spend_id in ("corrected", "late"):
        row = {"release_id": "r2", "table_schema": "attribution", "table_name": "fct_spend_daily"}
        key = json.dumps({"spend_id": spend_id})
        insert(connection, "hygiene.restatements", [{**row, "key": key, "measure": "spend", "measured_on": day}])
    found = explain(connection, ["staging.stg_ads__spend"])
    of_rows = connection.execute(
        "select key ->> '$.spend_id', reasons from hygiene.restatements where table_name = 'fct_spend_daily' order by 1"
    ).fetchall()
    assert of_rows == [("corrected", "correction"), ("late", "late_data")]
    assert found["spent", "all", day] == {"late_data", "correction"}
    assert found["spent", "display", day] == {"correction"}
    assert found["spent", "search", day] == {"late_data"}
    assert found["spent", "all", next_day] == found["by_feed", "all", day] == {"unexplained"}
