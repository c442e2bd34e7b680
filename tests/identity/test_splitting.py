"""Links are taken in order, each unless it would bring together what a rule keeps apart."""

from __future__ import annotations

import itertools
import random

import pytest

from orchestration.lib.identity.splitting import (
    CANNOT_LINK,
    MUST_NOT_LINK,
    UNIQUE_PER_PERSON,
    Link,
    ResolvedLink,
    find_agreements,
    joined_by_one_value,
    resolve_links,
)


def resolved(
    text: str, *, unique: str = "", apart: tuple[tuple[str, str], ...] = (), decisions: str = ""
) -> list[ResolvedLink]:
    """Resolves links such as `ax bx`; `unique` has the identifiers that are account numbers, `decisions` the links."""
    links = [Link(pair, pair[0], pair[1], pair in decisions.split()) for pair in text.split()]
    return list(resolve_links(links, unique_types=dict.fromkeys(unique, "account"), must_not_link=apart))


def refused(result: list[ResolvedLink]) -> dict[str, str]:
    return {one.link.key: one.refused_because for one in result if one.refused_because}


def parts(result: list[ResolvedLink]) -> list[str]:
    members: dict[str, set[str]] = {}
    for one in result:
        members.setdefault(one.part_a, set()).add(one.link.identifier_a)
        members.setdefault(one.part_b, set()).add(one.link.identifier_b)
    return sorted("".join(sorted(group)) for group in members.values())


def test_the_second_account_is_refused_and_named() -> None:
    result = resolved("ax bx", unique="ab")
    assert refused(result) == {"bx": UNIQUE_PER_PERSON}
    assert {result[1].conflict_a, result[1].conflict_b} == {"a", "b"}
    assert parts(result) == ["ax", "b"]


def test_the_order_decides_who_keeps_the_value() -> None:
    assert parts(resolved("bx ax", unique="ab")) == ["a", "bx"]


def test_a_decision_may_join_two_accounts_and_a_third_is_refused() -> None:
    result = resolved("ab ax bx cx", unique="abc", decisions="ab")
    assert refused(result) == {"cx": UNIQUE_PER_PERSON}
    assert parts(result) == ["abx", "c"]


def test_must_not_link_holds_across_a_path_and_outranks_a_decision() -> None:
    assert refused(resolved("xy yz", apart=(("x", "z"),))) == {"yz": MUST_NOT_LINK}
    assert refused(resolved("xy yz", apart=(("z", "x"),), decisions="xy yz")) == {"yz": MUST_NOT_LINK}


def test_cannot_link_pairs_hold_across_a_path_unless_a_person_decides() -> None:
    links = [Link("ax", "a", "x", False), Link("bx", "b", "x", False)]
    result = list(resolve_links(links, unique_types={}, must_not_link=(), cannot_link=[("b", "a")]))
    assert refused(result) == {"bx": CANNOT_LINK}
    decided = [Link("ab", "a", "b", True), *links]
    assert refused(list(resolve_links(decided, unique_types={}, must_not_link=(), cannot_link=[("b", "a")]))) == {}


@pytest.mark.parametrize("far", ["", "pq"], ids=["few foes", "many foes on the other side"])
def test_the_least_two_that_conflict_are_named_from_whichever_side_is_looked_at(far: str) -> None:
    """Parts abx and cdy may not meet for three reasons; foes elsewhere decide only which side's list is shorter."""
    apart = (("b", "c"), ("d", "a"), ("c", "a"), *(("d", one) for one in far), *(("b", one) for one in far[1:]))
    result = resolved("ax bx cy dy xy", apart=apart)
    assert (result[-1].conflict_a, result[-1].conflict_b) == ("a", "c")


def test_a_link_within_a_part_is_accepted() -> None:
    assert refused(resolved("ax ay xy", unique="a")) == {}


def test_two_types_do_not_exclude_each_other() -> None:
    links = [Link("ax", "a", "x", False), Link("bx", "b", "x", False)]
    result = list(resolve_links(links, unique_types={"a": "account", "b": "card"}, must_not_link=()))
    assert refused(result) == {}


def greedy(links: list[str], unique: str, apart: tuple[tuple[str, str], ...], decisions: str) -> dict[str, str]:
    """Takes links one by one over plain sets, looking at every pair that a link would bring together."""
    groups = {node: {node} for link in links for node in link}
    reasons = {}
    for link in links:
        one, other = groups[link[0]], groups[link[1]]
        if one is other:
            continue
        pairs = {(a, b) for a in one for b in other} | {(b, a) for a in one for b in other}
        if pairs & set(apart):
            reasons[link] = MUST_NOT_LINK
        elif link not in decisions.split() and any(a in unique and b in unique for a, b in pairs):
            reasons[link] = UNIQUE_PER_PERSON
        else:
            joined = one | other
            for node in joined:
                groups[node] = joined
    return reasons


@pytest.mark.parametrize("seed", range(200))
def test_what_is_refused_is_what_a_slow_walk_over_sets_refuses(seed: int) -> None:
    chance = random.Random(seed)
    nodes = "abcdefgh"[: chance.randint(2, 8)]
    pairs = [a + b for a, b in itertools.combinations(nodes, 2)]
    links = chance.sample(pairs, chance.randint(1, len(pairs)))
    unique = "".join(chance.sample(nodes, chance.randint(0, len(nodes))))
    apart = tuple((pair[0], pair[1]) for pair in chance.sample(pairs, min(len(pairs), chance.randint(0, 3))))
    decided = chance.sample(links, min(len(links), chance.randint(0, 2)))
    decisions = " ".join(decided)
    links = decided + [link for link in links if link not in decided]
    result = resolved(" ".join(links), unique=unique, apart=apart, decisions=decisions)
    assert refused(result) == greedy(links, unique, apart, decisions)
    for one in result:
        assert (one.part_a == one.part_b) is (one.refused_because is None)


