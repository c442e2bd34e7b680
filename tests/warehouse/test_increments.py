"""However rows come, go and change between runs, the tables end as if everything had come at once."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.warehouse.data_set import prepare_data_set
from tests.conftest import Warehouse, differences, make_warehouse
from tests.oracles import release
from tests.oracles.hashes import hash_of
from tests.oracles.random_customers import AS_OF
from tests.warehouse import random_deliveries
from tests.warehouse.against_oracle import problems
from tests.warehouse.random_deliveries import Deliveries

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("stories")]


@dataclass(frozen=True)
class Run:
    """What happens to the extracts before a run, and the run's clock. Names are those of deliveries."""

    as_of: datetime
    delivered: Sequence[str] = ()
    withdrawn: Sequence[str] = ()
    restored: Sequence[str] = ()
    delivered_again: Sequence[str] = ()


RUNS = (
    Run(datetime(2025, 11, 3, 13, 37), delivered=["part_4", "part_2", "mistaken"]),
    # the clock alone: intervals fall out of phases, events that had not happened yet begin to count
    Run(datetime(2025, 12, 20, 8)),
    Run(
        datetime(2026, 1, 31, 23, 59, 59),
        ["part_6", "part_1"],
        withdrawn=["mistaken"],
        delivered_again=["part_2"],
    ),
    Run(AS_OF, ["repeated", "part_3"], withdrawn=["part_2"]),
    Run(AS_OF, ["part_5", "crowd"], withdrawn=["repeated"], restored=["part_2"]),
)


class Grown:
    """A warehouse that grows run by run, and the names of the deliveries that count in it."""

    def __init__(self, deliveries: Deliveries, folder: Path) -> None:
        self.deliveries = deliveries
        self.counting: list[str] = []
        self.reasons: list[str | None] = []
        self.stops: dict[str, tuple[int, int]] = {}
        self.moved_stops: set[str] = set()
        self.warehouse = make_warehouse(
            folder,
            seeds=random_deliveries.write_seeds(folder / "seeds", deliveries.decisions),
            as_of=f"{AS_OF:%Y-%m-%d}",
            JOURNEYS_MATCHING="off",
        )

    def run(self, run: Run) -> str | None:
        """Does what a run is about and returns why tables were built."""
        for name in run.withdrawn:
            self.warehouse.withdraw(*self._files(name))
            self.counting.remove(name)
        for name in run.restored:
            self.warehouse.restore(*self._files(name))
            self.counting.append(name)
        extracts = self.warehouse.settings.extracts
        for name in run.delivered:
            random_deliveries.write(self.deliveries[name], extracts, name)
            self.counting.append(name)
        for name in run.delivered_again:
            for path in extracts.glob(f"feed/*/{name}.csv"):
                shutil.copy(path, path.with_stem(f"{name}_again"))
        self.warehouse.land()
        assert not any(result.refused for result in self.warehouse.landed)
        reason = self.warehouse.build(as_of=run.as_of.replace(tzinfo=UTC))
        placed = {
            row["stop_id"]: (row["x"], row["y"])
            for row in self.warehouse.query("select stop_id, x, y from flows.map_stops where is_declared")
        }
        self.moved_stops |= {stop for stop in placed if self.stops.get(stop, placed[stop]) != placed[stop]}
        self.stops |= placed
        return reason

    def run_through(self, number: int) -> str | None:
        """Does those of RUNS up to a number that were not done yet, and returns why tables were built in that one."""
        for run in RUNS[len(self.reasons) : number + 1]:
            self.reasons.append(self.run(run))
        return self.reasons[number]

    def expected(self, as_of: datetime) -> release.Release:
        """What the oracles say of the deliveries that count now."""
        return release.expected(
            self.deliveries.rows(self.counting),
            random_deliveries.read_seeds(self.deliveries.decisions),
            as_of=as_of,
            hash_of=hash_of,
        )

    def _files(self, name: str) -> list[str]:
        return [random_deliveries.file_of(table, name) for table in self.deliveries[name]]


