"""Reads the stories and writes them out as deliveries: folders of feed files, in the order they would arrive.

    batches = write_batches(stories(), tmp_path, split="many")
    for batch in batches:
        shutil.copytree(batch, extracts, dirs_exist_ok=True)   # then refresh

File names differ between batches, so that each can be copied over the ones before.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

FOLDER = Path(__file__).resolve().parent
SEEDS = FOLDER / "seeds"

# the clock of every story, naive UTC as the warehouse's columns are
AS_OF = datetime(2026, 3, 1)

Rows = list[dict[str, str]]
Split = Literal["one", "many", "shuffled"]

FEED_COLUMNS: Mapping[str, Sequence[str]] = {
    "events": (
        "event_id", "occurred_at", "event_name", "source_system", "record_id", "channel", "touchpoint",
        "department",
        "direction", "device_type", "campaign", "sequence_number", "identifiers", "amount", "currency",
        "feedback_kind", "feedback_score", "feedback_scale_min", "feedback_scale_max", "feedback_text", "properties",
        "feedback_direction", "is_feedback_complete", "updated_at",
    ),
    "people": (
        "person_key", "source_system", "updated_at", "identifiers", "first_name", "last_name", "birth_date",
        "street", "city", "postcode", "country",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Story:
    """A story's name, its rows by feed table (each with its `batch`) and what is expected of them."""

    name: str
    tables: Mapping[str, Rows]
    expected: Mapping[str, Any]

    @property
    def event_ids(self) -> frozenset[str]:
        return frozenset(row["event_id"] for row in self.tables.get("events", ()))

    @property
    def person_keys(self) -> frozenset[str]:
        return frozenset(row["person_key"] for row in self.tables.get("people", ()))


def stories(names: Iterable[str] | None = None) -> list[Story]:
    """Returns the named stories, or all of them, by name. Raises KeyError for a name that has no folder."""
    folders = {path.parent.name: path for path in FOLDER.glob("*/expected.yml")}
    return [_story(folders[name]) for name in sorted(folders if names is None else names)]


def stories_of_policy(policy: str) -> list[Story]:
    """Returns the stories that say what they become under a policy for devices, `last_login` left out."""
    return [_story(path) for path in sorted(FOLDER.glob(f"*/expected_{policy}.yml"))]


def delivered(chosen: Iterable[Story]) -> dict[str, Rows]:
    """Returns all rows of some stories by feed table, each with its `batch`."""
    tables: dict[str, Rows] = defaultdict(list)
    for story in chosen:
        for table, rows in story.tables.items():
            tables[table].extend(rows)
    return dict(tables)


def write_batches(
    chosen: Iterable[Story], folder: Path, *, split: Split = "one", seed: int = 0, batch_count: int = 5
) -> list[Path]:
    """Writes stories as deliveries and returns one extracts folder per delivery, in order of arrival."""
    return write_tables(delivered(chosen), folder, split=split, seed=seed, batch_count=batch_count)


def write_tables(
    tables: Mapping[str, Rows], folder: Path, *, split: Split = "one", seed: int = 0, batch_count: int = 5
) -> list[Path]:
    """Writes rows with a `batch` as deliveries and returns their extracts folders, in order of arrival.

    `one` puts everything into a single delivery, `many` follows the rows' own batches, `shuffled` deals the
    rows out to `batch_count` deliveries by chance and mixes the lines of each, so that versions arrive in any
    order.
    """
    chance = random.Random(seed)
    dealt: dict[int, dict[str, Rows]] = defaultdict(lambda: defaultdict(list))
    for table, rows in sorted(tables.items()):
        for row in rows:
            number = {"one": 1, "many": int(row["batch"])}.get(split) or chance.randint(1, batch_count)
            dealt[number][table].append(row)

    batches = []
    for number in sorted(dealt):
        batch = folder / f"batch_{number:02}"
        for table, rows in dealt[number].items():
            if split == "shuffled":
                chance.shuffle(rows)
            _write(batch / "feed" / table / f"{split}_{number:02}.csv", FEED_COLUMNS[table], rows)
        batches.append(batch)
    return batches


def _story(expectations: Path) -> Story:
    tables = {}
    for path in sorted(expectations.parent.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            tables[path.stem] = list(csv.DictReader(lines))
    expected = yaml.safe_load(expectations.read_text(encoding="utf-8"))
    return Story(expectations.parent.name, tables, expected)


def _write(path: Path, columns: Sequence[str], rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
