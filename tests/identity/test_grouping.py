"""Links are taken the surest first, and none may chain two people together."""

from __future__ import annotations

from orchestration.lib.config.matching import Groups
from orchestration.lib.identity.grouping import Weighed, refuse_links

GROUPS = Groups(ambiguous_within=3.0, min_mean_weight=0.0, max_records=300)


def link(weight: float) -> Weighed:
    return Weighed(weight, is_cannot_link=False, refused_by=None)


def apart(weight: float) -> Weighed:
    return Weighed(weight, is_cannot_link=True, refused_by="another_first_name")


def test_a_record_between_two_people_of_equal_weight_is_linked_to_neither() -> None:
    refused = refuse_links({(1, 2): link(10), (2, 3): link(11), (1, 3): apart(20)}, GROUPS, link_weight=6.6)
    assert refused == {(1, 3): "another_first_name", (2, 3): "ambiguous", (1, 2): "ambiguous"}


def test_a_record_that_fits_one_of_two_people_clearly_better_is_linked_to_that_one() -> None:
    refused = refuse_links({(1, 2): link(10), (2, 3): link(20), (1, 3): apart(2)}, GROUPS, link_weight=6.6)
    assert refused == {(2, 3): None, (1, 2): "ambiguous"}


def test_no_chain_joins_a_cannot_link_pair() -> None:
    """1–2 and 3–4 are sure; 2–3 would join 1 with 4, who are two people."""
    refused = refuse_links(
        {(1, 2): link(20), (3, 4): link(19), (2, 3): link(9), (1, 4): apart(3)}, GROUPS, link_weight=6.6
    )
    assert refused == {(1, 2): None, (3, 4): None, (2, 3): "group"}


def test_groups_join_only_if_most_of_what_lies_across_speaks_for_it() -> None:
    weighed = {(1, 2): link(20), (3, 4): link(19), (2, 3): link(9), (1, 3): link(-9), (1, 4): link(-9), (2, 4): link(2)}
    assert refuse_links(weighed, GROUPS, link_weight=6.6)[2, 3] == "group"
    assert refuse_links(weighed | {(1, 4): link(9)}, GROUPS, link_weight=6.6)[2, 3] is None


def test_what_is_too_light_for_a_link_has_no_verdict() -> None:
    assert refuse_links({(1, 2): link(6.5)}, GROUPS, link_weight=6.6) == {}