@pytest.fixture(scope="module")
def grown(deliveries: Deliveries, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return Grown(deliveries, tmp_path_factory.mktemp("grown"))


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_after_each_run_tables_say_what_the_oracles_say_of_what_counts_by_then(number: int, grown: Grown) -> None:
    reason = grown.run_through(number) or "nothing was built"
    assert reason.startswith(("landing batch", "the clock moved on") if number else "first build"), reason
    assert problems(grown.warehouse, grown.expected(RUNS[number].as_of)) == {}


def test_in_the_end_every_table_is_as_if_all_had_come_at_once(grown: Grown, at_once: Warehouse) -> None:
    grown.run_through(len(RUNS) - 1)
    assert sorted(grown.counting) == sorted(grown.deliveries.lasting)
    assert differences(grown.warehouse, at_once) == {}


# What somebody may change in the configuration: a text that a row of a seed has, and another.
OTHER_SEEDS = {
    "blocked_identifiers.csv": ("noreply@blocked-value.example", "nobody@blocked-value.example"),
    "campaign_names.csv": ("SPRING,spring,,,", "SPRING,spring,feed,,"),
    "critical_events.csv": ("page_viewed,,home,,", "page_viewed,,,,"),
    "exchange_rates.csv": ("USD,2025-11-15,0.9", "USD,2025-11-15,0.7"),
    "measures.csv": ("orders,Orders,events,count,", "orders,Orders,events,distinct_customers,"),
    "phases.csv": ("awareness,1,Awareness,30,", "awareness,1,Awareness,9,"),
    "unit_costs.csv": ("order,order_placed,,,,1.25,", "order,order_placed,,,,1.75,"),
    "segments.csv": ("event_count,at_least,8,", "event_count,at_least,5,"),
}


@pytest.mark.parametrize("number", range(len(OTHER_SEEDS)))
def test_other_seeds_and_a_ledger_with_holes_give_what_a_full_build_gives(
    number: int, grown: Grown, tmp_path: Path
) -> None:
    grown.run_through(len(RUNS) - 1)
    warehouse, chance = grown.warehouse, random.Random(number)
    name = sorted(OTHER_SEEDS)[number]
    file = warehouse.settings.seeds / name
    before = file.read_text(encoding="utf-8")
    old, new = OTHER_SEEDS[name]
    assert old in before, name
    file.write_text(before.replace(old, new, 1), encoding="utf-8")
    prepare_data_set(warehouse.settings, today=AS_OF.date())
    with open_duckdb(warehouse.settings.warehouse) as connection:
        nodes = [node for (node,) in connection.execute("select node from landing.nodes order by node").fetchall()]
        for node in chance.sample(nodes, len(nodes) // 10):
            connection.execute("delete from landing.nodes where node = ?", [node])
    assert warehouse.build(as_of=AS_OF.replace(tzinfo=UTC)) == "models or seeds changed"
    shutil.copytree(warehouse.settings.var, tmp_path / "var")
    full = replace(warehouse, settings=replace(warehouse.settings, var=tmp_path / "var"))
    prepare_data_set(full.settings, today=AS_OF.date())
    full.build(as_of=AS_OF.replace(tzinfo=UTC), force_full=True)
    assert differences(warehouse, full) == {}
    file.write_text(before, encoding="utf-8")
    prepare_data_set(warehouse.settings, today=AS_OF.date())
    warehouse.build(as_of=AS_OF.replace(tzinfo=UTC))


def test_no_run_moves_a_declared_stop_of_the_map(grown: Grown) -> None:
    """Whatever came, went or changed, a stop is where it was when it was first drawn.

    Undeclared lines are in the order in which their channels were first seen, so an event that comes late
    and is older than all of its channel may move them: here it does.
    """
    grown.run_through(len(RUNS) - 1)
    assert len(grown.stops) >= 40
    assert grown.moved_stops == set()


def test_a_full_rebuild_changes_nothing(grown: Grown, at_once: Warehouse) -> None:
    """The clock runs ahead and goes back, which rebuilds from raw: both ways lead to the same tables."""
    grown.run_through(len(RUNS) - 1)
    ahead = datetime(2026, 3, 20, 12)
    assert "the clock moved on" in str(grown.run(Run(ahead)))
    assert problems(grown.warehouse, grown.expected(ahead)) == {}
    assert "the clock went back" in str(grown.run(Run(AS_OF)))
    assert differences(grown.warehouse, at_once) == {}
