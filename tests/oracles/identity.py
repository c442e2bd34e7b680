"""Says who is who: people, visitors, owners of devices, the customer of every event, and the customers' ids.

Covers the design's identity from linking to ids: links and caps here, what decisions and unique-per-person types
refuse in `splitting`, whose a device is in `ownership`. Fuzzy links come from the caller.

Hashes come from the caller: `hash_of(identifier_type, normalised value)`. An id is `c_` and the hash of the
smallest person identifier, or `a_` and the hash of the smallest device identifier, or `a_` and
`hash_of("native_record", key of the record)`. A visitor's id is `v_` and the hash of its smallest device identifier.

Readings chosen where the design leaves room:

Values

- Blocked values are taken away first: they link nothing, own nothing, and count as nobody's people. Both
  sides are compared after normalisation; the type `*` blocks a value of every type. A value that normalises to
  nothing, and a type that no seed row declares, is absent.
- Whatever the rule, a value loses blank and invisible characters at its ends and is put into Unicode's composed
  form (NFC); one longer than 512 characters is unusable. Blank and invisible is what Unicode files under Z and C; a
  filler that it calls a letter is kept. An e-mail address needs one @ with text on both sides and nothing blank or
  invisible inside. Letters that only look alike are different letters.

Links

- Links come from current rows only; a superseded version's identifiers link nothing. First seen is the
  minimum over every version landed (an event's `occurred_at`, a people record's `updated_at`). An identifier
  that is on superseded rows only has no owner. A link's first seen is the minimum over every version landed.
- An event links its identifiers of one kind with each other, where it carries 2 to `most_identifiers` usable ones
  (devices and blocked values counted); with more it links none. A people record links each of its values with
  itself, not the values with each other.
- Identity uses bots' events and events after `as_of`.
- A word blocked in every type (`*`) is blocked as written, in lower case, in upper case and capitalised.
- A value's people = the greatest of: per unique-per-person type, its distinct values on records with the
  value; and the distinct normalised names on those records with it that carry no unique-per-person
  identifier. Where these say nothing, per other type, its distinct values on records with the value. For a value of a
  unique-per-person type these count in any case, and so do the distinct names on all records with it. Devices count
  apart: more distinct ones than the type's `max_devices` (200 where the seed says nothing) are over the cap as well.
- A `person_key` is not unique-per-person. A name is first and last name, lower case, single
  spaces; a record without one counts nothing. A unique-per-person value on a record makes it a record that
  has one, even where it is the value in question. Decisions and fuzzy links count nothing.
- Caps count people for person identifiers only; links between devices have no cap.
- A people record's own identifier has the type `record` and the value `<source_system>:<person_key>`, exact, and,
  undeclared, the priority 1000. Device identifiers on a people record are ignored: a login is an event.

Decisions

- A decision names two identifiers, as anybody would write them or as `hash:` and the hash, which says the type by
  itself: two of people, or two of devices, which joins or parts visitors in the same way. One that is on no current
  row (or unusable, or of a type that nobody declared) makes the decision an `unknown_identifier`; one that is blocked
  or over its cap makes it `not_trusted`, as such a value links nothing, decided or not. Neither has any effect, nor
  has a decision that hashes make one about a person and a device, though it counts as `applied`.
- Any other `must_not_link` is `applied`, whether or not anything would join the two. Any other `must_link` is
  `applied` or, by a `must_not_link` on the way, `refused`. An identifier and itself: a `must_link` is `applied`,
  a `must_not_link` is `refused`.
- The order of links in a component that breaks a rule: decisions, other links, fuzzy links. Each of the first two by
  the lesser of the two types' priority numbers, first seen (decisions about what was never seen together come
  first), key; fuzzy links by match weight, greatest first, then key. The key is the lesser hash, a hyphen, the
  greater hash. A pair that is linked in several ways is one link, at its best place.
- A fuzzy link to a record that is not current, or between records that share a trusted value, does not exist.

Owners

- An event's visitor and its person are those of the identifier with the highest type priority, then least hash.
- An event whose identifiers count for nothing names nobody, as one without any does. It belongs to the customer of the
  first moment of its record that names a person; else of the first that carries a device, at that moment's time; else
  to an anonymous customer of the record. Moments are current events; bots' and later ones than `as_of` are some too.
- Ownership at an instant is by time: an anonymous event at the very instant of a login is the login's
  person's. Of several logins at one instant the last in total order owns from there on.
- The first interval begins at the visitor's first current event. A device identifier has the intervals of the logins
  on events that carry it, without any those of its visitor. An event that carries several devices with logins goes by
  the device with the last login at or before it in total order, else by the one with the first after it.
- A person identifier's one interval begins at its first seen.
- A device that a refused link leaves alone may have no event of its own: each also carries another device, whose type
  comes first. It is nobody's and has no row.
- An anonymous customer exists only by its events: where a visitor has none that is nobody's, what would be the
  anonymous customer's intervals are nobody's and have no row.
- A customer's `first_seen_at` is the earliest of its current events and its person identifiers' first seen;
  `last_seen_at` the latest of its current events and of the current rows that have its person identifiers. A
  customer whose identifiers are on others' events only has no event.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

from tests.oracles.feed import Row, truth, whole
from tests.oracles.ownership import Policy, owner_at, ownership_intervals
from tests.oracles.splitting import MUST_NOT_LINK, Link, split
from tests.oracles.timeline import total_order

HashOf = Callable[[str, str], str]

RECORD_PRIORITY = 1000
MOST_CHARACTERS = 512
UNSEEN = {"Zs", "Zl", "Zp", "Cc", "Cf", "Co"}


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
    max_devices: int = 200


@dataclass(frozen=True)
class Identity:
    """All answers about who is who.

    `bridge` is shaped like `core.bridge_customer_identifiers`, `records` like `core.bridge_customer_records`,
    `customers` like `core.dim_customers`; `over_cap` has one row per value whose links were dropped, `links` one per
    pair of trusted identifiers that something joins, taken or refused, and `decisions` one per row of the seed.
    """

    customer_of_event: Mapping[str, str]
    visitor_of_event: Mapping[str, str | None]
    linkable_events: frozenset[str]
    bridge: Sequence[Row]
    records: Sequence[Row]
    customers: Sequence[Row]
    over_cap: Sequence[Row]
    links: Sequence[Row]
    decisions: Sequence[Row]
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
            max_devices=whole(row.get("max_devices")) or 200,
        )
        for row in rows
    }


def normalised(value: object, rule: str) -> str | None:
    """Returns an identifier as the rule writes it, or None when nothing is left.

    >>> normalised("  Ada@Example.COM ", "email"), normalised("0049 (151) 23", "phone")
    ('ada@example.com', '+4915123')
    """
    return None if value is None else _normalised_text(str(value), rule)


@functools.cache
def _normalised_text(value: str, rule: str) -> str | None:
    text = unicodedata.normalize("NFC", trimmed(value))
    if len(text) > MOST_CHARACTERS:
        return None
    if rule in ("email", "email_base", "lower"):
        text = unicodedata.normalize("NFC", text.lower())
        if rule != "lower" and (not re.fullmatch("[^@]+@[^@]+", text) or any(map(is_unseen, text))):
            return None
        if rule == "email_base":
            text = re.sub("^([^+]+)[+][^@]*@", r"\1@", text)
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


def trimmed(text: str) -> str:
    """Returns a text without the characters at its ends that nobody sees.

    >>> trimmed(" \\u200b Ada \\ufeff")
    'Ada'
    """
    begin, end = 0, len(text)
    while begin < end and is_unseen(text[begin]):
        begin += 1
    while begin < end and is_unseen(text[end - 1]):
        end -= 1
    return text[begin:end]


def is_unseen(character: str) -> bool:
    """Returns whether Unicode files a character among separators, controls, formats or private ones."""
    return unicodedata.category(character) in UNSEEN


def normalised_name(person: Mapping[str, Any]) -> str | None:
    """Returns a people record's name, lower case and single-spaced, or None."""
    words = f"{person.get('first_name') or ''} {person.get('last_name') or ''}".lower().split()
    return " ".join(words) or None


