"""What names nobody begins no journey, unless the setting says so, and KPIs say how much of it there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, make_warehouse

HEADER = "event_id,occurred_at,event_name,source_system,channel,touchpoint,identifiers\n"
# of four clicks on ads one names a browser, which then looks at a product
ROWS = """\
ad:1,2026-01-05T09:00:00Z,ad_clicked,ads,paid_search,,"{""cookie"": ""c-1""}"
ad:2,2026-01-06T09:00:00Z,ad_clicked,ads,paid_search,,
ad:3,2026-01-07T09:00:00Z,ad_clicked,ads,paid_search,,
ad:4,2026-01-08T09:00:00Z,ad_clicked,ads,paid_search,,
web:1,2026-01-05T09:05:00Z,product_viewed,web,web,,"{""cookie"": ""c-1""}"
"""
INSTANCES = "select is_linkable, outcome, count(*) as count from journeys.fct_journeys group by all order by all"


def built(folder: Path, **environment: str) -> Warehouse:
    warehouse = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of="2026-04-01", **environment)
    file = warehouse.settings.extracts / "feed" / "events" / "2026-01.csv"
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + ROWS, encoding="utf-8")
    warehouse.land()
    warehouse.build()
    return warehouse


@pytest.mark.parametrize(
    ("policy", "instances", "denominator"),
    [
        ("omit", [{"is_linkable": True, "outcome": "fell_out", "count": 1}], 1),
        (
            "count",
            [
                {"is_linkable": False, "outcome": "fell_out", "count": 3},
                {"is_linkable": True, "outcome": "fell_out", "count": 1},
            ],
            4,
        ),
    ],
)
def test_a_click_that_names_nobody(
    policy: str, instances: list[dict[str, object]], denominator: int, tmp_path: Path
) -> None:
    warehouse = built(tmp_path, JOURNEYS_UNLINKABLE=policy)
    assert warehouse.query(INSTANCES) == instances
    [month] = warehouse.query(
        "select numerator, denominator, linkable_share from kpis.fct_kpi_values "
        "where kpi_id = 'awareness_passed_share' and period_start = '2026-01-01'"
    )
    assert month == {"numerator": 1, "denominator": denominator, "linkable_share": 0.25}
