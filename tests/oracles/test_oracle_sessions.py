"""The oracle of sessions, by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.oracles import sessions

TEN = datetime(2026, 1, 1, 10)


def event(event_id: str, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": TEN + timedelta(seconds=seconds),
        "source_system": "web",
        "sequence_number": None,
        "visitor_id": "v",
        "customer_id": "c",
        "is_bot": False,
        "is_after_as_of": False,
        **more,
    }


def firsts(events: list[dict[str, Any]]) -> list[str]:
    found = sessions.sessions_of_events(events, {})
    return [found.get(one["event_id"], "-").removeprefix("s_") for one in events]


def test_silence_of_exactly_the_limit_opens_a_session() -> None:
    assert firsts([event("a", 0), event("b", 1799), event("c", 3599)]) == ["a", "a", "c"]


def test_fractions_of_a_second_are_not_rounded_up() -> None:
    assert firsts([event("a", 0), event("b", 1799.6), event("c", 3599.599999)]) == ["a", "a", "a"]


def test_the_day_long_session_is_cut_at_twenty_four_hours() -> None:
    events = [event(f"{number:02}", 1728 * number) for number in range(103)]
    said = firsts(events)
    assert (said[49], said[50], said[99], said[100]) == ("00", "50", "50", "100")


def test_bots_and_the_future_are_left_out_before_gaps_are_measured() -> None:
    events = [
        event("a", 0),
        event("bot", 1200, is_bot=True),
        event("b", 2400),
        event("f", 2500, is_after_as_of=True),
    ]
    assert firsts(events) == ["a", "-", "b", "-"]


def test_no_visitor_no_session_and_visitors_do_not_mix() -> None:
    assert firsts([event("a", 0), event("b", 1, visitor_id=None), event("c", 2, visitor_id="w")]) == [
        "a",
        "-",
        "c",
    ]


def test_a_row_takes_its_customer_from_the_first_event() -> None:
    events = [event("b", 60, customer_id="other"), event("a", 0), event("c", 120)]
    found = sessions.sessions_of_events(events, {})
    assert sessions.session_rows(events, found, {}) == [
        {
            "session_id": "s_a",
            "first_event_id": "a",
            "visitor_id": "v",
            "customer_id": "c",
            "event_count": 3,
            "started_at": TEN,
            "ended_at": TEN + timedelta(seconds=120),
        }
    ]
