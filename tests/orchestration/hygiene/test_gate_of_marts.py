"""The gate before publishing warns of KPIs that are unlike the days before by their names, and blocks where told to."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.project import ensure_manifest
from orchestration.lib.hygiene.anomaly_ledger import accept_anomaly, waiting
from tests.conftest import Warehouse, make_warehouse

if TYPE_CHECKING:
    from orchestration.defs.hygiene.checks import Checked

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 84
HEADER = "event_id,occurred_at,event_name,source_system,channel,identifiers,amount,currency"
SEEDS = {
    "measures": "measure_id,subject,aggregation,value_column,event_name\n"
    "orders,events,count,,order_placed\nrevenue,events,sum,amount,order_placed\nviews,events,count,,page_viewed\n",
    "kpis": "kpi_id,kpi_name,kind,tier,direction,unit,period,numerator_measure_id,denominator_measure_id\n"
    "order_value,Value of an order,money,primary,up,EUR,week,revenue,orders\n"
    "order_share,Orders per view,progress,primary,up,ratio,week,orders,views\n",
    "kpi_roles": "kpi_id,role,person\norder_value,accountable,Ann\norder_share,accountable,Ann\n",
}


def week(number: int, *, price: float = 1.0) -> str:
    """The rows of a week: some forty views and a dozen orders a day, fewer on Sundays."""
    random = Random(number)
    rows = [HEADER]
    for day in range(7 * number, 7 * number + 7):
        for kind, usual in (("page_viewed", 40), ("order_placed", 12)):
            for place in range(int(usual * random.uniform(0.8, 1.2) * (0.7 if day % 7 == 3 else 1.0))):
                moment = BEGINS + timedelta(days=day, minutes=random.randrange(1440))
                amount = f"{random.lognormvariate(3.5, 0.5) * price:.2f},EUR" if kind == "order_placed" else ","
                rows.append(
                    f"{kind}-{day}-{place},{moment:%Y-%m-%dT%H:%M:%SZ},{kind},shop,shop,"
                    f'"{{""cookie"": ""c{random.randrange(400)}""}}",{amount}'
                )
    return "\n".join(rows) + "\n"


def gate(warehouse: Warehouse, weeks: int) -> Checked:
    """Lands and builds at the end of so many weeks, and gives what the suite of the KPIs found."""
    # the checks read the manifest when they are imported, and a new clone has none yet
    ensure_manifest()
    from orchestration.defs.hygiene.checks import check_marts

    as_of = BEGINS + timedelta(days=7 * weeks)
    warehouse.land()
    warehouse.build(as_of=as_of)
    log = logging.getLogger("test")
    found = check_marts(warehouse.settings, as_of=as_of, run_id=f"run {weeks}", log=log)  # type: ignore[arg-type]
    [kpis] = [one for one in found if one.name == "kpis_suite"]
    return kpis


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    (tmp_path / "seeds").mkdir()
    for seed, text in SEEDS.items():
        (tmp_path / "seeds" / f"{seed}.csv").write_text(text, encoding="utf-8")
    return make_warehouse(tmp_path, seeds=tmp_path / "seeds", as_of="2026-03-26")


def test_prices_times_100_in_the_last_week_warn_by_the_kpis_name_and_block_where_told(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = warehouse.settings.extracts / "feed" / "events"
    folder.mkdir(parents=True)
    for number in range(DAYS // 7):
        (folder / f"{number:02}.csv").write_text(week(number), encoding="utf-8")
    ordinary = gate(warehouse, DAYS // 7)
    assert [one for one in ordinary.result.warnings if "like_days_before" in one.expectation] == []

    (folder / "12.csv").write_text(week(12, price=100), encoding="utf-8")
    found = gate(warehouse, 13)
    [warning] = [one for one in found.result.warnings if "like_days_before" in one.expectation]
    assert not found.result.blocks
    assert (warning.table_schema, warning.table_name, warning.column_name) == ("kpis", "fct_kpi_values_daily", "value")
    for said in ("Value of an order (order_value): value was", "from 2026-03-26 to 2026-04-01, expected", "numerator"):
        assert said in warning.message

    (tmp_path / "seeds" / "kpi_limits.csv").write_text("kpi_id,blocks\norder_value,true\n", encoding="utf-8")
    assert gate(warehouse, 13).result.blocks
    with open_duckdb(warehouse.settings.warehouse) as connection:
        [(anomaly, kpi, _)] = waiting(connection)
        assert kpi == "order_value"
        accept_anomaly(connection, anomaly, by="ann", note="dearer", now=BEGINS)
    accepted = gate(warehouse, 13)
    assert not accepted.result.blocks
    assert [one for one in accepted.result.warnings if "like_days_before" in one.expectation] == []

    bands = warehouse.query(
        "select kpi_id, figure, count(*) as days, count_if(is_learning) < count(*) as has_bands "
        "from hygiene.kpi_bands where window_days = 1 group by all order by all"
    )
    assert [(row["kpi_id"], row["figure"], row["days"], row["has_bands"]) for row in bands] == [
        ("order_share", "value", 91, True),
        ("order_share", "volume", 91, True),
        ("order_value", "value", 91, False),
        ("order_value", "volume", 91, True),
    ]
