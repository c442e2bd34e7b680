"""Simulates the daily figures of a business whose KPIs are ordinary: season, growth, weekdays, campaigns and noise.

The tables that a comparison of KPIs reads are made as a build would leave them, so that a year costs seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy

from orchestration.lib.hygiene.kpi_bands import KpiComparison, KpiLimits, compare_kpis
from orchestration.lib.release.ledgers import create_ledgers

BEGINS = date(2025, 1, 1)
# Counts per day in the beginning; how much season, growth in a year, campaigns and weekends do; noise from day to day.
VOLUMES = {
    "visitors": (900.0, 0.25, 0.4, 0.5, 0.8, 0.10),
    "products_viewed": (2500.0, 0.25, 0.4, 0.5, 0.9, 0.12),
    "app_users": (300.0, 0.15, 0.9, 0.2, 1.2, 0.12),
    "mails_sent": (800.0, 0.10, 0.2, 1.5, 0.7, 0.30),
    "calls": (60.0, 0.15, 0.1, 0.1, 0.2, 0.15),
    "receipts": (200.0, 0.30, 0.1, 0.3, 1.6, 0.12),
}
# Of each, the share that does something more, and how much it differs from day to day (logarithm).
SHARES = {
    "orders": ("visitors", 0.06, 0.08),
    "carts": ("products_viewed", 0.1, 0.08),
    "app_orders": ("app_users", 0.05, 0.10),
    "mails_opened": ("mails_sent", 0.25, 0.10),
    "calls_answered": ("calls", 0.9, 0.01),
    "orders_returned": ("orders", 0.12, 0.15),
}
# Money: of each count a sum of amounts of this median, with a long tail.
SUMS = {"order_value": ("orders", 60.0), "receipt_value": ("receipts", 30.0)}
# KPI: unit, numerator, denominator.
KPIS = {
    "order_share": ("share", "orders", "visitors"),
    "order_value_mean": ("EUR", "order_value", "orders"),
    "order_value_per_visitor": ("EUR", "order_value", "visitors"),
    "cart_ratio": ("ratio", "carts", "products_viewed"),
    "app_order_share": ("share", "app_orders", "app_users"),
    "mail_opened_ratio": ("ratio", "mails_opened", "mails_sent"),
    "call_answered_share": ("share", "calls_answered", "calls"),
    "return_ratio": ("ratio", "orders_returned", "orders"),
    "receipt_value_mean": ("EUR", "receipt_value", "receipts"),
    "receipt_value_sum": ("EUR", "receipt_value", None),
}
# Of a measure of intervals the days until it is final.
WAIT_DAYS = {"orders_returned": 14}

Change = Callable[[str, date], float]


@dataclass
class Business:
    """A warehouse with the KPIs of days from the first on; each day is drawn once and stays as it is."""

    connection: duckdb.DuckDBPyConnection
    seed: int
    days: int = 0
    runs: int = 0
    changed: dict[str, Change] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = numpy.random.default_rng(self.seed)
        create_ledgers(self.connection)
        measures = sorted({*VOLUMES, *SHARES, *SUMS})
        for schema in ("kpis", "intermediate", "config"):
            self.connection.execute(f"create schema if not exists {schema}")
        self.connection.execute("create table config.measures (measure_id varchar, occurrence varchar)")
        self.connection.execute(
            "create table intermediate.int_measure_terms (measure_id varchar, wait_days double, "
            "waits_without_limit boolean, began_on date)"
        )
        for measure in measures:
            self.connection.execute("insert into config.measures values (?, null)", [measure])
            self.connection.execute(
                "insert into intermediate.int_measure_terms values (?, ?, false, ?)",
                [measure, WAIT_DAYS.get(measure, 0), BEGINS],
            )
        self.connection.execute(
            "create table kpis.dim_kpis (kpi_id varchar, kpi_name varchar, unit varchar, "
            "numerator_measure_id varchar, denominator_measure_id varchar)"
        )
        for kpi, (unit, numerator, denominator) in KPIS.items():
            name = kpi.replace("_", " ")
            self.connection.execute(
                "insert into kpis.dim_kpis values (?, ?, ?, ?, ?)", [kpi, name, unit, numerator, denominator]
            )
        self.connection.execute(
            "create table kpis.fct_kpi_values_daily (kpi_id varchar, channel varchar, segment varchar, "
            "numerator double, denominator double, value double, measured_on date)"
        )
        # a campaign begins every few weeks and lasts one or two
        self.campaigns: list[tuple[int, int]] = []
        day = int(self.random.integers(10, 30))
        while day < 1500:
            length = int(self.random.integers(5, 15))
            self.campaigns.append((day, day + length))
            day += length + int(self.random.integers(10, 40))

    def go_on(self, days: int, change: Change | None = None) -> None:
        """So many days more; `change` gives the factor of a measure on a day."""
        rows = []
        for number in range(self.days, self.days + days):
            day = BEGINS + timedelta(days=number)
            found = self._measures_on(number)
            for measure in found:
                found[measure] *= change(measure, day) if change is not None else 1.0
            for kpi, (_, numerator, denominator) in KPIS.items():
                below = found[denominator] if denominator else None
                value = found[numerator] if below is None else found[numerator] / below if below else None
                rows.append((kpi, "all", "all", found[numerator], below, value, day))
        self.days += days
        self.connection.executemany("insert into kpis.fct_kpi_values_daily values (?, ?, ?, ?, ?, ?, ?)", rows)

    def compare(self, limits: KpiLimits | None = None, **more: object) -> KpiComparison:
        """What a run finds after the last day that there is."""
        self.runs += 1
        last = BEGINS + timedelta(days=self.days - 1)
        return compare_kpis(
            self.connection,
            last_day=last,
            now=datetime(last.year, last.month, last.day, 6, tzinfo=UTC) + timedelta(days=1, minutes=self.runs),
            run_id=f"run {self.runs}",
            limits=limits or KpiLimits(),
            **more,  # type: ignore[arg-type]
        )

    def _measures_on(self, day: int) -> dict[str, float]:
        is_campaign = any(first <= day < last for first, last in self.campaigns)
        reach = float(self.random.uniform(0.5, 1.0))
        found: dict[str, float] = {}
        for measure, (base, season, growth, campaign, weekend, noise) in VOLUMES.items():
            rate = base * (1 + growth) ** (day / 365) * (1 + season * math.sin(2 * math.pi * (day - 260) / 365))
            rate *= weekend if (BEGINS + timedelta(days=day)).weekday() >= 5 else 1.0
            rate *= 1 + campaign * reach if is_campaign else 1.0
            found[measure] = float(self.random.poisson(rate * math.exp(self.random.normal(0, noise))))
        for measure, (whole, share, noise) in SHARES.items():
            chance = min(share * math.exp(self.random.normal(0, noise)), 1.0)
            found[measure] = float(self.random.binomial(int(found[whole]), chance))
        for measure, (count, median) in SUMS.items():
            found[measure] = float(self.random.lognormal(math.log(median), 0.8, int(found[count])).sum().round(2))
        return found
