"""The oracle of the total order, bots and the clock, by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracles import timeline

NINE = datetime(2026, 1, 1, 9)


def event(event_id: str, **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": NINE,
        "source_system": "web",
        "sequence_number": None,
        "customer_id": "c",
        "properties": {},
        **more,
    }


def test_instant_then_priority_then_sequence_then_id() -> None:
    priorities = timeline.source_priorities(
        [{"source_system": "web", "priority": "10"}, {"source_system": "kiosk", "priority": ""}]
    )
    events = [
        event("kiosk", source_system="kiosk"),
        event("b"),
        event("B"),
        event("ten", sequence_number=10),
        event("two", sequence_number=2),
        event("zero", sequence_number=0),
        event("earlier", source_system="kiosk", occurred_at=datetime(2026, 1, 1, 8, 59)),
    ]
    numbered = timeline.numbered(events, priorities)
    assert [one["event_id"] for one in numbered] == ["earlier", "zero", "two", "ten", "B", "b", "kiosk"]
    assert [one["event_number"] for one in numbered] == [1, 2, 3, 4, 5, 6, 7]


def test_ids_of_one_instant_are_in_natural_order_of_their_last_digits() -> None:
    ids = ["b2:10", "b2:9", "b2:09", "b2:x10", "b2:x9y", "b10:1", "b2:" + "9" * 30, "b2:0"]
    numbered = timeline.numbered([event(name) for name in ids], {})
    assert [one["event_id"] for one in numbered] == [
        "b10:1", "b2:0", "b2:09", "b2:9", "b2:10", "b2:" + "9" * 30, "b2:x10", "b2:x9y",
    ]  # fmt: skip


def test_each_customer_counts_from_one() -> None:
    numbered = timeline.numbered([event("a"), event("b", customer_id="d"), event("c")], {})
    assert [(one["event_id"], one["event_number"]) for one in numbered] == [("a", 1), ("b", 1), ("c", 2)]


def test_an_event_at_the_clock_is_not_after_it() -> None:
    late = datetime(2026, 1, 1, 9, 0, 0, 1)
    marked = timeline.marked([event("at"), event("after", occurred_at=late)], [], NINE)
    assert [one["is_after_as_of"] for one in marked] == [False, True]


def test_bot_rules() -> None:
    rules = [
        {"field": "user_agent", "match": "contains", "value": "Googlebot"},
        {"field": "source_system", "match": "equals", "value": "monitor"},
        {"field": "property:synthetic", "match": "equals", "value": "yes"},
    ]
    assert timeline.is_bot(event("a", properties={"user_agent": "x googlebot/2"}), rules)
    assert timeline.is_bot(event("b", source_system="monitor"), rules)
    assert not timeline.is_bot(event("c", source_system="monitors"), rules)
    assert timeline.is_bot(event("d", properties={"synthetic": "yes"}), rules)
    assert not timeline.is_bot(event("e", properties={"synthetic": None}), rules)


def test_a_property_reads_as_json_writes_it() -> None:
    said = event("a", properties={"flag": True, "count": 2, "text": "as it is"})
    assert [timeline.property_text(said, name) for name in ("flag", "count", "text", "none")] == [
        "true",
        "2",
        "as it is",
        None,
    ]
