"""Journeys with cases: the models' own SQL against the oracle, on customers whose cases overlap at random."""

from __future__ import annotations

import json
import random
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.compiled import models_on
from orchestration.lib.warehouse.build import unused_case_keys
from tests.oracles import journeys
from tests.warehouse.test_interval_stories import give

AS_OF = datetime(2026, 3, 1)
CHAIN = ("int_matched_events", "int_match_cases", "int_phase_intervals", "int_instance_bounds", "int_steps")
SEEDS = {
    "phases": "journey_id varchar, journey_version bigint, phase_id varchar, phase_order bigint, window_days double, "
    "is_terminal boolean",
    "critical_events": "critical_event_id varchar, journey_id varchar, journey_version bigint, phase_id varchar, "
    "event_name varchar, channel varchar, touchpoint varchar, property_name varchar, property_value varchar, "
    "case_property varchar, occurrence varchar, ends_case boolean, source_system varchar",
}
Event = dict[str, Any]


class Rule(NamedTuple):
    """What a test says of a critical event."""

    phase_id: str
    event_name: str
    ends_case: bool = False
    source_system: str = ""


# whole names, beginnings and any name, of which some end the case and some count from one system only
ENDING = (
    Rule("asked", "as*"),
    Rule("answered", "answered"),
    Rule("answered", "answered_finally", ends_case=True),
    Rule("asked", "solved", ends_case=True),
    Rule("solved", "so*", source_system="tested"),
    Rule("solved", "*", source_system="elsewhere"),
)


@pytest.fixture(scope="module")
def compiled() -> dict[str, str]:
    relations = {name: f"given_{name}" for name in (*CHAIN, *SEEDS, "journeys", "int_timeline_events")}
    return models_on(CHAIN, relations, as_of=f"timestamp '{AS_OF}'")


def definitions(
    *, versions: int, case_key: str = "ticket", rules: Sequence[Rule] = (), **case_properties: str
) -> journeys.Definitions:
    """Asked, answered, solved; the second version has other windows and begins five days after the first ends.

    Without `rules` each phase is entered by the event of its name, and solved is terminal; with them it is not.
    """
    windows = {"asked": 3, "answered": 2, "solved": 4 if rules else None}
    given = rules or [Rule(phase, phase) for phase in windows]
    return journeys.definitions(
        {
            "journeys": [
                {
                    "journey_id": "support",
                    "journey_version": str(version),
                    "case_key": case_key,
                    "valid_from": "2026-01-20" if version == 2 else "",
                    "valid_to": "2026-01-15" if version < versions else "",
                }
                for version in range(1, versions + 1)
            ],
            "phases": [
                {
                    "journey_id": "support",
                    "journey_version": str(version),
                    "phase_id": phase,
                    "phase_order": str(order),
                    "window_days": str(days * version) if days else "",
                    "is_terminal": str(phase == "solved" and not rules),
                    "is_required": "true",
                    "stalled_after_days": "",
                }
                for version in range(1, versions + 1)
                for order, (phase, days) in enumerate(windows.items(), start=1)
            ],
            "critical_events": [
                {
                    "critical_event_id": f"{number}_{version}",
                    "journey_id": "support",
                    "journey_version": str(version),
                    "phase_id": rule.phase_id,
                    "event_name": rule.event_name,
                    "channel": "",
                    "touchpoint": "",
                    "property_name": "",
                    "property_value": "",
                    "case_property": case_properties.get(rule.phase_id, ""),
                    "occurrence": "",
                    "ends_case": str(rule.ends_case),
                    "source_system": rule.source_system,
                }
                for version in range(1, versions + 1)
                for number, rule in enumerate(given)
            ],
        }
    )


def events_of(
    rows: Iterable[tuple[str, datetime, Mapping[str, str], str]], *, elsewhere: Container[int] = ()
) -> list[Event]:
    """Events in their order: name, instant, properties, record; those of the numbers come from another system."""
    return [
        {
            "event_id": f"e{number:03}",
            "customer_id": "c",
            "event_number": number,
            "event_name": name,
            "channel": "web",
            "touchpoint": None,
            "source_system": "elsewhere" if number in elsewhere else "tested",
            "sequence_number": number,
            "properties": dict(properties),
            "record_id": record,
            "is_bot": False,
            "is_after_as_of": False,
            "is_linkable": True,
            "occurred_at": at,
        }
        for number, (name, at, properties, record) in enumerate(rows, start=1)
    ]


