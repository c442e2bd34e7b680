"""What is said of a delivery as a whole: damage that landing lets pass, in files that land as a business's do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.hygiene.deliveries import Anomaly, Comparison, Limits, compare_deliveries
from orchestration.lib.landing.land import land_table
from orchestration.lib.release.ledgers import create_ledgers

BEGINS = date(2026, 1, 5)
WEEKS = 10
ORDERS = TableContract(
    source="desk",
    table="orders",
    description="",
    formats=("csv",),
    key=("order_id",),
    version_column="changed_at",
    day_column="placed_at",
    columns=(
        ColumnContract("order_id", "string", required=True),
        ColumnContract("placed_at", "timestamp", required=True),
        ColumnContract("changed_at", "timestamp", required=True),
    ),
)


@dataclass(frozen=True)
class Order:
    order_id: str
    placed_at: str
    changed_at: str

    @property
    def line(self) -> str:
        return f"{self.order_id},{self.placed_at},{self.changed_at}\n"


def week(number: int) -> list[Order]:
    """The orders of a week, ten to fourteen a day."""
    draw = Random(number)
    days = [BEGINS + timedelta(days=7 * number + day) for day in range(7)]
    return [
        Order(f"O-{day:%m%d}-{place}", f"{day}T{8 + place:02}:00:00Z", f"{day}T{8 + place:02}:30:00Z")
        for day in days
        for place in range(draw.randint(10, 14))
    ]


Damage = Callable[[list[Order], list[Order]], list[Order]]


def _half_of_the_week_before_again(orders: list[Order], before: list[Order]) -> list[Order]:
    return orders + before[::2]


def _some_days_in_another_format(orders: list[Order], before: list[Order]) -> list[Order]:
    # below the fifth that the gate lets pass
    return [
        replace(order, placed_at=order.placed_at.replace("T", " the ")) if place % 7 == 0 else order
        for place, order in enumerate(orders)
    ]


def _a_third_a_month_old(orders: list[Order], before: list[Order]) -> list[Order]:
    def aged(order: Order) -> Order:
        day = date.fromisoformat(order.placed_at[:10]) - timedelta(days=30)
        return replace(order, order_id=f"late-{order.order_id}", placed_at=f"{day}{order.placed_at[10:]}")

    return [aged(order) if place % 3 == 0 else order for place, order in enumerate(orders)]


def _every_step_of_an_order(orders: list[Order], before: list[Order]) -> list[Order]:
    return [
        one for order in orders for one in (order, replace(order, changed_at=order.changed_at.replace(":30", ":45")))
    ]


DAMAGES: dict[str, tuple[Damage, float, float]] = {
    "duplicates": (_half_of_the_week_before_again, 0.0, 1 / 3),
    "quarantined": (_some_days_in_another_format, 0.0, 1 / 7),
    "late": (_a_third_a_month_old, 0.0, 1 / 3),
    "distinct_keys": (_every_step_of_an_order, 1.0, 1 / 2),
}


def run(connection: duckdb.DuckDBPyConnection, extracts: Path, number: int, orders: list[Order]) -> Comparison:
    """Lands a week's file and compares it, as the run of the Monday after does."""
    write(extracts, number, orders)
    return land_and_compare(connection, extracts, number, run_id=str(number))


def write(extracts: Path, number: int, orders: list[Order]) -> None:
    folder = extracts / ORDERS.folder
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(order.line for order in orders)
    (folder / f"{number:02}.csv").write_text(f"order_id,placed_at,changed_at\n{lines}", encoding="utf-8")


def land_and_compare(connection: duckdb.DuckDBPyConnection, extracts: Path, number: int, *, run_id: str) -> Comparison:
    monday = datetime.combine(BEGINS, datetime.min.time(), UTC) + timedelta(days=7 * (number + 1))
    landed = land_table(connection, ORDERS, extracts=extracts, run_id=run_id, now=monday, settle_seconds=0)
    assert not landed.refused
    return compare_deliveries(
        connection,
        (ORDERS,),
        as_of=monday,
        now=monday,
        run_id=run_id,
        limits=Limits(),
        identifying={},
    )


