"""The oracle of journeys, by hand: phases see (30 days), try (14), buy (terminal)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from tests.oracles import journeys

DAY_0 = datetime(2026, 1, 1)
AS_OF = datetime(2026, 3, 1)


def phase(phase_id: str, order: int, window: str, *, terminal: bool = False, version: str = "1") -> dict[str, str]:
    return {
        "journey_id": "j",
        "journey_version": version,
        "phase_id": phase_id,
        "phase_order": str(order),
        "window_days": window,
        "is_terminal": str(terminal).lower(),
        "is_required": "true",
        "stalled_after_days": "",
    }


def critical(phase_id: str, event_name: str, *, version: str = "1", **conditions: str) -> dict[str, str]:
    empty = dict.fromkeys(("channel", "touchpoint", "property_name", "property_value"), "")
    names = {"journey_id": "j", "journey_version": version, "phase_id": phase_id, "event_name": event_name}
    return {**empty, **names, **conditions}


SEEDS = {
    "journeys": [{"journey_id": "j", "journey_version": "1", "valid_from": "", "valid_to": ""}],
    "phases": [phase("see", 1, "30"), phase("try", 2, "14"), phase("buy", 3, "", terminal=True)],
    "critical_events": [critical("see", "see"), critical("try", "try"), critical("buy", "buy")],
}
KNOWN = journeys.definitions(SEEDS)


def event(event_id: str, day: float, name: str = "", **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": DAY_0 + timedelta(days=day),
        "event_name": name or event_id.split("_")[0],
        "channel": "web",
        "touchpoint": None,
        "source_system": "web",
        "sequence_number": None,
        "customer_id": "c",
        "properties": {},
        "is_linkable": True,
        "is_bot": False,
        "is_after_as_of": False,
        **more,
    }


def intervals(events: list[dict[str, Any]], known: journeys.Definitions = KNOWN, as_of: datetime = AS_OF) -> list[Any]:
    instances, _ = journeys.walked(events, known, as_of=as_of, priorities={})
    return journeys.interval_rows(instances, as_of=as_of)


def expected(events: list[dict[str, Any]], **how: Any) -> list[tuple[Any, ...]]:
    return [
        (row["entry_event_id"], row["interval_number"], row["outcome"], row["dwell_seconds"] / 86_400)
        for row in intervals(events, **how)
    ]


def test_the_five_outcomes() -> None:
    events = [event("try_1", 0), event("see_1", 1), event("buy_1", 3), event("see_2", 4), event("see_3", 58)]
    assert expected(events) == [
        ("try_1", 1, "regressed", 1),
        ("see_1", 2, "fell_through", 2),
        ("buy_1", 3, "completed", 0),
        ("see_2", 1, "fell_out", 30),
        ("see_3", 1, "pending", 1),
    ]


def test_a_match_at_the_deadline_belongs_and_a_later_one_does_not() -> None:
    assert expected([event("see_1", 0), event("try_1", 30)])[0] == ("see_1", 1, "fell_through", 30)
    late = event("try_1", 30)
    late["occurred_at"] += timedelta(microseconds=1)
    assert [row[:3] for row in expected([event("see_1", 0), late])] == [
        ("see_1", 1, "fell_out"),
        ("try_1", 1, "fell_out"),
    ]


def test_a_repeat_match_extends_the_interval_and_its_window() -> None:
    assert expected([event("see_1", 0), event("see_2", 20), event("see_3", 45)]) == [("see_1", 1, "pending", 59)]


def test_a_deadline_at_the_clock_has_not_passed() -> None:
    for seconds, outcome in ((0, "pending"), (1, "fell_out")):
        as_of = DAY_0 + timedelta(days=30, seconds=seconds)
        assert expected([event("see_1", 0)], as_of=as_of) == [("see_1", 1, outcome, 30)]


def test_every_terminal_match_is_an_instance_of_its_own() -> None:
    assert [row[1] for row in expected([event("buy_1", 0), event("buy_2", 0.5)])] == [1, 1]


def test_bots_and_the_future_match_nothing() -> None:
    assert expected([event("see_1", 0, is_bot=True), event("see_2", 70, is_after_as_of=True)]) == []


def test_the_highest_phase_counts_and_the_other_is_reported() -> None:
    known = journeys.definitions(
        {**SEEDS, "critical_events": [critical("see", "visit"), critical("try", "visit", channel="store")]}
    )
    events = [event("a", 0, "visit", channel="store")]
    instances, overruled = journeys.walked(events, known, as_of=AS_OF, priorities={})
    assert [interval.phase.phase_id for interval in instances[0].intervals] == ["try"]
    assert [(row["event_id"], row["phase_id"], row["counted_phase_id"]) for row in overruled] == [("a", "see", "try")]


def test_critical_events_match_names_and_properties_exactly() -> None:
    asked = event("a", 0, "quote", properties={"urgent": True, "size": "10"})
    assert journeys.matches(asked, critical("see", "quote", property_name="urgent", property_value="true"))
    assert journeys.matches(asked, critical("see", "", property_name="size"))
    assert not journeys.matches(asked, critical("see", "quote", property_name="size", property_value="1"))
    assert not journeys.matches(asked, critical("see", "Quote"))
    assert not journeys.matches(asked, critical("see", "quote", touchpoint="form"))


def test_an_instance_keeps_the_version_it_began_under() -> None:
    known = journeys.definitions(
        {
            "journeys": [
                {"journey_id": "j", "journey_version": "1", "valid_from": "", "valid_to": "2026-01-05"},
                {"journey_id": "j", "journey_version": "2", "valid_from": "2026-01-05", "valid_to": ""},
            ],
            "phases": [phase("see", 1, "30"), phase("see", 1, "1", version="2"), phase("try", 2, "14")],
            "critical_events": [
                critical("see", "see"),
                critical("try", "try"),
                critical("see", "see", version="2"),
            ],
        }
    )
    events = [event("see_1", 3), event("try_1", 10), event("see_2", 40)]
    assert [(row["entry_event_id"], row["journey_version"], row["outcome"]) for row in intervals(events, known)] == [
        ("see_1", "1", "fell_through"),
        ("try_1", "1", "fell_out"),
        ("see_2", "2", "fell_out"),
    ]


def test_dwell_drops_fractions_of_a_second() -> None:
    assert journeys.dwell_seconds(DAY_0, DAY_0 + timedelta(seconds=1799.6), AS_OF) == 1799
    assert journeys.dwell_seconds(DAY_0, None, DAY_0 + timedelta(days=1)) == 86_400


def test_the_norm_is_measured_from_twenty_intervals_on() -> None:
    assert journeys.norm_seconds(list(range(1, 20)), 2) == 172_800
    assert journeys.norm_seconds(list(range(1, 20)), None) is None
    # nine tenths of 20 are 18, of 21 they are 18.9: the nineteenth
    assert journeys.norm_seconds(list(range(1, 21)), 2) == 18
    assert journeys.norm_seconds(list(range(1, 22)), None) == 19


def test_only_open_intervals_longer_than_the_norm_are_stalled() -> None:
    events = []
    for number in range(20):
        customer = {"customer_id": f"c{number}"}
        events += [
            event(f"see_{number:02}a", 0, **customer),
            event(f"try_{number:02}b", 1 + number % 2, **customer),
        ]
    events += [event("see_long", 56.9, customer_id="long"), event("see_short", 57, customer_id="short")]
    stalled = {row["entry_event_id"] for row in intervals(events) if row["is_stalled"]}
    assert stalled == {"see_long"}


def test_moves_name_the_event_that_moved() -> None:
    moves = journeys.transition_rows(
        intervals([event("try_1", 0), event("see_1", 1), event("buy_1", 3), event("see_2", 4)])
    )
    assert [(row["from_phase_id"], row["to_phase_id"], row["outcome"], row["event_id"]) for row in moves] == [
        ("try", "see", "regressed", "see_1"),
        ("see", "buy", "fell_through", "buy_1"),
    ]


def test_levels() -> None:
    def of(*channels: str | None) -> str:
        return journeys.level([{"channel": channel} for channel in channels])

    assert [
        of("web", "web"),
        of(None),
        of("web", "app", "app"),
        of("web", None, "web"),
        of("web", "app", "web"),
    ] == [
        "micro",
        "micro",
        "macro",
        "micro",
        "omni",
    ]


def test_a_completed_instance_ends_with_its_terminal_event() -> None:
    events = [event("buy_1", 0, channel="store"), event("z", 0, "other", channel="app")]
    instances, _ = journeys.walked(events, KNOWN, as_of=AS_OF, priorities={})
    rows = journeys.instance_rows(instances, events, as_of=AS_OF, priorities={})
    assert [(row["outcome"], row["level"], row["ended_at"]) for row in rows] == [("completed", "micro", DAY_0)]


def test_days_count_entries_presence_and_leavings() -> None:
    # see: from the 1st at noon to the 3rd at midnight; try: open from then to the clock on the 5th
    events = [event("see_1", 0.5), event("try_1", 2)]
    as_of = datetime(2026, 1, 5)
    rows = journeys.daily_rows(intervals(events, as_of=as_of), KNOWN, as_of=as_of)
    said = {
        (row["phase_id"], row["day"].day): {
            name: value for name, value in row.items() if value and name not in ("journey_id", "phase_id", "day")
        }
        for row in rows
    }
    assert said == {
        ("see", 1): {"entered": 1, "fell_through": 1, "present": 1},
        ("see", 2): {"present": 1},
        ("see", 3): {"left_fell_through": 1, "present": 1},
        ("try", 3): {"entered": 1, "pending": 1, "present": 1},
        ("try", 4): {"present": 1},
        ("try", 5): {"present": 1},
    }


def test_days_are_days_of_the_reporting_time_zone() -> None:
    berlin = journeys.definitions(SEEDS, time_zone="Europe/Berlin")
    late_evening = datetime(2026, 1, 1, 23, 30)
    assert (KNOWN.day_of(late_evening), berlin.day_of(late_evening)) == (date(2026, 1, 1), date(2026, 1, 2))


def test_entered_is_the_sum_of_the_five() -> None:
    events = [event(f"{name}_{day:02}", day) for day in range(0, 50, 3) for name in ("try", "see")[: 1 + day % 2]]
    for row in journeys.daily_rows(intervals(events), KNOWN, as_of=AS_OF):
        assert row["entered"] == sum(row[outcome] for outcome in journeys.OUTCOMES)
