"""Says who is who: people, visitors, owners of devices, the customer of every event, and the customers' ids.

Covers steps 1, 2 (policy `last_login`) and 5 of the design's identity; decisions and fuzzy links are not in
it, so a component may hold two values of a unique-per-person type.

Hashes come from the caller: `hash_of(identifier_type, normalised value)`. An id is `c_` and the hash of the
smallest person identifier, or `a_` and the hash of the smallest device identifier, or `a_` and
`hash_of("event", event_id)`. A visitor's id is `v_` and the hash of its smallest device identifier.

Readings chosen where the design leaves room:

- Blocked values are taken away first: they link nothing, own nothing, and count as nobody's people. Both
  sides are compared after normalisation. A value that normalises to nothing, and a type that no seed row
  declares, is absent.
- Links come from current rows only; a superseded version's identifiers link nothing. First seen is the
  minimum over every version landed (an event's `occurred_at`, a people record's `updated_at`). An identifier
  that stands on superseded rows only is nobody's.
- Identity uses bots' events and events after `as_of`.
- A value's people = the greatest of: per unique-per-person type, its distinct values on records with the
  value; and the distinct normalised names on those records with it that carry no unique-per-person
  identifier. A `person_key` is not unique-per-person. A name is first and last name, lower case, single
  spaces; a record without one counts nothing. A unique-per-person value on a record makes it a record that
  has one, even where it is the value in question.
- Caps count people for person identifiers only; links between devices have no cap.
- A people record's own identifier has the type `<source_system>:person_key`, exact, and, undeclared, comes
  after every declared type in priority. Device identifiers on a people record are ignored: a login is an
  event.
- Ownership at an instant is by time: an anonymous event at the very instant of a login is the login's
  person's. Of several logins at one instant the last in total order owns from there on; intervals without
  length are left out.
- The first interval begins at the visitor's first current event. Each device identifier of a visitor has the
  visitor's intervals. A person identifier's one interval begins at its first seen.
- A customer's `first_seen_at` is the earliest of its current events and its person identifiers' first seen;
  `last_seen_at` the latest of its current events and current people records.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from tests.oracles.feed import Row, truth, whole
from tests.oracles.timeline import total_order

HashOf = Callable[[str, str], str]

UNDECLARED_PRIORITY = 1_000_000


class Identifier(NamedTuple):
    """A normalised value of a type."""

    identifier_type: str
    identifier: str


@dataclass(frozen=True)
class IdentifierType:
    """A row of the seed `identifier_types`."""

    name: str
    kind: str
    priority: int
    is_unique_per_person: bool
    max_people: int | None
    normalisation: str


@dataclass(frozen=True)
class Identity:
    """All answers about who is who.

    `bridge` is shaped like `core.bridge_customer_identifiers`, `records` like `core.bridge_customer_records`,
    `customers` like `core.dim_customers`; `over_cap` has one row per value whose links were dropped.
    """

    customer_of_event: Mapping[str, str]
    visitor_of_event: Mapping[str, str | None]
    bridge: Sequence[Row]
    records: Sequence[Row]
    customers: Sequence[Row]
    over_cap: Sequence[Row]
    people_customers: frozenset[str]


def identifier_types(rows: Iterable[Mapping[str, str]]) -> dict[str, IdentifierType]:
    """Returns the seed's types by name."""
    return {
        row["identifier_type"]: IdentifierType(
            name=row["identifier_type"],
            kind=row["kind"],
            priority=int(row["priority"]),
            is_unique_per_person=truth(row["is_unique_per_person"]),
            max_people=whole(row["max_people"]),
            normalisation=row["normalisation"],
        )
        for row in rows
    }


def normalised(value: object, rule: str) -> str | None:
    """Returns an identifier as the rule writes it, or None when nothing is left.

    >>> normalised("  Ada@Example.COM ", "email"), normalised("0049 (151) 23", "phone")
    ('ada@example.com', '+4915123')
    """
    if value is None:
        return None
    text = str(value).strip()
    if rule in ("email", "lower"):
        text = text.lower()
    elif rule == "phone":
        international = text.startswith(("+", "00"))
        digits = re.sub(r"[^0-9]", "", text)
        if text.startswith("00"):
            digits = digits[2:]
        text = "+" + digits if international and digits else digits
    elif rule == "digits":
        text = re.sub(r"[^0-9]", "", text)
    elif rule != "exact":
        raise ValueError(f"no such rule: {rule}")
    return text or None


def normalised_name(person: Mapping[str, Any]) -> str | None:
    """Returns a people record's name, lower case and single-spaced, or None."""
    words = f"{person.get('first_name') or ''} {person.get('last_name') or ''}".lower().split()
    return " ".join(words) or None


def blocked_values(rows: Iterable[Mapping[str, str]], types: Mapping[str, IdentifierType]) -> frozenset[Identifier]:
    """Returns the seed's blocked values, normalised like any other."""
    found = set()
    for row in rows:
        declared = types.get(row["identifier_type"])
        value = normalised(row["identifier"], declared.normalisation) if declared else None
        if value is not None:
            found.add(Identifier(row["identifier_type"], value))
    return frozenset(found)


