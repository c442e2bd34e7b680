"""Tables that somebody built with dbt itself never make the next release wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.running import run_dbt
from orchestration.lib.warehouse.build import build_trouble, is_releasable
from tests.conftest import Warehouse, differences, make_warehouse

HEADER = "event_id,occurred_at,event_name,source_system,channel,touchpoint,identifiers,amount,currency\n"
KEPT = """\
web:1,2026-01-05T09:00:00Z,product_viewed,web,web,,"{""cookie"": ""c-1"", ""email"": ""ann@example.com""}",,
shop:1,2026-01-05T09:30:00Z,order_placed,web,web,,"{""email"": ""ann@example.com""}",40.00,EUR
"""
WITHDRAWN = """\
shop:2,2026-01-06T09:30:00Z,order_placed,web,web,,"{""email"": ""ann@example.com""}",99.00,EUR
"""


def make(folder: Path, **files: str) -> Warehouse:
    warehouse = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of="2026-02-01")
    for name, rows in files.items():
        file = warehouse.settings.extracts / "feed" / "events" / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + rows, encoding="utf-8")
    warehouse.land()
    warehouse.build()
    return warehouse


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return make(tmp_path_factory.mktemp("expected"), kept=KEPT)


@pytest.fixture(scope="module")
def with_both(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return make(tmp_path_factory.mktemp("with_both"), kept=KEPT, withdrawn=WITHDRAWN)


@pytest.mark.parametrize("command", [("run", "--select", "+fct_events"), ("build", "--select", "int_calendar_days")])
def test_after_a_build_by_hand_the_next_one_starts_from_raw(
    command: tuple[str, ...], with_both: Warehouse, expected: Warehouse, tmp_path: Path
) -> None:
    warehouse = with_both.copy(tmp_path / "shop")
    warehouse.withdraw("feed/events/withdrawn.csv")
    run_dbt(warehouse.settings, command)
    with open_duckdb(warehouse.settings.warehouse, read_only=True) as connection:
        assert not is_releasable(connection)
        assert build_trouble(connection) == "dbt was run by hand"
    assert warehouse.build() == "dbt was run by hand"
    assert differences(warehouse, expected) == {}
    assert warehouse.build() is None


def test_commands_that_write_no_tables_change_nothing(expected: Warehouse) -> None:
    run_dbt(expected.settings, ["ls", "--select", "core"])
    run_dbt(expected.settings, ["compile", "--select", "fct_events"])
    run_dbt(expected.settings, ["test", "--select", "int_calendar_days"])
    assert expected.build() is None
