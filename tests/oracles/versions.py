"""Says which rows of a landed table are current.

A row is a dict of text as delivered, and three names give its delivery: `batch`, `file` (optional) and `line`
(optional; without it the row's place in the list).

Readings chosen where the design leaves room:

- A row without a version is older than any row with one. Equal versions: the later delivery wins.
- Delivery order is batch, then file, then line. Without a version column nothing else decides.
- A row whose content (its own columns) equals the winner's is `duplicate`, any other loser is `superseded`.
  Of equal copies the first delivered is called `current`; which copy is called so has no meaning, the counts
  have.
- A key that came from two values of `key_scope` belongs to the one that sorts first, whichever came first:
  the order of delivery is no input. The other's rows are collisions.
- `snapshot`: only the last file delivered counts; rows of earlier files are superseded, or duplicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.oracles.feed import Row, moment

DELIVERY = ("batch", "file", "line")


def delivered_at(row: Mapping[str, Any], place: int) -> tuple[int, str, int]:
    """Returns a row's place in the order of delivery."""
    return int(row.get("batch") or 0), row.get("file") or "", int(row.get("line") or place)


def content(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Returns what a row says, without its delivery and its status; an empty text says nothing."""
    return tuple(
        sorted((name, value) for name, value in row.items() if name not in (*DELIVERY, "_row_status") and value)
    )


def with_status(
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    *,
    version_column: str | None = None,
    key_scope: str | None = None,
    delivery: str = "append",
) -> list[Row]:
    """Returns every row with `_row_status`: current, superseded, duplicate or key_collision."""
    placed = sorted(enumerate(rows), key=lambda pair: delivered_at(pair[1], pair[0]))
    settled: list[Row] = [dict(row) for _, row in placed]
    by_key: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in settled:
        by_key[tuple(row[name] for name in key)].append(row)

    last_file = (settled[-1].get("batch"), settled[-1].get("file")) if settled else None
    for same_key in by_key.values():
        accepted = []
        claims = {row[key_scope] for row in same_key} if key_scope is not None else set()
        for row in same_key:
            if key_scope is not None and row[key_scope] != min(claims):
                row["_row_status"] = "key_collision"
            else:
                accepted.append(row)
        candidates = accepted
        if delivery == "snapshot":
            candidates = [row for row in accepted if (row.get("batch"), row.get("file")) == last_file]
        winner: Row | None = None
        for row in candidates:
            if winner is None or version(row, version_column) >= version(winner, version_column):
                winner = row
        if winner is None:
            for row in accepted:
                row["_row_status"] = "superseded"
            continue
        said = content(winner)
        named = False
        for row in accepted:
            if content(row) != said:
                row["_row_status"] = "superseded"
            elif not named and row in candidates:
                named = True
            else:
                row["_row_status"] = "duplicate"
        for row in accepted:
            row.setdefault("_row_status", "current")
    return settled


def version(row: Mapping[str, Any], version_column: str | None) -> datetime:
    """Returns the instant of a row's version; the beginning of time when it has none."""
    said = row.get(version_column) if version_column else None
    if isinstance(said, datetime):
        return said
    return moment(said) or datetime.min


def current(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Returns the current ones of rows that `with_status` has settled."""
    return [dict(row) for row in rows if row["_row_status"] == "current"]


def landed(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Returns every version ever accepted: all rows but the collisions."""
    return [dict(row) for row in rows if row["_row_status"] != "key_collision"]
