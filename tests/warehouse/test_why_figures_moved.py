"""Each published figure that moved says why: a story per reason, release by release, and one of two reasons at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.project import ensure_manifest
from orchestration.lib.release.publish import current_release
from tests.conftest import Warehouse, make_warehouse

EVENTS = "event_id,occurred_at,received_at,event_name,source_system,channel,identifiers,amount,currency\n"
PEOPLE = "person_key,source_system,updated_at,identifiers\n"
SEEDS = {
    "journeys": "journey_id,journey_version,journey_name,validated_on\nbuying,1,Buying,2026-01-01\n",
    "phases": "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
    "buying,1,looking,1,Looking,14,false,true\nbuying,1,bought,2,Bought,,true,true\n",
    "critical_events": "critical_event_id,journey_id,journey_version,phase_id,event_name\n"
    "looked,buying,1,looking,product_viewed\nbought,buying,1,bought,order_placed\n",
    "measures": "measure_id,subject,aggregation,value_column,event_name,journey_id,phase_id,outcome\n"
    "orders,events,count,,order_placed,,,\nrevenue,events,sum,amount,order_placed,,,\n"
    "buyers,events,distinct_customers,,order_placed,,,\n"
    "looks,intervals,count,,,buying,looking,\nlooks_passed,intervals,count,,,buying,looking,fell_through|completed\n",
    "kpis": "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id,"
    "denominator_measure_id\n"
    "order_value,Order value,buying,bought,money,primary,up,EUR,month,revenue,orders\n"
    "buyer_value,Buyer value,buying,bought,money,secondary,up,EUR,month,revenue,buyers\n"
    "looks_passed,Looks passed,buying,looking,progress,primary,up,share,month,looks_passed,looks\n",
    "kpi_roles": "kpi_id,role,person\norder_value,accountable,Ann\nbuyer_value,accountable,Ann\n"
    "looks_passed,accountable,Ann\n",
}
LOG: Any = logging.getLogger("test")


def event(name: str, at: str, kind: str, who: str, amount: str = "", received: str = "") -> str:
    money = f"{amount},EUR" if amount else ","
    moment = f"2026-01-{at}:00Z"
    return f'{name},{moment},{received or moment},{kind},shop,shop,"{{""email"": ""{who}@a.org""}}",{money}\n'


@dataclass
class Shop:
    """A data set that is published release by release."""

    warehouse: Warehouse
    releases: list[str] = field(default_factory=list)

    def write(self, path: str, text: str) -> None:
        file = self.warehouse.settings.extracts / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def seed(self, name: str, text: str) -> None:
        (self.warehouse.settings.seeds / f"{name}.csv").write_text(text, encoding="utf-8")

    def publish(self, day: int) -> None:
        """Lands, builds as of this day of February, and publishes."""
        from orchestration.defs.release.assets import publish_release

        settings = self.warehouse.settings
        self.warehouse.land()
        assert self.warehouse.build(as_of=datetime(2026, 2, day, tzinfo=UTC)) is not None
        publish_release(settings, run_id=f"run {len(self.releases)}", log=LOG)
        found = current_release(settings)
        assert found is not None
        self.releases.append(found.release_id)

    def reasons(self) -> dict[tuple[str, str, str], set[str]]:
        """Of the last release, by table or KPI, measure and day of January, the reasons."""
        found = current_release(self.warehouse.settings)
        assert found is not None
        with open_duckdb(found.database, read_only=True) as connection:
            rows = connection.execute(
                "select coalesce(key ->> '$.kpi_id', table_name), measure, strftime(measured_on, '%d'), reasons "
                "from hygiene.restatements where release_id = ? and coalesce(key ->> '$.channel', 'all') = 'all'",
                [found.release_id],
            ).fetchall()
        by_figure: dict[tuple[str, str, str], set[str]] = {}
        for *figure, reasons in rows:
            by_figure.setdefault(tuple(figure), set()).add(reasons)
        return by_figure


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The reasons after each release."""
    folder = tmp_path_factory.mktemp("moved")
    (folder / "seeds").mkdir()
    ensure_manifest()
    shop = Shop(make_warehouse(folder, seeds=folder / "seeds", as_of="2026-02-01"))
    for name, text in SEEDS.items():
        shop.seed(name, text)
    told: dict[str, Any] = {}

    def publish(name: str, day: int) -> None:
        shop.publish(day)
        told[name] = shop.reasons()

    first = [
        event("e1", "05T09:00", "product_viewed", "ann"),
        event("e2", "05T10:00", "order_placed", "ann", "10"),
        event("e3", "06T09:00", "order_placed", "bea", "20"),
        event("e4", "07T09:00", "order_placed", "cleo", "30"),
        event("e5", "07T10:00", "order_placed", "dora", "40"),
        event("e6", "25T09:00", "product_viewed", "eva"),
        event("e7", "08T09:00", "order_placed", "fay", "50"),
    ]
    shop.write("feed/events/1.csv", EVENTS + "".join(first))
    publish("first", 1)

    shop.write("feed/events/late.csv", EVENTS + event("e9", "06T12:00", "order_placed", "hal", "5"))
    publish("late", 1)
    shop.write(
        "feed/events/fix.csv", EVENTS + event("e4", "07T09:00", "order_placed", "cleo", "33", "2026-01-31T00:00:00Z")
    )
    publish("corrected", 1)
    shop.warehouse.withdraw("feed/events/late.csv")
    publish("withdrawn", 1)
    shop.warehouse.restore("feed/events/late.csv")
    publish("restored", 1)
    # Cleo and Dora, who bought on one day, turn out to be one person
    shop.write(
        "feed/people/1.csv", PEOPLE + 'p1,crm,2026-01-01T00:00:00Z,"{""email"": [""cleo@a.org"", ""dora@a.org""]}"\n'
    )
    publish("merged", 1)
    shop.warehouse.withdraw("feed/people/1.csv")
    publish("parted", 1)
    # Eva buys at last
    shop.write(
        "feed/events/bought.csv", EVENTS + event("e11", "02T09:00", "order_placed", "eva", "9").replace("-01-", "-02-")
    )
    publish("clock", 20)
    views = SEEDS["measures"].replace("orders,events,count,,order_placed", "orders,events,count,,product_viewed")
    shop.seed("measures", views)
    publish("redefined", 20)
    shop.seed("measures", SEEDS["measures"])
    shop.write("feed/events/mixed.csv", EVENTS + event("e10", "08T12:00", "order_placed", "ida", "7"))
    publish("mixed", 20)
    yield told


