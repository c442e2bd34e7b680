"""Holds rows of the example's extracts back, to deliver them after the first run: late ones, and the newest."""

from __future__ import annotations

import gzip
import heapq
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

# Monthly streams of lines, in which most events are, and where a line says when it happened.
STREAMS = {
    "web/events": "derived_tstamp",
    "app/events": "event_time",
    "ads/impressions": "event_time",
    "shop/orders": "placed_at",
}
# What is held back, as a share of all events. Late rows are spread over the whole year.
NEWEST = "newest 1 %"
DELIVERIES = {"0.1 % late": 0.001, "1 % late": 0.01, NEWEST: 0.01}


def hold_back(extracts: Path, aside: Path, event_count: int) -> dict[str, int]:
    """Takes every delivery's rows out of the extracts, a file per stream into its folder; returns how many rows."""
    files = [(path, column) for table, column in STREAMS.items() for path in _files(extracts / table)]
    row_count, latest = 0, [""]
    for path, column in files:
        times = [_time(line, column) for line in _lines(path)]
        row_count += len(times)
        latest = heapq.nlargest(round(event_count * DELIVERIES[NEWEST]), [*latest, *times])
    strides = {
        name: max(3, round(row_count / (event_count * share))) for name, share in DELIVERIES.items() if name != NEWEST
    }
    held = dict.fromkeys(DELIVERIES, 0)
    number = 0
    with ExitStack() as stack:
        taken: dict[Path, IO[bytes]] = {}
        for path, column in files:
            rest = path.with_name("." + path.name)
            with _opened(rest, "wb") as kept:
                for line in _lines(path):
                    number += 1
                    is_new = _time(line, column) >= latest[-1]
                    if delivery := NEWEST if is_new else _late_delivery(number, strides):
                        held[delivery] += 1
                        if (target := _target(aside / delivery, path)) not in taken:
                            target.parent.mkdir(parents=True, exist_ok=True)
                            taken[target] = stack.enter_context(_opened(target, "wb"))
                        taken[target].write(line)
                    else:
                        kept.write(line)
            rest.replace(path)
    return held


def deliver(aside: Path, extracts: Path) -> None:
    """Moves the files of one delivery into the extracts folder."""
    for path in sorted(aside.rglob("*.*")):
        path.replace(extracts / path.relative_to(aside))


def _files(folder: Path) -> Iterator[Path]:
    """A stream's files, but for the months that were delivered twice: nothing of those would be missing."""
    again = {re.sub("_again", "", path.name) for path in folder.glob("*_again.*")}
    return (path for path in sorted(folder.glob("*_????-??.*")) if path.name not in again)


def _target(aside: Path, path: Path) -> Path:
    name = re.sub(r"\d{4}-\d\d", aside.name.replace(" ", "_").replace("%", "percent"), path.name)
    return aside / path.parent.parent.name / path.parent.name / name


def _late_delivery(number: int, strides: dict[str, int]) -> str | None:
    """In which late delivery the row of this number is, if in any."""
    return next((name for place, (name, stride) in enumerate(strides.items()) if number % stride == place), None)


def _time(line: bytes, column: str) -> str:
    found = re.search(rb'"%b":"([^"]+)"' % column.encode(), line)
    return found[1].decode() if found else ""


def _lines(path: Path) -> Iterator[bytes]:
    with _opened(path, "rb") as lines:
        yield from lines


def _opened(path: Path, mode: str) -> IO[bytes]:
    # a gzip file reads and writes like the others, but is no IO to the type checker
    return cast(IO[bytes], gzip.open(path, mode, compresslevel=4) if path.suffix == ".gz" else path.open(mode))
