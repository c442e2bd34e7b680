"""What was decided or set and then taken back leaves no trace: tables are as if it had never been.

One small warehouse goes from one setting and one set of decisions to the next and back again, as a user would do it:
by a line in a seed and a variable in the environment. It gets random customers, a household that an address
merged, and a browser that two people use by turns.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Warehouse, differences, make_warehouse
from tests.oracles import release
from tests.oracles.hashes import hash_of
from tests.oracles.identity import Identifier
from tests.oracles.ownership import Policy
from tests.oracles.random_customers import AS_OF
from tests.scenarios import check
from tests.scenarios.load import stories, stories_of_policy
from tests.warehouse import random_deliveries
from tests.warehouse.against_oracle import COMPARISONS_OF_IDENTITY, problems
from tests.warehouse.random_deliveries import Deliveries, Text, decided

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("reversals")]

ADA, BO = Identifier("customer_number", "93000001"), Identifier("loyalty_card", "73000001")
HOUSEHOLD = f"c_{hash_of(*ADA)}"
UN_MERGE = decided("must_not_link", BO, ADA)

# the tables that say who is who, and what they read
IDENTITY = (
    "+fct_events",
    "+fct_sessions",
    "+dim_customers",
    "+bridge_customer_identifiers",
    "+bridge_customer_records",
    "+fct_identifier_links",
    "+identity_decision_outcomes",
)


@dataclass(frozen=True)
class State:
    """What is decided and set in a build."""

    policy: Policy
    decisions: Sequence[Text] = ()


STATES = (State("split"), State("never_link", [UN_MERGE]), State("split"))


class Reversed:
    """A warehouse that goes through STATES, and copies of its file after each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        drawn = random_deliveries.draw([("delta", 15, 9)], file_count=1, seed=9, is_crowded=False)
        chosen = {story.name: story.tables for story in (*stories(["un_merge"]), *stories_of_policy("split"))}
        self.deliveries: Deliveries = replace(drawn, lasting={**drawn.lasting, **chosen})
        self.after: list[Warehouse] = []

    def reached(self, number: int) -> Warehouse:
        """The warehouse as it was after the build of a state."""
        while len(self.after) <= number:
            self._go_on(STATES[len(self.after)])
        return self.after[number]

    def expected(self, state: State) -> release.Release:
        """What the oracles say of a state."""
        return release.expected(
            self.deliveries.rows(self.deliveries.lasting),
            random_deliveries.read_seeds([*self.deliveries.decisions, *state.decisions]),
            as_of=AS_OF,
            hash_of=hash_of,
            policy=state.policy,
        )

    def _go_on(self, state: State) -> None:
        decisions = [*self.deliveries.decisions, *state.decisions]
        seeds = random_deliveries.write_seeds(self.folder / "seeds", decisions)
        warehouse = make_warehouse(
            self.folder,
            seeds=seeds,
            as_of=f"{AS_OF:%Y-%m-%d}",
            JOURNEYS_SHARED_DEVICES=state.policy,
            JOURNEYS_MATCHING="off",
        )
        if not self.after:
            for name in self.deliveries.lasting:
                random_deliveries.write(self.deliveries[name], warehouse.settings.extracts, name)
        warehouse.land()
        assert warehouse.build(select=IDENTITY) is not None, "nothing noticed the change"
        kept = make_warehouse(self.folder / f"after_{len(self.after)}", seeds=seeds, as_of=f"{AS_OF:%Y-%m-%d}")
        kept.settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(warehouse.settings.warehouse, kept.settings.warehouse)
        self.after.append(kept)


@pytest.fixture(scope="module")
def to_and_fro(tmp_path_factory: pytest.TempPathFactory) -> Reversed:
    return Reversed(tmp_path_factory.mktemp("reversed"))


@pytest.mark.parametrize("number", range(len(STATES)))
def test_each_state_is_as_the_oracles_say(number: int, to_and_fro: Reversed) -> None:
    built = to_and_fro.reached(number)
    assert problems(built, to_and_fro.expected(STATES[number]), COMPARISONS_OF_IDENTITY) == {}


@pytest.mark.parametrize("number", range(len(STATES)))
def test_a_browser_used_by_turns_belongs_to_whom_the_policy_says(number: int, to_and_fro: Reversed) -> None:
    built = to_and_fro.reached(number)
    for story in stories_of_policy(STATES[number].policy):
        # phases and journeys are not built here, and the story has none
        tables: dict[str, Sequence[Mapping[str, Any]]] = {"fct_phase_intervals": [], "fct_journeys": []}
        for name in ("fct_events", "fct_sessions", "dim_customers", "bridge_customer_identifiers"):
            tables[name] = built.query(f"select * from core.{name}")
        for name in ("core.bridge_customer_records", "core.fct_identifier_links", "hygiene.identity_decision_outcomes"):
            tables[name.split(".")[1]] = built.query(f"select * from {name}")
        assert check.problems(story, tables, hash_of=hash_of) == []


def test_one_line_in_the_seed_un_merges_and_brings_back_the_former_id(to_and_fro: Reversed) -> None:
    """Whose id the household did not take has the id that they had before, and their events with it."""

    def customers(number: int) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in to_and_fro.reached(number).query(
            "select event_id, customer_id from core.fct_events where event_id like 'un_merge_%'"
        ):
            found.setdefault(row["customer_id"], set()).add(row["event_id"].removeprefix("un_merge_"))
        return found

    ada = {"ada", "ada_mail", "mail"}
    assert customers(0) == {HOUSEHOLD: {*ada, "bo", "bo_mail", "bo_login", "bo_device"}}
    # the browser's own customer: nobody is given a device in this state
    browser = f"a_{hash_of('cookie', 'un_merge-cookie-2')}"
    assert customers(1) == {
        HOUSEHOLD: ada,
        f"c_{hash_of(*BO)}": {"bo", "bo_mail", "bo_login"},
        browser: {"bo_device"},
    }


def test_taken_back_it_is_as_if_it_had_never_been(to_and_fro: Reversed) -> None:
    """The first state came about in a fresh warehouse, the last one on the way back."""
    assert STATES[0] == STATES[-1]
    assert differences(to_and_fro.reached(0), to_and_fro.reached(len(STATES) - 1)) == {}
