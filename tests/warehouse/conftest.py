"""Warehouses that tests of random customers share: one build each is all they cost."""

from __future__ import annotations

import pytest

from tests.conftest import Warehouse, make_warehouse
from tests.oracles import release
from tests.oracles.hashes import hash_of
from tests.oracles.random_customers import AS_OF
from tests.spark_session import spark, spark_address  # noqa: F401  (fixtures)
from tests.warehouse import random_deliveries
from tests.warehouse.random_deliveries import Deliveries

# Sets of customers who share no identifier: one build serves several draws.
DRAWN = (("alpha", 50, 4), ("beta", 50, 5), ("gamma", 30, 6))


@pytest.fixture(scope="session")
def deliveries() -> Deliveries:
    return random_deliveries.draw(DRAWN, file_count=6, seed=5)


@pytest.fixture(scope="session")
def expected(deliveries: Deliveries) -> release.Release:
    """What the oracles say of the deliveries that count in the end."""
    return release.expected(
        deliveries.rows(deliveries.lasting),
        random_deliveries.read_seeds(deliveries.decisions),
        as_of=AS_OF,
        hash_of=hash_of,
    )


@pytest.fixture(scope="session")
def at_once(deliveries: Deliveries, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse to which everything that counts in the end came in one run. Tests only read it."""
    folder = tmp_path_factory.mktemp("at_once")
    seeds = random_deliveries.write_seeds(folder / "seeds", deliveries.decisions)
    warehouse = make_warehouse(folder, seeds=seeds, as_of=f"{AS_OF:%Y-%m-%d}", JOURNEYS_MATCHING="off")
    for name in deliveries.lasting:
        random_deliveries.write(deliveries[name], warehouse.settings.extracts, name)
    warehouse.land()
    assert warehouse.build() == "first build"
    return warehouse
