"""Bridges are what removal shows them to be: taken away, they leave their ends apart."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from orchestration.lib.identity.bridges import find_bridges

Links = Sequence[tuple[int, int]]


def by_removal(links: Links, weight_of: dict[int, int]) -> list[tuple[int, int]]:
    """Removes each link in turn and looks whether its ends still hang together."""
    nodes = sorted(weight_of)
    place = {node: number for number, node in enumerate(nodes)}
    found = []
    for removed, (one, other) in enumerate(links):
        if one == other:
            continue
        rest = [link for number, link in enumerate(links) if number != removed]
        rows = [place[a] for a, _ in rest]
        columns = [place[b] for _, b in rest]
        graph = coo_matrix((np.ones(len(rest)), (rows, columns)), shape=(len(nodes), len(nodes)))
        _, labels = connected_components(graph, directed=False)
        if labels[place[one]] != labels[place[other]]:
            sides = [sum(weight_of[n] for n in nodes if labels[place[n]] == labels[place[end]]) for end in (one, other)]
            found.append((removed, min(sides)))
    return found


def found_in(links: Links, weight_of: dict[int, int]) -> list[tuple[int, int]]:
    return find_bridges(
        [a for a, _ in links], [b for _, b in links], [weight_of[a] for a, _ in links], [weight_of[b] for _, b in links]
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_have_the_bridges_that_removal_shows(seed: int) -> None:
    chance = random.Random(seed)
    names = [chance.getrandbits(59) for _ in range(chance.randint(2, 14))]
    links = [(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(1, 20))]
    weight_of = {node: chance.randint(1, 5) for link in links for node in link}
    assert found_in(links, weight_of) == by_removal(links, weight_of)


def test_no_link_has_no_bridge() -> None:
    assert find_bridges([], [], [], []) == []


def test_a_link_that_is_there_twice_is_no_bridge() -> None:
    assert found_in([(1, 2), (2, 1)], {1: 1, 2: 1}) == []


def test_a_chain_of_a_hundred_thousand_is_all_bridges() -> None:
    """A walk that called itself would go deeper than Python allows."""
    length = 100_000
    links = [(number, number + 1) for number in range(length)]
    found = found_in(links, dict.fromkeys(range(length + 1), 1))
    assert len(found) == length
    assert found[length // 4] == (length // 4, length // 4 + 1)
