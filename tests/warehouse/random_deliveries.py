"""Makes deliveries of random customers that are as unkind to increments as a source may be.

On top of what `random_customers` draws come versions that change one thing only (a place in the order, an amount, a
channel, a machine's name, or nothing), people records that change their e-mail, orders in several currencies, answers
on several scales, events whose id another source system claims as well, messages to and fro with and without answers,
two logins on one device at one instant, decisions on who is who, some of which contradict each other or name what is
not there, and what `random_spend` draws. A file holds somebody with ten thousand addresses and an address of five
thousand people. Two files are no part of the final state: one was loaded by mistake, one repeats what other files
hold.
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
from zlib import crc32

from tests.oracles import feed, identity
from tests.oracles.feed import moment_text
from tests.oracles.hashes import hash_of
from tests.oracles.identity import Identifier
from tests.oracles.random_customers import random_customers
from tests.scenarios.load import FEED_COLUMNS
from tests.scenarios.load import SEEDS as STORY_SEEDS
from tests.warehouse import random_spend

SEEDS = Path(__file__).resolve().parent / "seeds"
DECISIONS = "identity_decisions"
ALIASES = 10_000
SHARERS = 5_000
CURRENCIES = ("EUR", "EUR", "USD", "GBP", "CHF", "")
DIRECTIONS = ("inbound", "inbound", "outbound", "")
DEPARTMENTS = ("", "", "", "service", "sales")
DEVICES = ("", "mobile", "desktop")
ANSWERED_AFTER = (*[None] * 20, 0, 1800, 1801, 90_000, -5, "soon", 10**12)

DECISION_COLUMNS = (
    "decision", "type_a", "identifier_a", "type_b", "identifier_b", "reason", "decided_by", "decided_on",
)  # fmt: skip

Text = dict[str, str]
Tables = Mapping[str, Sequence[Text]]


@dataclass(frozen=True)
class Deliveries:
    """Files of a feed by name: the ones that count in the end, a mistaken one and one that only repeats.

    `decisions` are rows of the seed that says who is who and who is not.
    """

    lasting: Mapping[str, Tables]
    mistaken: Tables
    repeated: Tables
    decisions: Sequence[Text]

    def __getitem__(self, name: str) -> Tables:
        return {**self.lasting, "mistaken": self.mistaken, "repeated": self.repeated}[name]

    def rows(self, names: Iterable[str]) -> dict[str, list[Text]]:
        """The rows of some files, by table."""
        tables: dict[str, list[Text]] = defaultdict(list)
        for name in names:
            for table, rows in self[name].items():
                tables[table] += rows
        return dict(tables)


def draw(sets: Iterable[tuple[str, int, int]], *, file_count: int, seed: int, is_crowded: bool = True) -> Deliveries:
    """Returns the deliveries of several sets of customers (prefix, number of customers, seed).

    Rows are dealt out to the lasting files by chance, so that versions and links arrive in any order. The file
    `crowd` is there if `is_crowded`.
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
        _say_who_spoke(row)
        row |= _answer(row["event_id"])
    tables["events"] += [_changed(row, chance) for row in _some(first.values(), 0.2, chance)]
    tables["events"] += [_claimed(row) for row in _some(first.values(), 0.02, chance)]
    tables["people"] += [
        _moved(row, chance.choice(tables["people"]), chance) for row in _some(tables["people"], 0.3, chance)
    ]

    for row in tables["people"]:
        row |= _described(row)

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
    _add_spend(lasting, mistaken, repeated, random.Random(f"spend of {seed}"))
    made = _decisions(tables, random.Random(f"decisions of {seed}"))
    return Deliveries(lasting | ({"crowd": _crowd()} if is_crowded else {}), mistaken, repeated, made)


def _add_spend(
    lasting: Mapping[str, dict[str, list[Text]]],
    mistaken: dict[str, list[Text]],
    repeated: dict[str, list[Text]],
    chance: random.Random,
) -> None:
    """Deals versions of spend out to the files; the mistaken one corrects some."""
    for table, rows in random_spend.versions_of_spend(chance).items():
        for row in rows:
            lasting[chance.choice(sorted(lasting))].setdefault(table, []).append(row)
        mistaken[table] = [random_spend.corrected(row, chance) for row in _some(rows, 0.1, chance)]
        repeated[table] = _some(rows, 0.2, chance)