@pytest.mark.parametrize("metric", DAMAGES)
def test_a_damaged_delivery_warns_with_table_delivery_before_and_after(metric: str, tmp_path: Path) -> None:
    damage, before, after = DAMAGES[metric]
    with open_duckdb() as connection:
        create_ledgers(connection)
        for number in range(WEEKS):
            assert run(connection, tmp_path, number, week(number)).open == ()
        found = run(connection, tmp_path, WEEKS, damage(week(WEEKS), week(WEEKS - 1)))
        [told] = [one for one in found.open if one.metric == metric]
        check_told(told, connection, before=before, after=after, comparison_count=found.comparison_count)
        # of the damages of whole deliveries it is this one
        assert {one.metric for one in found.open} & set(DAMAGES) == {metric}
        # the next delivery is as it should be, and what was found still waits for somebody
        again = run(connection, tmp_path, WEEKS + 1, week(WEEKS + 1))
        assert [one.anomaly_id for one in again.open if one.metric in DAMAGES] == [told.anomaly_id]


def check_told(
    told: Anomaly, connection: duckdb.DuckDBPyConnection, *, before: float, after: float, comparison_count: int
) -> None:
    assert (told.source, told.table, told.column) == ("desk", "orders", None)
    assert told.before == pytest.approx(before) and told.after == pytest.approx(after, abs=0.03)
    (delivery,) = connection.execute("select max(batch) from landing.batches").fetchone() or ()
    for part in (
        f"was {told.before:.1%} before and is {told.after:.1%}",
        f"(delivery {delivery}, chance",
        f"over {comparison_count} comparisons). If that is right: make accept ID={told.anomaly_id}",
    ):
        assert part in told.message
    assert connection.execute(told.query).fetchone(), told.query


@pytest.mark.parametrize("later", [0, 500])
def test_a_warehouse_that_was_built_again_compares_its_next_delivery(later: int, tmp_path: Path) -> None:
    """The ledger had the numbers of the batches before: nothing was a delivery until the new ones had caught up."""
    with open_duckdb(tmp_path / "before.duckdb") as connection:
        create_ledgers(connection)
        for number in range(WEEKS):
            run(connection, tmp_path, number, week(number))
        connection.execute(
            "update hygiene.source_deliveries set batch = batch + ?, checked_at = checked_at - interval 1 hour", [later]
        )
    with open_duckdb(tmp_path / "again.duckdb") as connection:
        create_ledgers(connection)
        connection.execute(f"attach '{tmp_path / 'before.duckdb'}' as before (read_only)")
        connection.execute("insert into hygiene.source_deliveries from before.hygiene.source_deliveries")
        connection.execute("detach before")
        again = land_and_compare(connection, tmp_path, WEEKS - 1, run_id="again")
        assert again.open == () and again.comparison_count > 0
        assert newest_note(connection, "file_count", "newest_on") == (0, BEGINS + timedelta(days=7 * WEEKS - 1))
        found = run(connection, tmp_path, WEEKS, [order for order in week(WEEKS) if order.order_id.endswith("-0")])
        assert newest_note(connection, "file_count", "read_count", "duplicate_count") == (1, 7, 0)
    [drop] = [one for one in found.open if one.metric == "rows"]
    assert drop.after == pytest.approx(1.0, abs=0.1) and drop.before > 10
    assert drop.last_on == BEGINS + timedelta(days=7 * WEEKS + 6)


def newest_note(connection: duckdb.DuckDBPyConnection, *columns: str) -> object:
    return connection.execute(
        f"select {', '.join(columns)} from hygiene.source_deliveries order by checked_at desc, run_id desc limit 1"
    ).fetchone()
