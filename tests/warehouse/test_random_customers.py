"""Random customers come out of the warehouse as the oracles, which share no code with the models, work them out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.conftest import Warehouse
from tests.oracles.feed import read_rows
from tests.oracles.release import Release
from tests.oracles.timeline import counted
from tests.warehouse.against_oracle import COMPARISONS, Comparison
from tests.warehouse.random_deliveries import SEEDS

pytestmark = pytest.mark.xdist_group("stories")


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_a_table_says_what_the_oracle_says(compare: Comparison, at_once: Warehouse, told: Release) -> None:
    assert compare(at_once, told) == []


def test_orders_add_up_by_day_in_the_reporting_currency(at_once: Warehouse, told: Release) -> None:
    """Every order is worth its amount at its day's rate; one without a rate is counted apart."""
    rates = sorted(read_rows(SEEDS / "exchange_rates.csv"), key=lambda row: row["valid_from"])

    def rate(currency: str | None, day: date) -> Decimal | None:
        if currency in (None, "EUR"):
            return Decimal(1)
        found = [row for row in rates if row["currency"] == currency and row["valid_from"] <= day.isoformat()]
        return Decimal(found[-1]["rate_to_reporting"]) if found else None

    worth: dict[date, Decimal] = defaultdict(Decimal)
    unrated: dict[date, int] = defaultdict(int)
    for event in told.events:
        if event["event_name"] == "order_placed" and counted(event):
            day = event["occurred_at"].date()
            at_rate = rate(event["currency"], day)
            if event["amount"] is not None and at_rate is not None:
                worth[day] += (event["amount"] * at_rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            else:
                worth[day] += 0
                unrated[day] += event["amount"] is not None
    said = at_once.query(
        "select measured_on, numerator, without_rate_count from kpis.fct_kpi_values_daily "
        "where kpi_id = 'value_per_day' and channel = 'all' and segment = 'all'"
    )
    assert {row["measured_on"]: (round(Decimal(row["numerator"]), 2), row["without_rate_count"]) for row in said} == {
        day: (amount, unrated[day]) for day, amount in worth.items()
    }
    assert sum(unrated.values()) > 0
