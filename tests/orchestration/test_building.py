"""dbt builds in a process of its own: its results arrive, its death is explained, and it dies with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt import building
from orchestration.lib.dbt.building import DbtBuild, NodeResult, explain
from orchestration.lib.dbt.node_states import BuildInputs
from orchestration.lib.dbt.project import read_dbt_manifest, target
from orchestration.lib.dbt.running import DbtFailed
from tests.conftest import Warehouse, make_warehouse

pytestmark = pytest.mark.xdist_group("building")

FROM_RAW = BuildInputs(
    number=1,
    batch=0,
    as_of="2026-03-01 00:00:00",
    is_full=True,
    now="2026-03-01 00:00:00",
    versions={},
    states={},
)
DATES = ("--select", "int_calendar_days", "--exclude-resource-type", "unit_test")


def build(
    settings: Settings, arguments: Sequence[str], *, progress: Callable[[NodeResult], None] = lambda result: None
) -> DbtBuild:
    return building.build(settings, arguments, {}, inputs=FROM_RAW, progress=progress)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    made = make_warehouse(tmp_path_factory.mktemp("building"), seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01")
    made.land()
    yield made


def test_results_come_as_nodes_end_and_the_file_is_free_afterwards(warehouse: Warehouse) -> None:
    seen: list[NodeResult] = []
    built = build(warehouse.settings, DATES, progress=seen.append)
    assert built.is_success and list(built.results) == seen
    assert (seen[0].unique_id, seen[0].status) == ("model.journeys.int_calendar_days", "success")
    assert {result.status for result in seen[1:]} == {"pass"} and seen[-1].number == seen[-1].count == len(seen)
    assert warehouse.query("from intermediate.int_calendar_days")


def test_tests_give_the_same_verdicts_with_kept_sql_as_without(warehouse: Warehouse) -> None:
    for file in target().glob("tests-*.json"):
        file.unlink()
    compiled = build(warehouse.settings, DATES)
    assert list(target().glob("tests-*.json"))
    kept = build(warehouse.settings, DATES)
    assert [(r.unique_id, r.status, r.failures) for r in compiled.results] == [
        (r.unique_id, r.status, r.failures) for r in kept.results
    ]


def test_a_broken_law_names_its_rows_and_a_later_build_takes_them_away(warehouse: Warehouse) -> None:
    def failed_checks() -> list[str]:
        return [
            row["name"]
            for row in warehouse.query(
                "select table_name as name from duckdb_tables() where schema_name = 'failed_checks'"
            )
        ]

    build(warehouse.settings, DATES)
    with open_duckdb(warehouse.settings.warehouse) as connection:
        connection.execute("insert into intermediate.int_calendar_days from intermediate.int_calendar_days limit 3")
    for _ in range(2):  # with SQL that is kept, and where rows of an earlier build are in the way
        built = build(warehouse.settings, ("--select", "int_calendar_days", "--resource-type", "test"))
        assert not built.is_success and built.error is None
        [broken] = [result for result in built.results if result.is_bad]
        assert (broken.status, broken.failures) == ("fail", 3)
        [table] = failed_checks()
        said = explain(built, read_dbt_manifest())
        assert f"3 rows break it. Look with: make sql IN=warehouse SQL='from failed_checks.{table}'" in said
        assert len(warehouse.query(f"from failed_checks.{table}")) == 3
    assert build(warehouse.settings, DATES).is_success
    assert failed_checks() == []


def test_an_error_that_is_no_nodes_is_told(warehouse: Warehouse) -> None:
    built = build(warehouse.settings, ("--select", "int_calendar_days", "--threads", "none"))
    assert not built.is_success and built.error is not None and "valid integer" in built.error


def test_a_process_that_dies_is_explained_and_leaves_the_file_free(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_words = "import os, signal, sys; print('these were my last words', file=sys.stderr, flush=True); "
    monkeypatch.setattr(building, "CHILD", ("-c", last_words + "os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(DbtFailed, match=r"dbt's process was killed \(signal 9\)(.|\n)*these were my last words"):
        build(warehouse.settings, DATES)
    monkeypatch.setattr(building, "CHILD", ("-c", "raise RuntimeError('an error of its own')"))
    with pytest.raises(DbtFailed, match=r"exit code 1(.|\n)*RuntimeError: an error of its own"):
        build(warehouse.settings, DATES)
    monkeypatch.undo()
    assert build(warehouse.settings, DATES).is_success


def test_the_process_dies_with_its_parent(warehouse: Warehouse, tmp_path: Path) -> None:
    settings = warehouse.settings
    child = f"""
import time
from pathlib import Path
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.child import die_with_parent

die_with_parent()
with open_duckdb({str(settings.warehouse)!r}):
    Path({str(tmp_path / "held")!r}).touch()
    time.sleep(600)
"""
    code = f"""
from orchestration.lib.core.settings import read_settings
from orchestration.lib.dbt import building
from orchestration.lib.dbt.node_states import BuildInputs

building.CHILD = ("-c", {child!r})
building.build(read_settings(), (), {{}}, inputs=BuildInputs(1, 0, '', True, '', {{}}, {{}}))
"""
    environment = {
        **os.environ,
        "JOURNEYS_EXTRACTS": str(settings.extracts),
        "JOURNEYS_VAR": str(settings.var),
        "JOURNEYS_DATA_SET": settings.data_set,
        "JOURNEYS_PEPPER": "a key for all tests",
    }
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment)
    give_up_at = time.monotonic() + 120
    while not (tmp_path / "held").exists():
        assert parent.poll() is None and time.monotonic() < give_up_at
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    with open_duckdb(settings.warehouse, wait_seconds=10):
        pass
