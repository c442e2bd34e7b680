"""Python steps are built, left out, refused and repeated like models in SQL."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulated_people import Carelessness, draw_people
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt import building
from orchestration.lib.dbt.building import UNCHANGED
from orchestration.lib.dbt.running import DbtFailed, dbt_environment, run_dbt
from orchestration.lib.identity.rematching import train_on_warehouse
from tests import conftest
from tests.conftest import Warehouse, make_warehouse
from tests.warehouse.people_of_the_feed import deliver_people

pytestmark = pytest.mark.xdist_group("python_steps")


@pytest.fixture(autouse=True)
def of_the_product() -> Iterator[None]:
    """Builds start dbt as users do: a fork of one that has read the project has imported the steps as they were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "at_hand", contextlib.nullcontext)
        yield


STEPS = ("int_record_pairs", "int_resolved_links", "int_bridge_links")
CARELESS = Carelessness(shared_mailbox=0.5, shared_telephone=0.5, another_value=0.2)


def records(count: int, *, seed: int) -> list[dict[str, Any]]:
    people, _ = draw_people(count, CARELESS, seed=seed)
    return [
        {
            **row,
            "person_key": row["person_key_hash"],
            "email": row["email_normalised"],
            "phone": row["phone_normalised"],
        }
        for row in people.to_pylist()
    ]


