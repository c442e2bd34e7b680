"""Scores pairs of records against the people they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa


def scores(pairs: pa.Table, truth: Mapping[str, str]) -> tuple[float, float]:
    """Precision and recall over all pairs inside the groups that the links among `pairs` make."""
    links = [(row["record_a"], row["record_b"]) for row in pairs.to_pylist() if row["is_link"]]
    group = _groups(truth, links)
    found, true = Counter(group.values()), Counter(truth.values())
    both = Counter((group[key], truth[key]) for key in truth)
    right, told, wanted = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, found, true))
    return right / told if told else 1.0, right / wanted if wanted else 1.0


def _groups(keys: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    group = {key: key for key in keys}
    members = {key: [key] for key in group}
    for left, right in links:
        one, other = group[left], group[right]
        if one != other:
            for key in members[other]:
                group[key] = one
            members[one] += members.pop(other)
    return group
