"""The oracle of identity, by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.oracles import identity, ownership, splitting
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
    **options: Any,
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
        **options,
    )


def decided(decision: str, one: str, other: str) -> dict[str, str]:
    """A row of the seed; an identifier is written as type=value."""
    (type_a, identifier_a), (type_b, identifier_b) = one.split("=", 1), other.split("=", 1)
    return {
        "decision": decision,
        "type_a": type_a,
        "identifier_a": identifier_a,
        "type_b": type_b,
        "identifier_b": identifier_b,
    }


def refused(who: identity.Identity) -> dict[tuple[str, str], str]:
    return {
        (row["identifier_a"], row["identifier_b"]): row["refused_because"]
        for row in who.links
        if row["status"] == "refused"
    }


def outcomes(who: identity.Identity) -> list[str]:
    return [row["outcome"] for row in who.decisions]


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
        ("email", "ada.example.com", None),
        ("email", "ada@home@example.com", None),
        ("email", "@example.com", None),
        ("email", "ada@ ", None),
        ("email", "\u200b\u00a0ada@example.com\ufeff", "ada@example.com"),
        ("exact", " \u3000\u2060\ue000 ", None),
        ("email", "ada @example.com", None),
        ("email", "a\u200bda@example.com", None),
        ("email_base", "Ada+shop+2@example.com", "ada@example.com"),
        ("email_base", "+ada@example.com", "+ada@example.com"),
        ("lower", "\u00ad", None),
        ("exact", "Zoe\u0308", "Zo\u00eb"),
        ("exact", "x" * 512, "x" * 512),
        ("exact", "x" * 513, None),
        ("digits", "1" + " " * 600 + "1", None),
        ("email", "\u0430da@example.com", "\u0430da@example.com"),
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
            "is_linkable": True,
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
    people = [person("1", 1, "Ada", email="x@y"), person("2", 2, "Bo", email="x@y")]
    who = solved([], people)
    assert {row["customer_id"] for row in who.records} == {"c_email=x@y"}
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
        "only": "a_native_record=feed.events:only",
    }
    assert who.over_cap == [{"identifier_type": "email", "identifier": "x@y", "people_count": 3, "max_people": 2}]
    assert {row["identifier_type"] for row in who.bridge} == {"account"}


def test_blocked_values_are_nobodys_and_nobody() -> None:
    blocked = frozenset({Identifier("account", "null"), Identifier("cookie", "opt-out")})
    events = [event("a", 1, account="null", cookie="opt-out"), event("b", 2, account="null", cookie="k")]
    who = solved(events, blocked=blocked)
    assert who.customer_of_event == {"a": "a_native_record=feed.events:a", "b": "a_cookie=k"}
    assert who.visitor_of_event == {"a": None, "b": "v_cookie=k"}


def test_undeclared_types_are_no_identifiers() -> None:
    assert solved([event("a", 1, shoe_size="44")]).customer_of_event == {"a": "a_native_record=feed.events:a"}


def test_devices_make_visitors_and_never_merge_people() -> None:
    events = [
        event("a", 1, cookie="k1", app="p", account="A"),
        event("b", 2, cookie="k2", app="p", account="B"),
        event("c", 0, cookie="k2"),
        event("d", 1.5, cookie="k2"),
        event("e", 1.5, cookie="k3"),
        event("f", 1.5, app="p"),
        event("g", 3, cookie="k3", app="p"),
        event("h", 3, cookie="k1"),
    ]
    who = solved(events)
    assert set(who.visitor_of_event.values()) == {"v_cookie=k2"}
    # k2 is B's alone, k1 A's; p was A's first, then B's; k3 has no login and goes by all of them
    assert {name: customer[-1] for name, customer in who.customer_of_event.items()} == {
        "a": "A", "b": "B", "c": "B", "d": "B", "e": "A", "f": "A", "g": "B", "h": "A",
    }  # fmt: skip


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
    assert [ownership.owner_at(logins, at) for at in (before, DAY_0, day_1)] == ["A", "B", "B"]
    assert ownership.ownership_intervals(logins, before) == [("A", before, DAY_0), ("B", DAY_0, None)]
    assert ownership.ownership_intervals(logins, DAY_0) == [("B", DAY_0, None)]


def test_owners_to_and_fro_within_one_instant_leave_no_empty_interval() -> None:
    day_1 = DAY_0 + timedelta(days=1)
    logins = [(DAY_0, "A"), (day_1, "B"), (day_1, "A")]
    assert ownership.ownership_intervals(logins, DAY_0) == [("A", DAY_0, None)]


def test_a_visitor_that_nobody_logs_in_on_is_an_anonymous_customer() -> None:
    who = solved([event("a", 1, cookie="k1", app="p"), event("b", 0, app="p")])
    assert set(who.customer_of_event.values()) == {"a_app=p"}
    assert [row["customer_id"] for row in who.bridge] == ["a_app=p", "a_app=p"]
    assert who.customers[0]["is_anonymous"]


def test_components_join_what_shares_anything() -> None:
    one, two, three, four = (Identifier("t", str(number)) for number in range(4))
    assert set(splitting.components([[one, two], [four], [two, three], []])) == {
        frozenset({one, two, three}),
        frozenset({four}),
    }


def test_a_star_blocks_a_value_of_every_type() -> None:
    rows = [{"identifier_type": "*", "identifier": " 0 "}, {"identifier_type": "shoe_size", "identifier": "44"}]
    assert identity.blocked_values(rows, TYPES) == {
        Identifier(name, "0") for name in ("account", "card", "cookie", "app")
    }


def test_an_event_with_too_many_identifiers_links_none() -> None:
    crowded = event("a", 1, account="A", email="x@y", cookie="k", app="p")
    assert set(solved([crowded], most_identifiers=4).customer_of_event.values()) == {"c_account=A"}
    who = solved([crowded, event("b", 2, email="x@y"), event("c", 2, app="p")], most_identifiers=3)
    assert who.customer_of_event == {"a": "c_account=A", "b": "c_email=x@y", "c": "a_app=p"}
    assert who.visitor_of_event == {"a": "v_cookie=k", "b": None, "c": "v_app=p"}


def test_two_accounts_are_two_persons_and_the_older_link_is_kept() -> None:
    who = solved([event("a", 2, account="A", email="x@y"), event("b", 1, account="B", email="x@y")])
    assert who.customer_of_event == {"a": "c_account=A", "b": "c_account=B"}
    assert refused(who) == {("account=A", "email=x@y"): "unique_per_person"}
    assert {row["identifier"]: row["customer_id"] for row in who.bridge}["x@y"] == "c_account=B"


def test_the_account_outranks_the_card_however_late_it_comes() -> None:
    """Of three links the two with an account come first, by time; the card's link, the oldest, comes last."""
    who = solved(
        [
            event("card", 1, card="1", email="x@y"),
            event("late", 3, account="A", email="x@y"),
            event("early", 2, account="B", card="1"),
        ]
    )
    assert refused(who) == {("card=1", "email=x@y"): "unique_per_person"}
    assert who.customer_of_event == {"card": "c_card=1", "late": "c_email=x@y", "early": "c_card=1"}