def blocked_values(rows: Iterable[Mapping[str, str]], types: Mapping[str, IdentifierType]) -> frozenset[Identifier]:
    """Returns the seed's blocked values, normalised like any other."""
    found = set()
    for row in rows:
        word = row["identifier"]
        everywhere = row["identifier_type"] == "*"
        for name in types if everywhere else [row["identifier_type"]]:
            for written in {word, word.lower(), word.upper(), word.capitalize()} if everywhere else {word}:
                value = normalised(written, types[name].normalisation) if name in types else None
                if value is not None:
                    found.add(Identifier(name, value))
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
    return Identifier("record", f"{person['source_system']}:{person['person_key']}")


def native_record(event: Mapping[str, Any]) -> str:
    """The key of the record that an event of the feed is a moment of."""
    if event.get("record_id"):
        return f"feed:{event['source_system']}:{event['record_id']}"
    return f"feed.events:{event['event_id']}"


def people_counts(
    records: Iterable[Mapping[str, Any]], types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> dict[Identifier, int]:
    """Returns how many people each person identifier occurs with directly."""
    unique_types = {name for name, declared in types.items() if declared.is_unique_per_person}
    people: dict[Identifier, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    hints: dict[Identifier, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        present = identifiers_on(record, "person", types, blocked)
        unique = [one for one in present if one.identifier_type in unique_types]
        name = normalised_name(record)
        for identifier in present:
            people[identifier].setdefault("(nobody)", set())
            for person in unique:
                people[identifier][person.identifier_type].add(person.identifier)
            if name is not None and not unique:
                people[identifier]["(name)"].add(name)
            if name is not None and identifier.identifier_type in unique_types:
                hints[identifier]["(name)"].add(name)
            # e-mail addresses, telephones and the like, but not a value's like
            no_hint = {*unique_types, "record", identifier.identifier_type}
            for other in present:
                if other.identifier_type in types and other.identifier_type not in no_hint:
                    hints[identifier][other.identifier_type].add(other.identifier)
    counts = {}
    for identifier, by_type in people.items():
        counts[identifier] = max(map(len, by_type.values()))
        if counts[identifier] == 0 or identifier.identifier_type in unique_types:
            counts[identifier] = max([counts[identifier], *map(len, hints[identifier].values())])
    return counts


def device_counts(
    records: Iterable[Mapping[str, Any]], types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> dict[Identifier, int]:
    """Returns on how many devices each person identifier was used; a record has none."""
    devices: dict[Identifier, set[Identifier]] = defaultdict(set)
    for record in records:
        if "person_key" not in record:
            for identifier in identifiers_on(record, "person", types, blocked):
                devices[identifier].update(identifiers_on(record, "device", types, frozenset()))
    return {identifier: len(found) for identifier, found in devices.items()}


def over_cap_values(
    records: Iterable[Mapping[str, Any]], types: Mapping[str, IdentifierType], blocked: frozenset[Identifier]
) -> dict[Identifier, int]:
    """Returns the values that occur with more people than their type allows, and with how many."""
    over = {}
    records = list(records)
    devices = device_counts(records, types, blocked)
    for identifier, count in people_counts(records, types, blocked).items():
        declared = types.get(identifier.identifier_type)
        if declared is None:
            continue
        is_over = declared.max_people is not None and count > declared.max_people
        if is_over or devices.get(identifier, 0) > declared.max_devices:
            over[identifier] = count
    return over


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
    decisions: Sequence[Mapping[str, str]] = (),
    fuzzy: Mapping[tuple[Identifier, Identifier], float] | None = None,
    policy: Policy = "last_login",
    most_identifiers: int = 50,
) -> Identity:
    """Returns who is who, from the current `events` and `people` and all their versions.

    `decisions` are rows of the seed `identity_decisions`, `fuzzy` the match weights of pairs of people records.
    """
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

    last_seen: dict[Identifier, datetime] = {}
    for row in [*events, *people]:
        at = row["updated_at"] if "person_key" in row else row["occurred_at"]
        for identifier in trusted(row):
            last_seen[identifier] = max(last_seen.get(identifier, at), at)

    def type_priority(identifier: Identifier) -> int:
        declared = types.get(identifier.identifier_type)
        return declared.priority if declared else RECORD_PRIORITY

    def hashed(identifier: Identifier) -> str:
        return hash_of(identifier.identifier_type, identifier.identifier)

    def smallest(component: frozenset[Identifier]) -> Identifier:
        return min(component, key=lambda one: (first_seen[one], type_priority(one), hashed(one)))

    def preferred(identifiers: Iterable[Identifier]) -> Identifier:
        return min(identifiers, key=lambda one: (type_priority(one), hashed(one)))

    def joined_on(
        some_events: Iterable[Mapping[str, Any]], some_people: Iterable[Mapping[str, Any]]
    ) -> dict[tuple[Identifier, Identifier], datetime]:
        """Returns each pair that rows join, with the earliest moment at which one does."""
        found: dict[tuple[Identifier, Identifier], datetime] = {}
        for row in [*some_events, *some_people]:
            if "person_key" in row:
                at, pairs = row["updated_at"], _pairs_of_record(row, trusted)
            else:
                at = row["occurred_at"]
                pairs = [
                    pair
                    for chosen in (trusted, devices)
                    for pair in _pairs_of_event(row, chosen, types, most_identifiers)
                ]
            for one, other in pairs:
                pair = (one, other) if hashed(one) < hashed(other) else (other, one)
                found[pair] = min(found.get(pair, at), at)
        return found

    # what a row says now, an earlier version of it or of another row may have said before
    ever = joined_on([*events, *event_versions], [*people, *people_versions])
    joins = {pair: ever[pair] for pair in joined_on(events, people)}

    people_nodes = {one for row in [*events, *people] for one in trusted(row)}
    nodes = people_nodes | {one for event in events for one in devices(event)}
    resolved = _resolved(
        decisions,
        present={
            one
            for row in [*events, *people]
            for kind in (("person",) if "person_key" in row else ("person", "device"))
            for one in identifiers_on(row, kind, types, frozenset())
        },
        trusted=nodes,
        types=types,
        hashed=hashed,
    )
    decided = {
        row["pair"]
        for row in resolved
        if row["is_link"] and row["outcome"] == "applied" and row["pair"][0] != row["pair"][1]
        if len({one in people_nodes for one in row["pair"]}) == 1
    }
    apart = {
        frozenset(row["pair"]) for row in resolved if row["decision"] == "must_not_link" and row["outcome"] == "applied"
    }
    values_of = {record_identifier(person): {*trusted(person)} - {record_identifier(person)} for person in people}
    weights = {
        (one, other) if hashed(one) < hashed(other) else (other, one): weight
        for (one, other), weight in (fuzzy or {}).items()
        if one in nodes and other in nodes and not values_of[one] & values_of[other]
    }
    links = []
    for pair in sorted(joins.keys() | decided | weights.keys()):
        key = "-".join(map(hashed, pair))
        if pair in decided or pair in joins:
            place: tuple[object, ...] = (
                0 if pair in decided else 1,
                min(map(type_priority, pair)),
                joins.get(pair, datetime.min),
                key,
            )
        else:
            place = (2, -weights[pair], key)
        one, other = pair
        links.append(Link(one, other, order=place, is_decision=pair in decided))
    unique_type = {
        one: one.identifier_type
        for one in nodes
        if one.identifier_type in types and types[one.identifier_type].is_unique_per_person
    }
    groups, refused = split(nodes, links, apart=apart, unique_type=unique_type)

    customer_of: dict[Identifier, str] = {}
    visitor_of: dict[Identifier, str] = {}
    for group in groups:
        name = hashed(smallest(group))
        for identifier in group:
            if identifier in people_nodes:
                customer_of[identifier] = "c_" + name
            else:
                visitor_of[identifier] = "v_" + name

    def visitor(event: Mapping[str, Any]) -> str | None:
        on_event = devices(event)
        return visitor_of[preferred(on_event)] if on_event else None

    def named_customer(event: Mapping[str, Any]) -> str | None:
        on_event = trusted(event)
        return customer_of[preferred(on_event)] if on_event else None

    logins: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    logins_on: dict[Identifier, list[tuple[datetime, str]]] = defaultdict(list)
    place_of_login: dict[Identifier, list[int]] = defaultdict(list)
    first_event_at: dict[str, datetime] = {}
    for number, event in enumerate(events):
        its_visitor, its_customer = visitor(event), named_customer(event)
        if its_visitor is None:
            continue
        first_event_at.setdefault(its_visitor, event["occurred_at"])
        if its_customer is not None:
            logins[its_visitor].append((event["occurred_at"], its_customer))
            for device in devices(event):
                if visitor_of[device] == its_visitor:
                    logins_on[device].append((event["occurred_at"], its_customer))
                    place_of_login[device].append(number)

    def logins_for(event: Mapping[str, Any], its_visitor: str) -> list[tuple[datetime, str]]:
        """Those of the carried device that was logged in on last at the event, else first after; else the visitor's."""

        def rank(device: Identifier) -> tuple[bool, int, str]:
            before = [
                place
                for place, (at, _) in zip(place_of_login[device], logins_on[device], strict=True)
                if at <= event["occurred_at"]
            ]
            return (not before, -before[-1] if before else place_of_login[device][0], hashed(device))

        carried = [one for one in devices(event) if visitor_of[one] == its_visitor and logins_on[one]]
        return logins_on[min(carried, key=rank)] if carried else logins[its_visitor]

    moments: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        moments[native_record(event)].append(event)

    def owner_of(event: Mapping[str, Any], its_visitor: str) -> str:
        owner = owner_at(logins_for(event, its_visitor), event["occurred_at"], policy)
        return owner or "a_" + its_visitor.removeprefix("v_")

    def customer_of_record_of(event: Mapping[str, Any]) -> str:
        of_record = moments[native_record(event)]
        for moment in of_record:
            if customer := named_customer(moment):
                return customer
        for moment in of_record:
            if its_visitor := visitor(moment):
                return owner_of(moment, its_visitor)
        return "a_" + hash_of("native_record", native_record(event))

    linkable_events = frozenset(
        event["event_id"]
        for event in events
        if visitor(event) or named_customer(event) or len(moments[native_record(event)]) > 1
    )
    customer_of_event: dict[str, str] = {}
    visitor_of_event: dict[str, str | None] = {}
    for event in events:
        its_visitor, its_customer = visitor(event), named_customer(event)
        if its_customer is None and its_visitor is None:
            its_customer = customer_of_record_of(event)
        elif its_customer is None:
            its_customer = owner_of(event, its_visitor)
        customer_of_event[event["event_id"]] = its_customer
        visitor_of_event[event["event_id"]] = its_visitor

    bridge = [
        _bridge_row(identifier, hashed(identifier), customer, first_seen[identifier], None)
        for identifier, customer in sorted(customer_of.items())
    ]
    with_events = set(customer_of_event.values())
    for identifier, its_visitor in sorted(visitor_of.items()):
        if its_visitor not in first_event_at:
            continue
        anonymous = "a_" + its_visitor.removeprefix("v_")
        its_logins = logins_on[identifier] or logins[its_visitor]
        for owner, begin, end in ownership_intervals(its_logins, first_event_at[its_visitor], policy):
            if owner is not None or anonymous in with_events:
                bridge.append(_bridge_row(identifier, hashed(identifier), owner or anonymous, begin, end))

    records = [
        {
            "source_system": person["source_system"],
            "person_key": person["person_key"],
            "person_key_hash": hashed(record_identifier(person)),
            "customer_id": customer_of[record_identifier(person)],
        }
        for person in sorted(people, key=record_identifier)
    ]
    refused_pairs = {(link.a, link.b): reason for link, reason in refused.items()}
    return Identity(
        customer_of_event=customer_of_event,
        visitor_of_event=visitor_of_event,
        linkable_events=linkable_events,
        bridge=bridge,
        records=records,
        customers=_customers(events, customer_of_event, linkable_events, customer_of, first_seen, last_seen),
        over_cap=[
            {
                **identifier._asdict(),
                "people_count": count,
                "max_people": types[identifier.identifier_type].max_people,
            }
            for identifier, count in sorted(over.items())
        ],
        links=[
            {
                "identifier_a": hashed(pair[0]),
                "identifier_b": hashed(pair[1]),
                "status": "refused" if pair in refused_pairs else "accepted",
                "refused_because": refused_pairs.get(pair),
            }
            for pair in ((link.a, link.b) for link in links)
        ],
        decisions=[
            {
                "decision": row["decision"],
                "identifier_a": row["identifier_a"],
                "identifier_b": row["identifier_b"],
                "outcome": "refused" if row["pair"] in refused_pairs and row["is_link"] else row["outcome"],
            }
            for row in resolved
        ],
        people_customers=frozenset(customer_of.values()),
    )


def _pairs_of_event(
    event: Mapping[str, Any],
    chosen: Callable[[Mapping[str, Any]], list[Identifier]],
    types: Mapping[str, IdentifierType],
    most_identifiers: int,
) -> list[tuple[Identifier, Identifier]]:
    """Returns each two of an event's chosen identifiers, unless it carries more than a person would."""
    carried = [identifiers_on(event, kind, types, frozenset()) for kind in ("person", "device")]
    return list(combinations(chosen(event), 2)) if sum(map(len, carried)) <= most_identifiers else []


def _pairs_of_record(
    person: Mapping[str, Any], trusted: Callable[[Mapping[str, Any]], list[Identifier]]
) -> list[tuple[Identifier, Identifier]]:
    """Returns a people record's own identifier with each of its values."""
    itself = record_identifier(person)
    return [(itself, one) for one in trusted(person) if one != itself]


def _resolved(
    decisions: Iterable[Mapping[str, str]],
    *,
    present: set[Identifier],
    trusted: set[Identifier],
    types: Mapping[str, IdentifierType],
    hashed: Callable[[Identifier], str],
) -> list[Row]:
    """Returns each decision with its pair, the lesser hash first, and its outcome before links are looked at."""
    by_hash = {hashed(one): one for one in present}
    found = []
    for row in decisions:
        hashes = sorted(
            (_hash_in_decision(row[f"type_{end}"], row[f"identifier_{end}"], types, hashed) for end in "ab"),
            key=lambda one: (one is None, one),
        )
        pair = tuple(by_hash.get(one) for one in hashes)
        if None in pair:
            outcome = "unknown_identifier"
        elif not trusted.issuperset(pair):
            outcome = "not_trusted"
        elif pair[0] == pair[1] and row["decision"] == MUST_NOT_LINK:
            outcome = "refused"
        else:
            outcome = "applied"
        found.append(
            {
                "decision": row["decision"],
                "is_link": row["decision"] == "must_link",
                "identifier_a": hashes[0],
                "identifier_b": hashes[1],
                "pair": pair,
                "outcome": outcome,
            }
        )
    return found


def _hash_in_decision(
    name: str, value: str, types: Mapping[str, IdentifierType], hashed: Callable[[Identifier], str]
) -> str | None:
    """Returns the hash of the identifier that a decision names; None where there can be no such identifier."""
    value = trimmed(value)
    if value.lower().startswith("hash:"):
        return value[len("hash:") :].strip().lower()
    if name == "record" and name not in types:
        rule: str | None = "exact"
    else:
        rule = types[name].normalisation if name in types else None
    text = normalised(value, rule) if rule else None
    return hashed(Identifier(name, text)) if text is not None else None


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
    customer_of_event: Mapping[str, str],
    linkable_events: frozenset[str],
    customer_of: Mapping[Identifier, str],
    first_seen: Mapping[Identifier, datetime],
    last_seen: Mapping[Identifier, datetime],
) -> list[Row]:
    people_customers = set(customer_of.values())
    linkable = people_customers | {customer_of_event[event] for event in linkable_events}
    first: dict[str, list[datetime]] = defaultdict(list)
    last: dict[str, list[datetime]] = defaultdict(list)
    event_counts: dict[str, int] = defaultdict(int)
    for identifier, customer in customer_of.items():
        first[customer].append(first_seen[identifier])
        last[customer].append(last_seen[identifier])
    for event in events:
        customer = customer_of_event[event["event_id"]]
        first[customer].append(event["occurred_at"])
        last[customer].append(event["occurred_at"])
        event_counts[customer] += 1
    return [
        {
            "customer_id": customer,
            "is_anonymous": customer not in people_customers,
            "is_linkable": customer in linkable,
            "event_count": event_counts[customer],
            "first_seen_at": min(first[customer]),
            "last_seen_at": max(last[customer]),
        }
        for customer in sorted(first)
    ]