def identifiers_on(
    row: Mapping[str, Any], kind: str, types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> list[Identifier]:
    """Returns a row's usable identifiers of a kind, the people record's own included, in order."""
    found = set()
    for name, value in row["identifiers"].items():
        declared = types.get(name)
        if declared is None or declared.kind != kind:
            continue
        text = normalised(value, declared.normalisation)
        if text is not None and Identifier(name, text) not in blocked:
            found.add(Identifier(name, text))
    if kind == "person" and row.get("person_key"):
        found.add(record_identifier(row))
    return sorted(found)


def record_identifier(person: Mapping[str, Any]) -> Identifier:
    """Returns the identifier that a people record is by itself."""
    return Identifier(f"{person['source_system']}:person_key", person["person_key"])


def people_counts(
    records: Iterable[Mapping[str, Any]], types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> dict[Identifier, int]:
    """Returns how many people each person identifier occurs with directly."""
    unique_types = {name for name, declared in types.items() if declared.is_unique_per_person}
    values: dict[Identifier, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        present = identifiers_on(record, "person", types, blocked)
        unique = [one for one in present if one.identifier_type in unique_types]
        name = normalised_name(record)
        for identifier in present:
            for person in unique:
                values[identifier][person.identifier_type].add(person.identifier)
            if not unique and name is not None:
                values[identifier]["(name)"].add(name)
            values[identifier].setdefault("(nobody)", set())
    return {identifier: max(len(people) for people in by_type.values()) for identifier, by_type in values.items()}


def over_cap_values(
    records: Iterable[Mapping[str, Any]], types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> dict[Identifier, int]:
    """Returns the values that occur with more people than their type allows, and with how many."""
    over = {}
    for identifier, count in people_counts(records, types, blocked).items():
        declared = types.get(identifier.identifier_type)
        if declared is not None and declared.max_people is not None and count > declared.max_people:
            over[identifier] = count
    return over


def components(groups: Iterable[Sequence[Identifier]]) -> list[frozenset[Identifier]]:
    """Returns the connected components of identifiers that occur together, single ones included."""
    neighbours: dict[Identifier, set[Identifier]] = defaultdict(set)
    for group in groups:
        for identifier in group:
            neighbours[identifier].update(group)
    found, seen = [], set()
    for start in sorted(neighbours):
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            for neighbour in neighbours[waiting.pop()]:
                if neighbour not in reached:
                    reached.add(neighbour)
                    waiting.append(neighbour)
        seen |= reached
        found.append(frozenset(reached))
    return found


def owner_at(logins: Sequence[tuple[datetime, str]], instant: datetime) -> str:
    """Returns whose device it is at an instant, from its logins in total order: the last or first."""
    so_far = [customer for at, customer in logins if at <= instant]
    return so_far[-1] if so_far else logins[0][1]


def ownership_intervals(
    logins: Sequence[tuple[datetime, str]], first_event_at: datetime
) -> list[tuple[str, datetime, datetime | None]]:
    """Returns (customer, from, to) of a device with logins in total order; the last interval is open."""
    starts = [(first_event_at if number == 0 else at, customer) for number, (at, customer) in enumerate(logins)]
    intervals: list[tuple[str, datetime, datetime | None]] = []
    for number, (start, customer) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else None
        if start == end:
            continue
        if intervals and intervals[-1][0] == customer:
            intervals[-1] = (customer, intervals[-1][1], end)
        else:
            intervals.append((customer, start, end))
    return intervals


def solved(
    events: Sequence[Mapping[str, Any]],
    people: Sequence[Mapping[str, Any]],
    *,
    event_versions: Sequence[Mapping[str, Any]],
    people_versions: Sequence[Mapping[str, Any]],
    types: Mapping[str, IdentifierType],
    blocked: frozenset[Identifier],
    priorities: Mapping[str, int],
    hash_of: HashOf,
) -> Identity:
    """Returns who is who, from the current `events` and `people` and all their versions."""
    order = total_order(priorities)
    events = sorted(events, key=order)
    over = over_cap_values([*events, *people], types, blocked)

    def trusted(row: Mapping[str, Any]) -> list[Identifier]:
        return [one for one in identifiers_on(row, "person", types, blocked) if one not in over]

    def devices(row: Mapping[str, Any]) -> list[Identifier]:
        return identifiers_on(row, "device", types, blocked)

    first_seen: dict[Identifier, datetime] = {}
    seen = [(person["updated_at"], identifiers_on(person, "person", types, blocked)) for person in people_versions]
    for event in event_versions:
        seen.append((event["occurred_at"], [*identifiers_on(event, "person", types, blocked), *devices(event)]))
    for at, identifiers in seen:
        for identifier in identifiers:
            first_seen[identifier] = min(first_seen.get(identifier, at), at)

    def type_priority(identifier: Identifier) -> int:
        declared = types.get(identifier.identifier_type)
        return declared.priority if declared else UNDECLARED_PRIORITY

    def hashed(identifier: Identifier) -> str:
        return hash_of(identifier.identifier_type, identifier.identifier)

    def smallest(component: frozenset[Identifier]) -> Identifier:
        return min(component, key=lambda one: (first_seen[one], type_priority(one), hashed(one)))

    customer_of: dict[Identifier, str] = {}
    for component in components(map(trusted, (*events, *people))):
        for identifier in component:
            customer_of[identifier] = "c_" + hashed(smallest(component))
    visitor_of: dict[Identifier, str] = {}
    for component in components(map(devices, events)):
        for identifier in component:
            visitor_of[identifier] = "v_" + hashed(smallest(component))

    def visitor(event: Mapping[str, Any]) -> str | None:
        on_event = devices(event)
        return visitor_of[on_event[0]] if on_event else None

    def named_customer(event: Mapping[str, Any]) -> str | None:
        on_event = trusted(event)
        if not on_event:
            return None
        return customer_of[min(on_event, key=lambda one: (type_priority(one), hashed(one)))]

    logins: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    first_event_at: dict[str, datetime] = {}
    for event in events:
        its_visitor, its_customer = visitor(event), named_customer(event)
        if its_visitor is None:
            continue
        first_event_at.setdefault(its_visitor, event["occurred_at"])
        if its_customer is not None:
            logins[its_visitor].append((event["occurred_at"], its_customer))

    customer_of_event: dict[str, str] = {}
    visitor_of_event: dict[str, str | None] = {}
    for event in events:
        its_visitor, its_customer = visitor(event), named_customer(event)
        if its_customer is None and its_visitor is None:
            its_customer = "a_" + hash_of("event", event["event_id"])
        elif its_customer is None and its_visitor in logins:
            its_customer = owner_at(logins[its_visitor], event["occurred_at"])
        elif its_customer is None:
            its_customer = "a_" + its_visitor.removeprefix("v_")
        customer_of_event[event["event_id"]] = its_customer
        visitor_of_event[event["event_id"]] = its_visitor

    bridge = [
        _bridge_row(identifier, hashed(identifier), customer, first_seen[identifier], None)
        for identifier, customer in sorted(customer_of.items())
    ]
    for identifier, its_visitor in sorted(visitor_of.items()):
        if its_visitor in logins:
            intervals = ownership_intervals(logins[its_visitor], first_event_at[its_visitor])
        else:
            intervals = [("a_" + its_visitor.removeprefix("v_"), first_event_at[its_visitor], None)]
        bridge += [_bridge_row(identifier, hashed(identifier), *interval) for interval in intervals]

    records = [
        {
            "source_system": person["source_system"],
            "person_key": person["person_key"],
            "person_key_hash": hashed(record_identifier(person)),
            "customer_id": customer_of[record_identifier(person)],
        }
        for person in sorted(people, key=record_identifier)
    ]
    return Identity(
        customer_of_event=customer_of_event,
        visitor_of_event=visitor_of_event,
        bridge=bridge,
        records=records,
        customers=_customers(events, people, customer_of_event, customer_of, first_seen),
        over_cap=[
            {
                **identifier._asdict(),
                "people_count": count,
                "max_people": types[identifier.identifier_type].max_people,
            }
            for identifier, count in sorted(over.items())
        ],
        people_customers=frozenset(customer_of.values()),
    )


def _bridge_row(
    identifier: Identifier,
    identifier_hash: str,
    customer: str,
    valid_from: datetime,
    valid_to: datetime | None,
) -> Row:
    return {
        "identifier_type": identifier.identifier_type,
        "identifier": identifier.identifier,
        "identifier_hash": identifier_hash,
        "customer_id": customer,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }


def _customers(
    events: Sequence[Mapping[str, Any]],
    people: Sequence[Mapping[str, Any]],
    customer_of_event: Mapping[str, str],
    customer_of: Mapping[Identifier, str],
    first_seen: Mapping[Identifier, datetime],
) -> list[Row]:
    people_customers = set(customer_of.values())
    first: dict[str, list[datetime]] = defaultdict(list)
    last: dict[str, list[datetime]] = defaultdict(list)
    event_counts: dict[str, int] = defaultdict(int)
    for identifier, customer in customer_of.items():
        first[customer].append(first_seen[identifier])
    for person in people:
        last[customer_of[record_identifier(person)]].append(person["updated_at"])
    for event in events:
        customer = customer_of_event[event["event_id"]]
        first[customer].append(event["occurred_at"])
        last[customer].append(event["occurred_at"])
        event_counts[customer] += 1
    return [
        {
            "customer_id": customer,
            "is_anonymous": customer not in people_customers,
            "event_count": event_counts[customer],
            "first_seen_at": min(first[customer]),
            "last_seen_at": max(last[customer]),
        }
        for customer in sorted(first)
    ]