def test_links_of_one_instant_and_rank_are_tried_in_order_of_their_key() -> None:
    who = solved([event("b", 1, account="B", email="x@y"), event("a", 1, account="A", email="x@y")])
    assert refused(who) == {("account=B", "email=x@y"): "unique_per_person"}


def test_a_decision_joins_two_accounts_and_lets_no_third_in() -> None:
    events = [event("a", 1, account="A", email="x@y"), event("b", 2, account="B", email="x@y")]
    decision = decided("must_link", "account=B", "account=A")
    who = solved(events, decisions=[decision])
    assert set(who.customer_of_event.values()) == {"c_account=A"}
    assert refused(who) == {} and outcomes(who) == ["applied"]
    # and that decision's group does not take in a third account
    third = [event("c", 0, account="C", card="3"), event("d", 5, card="3", email="x@y")]
    who = solved([*events, *third], decisions=[decision])
    assert who.customer_of_event == {"a": "c_account=A", "b": "c_account=A", "c": "c_account=C", "d": "c_account=C"}
    assert refused(who) == {("card=3", "email=x@y"): "unique_per_person"}


def test_components_that_break_no_rule_keep_links_that_a_refusal_elsewhere_would_not() -> None:
    who = solved([event("a", 1, account="A", email="x@y"), event("b", 2, card="7", email="x@y")])
    assert set(who.customer_of_event.values()) == {"c_account=A"} and refused(who) == {}


def test_must_not_link_holds_over_a_path() -> None:
    events = [
        event("a", 1, email="a@y", card="1"),
        event("b", 2, email="b@y", card="1"),
        event("c", 3, email="b@y", account="A"),
        event("d", 4, email="d@y", account="A"),
    ]
    who = solved(events, decisions=[decided("must_not_link", "email=a@y", "email= D@Y ")])
    assert refused(who) == {("card=1", "email=b@y"): "must_not_link"}
    assert who.customer_of_event == {"a": "c_card=1", "b": "c_card=1", "c": "c_email=b@y", "d": "c_email=b@y"}
    assert outcomes(who) == ["applied"]