def test_a_first_release_restates_nothing(story: dict[str, Any]) -> None:
    assert story["first"] == {}


def test_an_event_that_landed_later_is_late_data(story: dict[str, Any]) -> None:
    assert story["late"] == {
        ("agg_phases_daily", "entered_count", "06"): {"late_data"},
        ("order_value", "numerator", "06"): {"late_data"},
        ("order_value", "denominator", "06"): {"late_data"},
        ("buyer_value", "numerator", "06"): {"late_data"},
        ("buyer_value", "denominator", "06"): {"late_data"},
    }


def test_a_newer_version_is_a_correction(story: dict[str, Any]) -> None:
    assert story["corrected"] == {
        ("order_value", "numerator", "07"): {"correction"},
        ("buyer_value", "numerator", "07"): {"correction"},
    }


@pytest.mark.parametrize("change", ["withdrawn", "restored"])
def test_a_file_that_is_withdrawn_or_restored_is_a_correction(story: dict[str, Any], change: str) -> None:
    assert {day for *_, day in story[change]} == {"06"}
    assert set().union(*story[change].values()) == {"correction"}


def test_customers_who_become_one_are_a_merge_and_the_way_back_a_split(story: dict[str, Any]) -> None:
    assert story["merged"] == {("buyer_value", "denominator", "07"): {"merge"}}
    assert story["parted"] == {("buyer_value", "denominator", "07"): {"split"}}


def test_an_interval_that_ended_since_is_the_clock(story: dict[str, Any]) -> None:
    assert story["clock"] == {("looks_passed", "numerator", "25"): {"clock"}}


def test_another_definition_is_told_of_its_kpi_alone(story: dict[str, Any]) -> None:
    assert {kpi for kpi, *_ in story["redefined"]} == {"order_value"}
    assert {measure for _, measure, _ in story["redefined"]} == {"denominator"}
    assert set().union(*story["redefined"].values()) == {"definition"}


def test_late_data_and_another_definition_are_both_told(story: dict[str, Any]) -> None:
    assert story["mixed"]["order_value", "denominator", "08"] == {"late_data, definition"}
    assert story["mixed"]["order_value", "numerator", "08"] == {"late_data"}
    assert story["mixed"]["order_value", "denominator", "07"] == {"definition"}