def _described(row: Text) -> Text:
    """Where somebody lives and when they were born, as far as a version of their record says."""
    place = crc32(f"{row['person_key']} {row['updated_at']}".encode())
    return {
        "city": ("Berlin", " BERLIN", "Gent", "")[place % 4],
        "country": ("NL", "BE", "de", "", "")[place // 4 % 5],
        "birth_date": ("1999-12-31", "2000-01-01", "")[place // 20 % 3],
    }


def file_of(table: str, name: str) -> str:
    """The path of a delivery's file of a table, from the extracts folder."""
    return f"{'ads' if table == 'daily_spend' else 'feed'}/{table}/{name}.csv"


def write(tables: Tables, extracts: Path, name: str) -> None:
    """Writes a delivery's rows as files, one per table, under a name."""
    columns = {**FEED_COLUMNS, **random_spend.COLUMNS}
    for table, rows in tables.items():
        path = extracts / file_of(table, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns[table], restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def write_seeds(folder: Path, decisions: Sequence[Text]) -> Path:
    """Writes the stories' configuration with other decisions and with measures, KPIs and rates; returns the folder."""
    for seeds in (STORY_SEEDS, SEEDS):
        shutil.copytree(seeds, folder, dirs_exist_ok=True)
    with (folder / f"{DECISIONS}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, DECISION_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(decisions)
    return folder


def read_seeds(decisions: Sequence[Text]) -> dict[str, list[Text]]:
    """The configuration as `write_seeds` writes it, by seed."""
    return {**feed.read_seeds(STORY_SEEDS), **feed.read_seeds(SEEDS), DECISIONS: list(decisions)}


def decided(decision: str, one: Identifier, other: Identifier) -> Text:
    """A row of the seed."""
    return {
        "decision": decision,
        "type_a": one.identifier_type,
        "identifier_a": one.identifier,
        "type_b": other.identifier_type,
        "identifier_b": other.identifier,
        "reason": "drawn by chance",
        "decided_by": "nobody",
        "decided_on": "2026-02-01",
    }


def _decisions(tables: Tables, chance: random.Random) -> list[Text]:
    """Decisions about identifiers of the rows: near each other, far from each other, contradictory, or not there."""
    types = identity.identifier_types(feed.read_seeds(STORY_SEEDS)["identifier_types"])
    rows = [*feed.event_rows(tables["events"]), *feed.people_rows(tables["people"])]
    found: dict[tuple[str, frozenset[Identifier]], Text] = {}

    def decide(decision: str, one: Identifier, other: Identifier) -> None:
        if one != other:
            found[decision, frozenset({one, other})] = decided(decision, _written(one, chance), _written(other, chance))

    for kind, count in (("person", 30), ("device", 8)):
        neighbours: dict[Identifier, set[Identifier]] = defaultdict(set)
        for row in rows:
            together = identity.identifiers_on(row, kind, types, frozenset())
            for one in together:
                neighbours[one].update(together)
        everyone = sorted(neighbours)
        for _ in range(count):
            one = end = chance.choice(everyone)
            for _ in range(chance.randint(1, 5)):
                end = chance.choice(sorted(neighbours[end]))
            decide("must_not_link", one, end)
            if chance.random() < 0.3:
                decide("must_link", end, one)
        for _ in range(count // 2):
            decide("must_link", chance.choice(everyone), chance.choice(everyone))
        for _ in range(count // 4):
            one, other, third = chance.sample(everyone, 3)
            decide("must_link", one, other)
            decide("must_link", other, third)
            decide("must_not_link", third, one)
        decide("must_link", one, Identifier(one.identifier_type, "123456789 of nobody"))
        shared = [one for one in everyone if one.identifier.startswith("office@")]
        for mailbox in [*shared, Identifier("email", "null")] if kind == "person" else []:
            decide("must_link", mailbox, chance.choice(everyone))
    decide("must_link", Identifier("email", "no address"), Identifier("account", "nobody"))
    decide("must_not_link", Identifier("email", "null"), Identifier("record", "nowhere:nobody"))
    return list(found.values())


def _written(one: Identifier, chance: random.Random) -> Identifier:
    """An identifier as a decision may name it: as it is, with blanks and in capitals, or by its hash."""
    text = chance.choice((one.identifier, f" {one.identifier}", f"hash:{hash_of(*one)}"))
    if one.identifier_type == "email" and "hash:" not in text:
        text = text.upper()
    return one._replace(identifier=text)


def _crowd() -> Tables:
    """Somebody with a great many addresses, and an address that a great many people share."""
    begin = datetime(2025, 10, 1)
    event = {
        **dict.fromkeys(FEED_COLUMNS["events"], ""),
        "event_name": "support_called",
        "source_system": "support",
    }
    events = [
        event
        | {
            "event_id": f"crowd_{number:05}",
            "occurred_at": moment_text(begin + timedelta(minutes=7 * number)),
            "identifiers": json.dumps({"account": "crowd-account", "email": f"alias{number}@crowd.example"}),
        }
        for number in range(ALIASES)
    ]
    people = [
        {
            **dict.fromkeys(FEED_COLUMNS["people"], ""),
            "person_key": f"crowd-{number}",
            "source_system": "crm",
            "updated_at": moment_text(begin + timedelta(minutes=number)),
            "identifiers": json.dumps({"email": "everybody@crowd.example", "loyalty_card": f"55{number:06}"}),
            "last_name": f"Crowd{number}",
        }
        for number in range(SHARERS)
    ]
    return {"events": events, "people": people}


def _say_who_spoke(row: Text) -> None:
    """Puts direction, department, device and answer on a row, the same for the same row delivered again."""
    drawn = random.Random(f"{row['event_id']} {row['updated_at']}")
    row["direction"] = drawn.choice(DIRECTIONS)
    row["department"] = drawn.choice(DEPARTMENTS)
    row["device_type"] = drawn.choice(DEVICES)
    answered_after = drawn.choice(ANSWERED_AFTER)
    if answered_after is not None:
        properties = json.loads(row["properties"] or "{}")
        row["properties"] = json.dumps({**properties, "answered_after_seconds": answered_after})


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
        change["channel"] = chance.choice(("web", "store", "email", "all"))
    elif what == "touchpoint":
        change["touchpoint"] = chance.choice(("home", "product_page", ""))
    elif what == "machine":
        change["properties"] = json.dumps({"user_agent": "Googlebot/2.1", "reason": "high"})
    return {**row, **change, "updated_at": _later(row, chance)}


def _answer(event_id: str) -> Text:
    """What an event says as feedback: on a scale, off it, without its end, on a scale of one point, or nothing."""
    number = sum(event_id.encode())
    scale = (("", 10), ("", 5), ("", ""), (0, 10), (5, 5), ("", 5), None, None)[number % 8]
    if scale is None:
        return {}
    kind = ("csat", "nps", "ces")[number % 3]
    ends = {"feedback_scale_min": str(scale[0]), "feedback_scale_max": str(scale[1])}
    return {"feedback_kind": kind, "feedback_score": str(number % 6), **ends}


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
