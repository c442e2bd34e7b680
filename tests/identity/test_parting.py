"""Links are taken in order, each unless it would bring together what a rule keeps apart."""

from __future__ import annotations

import itertools
import random

import pytest

from orchestration.lib.identity.parting import MUST_NOT_LINK, UNIQUE_PER_PERSON, JudgedLink, Link, judge_links


def judged(
    text: str, *, unique: str = "", apart: tuple[tuple[str, str], ...] = (), decisions: str = ""
) -> list[JudgedLink]:
    """Judges links such as `ax bx`; `unique` holds the identifiers that are account numbers, `decisions` the links."""
    links = [Link(pair, pair[0], pair[1], pair in decisions.split()) for pair in text.split()]
    return list(judge_links(links, unique_types=dict.fromkeys(unique, "account"), must_not_link=apart))


def refused(result: list[JudgedLink]) -> dict[str, str]:
    return {one.link.key: one.refused_because for one in result if one.refused_because}


def parts(result: list[JudgedLink]) -> list[str]:
    members: dict[str, set[str]] = {}
    for one in result:
        members.setdefault(one.part_a, set()).add(one.link.identifier_a)
        members.setdefault(one.part_b, set()).add(one.link.identifier_b)
    return sorted("".join(sorted(group)) for group in members.values())


def test_the_second_account_is_refused_and_named() -> None:
    result = judged("ax bx", unique="ab")
    assert refused(result) == {"bx": UNIQUE_PER_PERSON}
    assert {result[1].conflict_a, result[1].conflict_b} == {"a", "b"}
    assert parts(result) == ["ax", "b"]


def test_the_order_decides_who_keeps_the_value() -> None:
    assert parts(judged("bx ax", unique="ab")) == ["a", "bx"]


def test_a_decision_may_join_two_accounts_and_a_third_is_refused() -> None:
    result = judged("ab ax bx cx", unique="abc", decisions="ab")
    assert refused(result) == {"cx": UNIQUE_PER_PERSON}
    assert parts(result) == ["abx", "c"]


def test_must_not_link_holds_across_a_path_and_outranks_a_decision() -> None:
    assert refused(judged("xy yz", apart=(("x", "z"),))) == {"yz": MUST_NOT_LINK}
    assert refused(judged("xy yz", apart=(("z", "x"),), decisions="xy yz")) == {"yz": MUST_NOT_LINK}


def test_a_link_within_a_part_is_taken() -> None:
    assert refused(judged("ax ay xy", unique="a")) == {}


def test_two_types_do_not_exclude_each_other() -> None:
    links = [Link("ax", "a", "x", False), Link("bx", "b", "x", False)]
    result = list(judge_links(links, unique_types={"a": "account", "b": "card"}, must_not_link=()))
    assert refused(result) == {}


@pytest.mark.parametrize("seed", range(200))
def test_parts_keep_the_rules_and_every_refusal_was_needed(seed: int) -> None:
    """Whatever the order: no part breaks a rule that no decision overrules, and no refused link could have been taken."""
    chance = random.Random(seed)
    nodes = "abcdefgh"[: chance.randint(2, 8)]
    pairs = [a + b for a, b in itertools.combinations(nodes, 2)]
    text = chance.sample(pairs, chance.randint(1, len(pairs)))
    unique = "".join(chance.sample(nodes, chance.randint(0, len(nodes))))
    apart = tuple((pair[0], pair[1]) for pair in chance.sample(pairs, min(len(pairs), chance.randint(0, 3))))
    result = judged(" ".join(text), unique=unique, apart=apart)
    for group in parts(result):
        assert sum(node in unique for node in group) <= 1
        assert not any(one in group and other in group for one, other in apart)
    for one in result:
        if one.refused_because:
            assert one.part_a != one.part_b
        else:
            assert one.part_a == one.part_b == min(group for group in [one.part_a, one.part_b])
