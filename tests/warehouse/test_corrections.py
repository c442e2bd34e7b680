"""A correction blocks no release: every check holds while rows of every source table come, change, go and come back.

A receipt's line was corrected from 10.00 to 9.00, and from then on every run ended with a failing `unique` test: the
model of baskets keeps superseded versions, and its test did not know of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.warehouse.build import event_tables
from tests.conftest import Warehouse, differences, make_warehouse
from tests.warehouse.contract_rows import CASES, corrected_rows, delivered_rows, file_name, write_file

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("corrections")]

CONTRACTS = read_contracts(PROJECT_ROOT / "models")
AS_OF = "2026-02-01"
# Files of each table in the order of their names, which is that of their delivery.
FIRST, CORRECTION, COPY, AGAIN = "a_first", "b_correction", "c_copy", "d_again"
FILES = (FIRST, CORRECTION, COPY, AGAIN)
EVERY_TABLE = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)


@dataclass
class Delivered:
    """A warehouse to which every source table is delivered step by step, and copies of its file after each step."""

    folder: Path
    steps: Sequence[str]
    contracts: Sequence[TableContract]
    after: list[Warehouse] = field(default_factory=list)
    has_failed: bool = False

    def __post_init__(self) -> None:
        self.warehouse = self._warehouse(self.folder)

    def reached(self, step: str) -> Warehouse:
        """The warehouse as it was after a step."""
        number = self.steps.index(step)
        while len(self.after) <= number:
            if self.has_failed:
                pytest.fail(f"the step {self.steps[len(self.after)]!r} failed before", pytrace=False)
            self.has_failed = True
            self._go_on(self.steps[len(self.after)])
            self.has_failed = False
        return self.after[number]

    def at_once(self) -> Warehouse:
        """A warehouse that is built once from all files. Snapshots, of which the last one counts, land one by one."""
        self.reached(self.steps[-1])
        built = self._warehouse(self.folder / "at_once")
        for number in range(len(FILES)):
            for contract in self.contracts:
                found = sorted((self.warehouse.settings.extracts / contract.folder).iterdir())
                for path in found[number : number + 1] if contract.delivery == "snapshot" else found:
                    target = built.settings.extracts / contract.folder / path.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if not target.exists():
                        shutil.copy(path, target)
            built.land()
        assert built.build(command="build") == "first build"
        return built

    def _warehouse(self, folder: Path) -> Warehouse:
        made = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of=AS_OF)
        made.contracts = self.contracts
        return made

    def _go_on(self, step: str) -> None:
        STEPS[step](self)
        self.warehouse.land()
        problems = [
            f"{result.source}.{result.table}: {result.refused or result.rows_quarantined}"
            for result in self.warehouse.landed
            if result.refused or result.rows_quarantined
        ]
        assert problems == []
        reason = self.warehouse.build(command="build")
        assert reason is not None
        assert reason.startswith("landing batch" if self.after else "first build"), reason
        kept = self._warehouse(self.folder / f"after_{len(self.after)}")
        kept.settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.warehouse.settings.warehouse, kept.settings.warehouse)
        self.after.append(kept)

    def path(self, contract: TableContract, name: str) -> str:
        # the copy is in its original's format, what is delivered again in another one where there is one
        number = {FIRST: 0, CORRECTION: 1, COPY: 0, AGAIN: 2}[name]
        return file_name(contract, name, number)

    def deliver(self) -> None:
        for contract in self.contracts:
            self._write(contract, FIRST, delivered_rows(contract))

    def correct(self) -> None:
        for contract in self.contracts:
            self._write(contract, CORRECTION, corrected_rows(contract))

    def withdraw(self) -> None:
        self.warehouse.withdraw(*(self.path(contract, CORRECTION) for contract in self.contracts))

    def restore(self) -> None:
        self.warehouse.restore(*(self.path(contract, CORRECTION) for contract in self.contracts))

    def deliver_again(self) -> None:
        """The first file under another name, and its rows in another file: other bytes, another order."""
        extracts = self.warehouse.settings.extracts
        for contract in self.contracts:
            shutil.copy(extracts / self.path(contract, FIRST), extracts / self.path(contract, COPY))
            self._write(contract, AGAIN, delivered_rows(contract)[::-1])

    def leave_out(self) -> None:
        """A set without `kept`, and without one of the two rows that share the beginning of their key."""
        for contract in self.contracts:
            rows = zip(CASES, corrected_rows(contract), strict=True)
            self._write(contract, CORRECTION, [row for case, row in rows if case not in ("times", "kept")])

    def _write(self, contract: TableContract, name: str, rows: Sequence[dict[str, object]]) -> None:
        write_file(contract, rows, self.warehouse.settings.extracts / self.path(contract, name))


STEPS: dict[str, Callable[[Delivered], None]] = {
    "delivered": Delivered.deliver,
    "corrected": Delivered.correct,
    "withdrawn": Delivered.withdraw,
    "restored": Delivered.restore,
    "delivered again": Delivered.deliver_again,
    "left out": Delivered.leave_out,
}
DECLARED_STEPS = ("delivered", "corrected", "withdrawn", "restored", "delivered again")
SNAPSHOT_STEPS = ("delivered", "left out", "delivered again")


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """Every table delivered as its contract says."""
    return Delivered(tmp_path_factory.mktemp("declared"), DECLARED_STEPS, CONTRACTS)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """Every table delivered as snapshots: a row that a set leaves out is superseded, and none of its key counts."""
    contracts = [replace(contract, delivery="snapshot") for contract in CONTRACTS]
    return Delivered(tmp_path_factory.mktemp("snapshots"), SNAPSHOT_STEPS, contracts)


@pytest.mark.parametrize("step", DECLARED_STEPS)
def test_every_check_holds_after_each_step(step: str, declared: Delivered) -> None:
    declared.reached(step)


@pytest.mark.parametrize("step", SNAPSHOT_STEPS)
def test_every_check_holds_after_each_snapshot(step: str, snapshots: Delivered) -> None:
    snapshots.reached(step)


@EVERY_TABLE
def test_every_row_that_is_an_event_is_on_the_timeline_from_the_first(
    contract: TableContract, declared: Delivered
) -> None:
    built = declared.reached("delivered")
    manifest = read_dbt_manifest()
    if f"raw.{contract.identifier}" not in event_tables(manifest):
        pytest.skip("its rows are no events")
    [source] = [
        name
        for name, node in manifest["sources"].items()
        if node["schema"] == "raw" and node["identifier"] == contract.identifier
    ]
    found = [
        row
        for model in manifest["child_map"][source]
        if model.startswith("model.") and "event_id" in manifest["nodes"][model]["columns"]
        for row in built.query(f"""
            select events.event_name, events.is_identified
            from staging.{manifest["nodes"][model]["alias"]} as landed
            inner join core.fct_events as events on events.event_id = landed.event_id
            where landed.row_status = 'current'
        """)
    ]
    assert len(found) >= len(CASES)
    assert all(row["event_name"] for row in found)
    assert any(row["is_identified"] for row in found)


@EVERY_TABLE
def test_rows_of_every_table_are_superseded_by_the_correction(contract: TableContract, declared: Delivered) -> None:
    statuses = declared.reached("corrected").query(
        f"select _row_status as status, count(*) as row_count from raw.{contract.identifier} group by _row_status"
    )
    counts = {row["status"]: row["row_count"] for row in statuses}
    assert counts["current"] == len(CASES)
    assert counts["superseded"] >= 1
    assert counts["duplicate"] >= 1  # the row that nobody corrected


def test_a_correction_withdrawn_leaves_no_trace(declared: Delivered) -> None:
    assert differences(declared.reached("withdrawn"), declared.reached("delivered")) == {}


def test_no_version_is_superseded_once_its_correction_is_withdrawn(declared: Delivered) -> None:
    left, kept = (
        declared.reached(step).query("select version_key from intermediate.int_event_versions where not is_current")
        for step in ("withdrawn", "corrected")
    )
    assert left == []
    assert any(row["version_key"].startswith("store.transaction_lines:") for row in kept)


def test_a_correction_restored_is_as_if_it_had_stayed(declared: Delivered) -> None:
    assert differences(declared.reached("restored"), declared.reached("corrected")) == {}


def test_a_snapshot_that_returns_to_an_earlier_one_leaves_its_events(snapshots: Delivered) -> None:
    before, after = (
        {row["event_id"] for row in snapshots.reached(step).query("select event_id from core.fct_events")}
        for step in ("delivered", "delivered again")
    )
    assert before == after


@pytest.mark.parametrize("deliveries", ["declared", "snapshots"])
def test_in_the_end_every_table_is_as_if_all_had_come_at_once(deliveries: str, request: pytest.FixtureRequest) -> None:
    delivered: Delivered = request.getfixturevalue(deliveries)
    assert differences(delivered.reached(delivered.steps[-1]), delivered.at_once()) == {}
