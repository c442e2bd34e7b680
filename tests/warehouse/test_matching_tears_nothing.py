"""With matching on, no two records are torn that agree in a value of their own or in two values."""

from __future__ import annotations

import random

import pytest

from benchmarks.simulated_people import Carelessness, draw_people
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, make_warehouse
from tests.warehouse.people_of_the_feed import deliver_people

# Households that share a mailbox, a telephone, or both, and records that lack names or have other people's.
CARELESS = Carelessness(shared_mailbox=0.7, shared_telephone=0.8, missing=0.25, typo=0.05, another_value=0.15)
AGREEING = """
    with trusted as (
        select distinct identifiers.person_key_hash, trust.identifier_hash, trust.is_unique_per_person
        from intermediate.int_people_identifiers as identifiers
        inner join intermediate.int_identifier_trust as trust using (identifier_hash)
        where identifiers.is_current and trust.is_trusted and trust.identifier_type <> 'record'
    )
    select one.person_key_hash as record_a, other.person_key_hash as record_b
    from trusted as one
    inner join trusted as other using (identifier_hash)
    inner join core.bridge_customer_records as customer_a on customer_a.person_key_hash = one.person_key_hash
    inner join core.bridge_customer_records as customer_b on customer_b.person_key_hash = other.person_key_hash
    where one.person_key_hash < other.person_key_hash and customer_a.customer_id = customer_b.customer_id
    group by all
    having count(*) > 1 or bool_or(one.is_unique_per_person)
    order by all
"""


def agreeing(warehouse: Warehouse) -> set[tuple[str, str]]:
    """The pairs of records of one customer that agree in a value that is unique per person, or in two values."""
    return {(row["record_a"], row["record_b"]) for row in warehouse.query(AGREEING)}


@pytest.mark.parametrize("seed", [1, 2])
def test_records_that_are_one_customer_without_matching_are_one_with_it(seed: int, tmp_path_factory) -> None:
    chance = random.Random(seed)
    people, truth = draw_people(250, CARELESS, seed=seed)
    records = [
        row
        | {
            "person_key": row["person_key_hash"],
            "email": row["email_normalised"],
            "phone": row["phone_normalised"],
            "customer_number": truth[row["person_key_hash"]] if chance.random() < 0.5 else None,
        }
        for row in people.to_pylist()
    ]
    found = {}
    for switch in ("off", "on"):
        folder = tmp_path_factory.mktemp(switch)
        seeds = PROJECT_ROOT / "seeds"
        warehouse = make_warehouse(folder, seeds=seeds, as_of="2026-03-01", JOURNEYS_MATCHING=switch)
        deliver_people(warehouse, "people", records, identifiers=("email", "phone", "customer_number"))
        found[switch] = agreeing(warehouse)
    assert len(found["off"]) > 80 and found["off"] <= found["on"]
