"""Makes seeded random customers whose events are as nasty as the feed allows.

    tables = random_customers(40, seed=7)
    batches = load.write_tables(tables, tmp_path, split="shuffled", seed=7)

The rows speak the language of `tests/scenarios/seeds`. What they hold, each at a share that `Nastiness`
states: equal instants, gaps on and around the session limit, windows missed by a microsecond, devices that
several people use and that pass to and fro, links that come months late, several identifiers on one event,
none at all, blocked values, a mailbox of many, identifiers written in different ways, bots, events after the
clock, rows corrected later and delivered in any order, and rows delivered twice. Every key is versioned or
delivered once, so the order of delivery is no input.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from tests.oracles.feed import moment_text

AS_OF = datetime(2026, 3, 1)
BEGIN = datetime(2025, 8, 1)
BATCHES = 6

SOURCES = ("web", "web", "app", "store", "support", "kiosk")

# (event name, channel, touchpoint); the last four match no phase
KINDS = (
    ("page_viewed", "web", "home"),
    ("newsletter_clicked", "email", "newsletter"),
    ("product_viewed", "web", "product_page"),
    ("product_viewed", "store", "fitting_room"),
    ("quote_requested", "web", "quote_form"),
    ("basket_filled", "app", "basket"),
    ("order_placed", "web", "order_page"),
    ("page_viewed", "web", "product_list"),
    ("newsletter_clicked", "web", "newsletter"),
    ("signed_in", "app", "sign_in"),
    ("support_called", "", ""),
)

DAY = 86_400
GAPS = (
    0, 0, 0, 1, 60, 600, 1799, 1799.6, 1799.999999, 1800, 1800.000001, 1801, 7200, DAY, 2 * DAY,
    7 * DAY, 7 * DAY + 0.000001, 14 * DAY, 14 * DAY + 0.000001, 20 * DAY, 30 * DAY, 30 * DAY + 0.000001,
    45 * DAY,
)  # fmt: skip

BLOCKED = (("email", "null"), ("email", " Undefined "), ("account", "null"), ("cookie", "opt-out"))


@dataclass(frozen=True)
class Nastiness:
    """How often what goes wrong, as shares of events unless said otherwise."""

    shared_device: float = 0.3
    """Of customers: their first device is also another's."""
    shared_contact: float = 0.15
    """Of customers: their e-mail or phone is also another's, which may merge two account numbers."""
    mailbox: float = 0.25
    """Of customers: they use one e-mail that all of them share, mostly over the cap."""
    never_named: float = 0.2
    """Of customers: no event ever names them."""
    named: float = 0.3
    """Events of the others that carry a person identifier."""
    no_identifier: float = 0.08
    record: float = 0.15
    """Events that are moments of a record with others."""
    blocked: float = 0.05
    bot: float = 0.04
    no_sequence: float = 0.6
    after_as_of: float = 0.03
    """Events put at the clock, a microsecond after it, or days after it."""
    corrected: float = 0.12
    """Events that a later version changes: name, time or identifiers."""
    delivered_twice: float = 0.05
    late: float = 0.2
    """Events that come in a later batch than their time says."""


@dataclass(frozen=True)
class _Customer:
    number: int
    persons: Mapping[str, str]
    devices: Sequence[tuple[str, str]]


def random_customers(
    n_customers: int,
    *,
    seed: int,
    max_events: int = 16,
    prefix: str = "random",
    nastiness: Nastiness | None = None,
) -> dict[str, list[dict[str, str]]]:
    """Returns rows of the feed's events and people as text, each with its `batch`; one seed, one set of rows.

    `prefix` begins every id and every identifier, so that several sets fit into one warehouse.
    """
    chance = random.Random(f"{seed}/{n_customers}/{max_events}")
    share = nastiness or Nastiness()
    customers = _customers(n_customers, chance, prefix, share)
    events: list[dict[str, str]] = []
    people: list[dict[str, str]] = []
    for customer in customers:
        is_named = chance.random() >= share.never_named
        at = BEGIN + timedelta(seconds=chance.randrange(150 * DAY))
        for _ in range(chance.randint(1, max_events)):
            at += timedelta(seconds=chance.choice(GAPS))
            happened = at
            if chance.random() < share.after_as_of:
                happened = AS_OF + timedelta(microseconds=chance.choice((0, 1, 5 * DAY * 1_000_000)))
            row = _event(len(events), happened, customer, is_named, chance, prefix, share)
            events.append(row)
        if is_named and chance.random() < 0.5:
            people += _records(customer, chance, prefix)
    return {"events": _versions(events, customers, chance, share), "people": people}


def _customers(count: int, chance: random.Random, prefix: str, share: Nastiness) -> list[_Customer]:
    made: list[_Customer] = []
    for number in range(count):
        # a prefix would not survive the rules that keep digits only, so digits replace it
        digits = f"{_digits(prefix)}{number:05}"
        persons = {
            "account": f"{prefix}-account-{number}",
            "customer_number": f"9{digits}",
            "loyalty_card": f"8{digits}",
            "email": f"person{number}@{prefix}.example",
            "phone": f"+49{digits}",
        }
        persons = {name: persons[name] for name in chance.sample(sorted(persons), chance.randint(1, 4))}
        devices = [("cookie", f"{prefix}-cookie-{number}-{i}") for i in range(chance.randint(0, 2))]
        if chance.random() < 0.4:
            devices.append(("device_id", f"{prefix}-device-{number}"))
        if made and chance.random() < share.shared_device:
            devices[:1] = chance.choice(made).devices[:1]
        if made and chance.random() < share.shared_contact:
            other = chance.choice(made).persons
            persons.update({name: other[name] for name in ("email", "phone") if name in other})
        if chance.random() < share.mailbox:
            persons["email"] = f"office@{prefix}.example"
        made.append(_Customer(number, persons, devices))
    return made


