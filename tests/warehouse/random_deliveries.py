"""Makes deliveries of random customers that are as unkind to increments as a source may be.

On top of what `random_customers` draws come versions that change one thing only (a place in the order, an amount, a
channel, a machine's name, or nothing), people records that change their e-mail, orders in several currencies, events
whose id another source system claims as well, and two logins on one device at one instant. Two files are no part of
the final state: one was loaded by mistake, one repeats what other files hold.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.oracles import feed
from tests.oracles.feed import moment_text
from tests.oracles.random_customers import random_customers
from tests.scenarios.load import FEED_COLUMNS
from tests.scenarios.load import SEEDS as STORY_SEEDS

SEEDS = Path(__file__).resolve().parent / "seeds"
CURRENCIES = ("EUR", "EUR", "USD", "GBP", "CHF", "")

Text = dict[str, str]
Tables = Mapping[str, Sequence[Text]]


@dataclass(frozen=True)
class Deliveries:
    """Files of a feed by name: the ones that count in the end, a mistaken one and one that only repeats."""

    lasting: Mapping[str, Tables]
    mistaken: Tables
    repeated: Tables

    def __getitem__(self, name: str) -> Tables:
        return {**self.lasting, "mistaken": self.mistaken, "repeated": self.repeated}[name]

    def rows(self, names: Iterable[str]) -> dict[str, list[Text]]:
        """The rows of some files, by table."""
        tables: dict[str, list[Text]] = defaultdict(list)
        for name in names:
            for table, rows in self[name].items():
                tables[table] += rows
        return dict(tables)


def draw(sets: Iterable[tuple[str, int, int]], *, file_count: int, seed: int) -> Deliveries:
    """Returns the deliveries of several sets of customers (prefix, number of customers, seed).

    Rows are dealt out to the lasting files by chance, so that versions and links arrive in any order.
    """
    chance = random.Random(seed)
    tables: dict[str, list[Text]] = defaultdict(list)
    for prefix, count, number in sets:
        for table, rows in random_customers(count, seed=number, prefix=prefix).items():
            tables[table] += rows
    first = {row["event_id"]: row for row in reversed(tables["events"])}
    for row in tables["events"]:
        if row["amount"]:
            row["currency"] = CURRENCIES[sum(row["event_id"].encode()) % len(CURRENCIES)]
    tables["events"] += [_changed(row, chance) for row in _some(first.values(), 0.2, chance)]
    tables["events"] += [_claimed(row) for row in _some(first.values(), 0.02, chance)]
    tables["people"] += [
        _moved(row, chance.choice(tables["people"]), chance) for row in _some(tables["people"], 0.3, chance)
    ]

    lasting: dict[str, dict[str, list[Text]]] = {
        f"part_{number}": {"events": [], "people": []} for number in range(1, file_count + 1)
    }
    for table, rows in tables.items():
        for row in rows:
            lasting[chance.choice(sorted(lasting))][table].append(row)
    for number in range(file_count):
        logins, swapped = _logins_at_one_instant(number)
        lasting[f"part_{number + 1}"]["events"] += logins
        lasting[f"part_{(number + 1) % file_count + 1}"]["events"].append(swapped)
    mistaken = {
        "events": [
            *(_mistaken(row, chance.choice(tables["events"]), chance) for row in _some(first.values(), 0.1, chance)),
            *(_claimed(row) for row in _some(first.values(), 0.02, chance)),
        ],
        "people": [
            _moved(row, chance.choice(tables["people"]), chance) for row in _some(tables["people"], 0.2, chance)
        ],
    }
    repeated = {table: list(_some(rows, 0.2, chance)) for table, rows in tables.items()}
    return Deliveries(lasting, mistaken, repeated)


def write(tables: Tables, extracts: Path, name: str) -> None:
    """Writes a delivery's rows as files of the feed, one per table, under a name."""
    for table, rows in tables.items():
        path = extracts / "feed" / table / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FEED_COLUMNS[table], restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def write_seeds(folder: Path) -> Path:
    """Writes the stories' configuration together with measures, KPIs and rates, and returns the folder."""
    for seeds in (STORY_SEEDS, SEEDS):
        shutil.copytree(seeds, folder, dirs_exist_ok=True)
    return folder


