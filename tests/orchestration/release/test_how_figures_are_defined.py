"""Hashes of definitions differ where a seed changes a figure of the days that are compared, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.warehouse.definitions import changed_scopes, definitions

SEEDS = """
create schema config;
create schema landing;
create table landing.nodes (node varchar, fingerprint varchar);
create table landing.builds (build bigint, status varchar, fingerprint varchar);
insert into landing.builds values (1, 'complete', 'settings-code');
create table config.journeys as
    select 'buying' as journey_id, 1 as journey_version, 'Buying' as journey_name, 'Ann' as owner,
        null::date as valid_from, null::date as valid_to, null as case_key;
create table config.phases as
    select 'buying' as journey_id, 1 as journey_version, 'looking' as phase_id, 14 as window_days,
        10 as stalled_after_days, 14 as contact_within_days, null::double as hand_over_within_hours;
create table config.critical_events as
    select 'looked' as critical_event_id, 'buying' as journey_id, 1 as journey_version, 'looking' as phase_id,
        'product_viewed' as event_name;
create table config.measures as
    select * from (values
        ('revenue', 'events', 'amount', null), ('orders', 'events', null, null), ('looks', 'intervals', null, 'buying'),
        ('spent', 'spend', 'spend', null), ('costs', 'costs', 'service_cost', null), ('left', 'churn', null, null)
    ) as measures (measure_id, subject, value_column, journey_id);
alter table config.measures add column churn_rule_id varchar;
update config.measures set churn_rule_id = 'silence' where subject = 'churn';
create table config.churn_rules as
    select 'silence' as churn_rule_id, 'order_placed' as event_name, 30 as silent_days;
create table config.kpis as
    select * from (values
        ('order_value', 'revenue', 'orders'), ('looks', 'looks', null), ('spent_per_cost', 'spent', 'costs'),
        ('left', 'left', null)
    )
        as kpis (kpi_id, numerator_measure_id, denominator_measure_id);
create table config.exchange_rates as
    select 'USD' as currency, date '2026-01-01' as valid_from, 0.9 as rate_to_reporting;
create table config.unit_costs as
    select 'call' as unit_cost_id, 'called' as event_name, 0.5 as cost, null::date as valid_from,
        null::date as valid_to;
"""
# The release before was built on this day, and the build of now five weeks later.
BEFORE, NOW = date(2026, 6, 30), date(2026, 8, 4)
MONEY = {"kpi order_value numerator", "kpi spent_per_cost numerator"}
COSTS = {"kpi spent_per_cost denominator"}
JOURNEY = {"journey buying", "kpi looks numerator"}
VERSION_2 = (
    "insert into config.journeys values ('buying', 2, 'Buying', 'Ann', date '{day}', null, null); "
    "insert into config.phases values ('buying', 2, 'bought', null, null, null, null); "
    "insert into config.critical_events values ('bought', 'buying', 2, 'bought', 'order_placed'); "
    "update config.journeys set valid_to = date '{day}' - 1 where journey_version = 1"
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as connection:
        connection.execute(SEEDS)
        yield connection


def hashes(connection: duckdb.DuckDBPyConnection, day: date) -> dict[str, str]:
    return definitions(connection, {"nodes": {}, "parent_map": {}}, {}, day=day)


@pytest.mark.parametrize(
    ("change", "by_release", "by_now"),
    [
        ("insert into config.exchange_rates values ('USD', date '2026-09-01', 0.8)", set(), set()),
        ("insert into config.exchange_rates values ('USD', date '2026-08-01', 0.8)", set(), MONEY),
        ("insert into config.exchange_rates values ('USD', date '2026-06-01', 0.8)", MONEY, MONEY),
        ("update config.exchange_rates set rate_to_reporting = 0.8", MONEY, MONEY),
        ("update config.unit_costs set cost = 0.6", COSTS, COSTS),
        ("update config.unit_costs set valid_to = '2026-09-01'", set(), set()),
        ("insert into config.unit_costs values ('mail', 'mailed', 1, date '2026-08-01', null)", set(), COSTS),
        ("update config.churn_rules set silent_days = 60", *[{"kpi left numerator"}] * 2),
        (VERSION_2.format(day="2026-09-01"), set(), set()),
        (VERSION_2.format(day="2026-08-01"), set(), JOURNEY),
        (VERSION_2.format(day="2026-06-01"), JOURNEY, JOURNEY),
        ("update config.journeys set owner = 'Bea', journey_name = 'To buy'", set(), set()),
        ("update config.phases set stalled_after_days = 5", set(), set()),
        ("update config.phases set contact_within_days = 5, hand_over_within_hours = 4", set(), set()),
        ("update config.phases set window_days = 5", JOURNEY, JOURNEY),
        (
            "update config.measures set journey_id = 'selling' where measure_id = 'looks'",
            *[{"kpi looks numerator"}] * 2,
        ),
    ],
)
def test_a_definition_is_another_where_it_changes_figures_up_to_the_day(
    connection: duckdb.DuckDBPyConnection, change: str, by_release: set[str], by_now: set[str]
) -> None:
    noted = hashes(connection, BEFORE)
    connection.execute(change)
    assert changed_scopes(noted, hashes(connection, BEFORE)) == by_release
    assert changed_scopes(noted, hashes(connection, NOW)) == by_now