def test_contradictory_decisions_are_taken_by_type_then_first_seen() -> None:
    events = [event(name, day, card="7", email=f"{name}@y") for day, name in enumerate("ab")]
    events += [event("c", 2, email="c@y")]
    rows = [
        decided("must_not_link", "email=a@y", "email=c@y"),
        decided("must_link", "email=a@y", "email=b@y"),
        decided("must_link", "email=c@y", "card=7"),
        decided("must_link", "card=7", "email=a@y"),
    ]
    # c and the card were never seen together, so that decision goes first; then a and b, then what was only seen
    assert refused(solved(events, decisions=rows)) == {
        ("card=7", "email=a@y"): "must_not_link",
        ("card=7", "email=b@y"): "must_not_link",
    }
    assert refused(solved(events, decisions=rows[:2] + rows[3:])) == {}


def test_contradictory_decisions_of_one_rank_are_taken_in_order_of_their_keys() -> None:
    events = [event(name, day, account=name) for day, name in enumerate("CBA")]
    rows = [
        decided("must_link", "account=B", "account=C"),
        decided("must_link", "account=A", "account=B"),
        decided("must_not_link", "account=C", "account=A"),
    ]
    who = solved(events, decisions=rows)
    assert who.customer_of_event == {"A": "c_account=B", "B": "c_account=B", "C": "c_account=C"}
    assert outcomes(who) == ["refused", "applied", "applied"]
    assert refused(who) == {("account=B", "account=C"): "must_not_link"}


def test_a_decision_and_its_opposite() -> None:
    events = [event("a", 1, account="A"), event("b", 2, account="B")]
    both = [decided(what, "account=A", "account=B") for what in ("must_link", "must_not_link")]
    who = solved(events, decisions=both)
    assert len(set(who.customer_of_event.values())) == 2 and outcomes(who) == ["refused", "applied"]
    itself = [decided(what, "account=A", "account= A ") for what in ("must_link", "must_not_link")]
    who = solved(events, decisions=itself)
    assert outcomes(who) == ["applied", "refused"] and who.links == []


def test_decisions_about_what_is_not_there_or_not_to_be_trusted_do_nothing() -> None:
    events = [event(name, day, account=name, email="x@y") for day, name in enumerate("ABC")]
    events += [event("null", 4, account="null"), event("now", 5, account="E", cookie="k")]
    rows = [
        decided("must_link", "account=A", "account=Z"),
        decided("must_link", "account=A", "shoe_size=44"),
        decided("must_link", "account=A", "email=nobody"),
        decided("must_link", "account=A", "account=gone"),
        decided("must_link", "account=A", "email=x@y"),
        decided("must_not_link", "account=A", "account=null"),
    ]
    who = solved(
        events,
        older=[event("now", 0, account="gone")],
        blocked=frozenset({Identifier("account", "null")}),
        decisions=rows,
    )
    assert outcomes(who) == ["unknown_identifier"] * 4 + ["not_trusted"] * 2
    assert [row["identifier_b"] for row in who.decisions][:3] == ["account=Z", None, None]
    assert who.links == [] and len({who.customer_of_event[name] for name in "ABC"}) == 3


def test_decisions_join_and_split_devices_too_but_no_device_and_person() -> None:
    events = [
        event("1", 1, cookie="k", app="p"),
        event("2", 2, app="p", cookie="l"),
        event("3", 3, cookie="m"),
        event("4", 4, account="a"),
    ]
    rows = [
        decided("must_not_link", "cookie=k", "cookie=l"),
        decided("must_link", "cookie=k", "cookie=m"),
        decided("must_link", "cookie=hash:cookie=k", "account=hash:account=a"),
    ]
    who = solved(events, decisions=rows)
    assert refused(who) == {("app=p", "cookie=l"): "must_not_link"}
    assert list(who.visitor_of_event.values()) == ["v_cookie=k", "v_cookie=l", "v_cookie=k", None]
    assert outcomes(who) == ["applied", "applied", "applied"]
    assert who.customer_of_event["1"] == "a_cookie=k"


def test_a_decision_may_name_hashes_and_records() -> None:
    people = [person("p", 1, email="x@y"), person("q", 2, email="q@y")]
    who = solved(
        [event("a", 3, card="7")],
        people,
        decisions=[
            decided("must_link", "record=crm:p", "card= HASH:card=7 "),
            decided("must_link", "record=crm:q", "record=hash:record=crm:p"),
            decided("must_link", "record=crm:q", "record=hash:record=crm:r"),
        ],
    )
    assert outcomes(who) == ["applied", "applied", "unknown_identifier"]
    assert {row["customer_id"] for row in who.records} | set(who.customer_of_event.values()) == {"c_email=x@y"}