def read_seeds() -> dict[str, list[Text]]:
    """The configuration as `write_seeds` writes it, by seed."""
    return {**feed.read_seeds(STORY_SEEDS), **feed.read_seeds(SEEDS)}


def _some(rows: Iterable[Text], share: float, chance: random.Random) -> list[Text]:
    return [row for row in rows if chance.random() < share]


def _later(row: Text, chance: random.Random) -> str:
    """A version after every other of the row, and never the same twice."""
    at = datetime.fromisoformat(row["updated_at"]).replace(tzinfo=None)
    return moment_text(at + timedelta(days=chance.randint(100, 200), microseconds=chance.randrange(1_000_000)))


def _changed(row: Text, chance: random.Random) -> Text:
    """A version of an event in which one thing is different, or nothing but the version."""
    what = chance.choice(("order", "amount", "channel", "machine", "touchpoint", "nothing"))
    change: Text = {}
    if what == "order":
        change["sequence_number"] = str(chance.randint(1, 12))
    elif what == "amount" and row["amount"]:
        change["amount"] = f"{chance.randint(-500, 9999) / 100:.2f}"
    elif what == "channel":
        change["channel"] = chance.choice(("web", "store", "email", "app"))
    elif what == "touchpoint":
        change["touchpoint"] = chance.choice(("home", "product_page", ""))
    elif what == "machine":
        change["properties"] = json.dumps({"user_agent": "Googlebot/2.1", "reason": "high"})
    return {**row, **change, "updated_at": _later(row, chance)}


def _claimed(row: Text) -> Text:
    """The same id from another source system; the name that sorts first keeps the id."""
    return {**row, "source_system": "zoo" if sum(row["event_id"].encode()) % 2 else "aaa"}


def _logins_at_one_instant(number: int) -> tuple[list[Text], Text]:
    """A device on which two people log in at one instant, and a version that swaps them.

    Nothing but the place in the order says whose the device is before the instant and whose from there on.
    """
    at = datetime(2025, 9, 20, 9, number)
    cookie = f"instant-cookie-{number}"

    def event(name: str, minutes: int, place: str, account: str | None = None) -> Text:
        happened = at + timedelta(minutes=minutes)
        return {
            **dict.fromkeys(FEED_COLUMNS["events"], ""),
            "event_id": f"instant_{number}_{name}",
            "occurred_at": moment_text(happened),
            "event_name": "product_viewed",
            "source_system": "web",
            "channel": "web",
            "touchpoint": "product_page",
            "sequence_number": place,
            "identifiers": json.dumps({"cookie": cookie} | ({"account": account} if account else {})),
            "updated_at": moment_text(happened),
        }

    first = event("first", 5, "1", f"instant-account-{number}-a")
    second = event("second", 5, "2", f"instant-account-{number}-b")
    swapped = {**first, "sequence_number": "3", "updated_at": moment_text(at + timedelta(days=9))}
    return [event("before", 0, ""), first, second, event("after", 10, "")], swapped


def _mistaken(row: Text, other: Text, chance: random.Random) -> Text:
    """A version that says another customer's identifiers, and often another name and time."""
    return {
        **row,
        "identifiers": other["identifiers"],
        "event_name": chance.choice((row["event_name"], other["event_name"])),
        "occurred_at": chance.choice((row["occurred_at"], other["occurred_at"])),
        "updated_at": _later(row, chance),
    }


def _moved(row: Text, other: Text, chance: random.Random) -> Text:
    """A later version of a people record with another e-mail: a new one or somebody else's."""
    identifiers = json.loads(row["identifiers"])
    theirs = json.loads(other["identifiers"]).get("email")
    identifiers["email"] = chance.choice((theirs, None)) or f"moved-{row['person_key']}@moved.example"
    return {**row, "identifiers": json.dumps(identifiers), "updated_at": _later(row, chance)}
