"""Takes links one by one, the surest first, and refuses those that would chain people together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestration.lib.config.matching import Groups

Pair = tuple[int, int]
Node = TypeVar("Node", int, str)


@dataclass(frozen=True)
class Weighed:
    """A pair of records as it was weighed. `refused_by` names the guard or the cannot-link that refuses it."""

    weight: float
    refused_by: str | None
    is_cannot_link: bool = False


def components(pairs: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """The groups of nodes that pairs connect, each in order, by their least node.

    >>> components([(1, 2), (4, 5), (2, 3)])
    [[1, 2, 3], [4, 5]]
    """
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in pairs:
        one, other = root(left), root(right)
        parent[max(one, other)] = min(one, other)
    groups: dict[Node, list[Node]] = defaultdict(list)
    for node in sorted(parent):
        groups[root(node)].append(node)
    return [groups[least] for least in sorted(groups)]


def refuse_links(weighed: Mapping[Pair, Weighed], groups: Groups, *, link_weight: float) -> dict[Pair, str | None]:
    """Says of every pair heavy enough for a link why it is refused, or None where it is one.

    `weighed` holds all pairs inside every group that such pairs connect, as far as they were compared.
    """
    heavy = sorted(
        (pair for pair, found in weighed.items() if found.weight >= link_weight),
        key=lambda pair: (-weighed[pair].weight, pair),
    )
    verdicts: dict[Pair, str | None] = {pair: weighed[pair].refused_by for pair in heavy}
    members: dict[int, list[int]] = {}
    group_of: dict[int, int] = {}
    for pair in heavy:
        for record in pair:
            if record not in group_of:
                group_of[record], members[record] = record, [record]
        if verdicts[pair] is not None:
            continue
        one, other = sorted(group_of[record] for record in pair)
        if one == other:
            continue
        if not _may_join(members[one], members[other], weighed, groups.min_mean_weight):
            verdicts[pair] = "group"
            continue
        for record in members.pop(other):
            group_of[record] = one
            members[one].append(record)
    return verdicts


def _may_join(
    one: Sequence[int], other: Sequence[int], weighed: Mapping[Pair, Weighed], min_mean_weight: float
) -> bool:
    total, count = 0.0, 0
    for left in one:
        for right in other:
            found = weighed.get((min(left, right), max(left, right)))
            if found is None:
                continue
            total, count = total + found.weight, count + 1
    return total >= min_mean_weight * count
