"""Makes the world that is measured: extracts of about so many events, and a delivery that comes months late."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from examples.omnichannel import generate
from orchestration.lib.core.settings import EXAMPLES, Settings

DAYS = 365
# What one customer of the example does in a year, all tools together.
EVENTS_PER_CUSTOMER = 83
# The month whose rows come late: six months before the example's clock.
LATE_MONTH = "2025-12"
LATE_SHARE = 0.001
# Monthly streams of lines that can be taken apart without reading them: tables, with their files' ending.
LATE_TABLES = {"web/events": "jsonl.gz", "app/events": "jsonl", "ads/impressions": "jsonl.gz", "shop/orders": "jsonl"}


@dataclass(frozen=True)
class World:
    """What was made: events as the simulation counts them, and what lies in the extracts folder."""

    event_count: int
    customer_count: int
    file_count: int
    byte_count: int
    row_count: int
    late_row_count: int


def make_world(settings: Settings, events: int) -> World:
    """Generates a year of the example omnichannel in the data set's extracts folder."""
    customers = max(1, round(events / EVENTS_PER_CUSTOMER))
    example = EXAMPLES["omnichannel"]
    seed = example.sizes["seed"]
    assert seed is not None
    report = generate(settings.extracts, settings.truth, customers=customers, days=DAYS, seed=seed, as_of=example.as_of)
    return World(
        event_count=report.event_count,
        customer_count=customers,
        file_count=report.file_count,
        byte_count=report.byte_count,
        row_count=sum(report.rows.values()),
        late_row_count=0,
    )


def hold_back(settings: Settings, late: Path, event_count: int) -> int:
    """Takes one thousandth of the events, all of one month long ago, out of the extracts; returns how many rows.

    They are spread evenly over the month's web visits, app use, advertising and orders, so that deliveries of
    `late` touch visitors, customers, sessions and journeys in the middle of their history.
    """
    files = {table: _month_file(settings, table, ending) for table, ending in LATE_TABLES.items()}
    # of a month that was delivered twice, nothing would be missing
    files = {
        table: path
        for table, path in files.items()
        if path.exists() and not list(path.parent.glob(f"*_{LATE_MONTH}_again.*"))
    }
    rows = sum(_line_count(path) for path in files.values())
    every = max(2, round(rows / max(1, event_count * LATE_SHARE)))
    held = 0
    for table, path in files.items():
        target = late / table / path.name.replace(LATE_MONTH, f"{LATE_MONTH}_late")
        target.parent.mkdir(parents=True, exist_ok=True)
        rest = path.with_name("." + path.name)
        with _opened(path, "rb") as lines, _opened(rest, "wb") as kept, _opened(target, "wb") as taken:
            for number, line in enumerate(lines):
                is_late = number % every == 0
                (taken if is_late else kept).write(line)
                held += is_late
        rest.replace(path)
    return held


def deliver(late: Path, extracts: Path) -> int:
    """Moves the late files into the extracts folder and returns how many there were."""
    files = [path for path in sorted(late.rglob("*")) if path.is_file()]
    for path in files:
        path.replace(extracts / path.relative_to(late))
    return len(files)


def _month_file(settings: Settings, table: str, ending: str) -> Path:
    return settings.extracts / table / f"{Path(table).name}_{LATE_MONTH}.{ending}"


def _line_count(path: Path) -> int:
    with _opened(path, "rb") as lines:
        return sum(1 for _ in lines)


def _opened(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    # a gzip file reads and writes like the others, but is no IO to the type checker
    packed = path.name.endswith(".gz")
    return cast(IO[bytes], gzip.open(path, mode, compresslevel=4) if packed else path.open(mode))
