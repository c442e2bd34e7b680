"""Scores pairs of records against the people they are of, as the benchmark scores them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from benchmarks.identity import groups, score


def scores(pairs: pa.Table, truth: Mapping[str, str]) -> tuple[float, float]:
    """Precision and recall over all pairs inside the groups that the links among `pairs` make."""
    links = [(row["record_a"], row["record_b"]) for row in pairs.to_pylist() if row["is_link"]]
    found = score(truth, groups(truth, links))
    return found.precision, found.recall
