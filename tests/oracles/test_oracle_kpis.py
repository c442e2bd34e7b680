"""The oracle of KPIs counts as worked out by hand."""

from __future__ import annotations

from datetime import date

import pytest

from tests.oracles.kpis import current_period, interval, period_before, period_end, suppressed, year_before


@pytest.mark.parametrize(
    ("period", "today", "first", "last", "before", "a_year_ago"),
    [
        ("day", date(2026, 3, 1), date(2026, 2, 28), date(2026, 2, 28), date(2026, 2, 27), date(2025, 3, 1)),
        # 2026-03-01 is a Sunday: the last whole week began thirteen days before
        ("week", date(2026, 3, 1), date(2026, 2, 16), date(2026, 2, 22), date(2026, 2, 9), date(2025, 2, 17)),
        ("week", date(2026, 3, 2), date(2026, 2, 23), date(2026, 3, 1), date(2026, 2, 16), date(2025, 2, 24)),
        ("month", date(2026, 3, 1), date(2026, 2, 1), date(2026, 2, 28), date(2026, 1, 1), date(2025, 2, 1)),
        ("month", date(2024, 3, 31), date(2024, 2, 1), date(2024, 2, 29), date(2024, 1, 1), date(2023, 2, 1)),
        ("month", date(2026, 1, 15), date(2025, 12, 1), date(2025, 12, 31), date(2025, 11, 1), date(2024, 12, 1)),
    ],
)
def test_periods_are_whole_and_over(
    period: str, today: date, first: date, last: date, before: date, a_year_ago: date
) -> None:
    begun = current_period(period, today)
    assert (begun, period_end(period, begun)) == (first, last)
    assert (period_before(period, begun), year_before(period, begun)) == (before, a_year_ago)


def test_the_interval_is_the_one_of_the_textbook() -> None:
    """Ten of twenty: 29.9 % to 70.1 %; none of ten: 0 to 27.8 %; more than the whole is no share."""
    low, high = interval(10, 20) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2993, 0.7007)
    low, high = interval(0, 10) or (1, 1)
    assert (low, round(high, 4)) == (0, 0.2775)
    assert interval(3, 2) is None and interval(0, 0) is None


def test_what_follows_from_the_other_figures_is_hidden_as_well() -> None:
    day = date(2026, 1, 1)
    groups = {
        (day, "all", "all"): 40, (day, "web", "all"): 30, (day, "app", "all"): 20, (day, "store", "all"): 12,
        (day, "all", "few"): 3,
        (day, "all", "most"): 37,
        (day, "all", "half"): 20, (day, "web", "half"): 12, (day, "app", "half"): 9, (day, "store", "half"): 2,
        (day, "all", "two"): 13, (day, "web", "two"): 10, (day, "app", "two"): 2, (day, "store", "two"): 1,
        (day, "all", "third"): 14, (day, "web", "third"): 7, (day, "app", "third"): 7,
    }  # fmt: skip
    assert suppressed(groups) == {
        (day, "all", "few"),
        (day, "all", "most"),
        (day, "store", "half"),
        (day, "app", "half"),
        (day, "app", "two"),
        (day, "store", "two"),
        (day, "web", "two"),
    }