def deliver(warehouse: Warehouse, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    deliver_people(warehouse, name, rows, identifiers=("email", "phone"))


def make(folder: Path, **files: Sequence[Mapping[str, object]]) -> Warehouse:
    """A warehouse with a configuration of its own, and a delivery per file."""
    (folder / "own").mkdir(parents=True)
    made = make_warehouse(folder, seeds=folder / "own", as_of="2026-03-01")
    for name, rows in files.items():
        deliver(made, name, rows)
    return made


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return make(tmp_path_factory.mktemp("people"), people=records(120, seed=4))


def rows(warehouse: Warehouse, *, and_kept: bool = False) -> dict[str, list]:
    tables = [*STEPS, *(("int_record_pairs__records", "int_record_pairs__compared") if and_kept else ())]
    return {table: warehouse.query(f"from intermediate.{table} order by all") for table in tables}


def build_again(warehouse: Warehouse, *, ledger: str = "select 1") -> dict[str, str]:
    """What became of the steps in a build for which nothing arrived; `ledger` is done before."""
    with open_duckdb(warehouse.settings.warehouse) as connection:
        connection.execute(ledger)
        connection.execute("update landing.builds set release_id = null")
    warehouse.build(select=["+bridge_customer_records", "+fct_identifier_links"])
    status = {result.unique_id.split(".")[2]: result.status for result in warehouse.built.dbt.results}
    return {step: status[step] for step in STEPS}


def of_steps(**other: str) -> dict[str, str]:
    return dict.fromkeys(STEPS, UNCHANGED) | other


def test_a_step_that_reads_nothing_new_is_left_out(people: Warehouse) -> None:
    before = rows(people)
    assert all(before.values()), "each step has rows"
    assert build_again(people) == of_steps()
    assert rows(people) == before


def test_other_code_of_a_module_that_a_step_imports_repeats_it(
    people: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the building process a file has another comment; equal rows change nothing that reads them."""
    before = rows(people)
    edited = """
import sys
from pathlib import Path
read_bytes = Path.read_bytes
Path.read_bytes = lambda path: read_bytes(path) + (b"# edited" if path.name == NAME else b"")
from orchestration.lib.dbt import child
child.main()
"""
    for name, expected in (
        ("grouping.py", of_steps(int_record_pairs="success", int_resolved_links="success")),
        ("bridges.py", of_steps(int_bridge_links="success")),
        ("phones.py", of_steps()),
    ):
        monkeypatch.setattr(building, "CHILD", ("-c", edited.replace("NAME", repr(name))))
        assert build_again(people) == expected
        assert {result.state.version for result in people.built.dbt.results if result.state} <= set(
            range(people.built.number)
        )
        monkeypatch.undo()
        build_again(people)
    assert rows(people) == before


def test_what_is_kept_is_used_under_the_same_code_alone(tmp_path: Path) -> None:
    """Levels that somebody falsified show where they are used."""
    first, more = records(60, seed=5), records(70, seed=6)[:15]
    warehouse = make(tmp_path / "one", first=first)
    kept = rows(warehouse, and_kept=True)
    falsify = "update intermediate.int_record_pairs__compared set gamma_email = -1, gamma_phone = -1"
    other_code = "update landing.nodes set fingerprint = 'other' where node = 'model.journeys.int_record_pairs'"
    assert build_again(warehouse, ledger=f"{falsify}; {other_code}")["int_record_pairs"] == "success"
    assert rows(warehouse, and_kept=True) == kept
    with open_duckdb(warehouse.settings.warehouse) as connection:
        connection.execute(falsify)
    warehouse.build(force_full=True, select=["+bridge_customer_records", "+fct_identifier_links"])
    assert rows(warehouse, and_kept=True) == kept
    deliver(warehouse, "more", more)
    whole = make(tmp_path / "other", first=[*first, *more])
    assert rows(warehouse, and_kept=True) == rows(whole, and_kept=True) != kept
    forget = "update landing.nodes set inputs = '{}' where node = 'model.journeys.int_record_pairs'"
    build_again(warehouse, ledger=f"{falsify}; {forget}")
    assert rows(warehouse)["int_record_pairs"] != rows(whole)["int_record_pairs"], "unchanged records' levels are taken"


def test_trained_parameters_are_used_by_the_next_build(tmp_path: Path) -> None:
    warehouse = make(tmp_path, people=records(120, seed=4))
    train_on_warehouse(warehouse.settings)
    saved = warehouse.settings.seeds / "match_parameters.json"
    share = json.loads(saved.read_text(encoding="utf-8"))["matches_per_record"]
    weights = []
    # every weight holds the share of matches: twice as many weigh one more
    for matches_per_record in (share, 2 * share):
        content = json.loads(saved.read_text(encoding="utf-8")) | {"matches_per_record": matches_per_record}
        saved.write_text(json.dumps(content), encoding="utf-8")
        warehouse.land()
        warehouse.build(select=["+bridge_customer_records", "+fct_identifier_links"])
        weights.append(warehouse.query("select max(match_weight) as heaviest from intermediate.int_record_pairs"))
    assert weights[1][0]["heaviest"] == pytest.approx(weights[0][0]["heaviest"] + 1, abs=0.1)


def test_a_step_that_fails_says_why_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    warehouse = make(tmp_path, people=records(60, seed=5))
    before = rows(warehouse, and_kept=True)
    saved = warehouse.settings.resolved_seeds / "match_parameters.json"
    saved.write_text('{"matches_per_record": 1}', encoding="utf-8")
    with pytest.raises(DbtFailed) as failure:
        build_again(warehouse)
    said = str(failure.value)
    assert "model.journeys.int_record_pairs" in said
    assert (
        "orchestration.lib.identity.rematching.record_pairs failed: MatchingSettingsError: match_parameters.json"
        in said
    )
    assert "(orchestration/lib/config/match_parameters.py, line " in said
    assert rows(warehouse, and_kept=True) == before
    saved.unlink()
    build_again(warehouse)
    assert rows(warehouse, and_kept=True) == before


def test_rows_that_the_yaml_does_not_declare_end_the_build(people: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(people)
    other = """
import pyarrow as pa
from orchestration.lib.identity import bridges
bridges.bridge_links = lambda links: pa.table({"link_key": ["a"], "smaller_side_count": [1.5]})
from orchestration.lib.dbt import child
child.main()
"""
    forget = "update landing.nodes set inputs = '{}' where node = 'model.journeys.int_bridge_links'"
    monkeypatch.setattr(building, "CHILD", ("-c", other))
    with pytest.raises(DbtFailed, match=r"int_bridge_links(.|\n)*enforced contract(.|\n)*smaller_side_count"):
        build_again(people, ledger=forget)
    assert rows(people) == before
    monkeypatch.undo()
    assert build_again(people) == of_steps(int_bridge_links="success")


def test_a_process_that_is_killed_in_a_step_leaves_all_as_it_was(
    people: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(people, and_kept=True)
    killed = """
import os, signal
from orchestration.lib.identity import matching
matching.match_people = lambda *given, **more: os.kill(os.getpid(), signal.SIGKILL)
from orchestration.lib.dbt import child
child.main()
"""
    forget = "update landing.nodes set inputs = '{}' where node = 'model.journeys.int_record_pairs'"
    monkeypatch.setattr(building, "CHILD", ("-c", killed))
    with pytest.raises(DbtFailed, match="signal 9"):
        build_again(people, ledger=forget)
    assert rows(people, and_kept=True) == before
    monkeypatch.undo()
    assert build_again(people) == dict.fromkeys(STEPS, "success")
    assert people.built.plan.is_full and rows(people, and_kept=True) == before


def test_steps_are_run_by_hand_as_well_and_dbt_alone_says_how(tmp_path: Path) -> None:
    warehouse = make(tmp_path, people=records(60, seed=5))
    before = rows(warehouse, and_kept=True)
    with open_duckdb(warehouse.settings.warehouse) as connection:
        for step in STEPS:
            connection.execute(f"drop table intermediate.{step}")
    alone = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "run", "--select", "int_bridge_links"],
        cwd=PROJECT_ROOT,
        env={**os.environ, **dbt_environment(warehouse.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 1
    assert (
        'int_bridge_links is a Python step, which the dbt command alone can not run. Type make dbt ARGS="'
        in alone.stdout
    )
    run_dbt(warehouse.settings, ["build", "--select", *STEPS])
    assert rows(warehouse, and_kept=True) == before
