"""KPIs are compared with the days before: damage that passed landing warns by their names, ordinary days do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from orchestration.lib.config.seeds import SeedRow
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.hygiene.anomaly_ledger import accept_anomaly
from orchestration.lib.hygiene.kpi_bands import KpiAnomaly, KpiLimits, kpi_checks

from .ordinary_kpis import BEGINS, KPIS, WAIT_DAYS, Business

NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)


@pytest.fixture
def business() -> Iterator[Business]:
    with open_duckdb() as connection:
        yield Business(connection, seed=20_260_701)


def warned(business: Business, days: int, step: int) -> list[list[KpiAnomaly]]:
    """What each run is first told of, after a year of history."""
    business.go_on(365)
    told = [list(business.compare().open)]
    known = {one.anomaly_id for one in told[0]}
    for _ in range(days // step):
        business.go_on(step)
        found = business.compare().open
        told.append([one for one in found if one.anomaly_id not in known])
        known |= {one.anomaly_id for one in found}
    return told


def test_a_year_of_ordinary_kpis_and_sixty_days_after_it_warn_at_most_three_times(business: Business) -> None:
    told = warned(business, 60, 1)
    assert len(told) == 61
    assert sum(1 for run in told if run) <= 3, [one.message for run in told for one in run]


@pytest.mark.long
@pytest.mark.parametrize(
    ("seed", "days", "step"),
    [
        pytest.param(1, 365, 1, marks=pytest.mark.draws),
        (2, 60, 1),
        (3, 364, 7),
        pytest.param(4, 364, 7, marks=pytest.mark.draws),
        (5, 364, 28),
    ],
)
def test_other_businesses_are_ordinary_as_well(seed: int, days: int, step: int) -> None:
    with open_duckdb() as connection:
        told = warned(Business(connection, seed), days, step)
    assert sum(1 for run in told if run) <= 3, [one.message for run in told for one in run]


def last_week(*measures: str, factor: float) -> Any:
    return lambda measure, day: factor if measure in measures else 1.0


def test_prices_times_100_warn_of_every_kpi_with_its_name_band_and_part(business: Business) -> None:
    business.go_on(200)
    assert business.compare().open == ()
    business.go_on(7, last_week("order_value", factor=100))
    found = {one.kpi_id: one for one in business.compare().open}
    assert set(found) == {"order_value_mean", "order_value_per_visitor"}
    mean = found["order_value_mean"]
    assert (mean.first_on, mean.last_on) == (BEGINS + timedelta(days=200), BEGINS + timedelta(days=206))
    assert mean.message.startswith("order value mean (order_value_mean): value was ")
    assert "its numerator order_value is" in mean.message and "its denominator" not in mean.message
    expected, lower, upper, actual, reasons = (
        business.connection.execute(
            "select expected, lower, upper, actual, reasons from hygiene.kpi_bands inner join hygiene.kpi_anomalies "
            "using (kpi_id, figure) where kpi_id = 'order_value_mean' and figure = 'value' and window_days = 7 "
            "and measured_on = ?",
            [mean.last_on],
        ).fetchone()
        or (None,) * 5
    )
    assert lower < expected < upper < actual
    assert 60 < expected < 110 and 50 < actual / expected < 200
    assert reasons == "numerator"
    # the query shows the days
    days = business.connection.execute(mean.query).fetchall()
    assert days[-1][0] == mean.last_on and len(days) == 63


def test_half_of_the_visitors_missing_warns_by_what_is_measured_on_them(business: Business) -> None:
    business.go_on(400)
    business.compare()
    business.go_on(28, last_week("visitors", "products_viewed", factor=0.5))
    found = business.compare().open
    assert {one.kpi_id for one in found if one.figure == "volume"} == {"cart_ratio", "order_share"}
    assert "also order_value_per_visitor" in next(one.message for one in found if one.kpi_id == "order_share")


def test_a_band_is_kept_of_every_day_and_holds_99_of_100(business: Business) -> None:
    business.go_on(500)
    business.compare()
    rows = business.connection.execute(
        "select count(*), count(distinct measured_on), count_if(is_learning and expected is null), "
        "count_if(is_within) / count(is_within), bool_and(lower <= expected and expected <= upper) "
        "from hygiene.kpi_bands where window_days = 1 and figure = 'value' and kpi_id <> 'return_ratio'"
    ).fetchone()
    assert rows is not None
    count, days, learning, within, is_ordered = rows
    divided = sum(denominator is not None for _, _, denominator in KPIS.values()) - 1
    assert (count, days) == (500 * divided, 500)
    # the first weeks only learn
    assert learning >= 21 * divided
    assert 0.97 < within <= 1.0
    assert is_ordered


def test_only_days_that_are_new_or_changed_are_compared(business: Business) -> None:
    business.go_on(200)
    business.compare()
    assert business.compare().comparison_count == 0
    business.go_on(1)
    business.connection.execute(
        "update kpis.fct_kpi_values_daily set denominator = denominator + 1 "
        "where kpi_id = 'call_answered_share' and measured_on = ?",
        [BEGINS + timedelta(days=150)],
    )
    business.compare()
    judged = business.connection.execute(
        "select kpi_id, measured_on from hygiene.kpi_bands where run_id = 'run 3' and window_days = 1 "
        "and figure = 'value' order by all"
    ).fetchall()
    new = {(kpi, BEGINS + timedelta(days=200)) for kpi, (_, _, denominator) in KPIS.items() if denominator}
    new -= {("return_ratio", BEGINS + timedelta(days=200))}
    new |= {("call_answered_share", BEGINS + timedelta(days=150))}
    assert set(judged) == new | {("return_ratio", BEGINS + timedelta(days=200 - WAIT_DAYS["orders_returned"]))}


def test_a_value_that_waits_for_intervals_to_end_is_compared_when_these_have(business: Business) -> None:
    """Of young orders none is returned yet, which is no deviation."""
    business.go_on(200)
    # what is young has few of its returns
    young = BEGINS + timedelta(days=200 - WAIT_DAYS["orders_returned"])
    business.connection.execute(
        "update kpis.fct_kpi_values_daily set numerator = 0 where kpi_id = 'return_ratio' and measured_on >= ?", [young]
    )
    assert business.compare().open == ()
    newest = business.connection.execute(
        "select figure, max(measured_on) from hygiene.kpi_bands where kpi_id = 'return_ratio' group by all order by all"
    ).fetchall()
    assert newest == [("value", young - timedelta(days=1)), ("volume", BEGINS + timedelta(days=199))]


def test_what_was_accepted_is_not_told_again_and_what_was_corrected_ends(business: Business) -> None:
    business.go_on(200)
    business.compare()
    business.go_on(7, last_week("calls_answered", factor=0.5))
    [found] = business.compare().open
    assert (found.kpi_id, found.figure) == ("call_answered_share", "value")
    business.go_on(7, last_week("calls_answered", factor=0.5))
    [again] = business.compare().open
    assert again.anomaly_id == found.anomaly_id
    accept_anomaly(business.connection, found.anomaly_id, by="ann", note="the hotline is open half of the day", now=NOW)
    business.go_on(7, last_week("calls_answered", factor=0.5))
    assert business.compare().open == ()

    business.go_on(7, last_week("mails_opened", factor=0.1))
    [found] = business.compare().open
    assert found.kpi_id == "mail_opened_ratio"
    business.connection.execute(
        "update kpis.fct_kpi_values_daily set numerator = numerator * 10 where kpi_id = 'mail_opened_ratio' "
        "and measured_on between ? and ?",
        [found.first_on, found.last_on],
    )
    assert business.compare().open == ()


def limit(line: int = 2, **values: Any) -> SeedRow:
    return SeedRow(line, {name: str(value) for name, value in values.items()}, 0, "kpi_limits", values)


def test_a_limit_blocks_switches_off_or_raises_what_warns(business: Business) -> None:
    business.go_on(200)
    business.compare()
    business.go_on(7, last_week("order_value", factor=100))
    found = business.compare(KpiLimits([limit(kpi_id="order_value_mean", blocks=True)]))
    assert {check.severity for check in kpi_checks(found.open) if "(order_value_mean)" in check.says} == {"error"}
    assert {check.severity for check in kpi_checks(found.open) if "(order_value_mean)" not in check.says} == {"warning"}
    # a limit that is set later holds for what waits
    off = KpiLimits([limit(figure="value", is_on=False), limit(3, kpi_id="order_value_mean", is_on=True)])
    assert {one.kpi_id for one in business.compare(off).open} == {"order_value_mean"}

    business.go_on(7, last_week("calls_answered", factor=0.5))
    high = KpiLimits([limit(kpi_id="call_answered_share", figure="value", minimum_effect=0.9)])
    assert "call_answered_share" not in {one.kpi_id for one in business.compare(high).open}


def half_of_visitors(business: Business) -> KpiAnomaly:
    """The volume of visitors, which order_share and order_value_per_visitor share, is found."""
    business.go_on(400)
    business.compare()
    business.go_on(28, last_week("visitors", "products_viewed", factor=0.5))
    [found] = [one for one in business.compare().open if (one.kpi_id, one.figure) == ("order_share", "volume")]
    assert found.also_kpi_ids == ("order_value_per_visitor",)
    return found


@pytest.mark.parametrize("kpi_id", ["order_share", "order_value_per_visitor"])
def test_a_limit_blocks_by_each_kpi_that_shares_the_figure(business: Business, kpi_id: str) -> None:
    found = half_of_visitors(business)
    blocking = KpiLimits([limit(kpi_id=kpi_id, figure="volume", blocks=True)])
    open_now = business.compare(blocking).open
    assert {one.anomaly_id for one in open_now if one.blocks} == {found.anomaly_id}
    severity = {check.severity for check in kpi_checks(open_now) if found.anomaly_id in check.says}
    assert severity == {"error"}


def test_a_figure_of_several_kpis_is_open_until_all_of_them_are_switched_off(business: Business) -> None:
    found = half_of_visitors(business)
    rows = [limit(kpi_id="order_share", figure="volume", is_on=False)]
    [left] = [one for one in business.compare(KpiLimits(rows)).open if one.anomaly_id == found.anomaly_id]
    assert left.kpi_ids == ("order_value_per_visitor",)
    # it goes on under its id, and is the same when the first KPI is switched on again
    business.go_on(7, last_week("visitors", "products_viewed", factor=0.5))
    open_now = [one for one in business.compare(KpiLimits(rows)).open if "order_value_per_visitor" in one.kpi_ids]
    assert [one.anomaly_id for one in open_now if one.figure == "volume"] == [found.anomaly_id]
    open_now = [one for one in business.compare().open if one.figure == "volume" and "order_share" in one.kpi_ids]
    assert [(one.anomaly_id, one.also_kpi_ids) for one in open_now] == [
        (found.anomaly_id, ("order_value_per_visitor",))
    ]
    rows.append(limit(3, kpi_id="order_value_per_visitor", figure="volume", is_on=False))
    assert found.anomaly_id not in {one.anomaly_id for one in business.compare(KpiLimits(rows)).open}


def test_what_a_kpi_shared_stays_with_the_other_when_it_is_measured_otherwise(business: Business) -> None:
    found = half_of_visitors(business)
    business.connection.execute(
        "update kpis.dim_kpis set denominator_measure_id = 'calls' where kpi_id = 'order_share'"
    )
    business.connection.execute(
        "update kpis.fct_kpi_values_daily as moved set denominator = calls.denominator "
        "from kpis.fct_kpi_values_daily as calls where moved.kpi_id = 'order_share' "
        "and calls.kpi_id = 'call_answered_share' and calls.measured_on = moved.measured_on"
    )
    left = [one for one in business.compare().open if one.anomaly_id == found.anomaly_id]
    assert [(one.kpi_ids, one.figure) for one in left] == [(("order_value_per_visitor",), "volume")]


def test_what_was_accepted_stays_so_when_a_kpi_that_shares_it_is_switched_off(business: Business) -> None:
    found = half_of_visitors(business)
    accept_anomaly(business.connection, found.anomaly_id, by="ann", note="one shop is closed", now=NOW)
    off = KpiLimits([limit(kpi_id="order_share", figure="volume", is_on=False)])
    business.go_on(7, last_week("visitors", "products_viewed", factor=0.5))
    open_now = business.compare(off).open
    assert not [one for one in open_now if "order_value_per_visitor" in one.kpi_ids and one.figure == "volume"]


def test_what_was_found_under_a_former_name_of_its_metric_goes_on(business: Business) -> None:
    found = half_of_visitors(business)
    business.connection.execute(
        "update hygiene.kpi_anomalies set metric = 'rows_beside' where anomaly_id = ?", [found.anomaly_id]
    )
    business.go_on(1, last_week("visitors", "products_viewed", factor=0.5))
    assert found.anomaly_id in {one.anomaly_id for one in business.compare().open}
    assert business.connection.execute(
        "select count(*) from hygiene.kpi_anomalies where metric = 'rows_beside'"
    ).fetchall() == [(0,)]


def test_reasons_name_a_new_definition_and_open_deliveries_of_tables_that_feed_the_kpi(business: Business) -> None:
    connection = business.connection
    for table, columns in {
        "intermediate.int_measured_events": "measure_id varchar, event_id varchar, measured_on date",
        "intermediate.int_measured_intervals": "measure_id varchar, interval_id varchar, measured_on date",
        "intermediate.int_measured_costs": "measure_id varchar, event_id varchar, measured_on date",
        "intermediate.int_measured_credits": "measure_id varchar, event_id varchar, measured_on date",
        "intermediate.int_measured_spend": "measure_id varchar, spend_id varchar, measured_on date",
        "intermediate.int_event_versions": "version_key varchar, event_id varchar",
        "journeys.fct_phase_intervals": "interval_id varchar, entry_event_id varchar",
    }.items():
        connection.execute(f"create schema if not exists {table.partition('.')[0]}")
        connection.execute(f"create table {table} ({columns})")
    business.go_on(200)
    business.compare()
    business.go_on(7, last_week("order_value", factor=100))
    day = BEGINS + timedelta(days=203)
    connection.execute("insert into intermediate.int_measured_events values ('order_value', 'e', ?)", [day])
    connection.execute("insert into intermediate.int_event_versions values ('shop.orders:o#1', 'e')")
    connection.execute("insert into intermediate.int_measured_costs values ('order_value', 'c', ?)", [day])
    connection.execute("insert into intermediate.int_event_versions values ('support.calls:c#1', 'c')")
    spend_id = "ads.daily_spend:2026-01-01|google|AD01"
    connection.execute("insert into intermediate.int_measured_spend values ('order_value', ?, ?)", [spend_id, day])
    for number, (source, table, on) in enumerate(
        [
            ("shop", "orders", day),
            ("web", "events", day),
            ("shop", "orders", date(2025, 1, 5)),
            ("support", "calls", day),
            ("ads", "daily_spend", day),
        ]
    ):
        connection.execute(
            "insert into hygiene.delivery_anomalies (anomaly_id, source_name, table_name, metric, first_on, last_on) "
            "values (?, ?, ?, 'level', ?, ?)",
            [f"a{number}", source, table, on, on],
        )
    found = business.compare(redefined={"order_value_mean"})
    [message] = [one.message for one in found.open if one.kpi_id == "order_value_mean"]
    assert "defined otherwise than in the release before: order_value_mean" in message
    waiting = "ads.daily_spend (level, ID=a4); shop.orders (level, ID=a0); support.calls (level, ID=a3)"
    assert f"deliveries of these days that wait: {waiting};" in message
    assert connection.execute(
        "select reasons from hygiene.kpi_anomalies where kpi_id = 'order_value_mean'"
    ).fetchall() == [("definition, delivery, numerator",)]


def test_a_kpi_that_is_gone_waits_no_longer(business: Business) -> None:
    business.go_on(200)
    business.compare()
    business.go_on(7, last_week("calls_answered", factor=0.5))
    assert business.compare().open
    business.connection.execute("delete from kpis.dim_kpis where kpi_id = 'call_answered_share'")
    assert business.compare().open == ()


def test_a_short_history_only_learns(business: Business) -> None:
    business.go_on(20)
    found = business.compare()
    assert found.open == () and found.comparison_count == 0 and found.learning_count > 0
