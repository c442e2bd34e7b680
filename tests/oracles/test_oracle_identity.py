"""The oracle of identity, by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.oracles import identity
from tests.oracles.identity import Identifier, IdentifierType

TYPES = {
    "account": IdentifierType("account", "person", 1, True, None, "exact"),
    "card": IdentifierType("card", "person", 3, True, None, "digits"),
    "email": IdentifierType("email", "person", 4, False, 2, "email"),
    "cookie": IdentifierType("cookie", "device", 10, False, None, "exact"),
    "app": IdentifierType("app", "device", 11, False, None, "exact"),
}
DAY_0 = datetime(2026, 1, 1)


def event(event_id: str, day: float, **identifiers: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": DAY_0 + timedelta(days=day),
        "source_system": "web",
        "sequence_number": None,
        "identifiers": identifiers,
    }


def person(key: str, day: float, name: str = "", **identifiers: str) -> dict[str, Any]:
    return {
        "person_key": key,
        "source_system": "crm",
        "updated_at": DAY_0 + timedelta(days=day),
        "first_name": name,
        "last_name": None,
        "identifiers": identifiers,
    }


def solved(
    events: list[dict[str, Any]],
    people: list[dict[str, Any]] | None = None,
    *,
    older: list[dict[str, Any]] | None = None,
    blocked: frozenset[Identifier] = frozenset(),
) -> identity.Identity:
    people = people or []
    return identity.solved(
        events,
        people,
        event_versions=[*events, *(older or [])],
        people_versions=people,
        types=TYPES,
        blocked=blocked,
        priorities={},
        hash_of=lambda name, value: f"{name}={value}",
    )


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("phone", "+49 (151) 23-45", "+491512345"),
        ("phone", "0049 151 2345", "+491512345"),
        ("phone", "0151 2345", "01512345"),
        ("phone", "+", None),
        ("digits", "C-10 01", "1001"),
        ("digits", "none", None),
        ("lower", " AbC ", "abc"),
        ("exact", " AbC ", "AbC"),
        ("exact", "  ", None),
        ("exact", 17, "17"),
        ("exact", None, None),
    ],
)
def test_normalised(rule: str, value: object, expected: str | None) -> None:
    assert identity.normalised(value, rule) == expected


def test_people_are_linked_by_chains_and_named_after_the_first_seen() -> None:
    who = solved(
        [
            event("a", 3, account="A"),
            event("b", 2, account="A", email="x@y"),
            event("c", 1, email="X@Y", card="7"),
        ],
        [person("p", 5, card="7")],
    )
    # x@y and card 7 were first seen on one event: the card's type comes first
    assert set(who.customer_of_event.values()) == {"c_card=7"}
    assert who.records[0]["customer_id"] == "c_card=7"
    assert who.customers == [
        {
            "customer_id": "c_card=7",
            "is_anonymous": False,
            "event_count": 3,
            "first_seen_at": DAY_0 + timedelta(days=1),
            "last_seen_at": DAY_0 + timedelta(days=5),
        }
    ]


def test_first_seen_is_over_every_version_but_links_are_current() -> None:
    who = solved(
        [event("a", 5, account="A", email="x@y"), event("b", 6, account="B")],
        older=[event("a", 1, account="B"), event("c", 4, email="x@y", account="C")],
    )
    assert who.customer_of_event == {"a": "c_email=x@y", "b": "c_account=B"}
    assert {row["identifier"]: row["valid_from"].day for row in who.bridge} == {"A": 6, "x@y": 5, "B": 2}


def test_people_are_counted_per_type_and_the_greatest_counts() -> None:
    events = [event("a", 1, email="x@y", account="A"), event("b", 2, email="x@y", card="1")]
    events += [event("c", 3, email="x@y", card="2"), event("d", 4, account="Z", card="3")]
    assert identity.people_counts(events, TYPES, frozenset())[Identifier("email", "x@y")] == 2


def test_names_count_only_on_records_without_a_unique_identifier() -> None:
    people = [
        person("1", 1, "Ada", email="x@y"),
        person("2", 1, " ADA ", email="x@y"),
        person("3", 1, "Bo", email="x@y"),
    ]
    people += [person("4", 1, "Cy", email="x@y", account="A"), person("5", 1, email="x@y")]
    assert identity.people_counts(people, TYPES, frozenset())[Identifier("email", "x@y")] == 2


def test_at_the_cap_links_hold() -> None:
    who = solved([event("a", 1, account="A", email="x@y"), event("b", 2, account="B", email="x@y")])
    assert set(who.customer_of_event.values()) == {"c_account=A"}
    assert who.over_cap == []


def test_of_identifiers_first_seen_together_the_type_comes_before_the_hash() -> None:
    assert solved([event("a", 1, cookie="k", app="p")]).visitor_of_event == {"a": "v_cookie=k"}


def test_above_the_cap_all_links_are_dropped() -> None:
    events = [event(name, day, account=name, email="x@y") for day, name in enumerate("ABC")]
    who = solved([*events, event("only", 9, email="x@y")])
    assert who.customer_of_event == {
        "A": "c_account=A",
        "B": "c_account=B",
        "C": "c_account=C",
        "only": "a_event=only",
    }
    assert who.over_cap == [{"identifier_type": "email", "identifier": "x@y", "people_count": 3, "max_people": 2}]
    assert {row["identifier_type"] for row in who.bridge} == {"account"}


def test_blocked_values_are_nobodys_and_nobody() -> None:
    blocked = frozenset({Identifier("account", "null"), Identifier("cookie", "opt-out")})
    events = [event("a", 1, account="null", cookie="opt-out"), event("b", 2, account="null", cookie="k")]
    who = solved(events, blocked=blocked)
    assert who.customer_of_event == {"a": "a_event=a", "b": "a_cookie=k"}
    assert who.visitor_of_event == {"a": None, "b": "v_cookie=k"}


def test_undeclared_types_are_no_identifiers() -> None:
    assert solved([event("a", 1, shoe_size="44")]).customer_of_event == {"a": "a_event=a"}


def test_devices_make_visitors_and_never_merge_people() -> None:
    events = [
        event("a", 1, cookie="k1", app="p", account="A"),
        event("b", 2, cookie="k2", app="p", account="B"),
        event("c", 0, cookie="k2"),
    ]
    who = solved(events)
    assert set(who.visitor_of_event.values()) == {"v_cookie=k2"}
    assert who.customer_of_event == {"a": "c_account=A", "b": "c_account=B", "c": "c_account=A"}


def test_a_device_belongs_to_the_last_login() -> None:
    events = [
        event("0", 0, cookie="k"),
        event("1", 1, cookie="k", account="A"),
        event("2", 2, cookie="k"),
        event("3", 3, cookie="k", account="B"),
        event("3 too", 3, cookie="k"),
        event("4", 4, cookie="k", account="A"),
        event("5", 5, cookie="k"),
    ]
    who = solved(events)
    assert [who.customer_of_event[one["event_id"]][-1] for one in events] == list("AAABBAA")
    intervals = [
        (row["customer_id"][-1], row["valid_from"].day, row["valid_to"] and row["valid_to"].day)
        for row in who.bridge
        if row["identifier_type"] == "cookie"
    ]
    assert intervals == [("A", 1, 4), ("B", 4, 5), ("A", 5, None)]


def test_of_two_logins_at_one_instant_the_last_in_order_owns() -> None:
    logins = [(DAY_0, "A"), (DAY_0, "B")]
    before, day_1 = DAY_0 - timedelta(days=1), DAY_0 + timedelta(days=1)
    assert [identity.owner_at(logins, at) for at in (before, DAY_0, day_1)] == ["A", "B", "B"]
    assert identity.ownership_intervals(logins, before) == [("A", before, DAY_0), ("B", DAY_0, None)]
    assert identity.ownership_intervals(logins, DAY_0) == [("B", DAY_0, None)]


def test_owners_to_and_fro_within_one_instant_leave_no_empty_interval() -> None:
    day_1 = DAY_0 + timedelta(days=1)
    logins = [(DAY_0, "A"), (day_1, "B"), (day_1, "A")]
    assert identity.ownership_intervals(logins, DAY_0) == [("A", DAY_0, None)]


def test_a_visitor_that_nobody_logs_in_on_is_an_anonymous_customer() -> None:
    who = solved([event("a", 1, cookie="k1", app="p"), event("b", 0, app="p")])
    assert set(who.customer_of_event.values()) == {"a_app=p"}
    assert [row["customer_id"] for row in who.bridge] == ["a_app=p", "a_app=p"]
    assert who.customers[0]["is_anonymous"]


def test_components_join_what_shares_anything() -> None:
    one, two, three, four = (Identifier("t", str(number)) for number in range(4))
    assert set(identity.components([[one, two], [four], [two, three], []])) == {
        frozenset({one, two, three}),
        frozenset({four}),
    }
