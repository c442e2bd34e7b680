"""Who is who with matching on, from people and events of the feed to the published tables: one build, many families.

A story is named by its family; the expected groups were worked by hand.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping

import pytest

from benchmarks.simulated_people import Carelessness, draw_people
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, make_warehouse
from tests.scenarios.load import FEED_COLUMNS

HAS = ("email", "phone", "customer_number")
# Among strangers, as everywhere: how often people agree by chance comes from the records.
STRANGERS = draw_people(150, Carelessness(records_most=1, shared_mailbox=0), seed=77)[0]


def person(first_name: str = "", last_name: str = "", birth_date: str = "", **others: str) -> dict[str, str]:
    return {"first_name": first_name, "last_name": last_name, "birth_date": birth_date, **others}


# record → what it says; records of one family are named <family>_<letter>
PEOPLE: Mapping[str, dict[str, str]] = {
    # a nickname is no other person
    "wolters_a": person("Liz", "Wolters", email="e.wolters@example.com"),
    "wolters_b": person("Elizabeth", "Wolters", email="e.wolters@example.com"),
    "haas_a": person("Bob", "Haas", "1970-02-03", email="haas@example.com"),
    "haas_b": person("Robert", "Haas", "1970-02-03", email="haas@example.com"),
    # two values in common outweigh two names
    "smeets_a": person("Ans", "Smeets", email="smeets@example.com", phone="+31611110001"),
    "smeets_b": person("Karel", "Smeets", email="smeets@example.com", phone="+31611110001"),
    # so does one that is unique per person
    "otten_a": person("Truus", "Otten", customer_number="N-1", email="otten@example.com"),
    "otten_b": person("Wessel", "Otten", customer_number="N-1", email="otten@example.com"),
    # and a chain past the mailbox: an order with a's number and b's telephone
    "kolk_a": person("Truus", "Kolk", customer_number="N-2", email="kolk@example.com"),
    "kolk_b": person("Wessel", "Kolk", email="kolk@example.com", phone="+31611110002"),
    # and one of fuzzy links: c has both names' birth date and house
    "terpstra_a": person("Sjoukje", "Terpstra", "1961-04-05", email="terpstra@example.com", street="Laan 12345"),
    "terpstra_b": person("Fenna", "Terpstra", "1961-04-05", email="terpstra@example.com", street="Laan 12345"),
    "terpstra_c": person("", "Terpstra", "1961-04-05", street="Laan 12345"),
    # two people of one mailbox, of one telephone
    "prins_a": person("Hendrik", "Prins", "1950-01-01", email="prins@example.com", phone="+31611110003"),
    "prins_b": person("Marieke", "Prins", "1952-06-01", email="prins@example.com", phone="+31611110004"),
    "blok_a": person("Hendrik", "Blok", email="h.blok@example.com", phone="+31201110005"),
    "blok_b": person("Marieke", "Blok", email="m.blok@example.com", phone="+31201110005"),
    # two generations of one name; two ages on one telephone, one without a first name
    "veen_a": person("Willem I", "Veen", email="veen@example.com"),
    "veen_b": person("Willem II", "Veen", email="veen@example.com"),
    "drost_a": person("Geert", "Drost", "1944-03-02", phone="+31201110006"),
    "drost_b": person("", "Drost", "1971-08-09", phone="+31201110006"),
    # twins of like names, with nothing else in common
    "zijlstra_a": person("Carla", "Zijlstra", "1987-05-15", email="carla.z@example.com"),
    "zijlstra_b": person("Carlotta", "Zijlstra", "1987-05-15", email="lotta@example.net"),
}
APART = {"prins", "blok", "veen", "drost", "zijlstra"}


def event(event_id: str, occurred_at: str, **identifiers: str) -> dict[str, str]:
    return {
        "event_id": event_id,
        "occurred_at": f"{occurred_at}T00:00:00Z",
        "event_name": "order_placed",
        "source_system": "web",
        "identifiers": json.dumps(identifiers),
    }


EVENTS = [
    event("kolk_order", "2026-01-10", customer_number="N-2", phone="+31611110002"),
    # calls from the telephone of two people, which the second has from 17 January on; one leaves an address as well
    event("blok_1", "2026-01-05", phone="+31201110005"),
    event("blok_2", "2026-01-16", phone="+31201110005"),
    event("blok_3", "2026-01-17", phone="+31201110005"),
    event("blok_4", "2026-01-20", phone="+31201110005", email="h.blok@example.com"),
    # a constant as everybody's customer number: six addresses are above the cap of five, four of one customer are not
    *(event(f"constant_{n}", "2026-01-11", customer_number="walk-in", email=f"w{n}@example.com") for n in range(6)),
    *(event(f"loyal_{n}", "2026-01-11", customer_number="N-9", email=f"l{n}@example.com") for n in range(4)),
    # the same, nameless but for the devices; 200 are within the cap
    *(event(f"kiosk_{n}", "2026-01-12", customer_number="till", cookie=f"till {n}") for n in range(201)),
    *(event(f"tester_{n}", "2026-01-12", customer_number="N-10", cookie=f"tester {n}") for n in range(200)),
    # a word that a tool writes where it knows nothing, in whatever case
    *(event(f"word_{n}", "2026-01-13", customer_number=word, email=f"v{n}@example.com")
      for n, word in enumerate(("guest", "GUEST", "Guest", "[object Object]", "NaN", "-1", "000", "distinct_id"))),
    # an address with six telephones and no name is an office's
    *(event(f"desk_{n}", "2026-01-14", email="desk@example.com", phone=f"+3162222000{n}") for n in range(6)),
]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("who_is_who")
    warehouse = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of="2026-03-01")
    people = [
        {
            **said,
            "person_key": key,
            "source_system": "crm",
            "updated_at": f"2026-01-{number + 1:02}T00:00:00Z",
            "identifiers": json.dumps({name: said[name] for name in HAS if name in said}),
        }
        for number, (key, said) in enumerate(PEOPLE.items())
    ]
    people += [
        {
            **{name: str(value) for name, value in row.items() if value is not None},
            "person_key": f"stranger_{number}",
            "source_system": "crm",
            "updated_at": "2026-01-01T00:00:00Z",
        }
        for number, row in enumerate(STRANGERS.to_pylist())
    ]
    for table, rows in (("people", people), ("events", EVENTS)):
        path = warehouse.settings.extracts / "feed" / table / f"{table}.csv"
        path.parent.mkdir(parents=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FEED_COLUMNS[table], restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    warehouse.land()
    assert not any(result.refused or result.rows_quarantined for result in warehouse.landed)
    warehouse.build(
        select=[
            "+bridge_customer_records",
            "+identity_review",
            "+fct_identifier_links",
            "+fct_events",
            "+identity_health",
            "+bridge_customer_identifiers",
        ]
    )
    return warehouse


@pytest.fixture(scope="module")
def customers(warehouse: Warehouse) -> dict[str, str]:
    """The customer of each record of a family."""
    return {
        row["person_key"]: row["customer_id"]
        for row in warehouse.query("""
            select distinct people.person_key, records.customer_id
            from intermediate.int_people_versions as people
            inner join core.bridge_customer_records as records using (person_key_hash)
            where people.person_key not like 'stranger%'
        """)
    }


def test_every_family_is_as_many_customers_as_were_worked_by_hand(customers: dict[str, str]) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for record, customer in customers.items():
        found[record.split("_")[0]].add(customer)
    assert {family: len(ids) for family, ids in found.items()} == {
        family: 2 if family in APART else 1 for family in found
    }
    assert len(set().union(*found.values())) == sum(map(len, found.values())), "no two families share a customer"


def test_what_a_mailbox_alone_would_join_is_refused_with_its_reason(warehouse: Warehouse) -> None:
    refused = warehouse.query("""
        select links.refused_because, people.person_key
        from core.fct_identifier_links as links
        inner join intermediate.int_people_versions as people
            on people.person_key_hash in (links.identifier_a, links.identifier_b)
        where links.status = 'refused'
        order by people.person_key
    """)
    assert {(row["refused_because"], row["person_key"].split("_")[0]) for row in refused} == {
        ("cannot_link", family) for family in ("prins", "blok", "veen", "drost")
    }


def test_a_telephone_of_two_people_is_of_one_after_the_other(warehouse: Warehouse, customers: dict[str, str]) -> None:
    first, second = customers["blok_a"], customers["blok_b"]
    calls = warehouse.query("select event_id, customer_id from core.fct_events where event_id like 'blok%' order by 1")
    assert [row["customer_id"] for row in calls] == [first, first, second, first]
    intervals = warehouse.query(f"""
        select customer_id, strftime(valid_from, '%m-%d') as begins, strftime(valid_to, '%m-%d') as ends
        from core.bridge_customer_identifiers
        where identifier_type = 'phone' and customer_id in ('{first}', '{second}')
        order by valid_from
    """)
    assert [tuple(row.values()) for row in intervals] == [(first, "01-05", "01-17"), (second, "01-17", None)]


@pytest.mark.parametrize(
    ("story", "customer_count"),
    [("constant", 6), ("loyal", 1), ("kiosk", 201), ("tester", 1), ("word", 8), ("desk", 6)],
)
def test_a_value_that_everybody_has_is_nobodys(warehouse: Warehouse, story: str, customer_count: int) -> None:
    found = warehouse.query(f"""
        select count(distinct customer_id) as customers from core.fct_events where event_id like '{story}!_%' escape '!'
    """)
    assert found == [{"customers": customer_count}]


def test_hygiene_counts_the_values_over_their_caps(warehouse: Warehouse) -> None:
    found = warehouse.query("""
        select measure, dimension_value, value from hygiene.identity_health
        where measure in ('values_over_cap', 'values_over_device_cap') order by all
    """)
    assert [tuple(row.values()) for row in found] == [
        ("values_over_cap", "customer_number", 2.0),
        ("values_over_cap", "email", 1.0),
        ("values_over_device_cap", "customer_number", 1.0),
    ]


def test_twins_of_like_names_wait_for_review(warehouse: Warehouse) -> None:
    waiting = warehouse.query("""
        select people.person_key, review.refused_by
        from hygiene.identity_review as review
        inner join intermediate.int_people_versions as people
            on people.person_key_hash in (review.record_a, review.record_b)
        where people.person_key like 'zijlstra%'
        order by people.person_key
    """)
    assert [(row["person_key"], row["refused_by"]) for row in waiting] == [
        ("zijlstra_a", "siblings"),
        ("zijlstra_b", "siblings"),
    ]
