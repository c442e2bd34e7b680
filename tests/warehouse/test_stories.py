"""The stories of tests/scenarios, delivered to the warehouse: in one, in many, in any order, and rebuilt from raw."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.dbt.running import run_dbt
from tests.conftest import Warehouse, differences, make_warehouse
from tests.oracles.hashes import hash_of
from tests.scenarios import check
from tests.scenarios.load import AS_OF, SEEDS, Split, Story, stories, write_batches

CHECKED = (
    "core.fct_events",
    "core.fct_sessions",
    "core.dim_customers",
    "core.bridge_customer_identifiers",
    "core.bridge_customer_records",
    "core.fct_identifier_links",
    "hygiene.identity_decision_outcomes",
    "journeys.fct_phase_intervals",
    "journeys.fct_journeys",
    "flows.fct_gaps",
)
STORIES = stories()

pytestmark = pytest.mark.xdist_group("stories")


def warehouse_of(folder: Path, split: Split, seed: int = 0) -> Warehouse:
    """A warehouse that got every story in the deliveries of a split, a run after each."""
    # the stories say who is who without it: people records that only look alike are not linked
    warehouse = make_warehouse(folder, seeds=SEEDS, as_of=f"{AS_OF:%Y-%m-%d}", JOURNEYS_MATCHING="off")
    batches = write_batches(STORIES, folder / "batches", split=split, seed=seed, batch_count=3)
    for number, batch in enumerate(batches):
        warehouse.deliver(batch)
        warehouse.land()
        assert not any(result.refused for result in warehouse.landed)
        reason = warehouse.build(command="build" if len(batches) == 1 else "run")
        assert number == 0 or reason is None or reason.startswith("landing batch"), reason
    return warehouse


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return warehouse_of(tmp_path_factory.mktemp("one"), "one")


@pytest.fixture(scope="module")
def tables(one: Warehouse) -> check.Tables:
    return {name.split(".")[1]: one.query(f"select * from {name}") for name in CHECKED}


def test_nothing_is_refused_or_decided_that_no_story_expects(tables: check.Tables) -> None:
    assert check.unexpected(STORIES, tables, hash_of=hash_of) == []


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_comes_out_as_it_was_worked_by_hand(story: Story, tables: check.Tables) -> None:
    assert check.problems(story, tables, hash_of=hash_of) == []


@pytest.mark.parametrize(("split", "seed"), [("many", 0), ("shuffled", 1)])
def test_many_deliveries_give_the_same_tables_as_one(split: Split, seed: int, one: Warehouse, tmp_path: Path) -> None:
    many = warehouse_of(tmp_path, split, seed)
    assert differences(one, many) == {}
    if split == "shuffled":
        # what the increments left is the same either way, so one rebuild says it for both
        assert many.build(force_full=True) == "asked for"
        assert differences(one, many) == {}, "a full rebuild from raw differs from what the increments left"


def test_a_second_run_has_nothing_to_build(one: Warehouse) -> None:
    one.land()
    assert one.build() is None


def test_the_unit_tests_of_the_models_pass(one: Warehouse) -> None:
    said = run_dbt(one.settings, ["test", "--select", "test_type:unit"])
    assert "ERROR=0" in said and "PASS=0" not in said, said
