"""Values that say the same are one identifier in the release, bad ones are counted, and `make hash` finds them all."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestration.lib.core.settings import SettingsError
from orchestration.lib.warehouse.identifiers import hash_identifier
from orchestration.lib.warehouse.key import read_pepper
from tests.conftest import Warehouse, make_warehouse

pytestmark = pytest.mark.xdist_group("normalisation")

TYPES = """\
identifier_type,kind,priority,is_unique_per_person,max_people,normalisation,description
account,person,1,true,,exact,Account
card,person,2,true,,digits,Card
email,person,3,false,3,email,Address
alias,person,4,false,3,email_base,Address without its sub-address
phone,person,5,false,4,phone,Telephone
mobile,person,6,false,4,phone,Another telephone
handle,person,7,false,2,lower,Name on a social network
cookie,device,8,false,,exact,Browser
"""
BLOCKED = """\
identifier_type,identifier,reason
*,null,written by a program
*,undefined,written by a program
phone,+31 (0)6 99999999,the shop's own
"""
# Of each type the ways in which one value comes.
SAME = {
    "account": ["K-17", " K-17", "K-17\u00a0", "\ufeffK-17\u200b"],
    "card": ["NL 0012.34", "001234", "00 12 34"],
    "email": ["Ann@Example.com", " ann@example.com", "ANN@EXAMPLE.COM\u200b"],
    "alias": ["ben@example.com", "Ben+shop@example.com", "ben+a+b@EXAMPLE.com"],
    "phone": ["06-12345678", "0031 6 1234 5678", "+31 (0)6 12345678", "+31612345678", "tel. 0612345678"],
    "mobile": ["06-87654321", "+31687654321"],
    "handle": ["@José", "@jose\u0301", " @JOSÉ "],
    "cookie": ["c-1", " c-1"],
}
# Of each type one that is not what another looks like.
DIFFERENT = {
    "account": "К-17",
    "email": "аnn@example.com",
    "alias": "ben@exаmple.com",
    "phone": "020-1234567 ext. 12",
    "handle": "＠josé",
}
UNUSABLE = [
    ("account", "x" * 10_240, "too_long"),
    ("account", "   ", "empty"),
    ("card", "none", "malformed"),
    ("email", "", "empty"),
    ("email", "undefined", "malformed"),
    ("email", "ann@example.com; ben@example.com", "malformed"),
    ("alias", "nobody", "malformed"),
    ("phone", "unknown", "malformed"),
    ("phone", "112", "malformed"),
    ("mobile", "+31 12", "malformed"),
    ("handle", "\u200b\u00a0", "empty"),
]


def events() -> list[dict[str, str]]:
    """An event per value: `<type>:<number>`; each names an account of its own as well, so that somebody is known."""
    rows: list[dict[str, object]] = []
    for name, values in SAME.items():
        rows += [{"event_id": f"{name}:{i}", "identifiers": {name: value}} for i, value in enumerate(values)]
    rows += [{"event_id": f"other:{name}", "identifiers": {name: value}} for name, value in DIFFERENT.items()]
    rows += [
        {"event_id": f"bad:{i}", "identifiers": {name: value, "cookie": "c-2"}}
        for i, (name, value, _) in enumerate(UNUSABLE)
    ]
    rows.append({"event_id": "nulls", "identifiers": {"email": None, "account": "null", "phone": "06 99999999"}})
    rows.append({"event_id": "undeclared", "identifiers": {"shoe_size": "44"}})
    return [
        {
            "event_id": str(row["event_id"]),
            "occurred_at": f"2026-01-01T{i // 60:02}:{i % 60:02}:00Z",
            "event_name": "page_viewed",
            "source_system": "web",
            "identifiers": json.dumps(row["identifiers"]),
        }
        for i, row in enumerate(rows)
    ]


PEOPLE = [
    {"person_key": "p1", "identifiers": {"phone": "+31 6 1234 5678", "email": "nobody"}},
    {"person_key": "p2", "identifiers": {"phone": "0612345678", "card": ""}},
    {"person_key": "p3", "identifiers": {"phone": "555", "mobile": None}},
]


def deliver(warehouse: Warehouse, name: str, rows: Sequence[dict[str, str]], table: str = "events") -> None:
    folder = warehouse.settings.extracts / "feed" / table
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def people() -> list[dict[str, str]]:
    return [
        {
            "person_key": str(row["person_key"]),
            "source_system": "crm",
            "updated_at": "2026-01-02T00:00:00Z",
            "identifiers": json.dumps(row["identifiers"]),
        }
        for row in PEOPLE
    ]


def empty_warehouse(folder: Path) -> Warehouse:
    seeds = folder / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "identifier_types.csv").write_text(TYPES, encoding="utf-8")
    (seeds / "blocked_identifiers.csv").write_text(BLOCKED, encoding="utf-8")
    return make_warehouse(folder, seeds=seeds, as_of="2026-02-01", JOURNEYS_COUNTRY="NL")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = empty_warehouse(tmp_path_factory.mktemp("at_once"))
    deliver(warehouse, "all", events())
    deliver(warehouse, "all", people(), "people")
    warehouse.land()
    assert warehouse.build(command="build") == "first build"
    return warehouse


def hash_of(warehouse: Warehouse, name: str, value: str) -> str:
    return hash_identifier(warehouse.settings, read_pepper(warehouse.settings), name, value)


@pytest.mark.parametrize("name", SAME)
def test_one_value_is_one_identifier_however_it_was_written(at_once: Warehouse, name: str) -> None:
    hashes = {hash_of(at_once, name, value) for value in SAME[name]}
    assert len(hashes) == 1
    customers = at_once.query(
        f"select distinct customer_id from core.fct_events where event_id like '{name}:%' and is_identified"
        if name != "cookie"
        else "select distinct customer_id from core.fct_events where event_id like 'cookie:%'"
    )
    assert len(customers) == 1
    rows = at_once.query(
        "select identifier_hash, customer_id from core.bridge_customer_identifiers "
        f"where identifier_type = '{name}' and identifier_hash = '{hashes.pop()}'"
    )
    assert [row["customer_id"] for row in rows] == [customers[0]["customer_id"]]


def test_the_marts_hold_the_hash_that_make_hash_gives(at_once: Warehouse) -> None:
    held = {
        (row["identifier_type"], row["identifier_hash"])
        for row in at_once.query("select identifier_type, identifier_hash from core.bridge_customer_identifiers")
    }
    expected = {(name, hash_of(at_once, name, values[0])) for name, values in SAME.items()}
    expected |= {(name, hash_of(at_once, name, value)) for name, value in DIFFERENT.items()}
    expected |= {("record", hash_of(at_once, "record", f"crm:{person['person_key']}")) for person in PEOPLE}
    expected.add(("cookie", hash_of(at_once, "cookie", "c-2")))
    assert held == expected


@pytest.mark.parametrize("name", DIFFERENT)
def test_look_alikes_and_extensions_are_somebody_else(at_once: Warehouse, name: str) -> None:
    rows = at_once.query(
        f"select count(distinct customer_id) as customers from core.fct_events "
        f"where event_id in ('{name}:0', 'other:{name}')"
    )
    assert rows == [{"customers": 2}]


def test_records_with_one_number_are_one_customer(at_once: Warehouse) -> None:
    rows = at_once.query("select person_key_hash, customer_id from core.bridge_customer_records")
    customer = {row["person_key_hash"]: row["customer_id"] for row in rows}
    one, two, three = (customer[hash_of(at_once, "record", f"crm:p{i}")] for i in (1, 2, 3))
    assert one == two != three
    kept = at_once.query("select person_key, phone_normalised from intermediate.int_people_versions order by 1")
    assert [row["phone_normalised"] for row in kept] == ["+31612345678", "+31612345678", None]


def test_unusable_values_link_nobody_and_are_counted_with_their_reason(at_once: Warehouse) -> None:
    rows = at_once.query(
        "select found_on_key, identifier_type, unusable_because from intermediate.int_unusable_identifiers "
        "where found_on = 'event' order by found_on_key"
    )
    expected = [(row["found_on_key"], row["identifier_type"], row["unusable_because"]) for row in rows]
    assert sorted(expected) == sorted((f"bad:{i}", name, why) for i, (name, _, why) in enumerate(UNUSABLE))
    rows = at_once.query(
        "select identifier_type, unusable_because, source_system, count(*) as count "
        "from intermediate.int_unusable_identifiers where found_on = 'record' group by all order by all"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("card", "empty", "crm", 1),
        ("email", "malformed", "crm", 1),
        ("phone", "malformed", "crm", 1),
    ]
    # the browser that they occur with is all that is known of them
    rows = at_once.query(
        "select count(distinct customer_id) as customers, count_if(is_identified) as identified "
        "from core.fct_events where event_id like 'bad:%'"
    )
    assert rows == [{"customers": 1, "identified": 0}]
    rows = at_once.query(
        "select distinct identifier_count from intermediate.int_event_identifiers where event_id like 'bad:%'"
    )
    assert rows == [{"identifier_count": 1}]


def test_null_as_a_word_and_blocked_numbers_identify_no_one(at_once: Warehouse) -> None:
    [row] = at_once.query("select is_identified, customer_id from core.fct_events where event_id = 'nulls'")
    assert not row["is_identified"] and row["customer_id"].startswith("a_")
    [row] = at_once.query("select is_identified from core.fct_events where event_id = 'undeclared'")
    assert not row["is_identified"]


def test_make_hash_says_why_a_value_has_none(at_once: Warehouse) -> None:
    for name, value, reason in UNUSABLE:
        expected = {"empty": "nothing is left", "too_long": "longer", "malformed": "can be no value"}[reason]
        with pytest.raises(SettingsError, match=expected):
            hash_of(at_once, name, value)
    with pytest.raises(SettingsError, match="not in identifier_types"):
        hash_of(at_once, "shoe_size", "44")


FOLLOWED = (
    "intermediate.int_phone_numbers",
    "intermediate.int_event_identifiers",
    "intermediate.int_people_identifiers",
    "intermediate.int_unusable_identifiers",
    "core.bridge_customer_identifiers",
    "core.bridge_customer_records",
    "core.dim_customers",
)


def rows_of(warehouse: Warehouse) -> dict[str, list]:
    return {table: warehouse.query(f"select * from {table} order by all") for table in FOLLOWED}


@pytest.mark.long
def test_run_by_run_it_comes_out_as_rebuilt(tmp_path: Path) -> None:
    """A number that comes in a new spelling finds its customer; a fixed value leaves the count of bad ones."""
    grown = empty_warehouse(tmp_path)
    rows = events()
    bad = [row for row in rows if row["event_id"].startswith("bad:")]
    later = [row for row in rows if row not in bad]
    # at first the bad ones are good, and one that will be good is bad
    deliver(grown, "1", later[::2] + [{**row, "identifiers": '{"phone": "06-11112222"}'} for row in bad])
    deliver(grown, "1", [{**people()[0], "identifiers": '{"phone": "113"}', "updated_at": "2026-01-01"}], "people")
    grown.land()
    assert grown.build() == "first build"
    unusable = "select count(*) as count from intermediate.int_unusable_identifiers where found_on = "
    assert grown.query(unusable + "'event'") == [{"count": 0}]
    assert grown.query(unusable + "'record'") == [{"count": 1}]
    deliver(grown, "2", later[1::2] + bad)
    deliver(grown, "2", people(), "people")
    grown.land()
    assert grown.build() == "landing batches 3 to 4"
    assert grown.query(unusable + "'event'") == [{"count": len(UNUSABLE)}]
    assert grown.query(unusable + "'record'") == [{"count": 3}]
    run_by_run = rows_of(grown)
    assert grown.build(force_full=True) == "asked for"
    assert rows_of(grown) == run_by_run
