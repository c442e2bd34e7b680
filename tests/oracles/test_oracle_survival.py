"""The oracle of survival and conversion, by hand."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Any

import pytest

from tests.oracles import journeys, survival
from tests.oracles.test_oracle_journeys import phase

DAY = survival.DAY
PHASES = [phase("try", 1, "14"), phase("wait", 2, ""), phase("buy", 3, "", terminal=True)]
KNOWN = journeys.definitions({"journeys": [], "phases": PHASES, "critical_events": []})


def interval(seconds: int, outcome: str = "fell_through", *, phase_id: str = "try", month: int = 1) -> dict[str, Any]:
    return {
        "journey_id": "j",
        "journey_version": "1",
        "phase_id": phase_id,
        "outcome": outcome,
        "dwell_seconds": seconds,
        "entered_at": datetime(2026, month, 15, 12),
    }


def test_a_pending_interval_counts_up_to_its_age_and_not_beyond() -> None:
    """Kaplan and Meier's way by hand: 5 at risk, then 4 (one pending at 2 is still at risk at 2), then 2."""
    known = survival.curve(
        [interval(1), interval(2), interval(2, "pending"), interval(3, "fell_out"), interval(4, "pending")]
    )
    assert [(length, share) for length, share, _ in known] == [
        (1, Fraction(4, 5)),
        (2, Fraction(4, 5) * Fraction(3, 4)),
        (3, Fraction(4, 5) * Fraction(3, 4) * Fraction(1, 2)),
    ]
    assert known[-1][2] == Fraction(1, 20) + Fraction(1, 12) + Fraction(1, 2)


def test_without_pending_intervals_it_is_the_share_that_lasts_longer() -> None:
    known = survival.curve([interval(one) for one in (5, 1, 9, 9)])
    assert [(length, share) for length, share, _ in known] == [
        (1, Fraction(3, 4)),
        (5, Fraction(1, 2)),
        (9, Fraction(0)),
    ]
    assert known[-1][2] is None


def test_days_begin_at_their_first_second_and_empty_ones_have_no_row() -> None:
    rows = survival.survival_rows(
        [interval(DAY - 1), interval(DAY), interval(3 * DAY, "pending"), interval(0, "completed", phase_id="buy")],
        KNOWN,
    )
    assert [
        (row["dwell_days"], row["at_risk_count"], row["exit_count"], row["censored_count"], row["survival_share"])
        for row in rows
    ] == [(0, 3, 1, 0, pytest.approx(2 / 3)), (1, 2, 1, 0, pytest.approx(1 / 3)), (3, 1, 0, 1, pytest.approx(1 / 3))]


def test_a_case_that_ends_in_a_phase_is_an_exit_from_it() -> None:
    rows = survival.survival_rows([interval(5, "completed"), interval(DAY, "pending")], KNOWN)
    assert [(row["dwell_days"], row["at_risk_count"], row["exit_count"], row["censored_count"]) for row in rows] == [
        (0, 2, 1, 0),
        (1, 1, 0, 1),
    ]


def test_errors_and_bounds_are_null_where_nothing_can_be_said() -> None:
    waits, ends = survival.survival_rows([interval(1, "pending"), interval(DAY)], KNOWN)
    assert (waits["survival_share"], waits["standard_error"]) == (1.0, 0.0)
    assert (ends["survival_share"], ends["standard_error"]) == (0.0, None)
    assert [row[name] for row in (waits, ends) for name in row if "_ci_" in name] == [None] * 4


def test_bounds_are_those_of_a_known_curve() -> None:
    """Remission of leukaemia under 6-MP (Freireich 1963), a day for a week: 0.857, error 0.0764, 0.620 to 0.952."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    pending = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    rows = survival.survival_rows(
        [interval(w * DAY) for w in ended] + [interval(w * DAY, "pending") for w in pending], KNOWN
    )
    sixth = next(row for row in rows if row["dwell_days"] == 6)
    assert sixth["survival_share"] == pytest.approx(0.857, abs=5e-4)
    assert sixth["standard_error"] == pytest.approx(0.0764, abs=5e-5)
    assert sixth["survival_share_ci_lower"] == pytest.approx(0.620, abs=5e-4)
    assert sixth["survival_share_ci_upper"] == pytest.approx(0.952, abs=5e-4)
    assert rows[-1]["survival_share"] == pytest.approx(0.448, abs=5e-4)


def test_conversion_with_and_without_pending() -> None:
    begun = [
        interval(10),
        interval(20),
        interval(30),
        interval(40, "regressed"),
        interval(50, "fell_out"),
        interval(60, "pending"),
    ]
    row, february = survival.conversion_rows([*begun, interval(70, month=2)], KNOWN)
    assert (row["month_starts_on"], february["month_starts_on"]) == (date(2026, 1, 1), date(2026, 2, 1))
    assert (row["conversion_share"], row["decided_conversion_share"]) == (3 / 6, 3 / 5)
    assert (row["median_conversion_seconds"], row["p90_conversion_seconds"]) == (20, 30)
    assert row["median_dwell_seconds"] == 30
    assert (february["entered_count"], february["conversion_share"]) == (1, None)


def test_the_middle_of_a_phase_that_most_are_still_in_is_not_known() -> None:
    (row,) = survival.conversion_rows([interval(10), interval(20, "pending"), interval(30, "pending")], KNOWN)
    assert row["median_dwell_seconds"] is None
    (row,) = survival.conversion_rows([interval(0, "completed", phase_id="buy")] * 9, KNOWN)
    assert (row["median_dwell_seconds"], row["median_conversion_seconds"], row["conversion_share"]) == (None, None, 1)


def test_no_share_of_decided_ones_where_nothing_is_decided_against() -> None:
    """Without a window nobody falls out, and a terminal phase everybody completes: 1 by construction."""
    through = [interval(number, phase_id="wait") for number in range(5)]
    ended = [interval(0, "completed", phase_id="buy") for _ in range(5)]
    buy, wait = survival.conversion_rows([*through, interval(9, "pending", phase_id="wait"), *ended], KNOWN)
    assert (wait["conversion_share"], wait["decided_conversion_share"]) == (5 / 6, None)
    assert (buy["conversion_share"], buy["decided_conversion_share_ci_lower"]) == (1, None)


def test_wilsons_interval_is_within_0_and_1() -> None:
    """Brown, Cai and DasGupta's kind of example: none of ten, and five of ten."""
    assert survival.wilson(0, 10) == (pytest.approx(0.0, abs=1e-12), pytest.approx(0.27754, abs=1e-5))
    assert survival.wilson(5, 10) == (pytest.approx(0.23659, abs=1e-5), pytest.approx(0.76341, abs=1e-5))
    assert survival.wilson(10, 10)[1] == pytest.approx(1.0, abs=1e-12)
