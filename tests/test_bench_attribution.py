"""What `make bench-attribution` prints: causes and credits of a handful of purchases, worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.attribution import EFFECTS, NOTHING, Scored, causes, rank_correlation, tables
from orchestration.lib.core.connection import open_duckdb

# cause, campaign, whether the move needed it, the purchase that the journey ended in
TOUCHES = (
    ("ad_click", "search_brand", True, "O1"),
    ("ad_click", "search_kitchen", True, "O1"),  # the same channel again
    ("email_click", "cart_reminder", True, "O1"),
    ("push_open", "push_reminder", True, "O2"),
    ("ad_click", "video_living", True, "T1"),
    ("ad_click", "social_lookalike", False, "O3"),  # they would have come anyway
    ("email_click", "cart_reminder", True, None),  # moved them on, and they bought nothing
)


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    rows = ", ".join(
        f"('{cause}', '{campaign}', {needed}, {'null' if key is None else repr(key)}, "
        f"{'null' if key is None else repr('store' if key[0] == 'T' else 'shop')})"
        for cause, campaign, needed, key in TOUCHES
    )
    with open_duckdb() as connection:
        connection.execute(
            f"copy (from (values {rows}) as c(cause, campaign, is_caused, conversion_key, conversion_source)) "
            f"to '{tmp_path}/conversion_causes.parquet'"
        )
        caused, purchase_count = causes(connection, tmp_path)
    built = {
        "last": {"paid_search": 2.0, "web": 3.0, "(unattributed)": 4.0},
        "linear": {"paid_search": 1.0, "email": 1.0, "push": 1.0, "display": 1.0},
        EFFECTS: {"paid_search": 0.5},
        NOTHING: {},
    }
    return Scored(purchase_count, caused, built, {"last": {"email": 2.0}, "linear": dict(caused)})


def test_a_purchase_that_several_channels_caused_is_theirs_in_equal_parts(scored: Scored) -> None:
    assert scored.caused == {"paid_search": 0.5, "email": 0.5, "push": 1.0, "display": 1.0}
    assert scored.purchase_count == 3


def test_the_error_is_the_mean_difference_over_channels(scored: Scored) -> None:
    assert scored.channels == ["display", "push", "email", "paid_search", "web"]
    # |0 - 1| + |0 - 1| + |0 - .5| + |2 - .5| + |3 - 0|, of 5 channels; what is unattributed is nobody's
    assert scored.error(scored.built["last"]) == pytest.approx(7 / 5)
    assert scored.error(scored.built[NOTHING]) == pytest.approx(3 / 5)
    assert scored.error(scored.with_true_people["linear"]) == 0


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5)
    assert rank_correlation([1, 5, 5, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_a_table_has_a_line_per_rule_and_one_per_channel(scored: Scored) -> None:
    text = tables({1.0: scored})
    assert "| 1 | last | 5.0 | 1.4 |" in text
    assert "Dirt 1: 3 purchases needed a touch." in text
    assert "| web | 0.0 | 3.0 | 0.0 | 0.0 |" in text
    assert "| (unattributed) | 0.0 | 4.0 | 0.0 | 0.0 |" in text