def test_fuzzy_links_come_last_by_weight_and_keep_to_the_rules() -> None:
    people = [person("p", 1, account="A"), person("q", 2, account="B"), person("r", 3), person("s", 4)]
    p, q, r, s, gone = (Identifier("record", f"crm:{key}") for key in ("p", "q", "r", "s", "gone"))
    who = solved([], people, fuzzy={(p, r): 5.0, (q, r): 7.0, (s, r): 5.0, (s, gone): 9.0})
    assert refused(who) == {("record=crm:p", "record=crm:r"): "unique_per_person"}
    same_value = solved([], [person("p", 1, email="x@y"), person("q", 1, email="x@y")], fuzzy={(p, q): 9.0})
    assert len(same_value.links) == 2
    assert [row["customer_id"] for row in who.records] == ["c_account=A", *["c_account=B"] * 3]


def test_split_gives_a_device_to_runs_of_one_person() -> None:
    days = [DAY_0 + timedelta(days=number) for number in range(8)]
    logins = [(days[1], "A"), (days[2], "A"), (days[4], "B"), (days[5], "A"), (days[6], "B"), (days[6], "A")]
    tick = ownership.INSTANT
    assert ownership.ownership_intervals(logins, days[0], "split") == [
        (None, days[0], days[1]),
        ("A", days[1], days[2] + tick),
        (None, days[2] + tick, days[4]),
        ("B", days[4], days[4] + tick),
        (None, days[4] + tick, days[5]),
        ("A", days[5], days[6] + tick),
        (None, days[6] + tick, None),
    ]
    asked = [days[0], days[1], days[1] + tick, days[2], days[2] + tick, days[4], days[7]]
    assert [ownership.owner_at(logins, at, "split") for at in asked] == [None, "A", "A", "A", None, "B", None]


def test_split_back_fills_the_only_person() -> None:
    logins = [(DAY_0, "A"), (DAY_0 + timedelta(days=2), "A")]
    before = DAY_0 - timedelta(days=1)
    assert ownership.ownership_intervals(logins, before, "split") == [("A", before, None)]
    assert ownership.owner_at(logins, DAY_0 + timedelta(days=9), "split") == "A"


def test_logins_a_microsecond_apart_leave_nothing_between_them() -> None:
    logins = [(DAY_0, "A"), (DAY_0 + ownership.INSTANT, "B")]
    assert ownership.ownership_intervals(logins, DAY_0, "split") == [
        ("A", DAY_0, DAY_0 + ownership.INSTANT),
        ("B", DAY_0 + ownership.INSTANT, DAY_0 + 2 * ownership.INSTANT),
        (None, DAY_0 + 2 * ownership.INSTANT, None),
    ]


@pytest.mark.parametrize("policy", ownership.POLICIES)
def test_intervals_say_what_their_moments_say(policy: ownership.Policy) -> None:
    logins = [(DAY_0 + timedelta(days=day), who) for day, who in enumerate("ABBACAA")]
    intervals = ownership.ownership_intervals(logins, DAY_0 - timedelta(days=1), policy)
    for owner, begin, end in intervals:
        assert ownership.owner_at(logins, begin, policy) == owner
        if end is not None:
            assert begin < end and ownership.owner_at(logins, end - ownership.INSTANT, policy) == owner


def test_policies() -> None:
    events = [
        event("0", 0, cookie="k"),
        event("1", 1, cookie="k", account="A"),
        event("2", 2, cookie="k"),
        event("3", 3, cookie="k", account="A"),
        event("4", 4, cookie="k"),
        event("5", 5, cookie="k", account="B"),
        event("only", 6, cookie="l", account="A"),
        event("only too", 7, cookie="l"),
        event("named", 8, cookie="m", account="A"),
    ]

    def owners(policy: ownership.Policy) -> str:
        customer_of = solved(events, policy=policy).customer_of_event
        return " ".join(customer_of[one["event_id"]].removeprefix("c_account=") for one in events)

    assert owners("last_login") == "A A A A A B A A A"
    assert owners("split") == "a_cookie=k A A A a_cookie=k B A A A"
    assert owners("never_link") == "a_cookie=k A a_cookie=k A a_cookie=k B A a_cookie=l A"
    # who has no event of their own is no customer, so nobody owns the browser on which every event is named
    bridge = solved(events, policy="never_link").bridge
    assert [row["identifier"] for row in bridge if row["identifier_type"] == "cookie"] == ["k", "l"]