def random_events(seed: int) -> list[Event]:
    chance = random.Random(seed)
    at, rows = datetime(2026, 1, 1), []
    for _ in range(chance.randint(3, 40)):
        at += timedelta(hours=chance.choice([0, 1, 10, 30, 60]))
        ticket = chance.choice(["", "", "A", "B", "C"])
        name = chance.choice(["asked", "asked", "answered", "solved", "viewed", "answered_finally", "asked_again"])
        rows.append((name, at, {"ticket": ticket} if ticket else {}, chance.choice(["", "r1", "r2"])))
    return events_of(rows, elsewhere={number for number in range(len(rows) + 1) if chance.random() < 0.1})


def built(
    compiled: Mapping[str, str], known: journeys.Definitions, events: Sequence[Event]
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    """The intervals and the steps that the models make, instances named after their first event."""
    with open_duckdb() as connection:
        _load(connection, known, events)
        for model in CHAIN[:-1]:
            connection.execute(f"create table given_{model} as {compiled[model]}")
        intervals = connection.execute("""
            select
                split_part(journey_instance_id, ':', 2), interval_number, entry_event_id, phase_id, outcome, case_value,
                cast(journey_version as varchar)
            from given_int_phase_intervals
        """).fetchall()
        steps = connection.execute(
            f"select split_part(journey_instance_id, ':', 2), event_id from ({compiled['int_steps']})"
        ).fetchall()
    return sorted(intervals, key=str), sorted(steps)


def _load(connection: duckdb.DuckDBPyConnection, known: journeys.Definitions, events: Sequence[Event]) -> None:
    give(connection, "journeys", [{name: value or None for name, value in row.items()} for row in known.journeys])
    for seed, columns in SEEDS.items():
        connection.execute(f"create table given_{seed} ({columns})")
    for phase in known.phases.values():
        days = phase.window.days if phase.window else None
        row = [phase.journey_id, phase.journey_version, phase.phase_id, phase.phase_order, days, phase.is_terminal]
        connection.execute("insert into given_phases values (?, ?, ?, ?, ?, ?)", row)
    for critical in known.critical_events:
        values = [value or None for value in critical.values()]
        connection.execute(f"insert into given_critical_events values ({', '.join('?' * len(values))})", values)
    connection.execute("""
        create table given_int_timeline_events (
            event_id varchar, customer_id varchar, event_number bigint, event_name varchar, channel varchar,
            source_system varchar, touchpoint varchar, department varchar, direction varchar, device_type varchar,
            properties varchar, record_key varchar, is_linkable boolean, is_bot boolean, is_after_as_of boolean,
            occurred_on date, occurred_at timestamp
        )
    """)
    for event in events:
        record = (
            f"feed:{event['source_system']}:{event['record_id']}"
            if event["record_id"]
            else f"feed.events:{event['event_id']}"
        )
        connection.execute(
            "insert into given_int_timeline_events values "
            "(?, ?, ?, ?, 'web', ?, null, null, null, null, ?, ?, true, false, false, cast(? as date), ?)",
            [
                *(event[name] for name in ("event_id", "customer_id", "event_number", "event_name", "source_system")),
                json.dumps(event["properties"]),
                record,
                event["occurred_at"],
                event["occurred_at"],
            ],
        )


def expected(
    known: journeys.Definitions, events: Sequence[Event]
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    instances, _ = journeys.walked(events, known, as_of=AS_OF, priorities={})
    intervals = [
        (
            instance.intervals[0].entry["event_id"], number, interval.entry["event_id"], interval.phase.phase_id,
            interval.outcome, instance.case_value, instance.version,
        )
        for instance in instances
        for number, interval in enumerate(instance.intervals, start=1)
    ]  # fmt: skip
    steps = [
        (instance.intervals[0].entry["event_id"], step["event_id"])
        for instance in instances
        for step in journeys.steps(instance, events, as_of=AS_OF)
    ]
    return sorted(intervals, key=str), sorted(steps)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(
    "known",
    [
        definitions(versions=1),
        definitions(versions=2),
        definitions(versions=1, case_key="record"),
        definitions(versions=1, case_key="other", asked="ticket", solved="record"),
        definitions(versions=1, rules=ENDING),
        definitions(versions=2, rules=ENDING),
        definitions(versions=1, case_key="", rules=ENDING),
        definitions(versions=2, case_key="", rules=ENDING),
    ],
    ids=[
        "one version",
        "two versions",
        "by record",
        "by properties of rules",
        "ends",
        "ends in two versions",
        "ends without cases",
        "ends in two versions without cases",
    ],
)
def test_random_cases_come_out_as_the_oracle_says(
    seed: int, known: journeys.Definitions, compiled: dict[str, str]
) -> None:
    events = random_events(seed)
    assert built(compiled, known, events) == expected(known, events)


def test_two_open_tickets_are_two_journeys(compiled: dict[str, str]) -> None:
    """T1 opened 9:00, T2 10:00, T1 solved 11:00, T2 12:00: each takes two hours. The page read in between belongs to
    neither by a value, and so to the ticket that was last heard of."""
    at = {hour: datetime(2026, 1, 5, hour) for hour in range(9, 13)}
    events = events_of(
        [
            ("asked", at[9], {"ticket": "T1"}, ""),
            ("asked", at[10], {"ticket": "T2"}, ""),
            ("viewed", at[10] + timedelta(minutes=30), {}, ""),
            ("solved", at[11], {"ticket": "T1"}, ""),
            ("solved", at[12], {"ticket": "T2"}, ""),
        ]
    )
    intervals, steps = built(compiled, definitions(versions=1), events)
    assert [(row[0], row[2], row[4], row[5]) for row in intervals] == [
        ("e001", "e001", "fell_through", "T1"),
        ("e001", "e004", "completed", "T1"),
        ("e002", "e002", "fell_through", "T2"),
        ("e002", "e005", "completed", "T2"),
    ]
    assert steps == [("e001", "e001"), ("e001", "e004"), ("e002", "e002"), ("e002", "e003"), ("e002", "e005")]


def test_a_case_is_completed_at_its_last_match_if_that_ends_it(compiled: dict[str, str]) -> None:
    """T1 is solved and asked about again within the window, so it goes on, and is solved again; T2 is solved and asked
    about after the window, which is another instance; T3 is not solved. What comes after the end is no step."""
    rules = [Rule("asked", "*"), Rule("asked", "solved", ends_case=True)]
    day = datetime(2026, 1, 5)
    events = events_of(
        [
            ("asked", day, {"ticket": "T1"}, ""),
            ("solved", day + timedelta(hours=1), {"ticket": "T1"}, ""),
            ("asked", day + timedelta(hours=2), {"ticket": "T1"}, ""),
            ("solved", day + timedelta(hours=3), {"ticket": "T1"}, ""),
            ("asked", day + timedelta(hours=4), {"ticket": "T2"}, ""),
            ("solved", day + timedelta(hours=5), {"ticket": "T2"}, ""),
            ("asked", day + timedelta(days=9), {"ticket": "T2"}, ""),
            ("asked", day + timedelta(days=9), {"ticket": "T3"}, ""),
        ]
    )
    known = definitions(versions=1, rules=rules)
    intervals, steps = built(compiled, known, events)
    assert [(row[0], row[4], row[5]) for row in intervals] == [
        ("e001", "completed", "T1"),
        ("e005", "completed", "T2"),
        ("e007", "fell_out", "T2"),
        ("e008", "fell_out", "T3"),
    ]
    assert len(steps) == len(events)
    assert (intervals, steps) == expected(known, events)


def test_an_instance_without_a_value_takes_the_first_that_comes(compiled: dict[str, str]) -> None:
    day = datetime(2026, 1, 5)
    events = events_of(
        [
            ("asked", day, {}, ""),
            ("answered", day + timedelta(hours=1), {"ticket": "T1"}, ""),
            ("asked", day + timedelta(hours=2), {"ticket": "T2"}, ""),
            ("answered", day + timedelta(hours=3), {}, ""),
            ("solved", day + timedelta(hours=4), {"ticket": "T1"}, ""),
        ]
    )
    intervals, _ = built(compiled, definitions(versions=1), events)
    assert [(row[0], row[2], row[3], row[5]) for row in intervals] == [
        ("e001", "e001", "asked", "T1"),
        ("e001", "e002", "answered", "T1"),
        ("e001", "e005", "solved", "T1"),
        ("e003", "e003", "asked", "T2"),
        ("e003", "e004", "answered", "T2"),
    ]


@pytest.mark.parametrize(("ticket", "unused"), [({}, [("support", "ticket")]), ({"ticket": "T1"}, [])])
def test_a_case_key_that_no_event_has_is_known(
    ticket: dict[str, str], unused: list[tuple[str, str]], compiled: dict[str, str]
) -> None:
    events = events_of([("asked", datetime(2026, 1, 5), {}, ""), ("solved", datetime(2026, 1, 6), ticket, "")])
    with open_duckdb() as connection:
        _load(connection, definitions(versions=1), events)
        for model in CHAIN[:2]:
            connection.execute(f"create table given_{model} as {compiled[model]}")
        connection.execute("""
            create schema config; create schema intermediate;
            create table config.journeys as from given_journeys;
            create table intermediate.int_match_cases as from given_int_match_cases;
        """)
        assert unused_case_keys(connection) == unused
