"""Takes links one by one, the surest first, and refuses those that would chain people together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestration.lib.config.matching import Groups

Pair = tuple[int, int]


@dataclass(frozen=True)
class Weighed:
    """A pair of records as it was weighed. `is_cannot_link`: a guard says that the two are different people;
    `refused_by` names the guard that keeps the pair from being a link of its own."""

    weight: float
    is_cannot_link: bool
    refused_by: str | None


def components(pairs: Iterable[Pair]) -> list[list[int]]:
    """The groups of records that pairs connect, each in order, by their least record.

    >>> components([(1, 2), (4, 5), (2, 3)])
    [[1, 2, 3], [4, 5]]
    """
    parent: dict[int, int] = {}

    def root(record: int) -> int:
        parent.setdefault(record, record)
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for left, right in pairs:
        one, other = root(left), root(right)
        parent[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = defaultdict(list)
    for record in sorted(parent):
        groups[root(record)].append(record)
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
    ambiguous = _ambiguous([pair for pair in heavy if verdicts[pair] is None], weighed, groups.ambiguous_within)
    members: dict[int, list[int]] = {}
    group_of: dict[int, int] = {}
    for pair in heavy:
        for record in pair:
            if record not in group_of:
                group_of[record], members[record] = record, [record]
        if verdicts[pair] is not None:
            continue
        if pair in ambiguous:
            verdicts[pair] = "ambiguous"
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
            if found.is_cannot_link:
                return False
            total, count = total + found.weight, count + 1
    return total >= min_mean_weight * count


def _ambiguous(links: Sequence[Pair], weighed: Mapping[Pair, Weighed], within: float) -> set[Pair]:
    """Links of a record to both records of a cannot-link pair; if one weighs so much more, only the lighter."""
    partners: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for left, right in links:
        weight = weighed[left, right].weight
        partners[left].append((weight, right))
        partners[right].append((weight, left))
    found: set[Pair] = set()
    for record, others in partners.items():
        # the heaviest first: in a great group a record has many partners, but few matter
        others.sort(key=lambda item: (-item[0], item[1]))
        for place, (weight, one) in enumerate(others):
            for lighter, other in others[place + 1 :]:
                apart = weighed.get((min(one, other), max(one, other)))
                if apart is not None and apart.is_cannot_link:
                    found.add((min(record, other), max(record, other)))
                    if weight - lighter < within:
                        found.add((min(record, one), max(record, one)))
    return found
