"""Says which links between identifiers hold, where all of them together would break a rule.

Knows nothing of what a node is. A component of links that breaks no rule keeps them all. In any other the links are
tried one by one in their order, and one that would break a rule is refused for the first reason that holds:

- `must_not_link`: the two groups that it would join hold two nodes which must remain apart;
- `unique_per_person`: both groups hold a value of one type of which a person has one. A decision may do that, and a
  group that holds two values by decision is joined to nothing else that has one.

A link between two nodes of one group is taken, whatever else it says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

MUST_NOT_LINK = "must_not_link"
UNIQUE_PER_PERSON = "unique_per_person"

# what can be sorted
Node = TypeVar("Node", bound=Any)


@dataclass(frozen=True)
class Link:
    """Two nodes that belong together, the smaller hash first, and the link's place among all links."""

    a: Any
    b: Any
    order: tuple[object, ...]
    is_decision: bool = False


def components(groups: Iterable[Collection[Node]]) -> list[frozenset[Node]]:
    """Returns the connected components of nodes that occur together, single ones included."""
    neighbours: dict[Node, set[Node]] = defaultdict(set)
    for group in groups:
        for node in group:
            neighbours[node].update(group)
    found, seen = [], set()
    for start in sorted(neighbours):
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            for neighbour in neighbours[waiting.pop()]:
                if neighbour not in reached:
                    reached.add(neighbour)
                    waiting.append(neighbour)
        seen |= reached
        found.append(frozenset(reached))
    return found


def split(
    nodes: Iterable[Node],
    links: Sequence[Link],
    *,
    apart: Collection[frozenset[Node]],
    unique_type: Mapping[Node, str],
) -> tuple[list[frozenset[Node]], dict[Link, str]]:
    """Returns the groups that the nodes form, and the refused links with their reasons.

    `apart` holds pairs that must not be in one group; `unique_type` names the type of nodes that are the value of a
    type of which a person has only one.
    """
    groups: list[frozenset[Node]] = []
    refused: dict[Link, str] = {}
    links_of: dict[Node, list[Link]] = defaultdict(list)
    for link in links:
        links_of[link.a].append(link)
    for component in components([*([node] for node in nodes), *((link.a, link.b) for link in links)]):
        if _breaks(component, apart, unique_type):
            inside = [link for node in component for link in links_of[node]]
            its_groups, its_refused = _one_by_one(component, inside, apart, unique_type)
            groups += its_groups
            refused |= its_refused
        else:
            groups.append(component)
    return groups, refused


def _breaks(component: frozenset[Node], apart: Collection[frozenset[Node]], unique_type: Mapping[Node, str]) -> bool:
    types = [unique_type[node] for node in component if node in unique_type]
    return len(types) > len(set(types)) or any(pair <= component for pair in apart)


def _one_by_one(
    component: frozenset[Node],
    links: Iterable[Link],
    apart: Collection[frozenset[Node]],
    unique_type: Mapping[Node, str],
) -> tuple[list[frozenset[Node]], dict[Link, str]]:
    group_of = {node: frozenset({node}) for node in component}
    near = [pair for pair in apart if pair <= component]
    refused: dict[Link, str] = {}
    for link in sorted(links, key=lambda link: link.order):
        left, right = group_of[link.a], group_of[link.b]
        if left == right:
            continue
        both = left | right
        if any(pair <= both for pair in near):
            refused[link] = MUST_NOT_LINK
        elif not link.is_decision and (
            {unique_type.get(node) for node in left} & {unique_type.get(node) for node in right} - {None}
        ):
            refused[link] = UNIQUE_PER_PERSON
        else:
            group_of.update(dict.fromkeys(both, both))
    return sorted(set(group_of.values()), key=sorted), refused
