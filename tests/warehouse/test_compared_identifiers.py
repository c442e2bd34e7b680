"""Numbers of one's own that are compared: a mistyped one is not another person's, and everything else is as it was.

The same people are built with and without, at once and by increments. The expected groups were worked by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.simulated_people import Carelessness, draw_people
from tests.conftest import Warehouse, make_warehouse
from tests.warehouse.people_of_the_feed import deliver_people

TYPES = """\
identifier_type,kind,priority,is_unique_per_person,max_people,is_compared,normalisation,description
tax_number,person,1,true,5,{is_compared},digits,Number of a taxpayer
email,person,3,false,3,,email,Address
phone,person,4,false,4,,phone,Telephone
"""
STRANGERS = draw_people(150, Carelessness(records_most=1, shared_mailbox=0), seed=77)[0]


def person(first_name: str, last_name: str, birth_date: str, tax_number: str, **others: str) -> dict[str, str]:
    names = {"first_name": first_name, "last_name": last_name, "birth_date": birth_date, "postcode": "3511 AB"}
    return {**names, "city": "Utrecht", "tax_number": tax_number, **others}


# record → what it says; records of one family are named <family>_<letter>
PEOPLE: Mapping[str, dict[str, str]] = {
    # one person, whose number is written wrongly once; as it is written in another way
    "wolters_a": person("Liesbeth", "Wolters", "1971-03-14", "123.456.782"),
    "wolters_b": person("Liesbeth", "Wolters", "1971-03-14", "123 456 728", email="l.wolters@example.com"),
    # the same, and an address that both share
    "haas_a": person("Robert", "Haas", "1970-02-03", "234567891", email="haas@example.com"),
    "haas_b": person("Robert", "Haas", "1970-02-03", "23456781", email="haas@example.com"),
    # twins whose numbers are one slip apart, and two people of one name and two numbers
    "prins_a": person("Hendrik", "Prins", "1950-01-01", "345678912", email="h.prins@example.com"),
    "prins_b": person("Marieke", "Prins", "1950-01-01", "345678921", email="marieke@example.com"),
    "veen_a": person("Geert", "Veen", "1944-03-02", "456789123", email="veen@example.com"),
    "veen_b": person("Geert", "Veen", "1944-03-02", "917283645", email="veen@example.com"),
}


def deliver(
    warehouse: Warehouse, name: str, said: Mapping[str, dict[str, str]], *, strangers: bool, month: str = "2026-01"
) -> None:
    records: list[dict[str, object]] = [
        {**values, "person_key": key, "updated_at": f"{month}-{number + 1:02}T00:00:00Z"}
        for number, (key, values) in enumerate(said.items())
    ]
    records += [
        {**row, "person_key": f"stranger_{number}", "tax_number": f"{(number + 7) * 7_654_321_987 % 10**9:09}"}
        for number, row in enumerate(STRANGERS.to_pylist() if strangers else ())
    ]
    deliver_people(warehouse, name, records, identifiers=("tax_number", "email"))


def make(folder: Path, *, is_compared: bool) -> Warehouse:
    (folder / "seeds").mkdir(parents=True)
    types = TYPES.format(is_compared=str(is_compared).lower())
    (folder / "seeds" / "identifier_types.csv").write_text(types, encoding="utf-8")
    return make_warehouse(folder, seeds=folder / "seeds", as_of="2026-03-01")


def families(warehouse: Warehouse) -> dict[str, int]:
    """How many customers each family is."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in warehouse.query("""
        select distinct people.person_key, records.customer_id
        from intermediate.int_people_versions as people
        inner join core.bridge_customer_records as records using (person_key_hash)
        where people.person_key not like 'stranger%' and people.is_current
    """):
        found[row["person_key"].split("_")[0]].add(row["customer_id"])
    return {family: len(ids) for family, ids in found.items()}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = make(tmp_path_factory.mktemp("compared"), is_compared=True)
    deliver(warehouse, "people", PEOPLE, strangers=True)
    return warehouse


def test_a_mistyped_number_is_not_another_person(compared: Warehouse) -> None:
    assert families(compared) == {"wolters": 1, "haas": 1, "prins": 2, "veen": 2}
    mistyped = compared.query("""
        select distinct left(people.person_key, strpos(people.person_key, '_') - 1) as family
        from intermediate.int_mistyped_identifiers as mistyped
        inner join intermediate.int_people_identifiers as identifiers
            on identifiers.identifier_hash in (mistyped.identifier_a, mistyped.identifier_b)
        inner join intermediate.int_people_versions as people using (person_key_hash)
        order by family
    """)
    assert [row["family"] for row in mistyped] == ["haas", "wolters"]


def test_two_numbers_of_two_people_of_one_name_and_mailbox_are_refused(compared: Warehouse) -> None:
    refused = compared.query("""
        select distinct links.refused_because, left(people.person_key, 4) as family
        from core.fct_identifier_links as links
        inner join intermediate.int_people_versions as people
            on people.person_key_hash in (links.identifier_a, links.identifier_b)
        where links.status = 'refused'
    """)
    assert [tuple(row.values()) for row in refused] == [("unique_per_person", "veen")]


def test_where_numbers_are_not_compared_each_is_a_person(tmp_path: Path) -> None:
    warehouse = make(tmp_path, is_compared=False)
    deliver(warehouse, "people", PEOPLE, strangers=True)
    assert families(warehouse) == dict.fromkeys(("wolters", "haas", "prins", "veen"), 2)
    assert warehouse.query("select compared_identifiers from intermediate.int_people_versions limit 1") == [
        {"compared_identifiers": None}
    ]


def test_numbers_that_are_corrected_are_compared_as_in_a_full_build(tmp_path: Path, compared: Warehouse) -> None:
    """In December each record had quite another number; in January they are those of the table above."""
    warehouse = make(tmp_path, is_compared=True)
    before = {
        key: values | {"tax_number": str(13_579_111 * (place + 11))}
        for place, (key, values) in enumerate(PEOPLE.items())
    }
    deliver(warehouse, "december", before, month="2025-12", strangers=True)
    assert families(warehouse)["haas"] == 2
    deliver(warehouse, "january", PEOPLE, strangers=False)
    query = """
        select record_a, record_b, match_weight, mistyped_types, is_link
        from intermediate.int_record_pairs order by all
    """
    assert warehouse.query(query) == compared.query(query)
    assert families(warehouse) == families(compared)
