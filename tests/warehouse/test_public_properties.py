"""Own keys of properties are published by a seed; what sounds like a person, or can't be published, is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.lib.config.seeds import SeedsInvalid
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.sources.public_keys import SEED, check_public_properties
from orchestration.lib.sources.resolving import read_all_contracts
from orchestration.lib.warehouse.data_set import prepare_data_set
from tests.conftest import Warehouse, make_warehouse

HEADER = "source_name,table_name,property_key,description\n"
EVENTS = """event_id,occurred_at,event_name,source_system,identifiers,properties
s:1,2026-01-05T09:00:00Z,viewed,shop,"{""cookie"": ""a""}","{""plan"": ""one"", ""flavour"": ""mint"", ""pieces"": 3}"
s:2,2026-01-05T10:00:00Z,order_placed,shop,"{""cookie"": ""b""}","{""secret"": ""x"", ""flavour"": null}"
s:3,2026-01-05T11:00:00Z,order_placed,shop,"{""cookie"": ""c""}",
"""


@pytest.fixture
def empty(tmp_path: Path) -> Warehouse:
    (tmp_path / "seeds").mkdir()
    warehouse = make_warehouse(tmp_path, seeds=tmp_path / "seeds", as_of="2026-02-01", JOURNEYS_MATCHING="off")
    file = warehouse.settings.extracts / "feed" / "events" / "a.csv"
    file.parent.mkdir(parents=True)
    file.write_text(EVENTS, encoding="utf-8")
    return warehouse


def publish(warehouse: Warehouse, *rows: str) -> None:
    (warehouse.settings.seeds / f"{SEED}.csv").write_text(
        HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8"
    )


def published(warehouse: Warehouse) -> dict[str, object]:
    rows = warehouse.query("select event_id, properties from core.fct_events")
    return {row["event_id"]: row["properties"] and json.loads(row["properties"]) for row in rows}


def test_a_listed_key_is_published_with_its_type_and_is_gone_with_its_line(empty: Warehouse) -> None:
    publish(empty, "feed,events,flavour,", "feed,events,pieces,", "web,events,secret,")
    empty.land()
    empty.build(select=["+fct_events"])
    assert published(empty) == {
        "s:1": {"plan": "one", "flavour": "mint", "pieces": 3},
        "s:2": None,
        "s:3": None,
    }
    (empty.settings.seeds / f"{SEED}.csv").unlink()
    prepare_data_set(empty.settings, today=empty.settings.as_of.date())
    empty.build(select=["+fct_events"])
    assert published(empty) == {"s:1": {"plan": "one"}, "s:2": None, "s:3": None}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("feed,event,flavour,", "line 2: table feed.event is not declared. Did you mean feed.events?"),
        ("shop,orders,flavour,", "line 2: table shop.orders publishes no keys of a json column; app.events, feed."),
        ("feed,events,plan,", "line 2: plan of feed.events is published already, by the contract. Take out this line."),
        ("feed,events,customerEmail,", "line 2: customerEmail sounds as if it named a person"),
        ("feed,events,name,", "line 2: name sounds as if it named a person"),
        ("feed,events,billing_phone,", "line 2: billing_phone sounds as if it named a person"),
        ("feed,events,a\\b,", "line 2: property_key = a\\b: a name with a quotation mark or a backslash"),
        ("feed,,flavour,", "line 2: table_name is empty. Fill it in."),
    ],
)  # fmt: skip
def test_what_may_not_or_cannot_be_published_is_refused(empty: Warehouse, row: str, says: str) -> None:
    publish(empty, row)
    with pytest.raises(SeedsInvalid) as raised:
        prepare_data_set(empty.settings, today=empty.settings.as_of.date())
    assert f"{SEED}.csv {says}" in str(raised.value)


def test_without_the_seed_nothing_is_checked_and_the_example_ships_none(empty: Warehouse) -> None:
    check_public_properties(empty.settings, read_all_contracts(empty.settings))
    assert (PROJECT_ROOT / "seeds" / f"{SEED}.csv").read_text(encoding="utf-8") == HEADER