def _event(
    number: int,
    at: datetime,
    customer: _Customer,
    is_named: bool,
    chance: random.Random,
    prefix: str,
    share: Nastiness,
) -> dict[str, str]:
    name, channel, touchpoint = chance.choice(KINDS)
    properties: dict[str, str] = {}
    if name == "quote_requested":
        properties["reason"] = chance.choice(("high", "low"))
    if chance.random() < share.bot:
        properties["user_agent"] = "Mozilla/5.0 (compatible; Googlebot/2.1)"
    # some ids differ only by upper and lower case in their order, and the number does not follow time
    event_id = f"{prefix}_{chance.choice('aBcD')}{number:06}"
    return {
        "batch": str(_batch(at, chance, share)),
        "event_id": event_id,
        "occurred_at": moment_text(at),
        "event_name": name,
        "source_system": chance.choice(SOURCES),
        # tickets and orders: few, so that their events meet, of several customers and none
        "record_id": f"{prefix}-{number // 6}" if chance.random() < share.record else "",
        "channel": channel,
        "touchpoint": touchpoint,
        "sequence_number": "" if chance.random() < share.no_sequence else str(chance.randint(1, 12)),
        "identifiers": json.dumps(_identifiers(customer, is_named, chance, share)),
        "amount": f"{chance.randint(1, 9999) / 100:.2f}" if name == "order_placed" else "",
        "currency": "EUR" if name == "order_placed" else "",
        "properties": json.dumps(properties) if properties else "",
        "updated_at": moment_text(at),
    }


def _identifiers(customer: _Customer, is_named: bool, chance: random.Random, share: Nastiness) -> dict[str, str]:
    if chance.random() < share.no_identifier:
        return {}
    found: dict[str, str] = {}
    if customer.devices and chance.random() < 0.85:
        found.update(chance.sample(customer.devices, chance.choice((1, 1, 1, len(customer.devices)))))
    if is_named and (chance.random() < share.named or not found):
        names = sorted(customer.persons)
        for name in chance.sample(names, min(len(names), chance.choice((1, 1, 2)))):
            found[name] = _written(name, customer.persons[name], chance)
    if chance.random() < share.blocked:
        found.update([chance.choice(BLOCKED)])
    return found


def _written(name: str, value: str, chance: random.Random) -> str:
    """Returns an identifier as one of the ways people write it, all the same after normalisation."""
    if name == "email" and chance.random() < 0.3:
        return f" {value.upper()} "
    if name == "phone" and chance.random() < 0.3:
        return f"{value[:3]} ({value[3:6]}) {value[6:]}"
    if name in ("customer_number", "loyalty_card") and chance.random() < 0.3:
        return f"{value[:4]}-{value[4:]}"
    return value


def _records(customer: _Customer, chance: random.Random, prefix: str) -> list[dict[str, str]]:
    """Returns one or two versions of a people record, the second with other identifiers."""
    at = BEGIN + timedelta(days=chance.randint(0, 120))
    rows = []
    for _ in range(chance.choice((1, 1, 2))):
        names = sorted(customer.persons)
        chosen = chance.sample(names, chance.randint(0, min(2, len(names))))
        rows.append(
            {
                "batch": str(chance.randint(1, BATCHES)),
                "person_key": f"{prefix}-{customer.number}",
                "source_system": "crm",
                "updated_at": moment_text(at),
                "identifiers": json.dumps({name: _written(name, customer.persons[name], chance) for name in chosen}),
                "first_name": chance.choice(("Ada", " ada", "Bo", "")),
                "last_name": f"Random{customer.number % 7}",
            }
        )
        at += timedelta(days=chance.randint(1, 60))
    return rows


def _versions(
    events: Sequence[dict[str, str]], customers: Sequence[_Customer], chance: random.Random, share: Nastiness
) -> list[dict[str, str]]:
    """Returns the events with later versions and second deliveries of some, in any batch."""
    rows = list(events)
    for event in events:
        if chance.random() < share.corrected:
            changed = dict(event)
            updated_at = datetime.fromisoformat(event["updated_at"]).replace(tzinfo=None)
            occurred_at = datetime.fromisoformat(event["occurred_at"]).replace(tzinfo=None)
            changed["updated_at"] = moment_text(updated_at + timedelta(days=chance.randint(1, 90)))
            what = chance.choice(("name", "time", "identifiers"))
            if what == "name":
                changed["event_name"], changed["channel"], changed["touchpoint"] = chance.choice(KINDS)
            elif what == "time":
                changed["occurred_at"] = moment_text(
                    occurred_at + timedelta(seconds=chance.choice((-1, 1)) * chance.choice(GAPS))
                )
            else:
                changed["identifiers"] = json.dumps(_identifiers(chance.choice(customers), True, chance, share))
            changed["batch"] = str(chance.randint(1, BATCHES))
            rows.append(changed)
    rows += [
        {**row, "batch": str(chance.randint(1, BATCHES))} for row in rows if chance.random() < share.delivered_twice
    ]
    return rows


def _batch(at: datetime, chance: random.Random, share: Nastiness) -> int:
    """Returns the batch that an event's time belongs to, or a later one."""
    on_time = min(BATCHES, max(1, 1 + int((at - BEGIN) / (AS_OF - BEGIN) * BATCHES)))
    return chance.randint(on_time, BATCHES) if chance.random() < share.late else on_time


def _digits(prefix: str) -> str:
    """Returns six digits that go with a prefix, the same on every run.

    The first is no 0: behind a country's code it would be taken off as what one dials within the country.
    """
    return f"{100_000 + crc32(prefix.encode()) % 900_000}"
