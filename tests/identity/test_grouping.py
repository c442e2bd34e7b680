"""Links are taken the surest first, and none may chain two people together."""

from __future__ import annotations

from orchestration.lib.config.matching import Groups
from orchestration.lib.identity.grouping import Weighed, refuse_links

GROUPS = Groups(min_mean_weight=0.0, max_records=300)


def link(weight: float) -> Weighed:
    return Weighed(weight, refused_by=None)


def test_groups_join_only_if_most_of_what_lies_across_speaks_for_it() -> None:
    weighed = {(1, 2): link(20), (3, 4): link(19), (2, 3): link(9), (1, 3): link(-9), (1, 4): link(-9), (2, 4): link(2)}
    assert refuse_links(weighed, GROUPS, link_weight=6.6)[2, 3] == "group"
    assert refuse_links(weighed | {(1, 4): link(9)}, GROUPS, link_weight=6.6)[2, 3] is None


def test_a_guard_refuses_its_pair_and_no_chain() -> None:
    """1–3 alone would be no link; each is one with 2, and a chain of two agreements outweighs one difference."""
    weighed = {(1, 2): link(20), (2, 3): link(19), (1, 3): Weighed(7, refused_by="another_first_name")}
    assert refuse_links(weighed, GROUPS, link_weight=6.6) == {(1, 2): None, (2, 3): None, (1, 3): "another_first_name"}


def test_what_is_too_light_for_a_link_has_no_verdict() -> None:
    assert refuse_links({(1, 2): link(6.5)}, GROUPS, link_weight=6.6) == {}