def kept_apart(text: str, **shared: str) -> list[str]:
    """The pairs of records that stay cannot-link pairs among links such as `am bm`; `ab="m"`: a and b share m."""
    links = [Link(pair, pair[0], pair[1], False) for pair in text.split()]
    pairs = {(pair[0], pair[1]): value for pair, value in shared.items()}
    return ["".join(pair) for pair in joined_by_one_value(links, pairs)]


def test_two_records_that_only_a_mailbox_joins_stay_a_cannot_link_pair() -> None:
    assert kept_apart("am bm", ab="m") == ["ab"]


def test_a_chain_of_links_past_the_mailbox_outweighs_the_names() -> None:
    assert kept_apart("am bm ac bc", ab="m") == [], "by way of a third record, whether keys or matching link it"
    assert kept_apart("am bm an cn bc", ab="m") == [], "by way of a value of one of them"


def test_a_mailbox_and_a_telephone_of_two_households_records_confirm_nothing_of_each_other() -> None:
    """h and w share the mailbox m, H and W the telephone t; matching links h with H and w with W."""
    assert kept_apart("hm wm Ht Wt hH wW", hw="m", HW="t") == ["hw", "HW"]


def customers(text: str, *, records: str, shared: dict[str, str], unique: str = "") -> tuple[list[str], dict[str, str]]:
    """The parts that links such as `am bm` form and what was refused, where pairs of records share one value."""
    links = [Link(pair, pair[0], pair[1], False) for pair in text.split()]
    types = dict.fromkeys(unique, "account")
    agreements = find_agreements(links, records, unique_types=types)
    pairs = {(pair[0], pair[1]): value for pair, value in shared.items()}
    cannot_link = joined_by_one_value(links, pairs, agreements.pairs)
    result = list(
        resolve_links(links, unique_types=types, must_not_link=(), cannot_link=cannot_link, agreements=agreements)
    )
    return parts(result), refused(result)


def test_two_records_of_one_mailbox_and_telephone_are_not_torn_by_a_third_that_came_first() -> None:
    """a and b agree in m and t. c shares the mailbox n with a, under another first name, and q with b. The links of c
    come first; taken alone they would put b with c, and a could no longer join b."""
    found, why = customers("cq bq an cn am bm at bt xq yq", records="abcxy", shared={"ac": "n", "xy": "q"})
    assert any({"a", "b", "m", "t"} <= set(part) for part in found)
    assert why == {"bq": CANNOT_LINK, "cn": CANNOT_LINK, "yq": CANNOT_LINK}


def test_records_that_agree_in_two_values_and_have_two_accounts_are_two_people() -> None:
    found, why = customers("a1 b2 am bm at bt", records="ab", shared={}, unique="12")
    assert found == ["1amt", "2b"] and set(why.values()) == {UNIQUE_PER_PERSON}


def test_a_mistyped_number_is_no_second_one() -> None:
    """1 and 2 are one number, mistyped, and so are 2 and 3; 4 is another one."""
    links = [Link(pair, pair[0], pair[1], False) for pair in ("a1", "b2", "c3", "d4", "ab", "bc", "cd")]
    types = dict.fromkeys("1234", "account")
    result = list(resolve_links(links, unique_types=types, must_not_link=(), mistyped=[("1", "2"), ("2", "3")]))
    assert parts(result) == ["123abc", "4d"] and refused(result) == {"cd": UNIQUE_PER_PERSON}
    assert set(refused(list(resolve_links(links, unique_types=types, must_not_link=())))) == {"ab", "bc", "cd"}


def test_a_couple_each_with_two_records_and_a_telephone_stays_apart_in_one_mailbox() -> None:
    """Each agrees with themselves in mailbox and telephone; that says nothing of the two."""
    shared = dict.fromkeys(("ab", "aB", "Ab", "AB"), "m")
    found, why = customers("am bm Am Bm at At bu Bu", records="aAbB", shared=shared)
    assert found == ["Aamt", "Bbu"] and why == {"bm": CANNOT_LINK, "Bm": CANNOT_LINK}


@pytest.mark.parametrize("seed", range(400))
def test_a_cannot_link_tears_no_records_that_agree_in_more_than_one_value(seed: int) -> None:
    """Records that share a unique value or two values, or that matching links, are one person as far as cannot-links
    go, whatever the order of links, and whatever other records share with them."""
    chance = random.Random(seed)
    records, values = "abcdefgh"[: chance.randint(3, 8)], "mntpq"[: chance.randint(2, 5)]
    unique = values[: chance.randint(0, 1)]
    held = {one: set(chance.sample(values, chance.randint(0, min(3, len(values))))) for one in records}
    seen = [one + value for one in records for value in sorted(held[one])]
    chance.shuffle(seen)
    pairs = list(itertools.combinations(records, 2))
    fuzzy = [one + other for one, other in chance.sample(pairs, chance.randint(0, 2))]
    shared = {
        one + other: value
        for one, other in pairs
        for value in held[one] & held[other]
        if len(held[one] & held[other]) == 1 and value not in unique and chance.random() < 0.5
    }
    if not seen + fuzzy:
        return
    found, why = customers(" ".join(seen + fuzzy), records=records, shared=shared, unique=unique)
    part_of = {member: part for part in found for member in part}
    for one, other in pairs:
        both = held[one] & held[other]
        if len(both) > 1 or both & set(unique) or one + other in fuzzy:
            assert part_of[one] == part_of[other], (seen, fuzzy, shared)
    assert not set(fuzzy) & set(why)
