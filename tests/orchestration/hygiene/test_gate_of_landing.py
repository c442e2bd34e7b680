"""The gate after landing names the file that blocks it, and warns of what is suspicious without blocking."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.lib.config.contracts import ColumnContract, TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.project import ensure_manifest
from orchestration.lib.landing.overlooked import note_overlooked, overlooked
from tests.conftest import Warehouse, make_warehouse

if TYPE_CHECKING:
    from orchestration.defs.hygiene.checks import Checked

CONTRACTS = read_contracts(PROJECT_ROOT / "models")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = next(contract for contract in CONTRACTS if contract.name == "feed.events")
HEADER = "event_id,occurred_at,event_name,source_system\n"


def test_a_mostly_quarantined_file_is_named_until_it_is_withdrawn(tmp_path: Path) -> None:
    made = make_warehouse(tmp_path, seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01")
    warehouse = replace(made, contracts=(CONTRACTS[0], EVENTS))

    def write(path: str, *rows: str) -> None:
        file = warehouse.settings.extracts / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")

    write("feed/events/good.csv", *(f"e{number},2026-01-01T00:00:00Z,page_viewed,web" for number in range(100)))
    write("fed/events/misspelt.csv")
    assert [one for one in checked(warehouse) if one.result.blocks] == []
    write("feed/events/bad.csv", *(f"b{number},01/02/2026,page_viewed,web" for number in range(5)))
    [blocking] = [one for one in checked(warehouse) if one.result.blocks]
    said = blocking.said["description"]
    assert "quarantined_share_of_delivery" in said
    assert "extracts/feed/events/bad.csv: 5 of 5 rows are in quarantine: 5 × not_a_time in occurred_at" in said
    # a later good delivery does not hide it
    write("feed/events/later.csv", *(f"l{number},2026-01-01T00:00:00Z,page_viewed,web" for number in range(500)))
    assert [one.result.blocks for one in checked(warehouse)] == [True]
    warehouse.withdraw("feed/events/bad.csv")
    assert [one.result.blocks for one in checked(warehouse)] == [False]


def checked(warehouse: Warehouse) -> list[Checked]:
    """Lands, looks at the folder and runs the suites that are due; the first time that of warnings is among them."""
    # the checks read the manifest when they are imported, and a new clone has none yet
    ensure_manifest()
    from orchestration.defs.hygiene.checks import check_landed

    warehouse.land()
    with open_duckdb(warehouse.settings.warehouse) as connection:
        found = overlooked(warehouse.settings.extracts, CONTRACTS)
        note_overlooked(connection, CONTRACTS, found, now=NOW)
    log = logging.getLogger("test")
    suites = check_landed(warehouse.settings, warehouse.contracts, as_of=NOW, run_id="r", log=log)  # type: ignore[arg-type]
    if warehouse.runs == 1:
        [warnings] = [one for one in suites if one.name == "warnings"]
        assert [check.expectation for check in warnings.result.warnings] == ["everything_is_read"]
    else:
        assert "warnings" not in [one.name for one in suites], "nothing about them changed"
    return suites


def test_a_table_without_a_time_warns_when_the_clock_alone_makes_it_late(tmp_path: Path) -> None:
    """It had passed, its rows were the same, and none of its checks had the clock in it: it was not checked again."""
    ensure_manifest()
    from orchestration.defs.hygiene.checks import check_landed

    reasons = TableContract(
        source="desk", table="reasons", description="", formats=("csv",), key=("code",), expected_every_hours=24,
        columns=(ColumnContract("code", "string", required=True),),
    )  # fmt: skip
    warehouse = replace(
        make_warehouse(tmp_path, seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01"), contracts=(reasons,)
    )
    file = warehouse.settings.extracts / "desk/reasons/a.csv"
    file.parent.mkdir(parents=True)
    file.write_text("code\nlate\n", encoding="utf-8")
    warehouse.land()
    log = logging.getLogger("test")

    def warned(hours: int) -> list[list[str]]:
        as_of = NOW + timedelta(hours=hours)
        found = check_landed(warehouse.settings, (reasons,), as_of=as_of, run_id=f"{hours}", log=log)  # type: ignore[arg-type]
        return [[check.message for check in one.result.warnings] for one in found]

    assert warned(1) == [[]]
    assert warned(2) == []
    [[late]] = warned(48)
    assert "a row arrives every 24 hours; the newest is of 2026-03-01 00:01 UTC, which is late" in late
