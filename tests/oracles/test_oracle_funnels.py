"""The oracle of funnels, by hand: required are see (30 days), try (14), buy (terminal); ask (7) is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.oracles import funnels, journeys
from tests.oracles.test_oracle_journeys import AS_OF, DAY_0, critical, event, phase

PHASES = [phase("see", 1, "30"), phase("ask", 2, "7"), phase("try", 3, "14"), phase("buy", 4, "", terminal=True)]
PHASES[1]["is_required"] = "false"
SEEDS = {
    "journeys": [{"journey_id": "j", "journey_version": "1", "valid_from": "", "valid_to": ""}],
    "phases": PHASES,
    "critical_events": [critical(name, name) for name in ("see", "ask", "try", "buy")],
}
KNOWN = journeys.definitions(SEEDS)


def expected(*events: dict[str, Any], as_of: Any = AS_OF) -> list[tuple[int, ...]]:
    """Entered, eventual, next-match and pending, by step."""
    instances, _ = journeys.walked(events, KNOWN, as_of=as_of, priorities={})
    rows = funnels.funnel_rows(instances, KNOWN, as_of=as_of)
    assert [(row["step_order"], row["phase_id"]) for row in rows] == [(1, "see"), (2, "try"), (3, "buy")]
    return [(row["entered_count"], row["eventual_count"], row["next_hit_count"], row["pending_count"]) for row in rows]


def test_straight_on_is_eventual_and_next() -> None:
    events = [event("see_1", 0), event("see_2", 1), event("try_1", 2), event("try_2", 3), event("buy_1", 4)]
    assert expected(*events) == [(1, 1, 1, 0), (1, 1, 1, 0), (1, 0, 0, 0)]


def test_a_phase_between_leaves_it_eventual() -> None:
    assert expected(event("see_1", 0), event("ask_1", 1), event("try_1", 2))[0] == (1, 1, 0, 0)
    # back to the step before and on again: the next other phase after try was see, not buy
    again = [event("see_1", 0), event("try_1", 1), event("see_2", 2), event("try_2", 3), event("buy_1", 4)]
    assert expected(*again) == [(1, 1, 1, 0), (1, 1, 0, 0), (1, 0, 0, 0)]


def test_a_step_skipped_is_not_taken_and_ends_the_funnel() -> None:
    assert expected(event("see_1", 0), event("buy_1", 1)) == [(1, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)]


def test_an_instance_that_begins_in_the_middle_takes_step_1_when_it_comes_there() -> None:
    assert expected(event("try_1", 0), event("buy_1", 1)) == [(0, 0, 0, 0)] * 3
    assert expected(event("try_1", 0), event("see_1", 1), event("try_2", 2)) == [
        (1, 1, 1, 0),
        (1, 0, 0, 0),
        (0, 0, 0, 0),
    ]


def test_the_window_counts_from_the_steps_first_match() -> None:
    """A repeated match keeps the instance together beyond the window of the step."""
    kept = [event("see_1", 0), event("see_2", 20)]
    assert expected(*kept, event("try_1", 30))[0] == (1, 1, 1, 0)
    late = event("try_1", 30)
    late["occurred_at"] += timedelta(microseconds=1)
    assert expected(*kept, late) == [(1, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)]


def test_pending_while_window_and_instance_are_open() -> None:
    at_the_deadline = DAY_0 + timedelta(days=30)
    assert expected(event("see_1", 0), as_of=at_the_deadline)[0] == (1, 0, 0, 1)
    assert expected(event("see_1", 0), as_of=at_the_deadline + timedelta(seconds=1))[0] == (1, 0, 0, 0)
    # the instance is open thanks to a repeated match, the step's window is not
    assert expected(event("see_1", 0), event("see_2", 20), as_of=DAY_0 + timedelta(days=31))[0] == (1, 0, 0, 0)
    # the window of see is open, but the instance fell out of ask
    assert expected(event("see_1", 0), event("ask_1", 1), as_of=DAY_0 + timedelta(days=9))[0] == (1, 0, 0, 0)
    assert expected(event("see_1", 0), event("ask_1", 1), as_of=DAY_0 + timedelta(days=8))[0] == (1, 0, 0, 1)


def test_shares_and_times() -> None:
    events = [
        *(event(f"see_{one}", 50, customer_id=one) for one in ("a", "b", "c", "d")),
        *(event(f"try_{one}", 50 + days, customer_id=one) for one, days in (("a", 1), ("b", 2), ("c", 3))),
    ]
    instances, _ = journeys.walked(events, KNOWN, as_of=AS_OF, priorities={})
    see, _, buy = funnels.funnel_rows(instances, KNOWN, as_of=AS_OF)
    assert (see["eventual_share"], see["decided_eventual_share"], see["median_seconds"]) == (3 / 4, 1, 2 * 86_400)
    assert (buy["entered_count"], buy["eventual_share"], buy["median_seconds"]) == (0, None, None)


def test_no_share_of_decided_ones_where_the_step_waits_without_limit() -> None:
    known = journeys.definitions({**SEEDS, "phases": [{**PHASES[0], "window_days": ""}, *PHASES[1:]]})
    events = [event("see_1", 0), event("try_1", 1), event("see_2", 2, customer_id="other")]
    instances, _ = journeys.walked(events, known, as_of=AS_OF, priorities={})
    see, *_ = funnels.funnel_rows(instances, known, as_of=AS_OF)
    assert (see["pending_count"], see["eventual_share"], see["decided_eventual_share"]) == (1, 1 / 2, None)
