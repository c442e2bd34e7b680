"""The questions that a release brings as table macros: held against plain Python on random customers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.candidate import MACROS

AS_OF = datetime(2026, 3, 1)
NAMES = ("viewed", "carted", "ordered", "other")
# customer, minutes after the first, name
EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 6 * 1440), st.sampled_from(NAMES)), min_size=1, max_size=14
)


@pytest.fixture(scope="module")
def release() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as connection:
        for schema in ("core", "journeys", "hygiene"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table core.fct_events (event_id varchar, customer_id varchar, event_number bigint, "
            "occurred_at timestamp, "
            "channel varchar, touchpoint varchar, event_name varchar, direction varchar, amount decimal(18, 2), "
            "currency varchar, is_identified boolean, is_linkable boolean, is_bot boolean, is_after_as_of boolean)"
        )
        connection.execute(
            "create table journeys.fct_phase_intervals (journey_id varchar, phase_id varchar, customer_id varchar, "
            "entry_event_id varchar, outcome varchar, next_phase_id varchar, dwell_seconds bigint)"
        )
        connection.execute("create table hygiene.releases (as_of timestamp)")
        connection.execute("insert into hygiene.releases values (?), (?)", [AS_OF - timedelta(days=1), AS_OF])
        for name in ("customer_timeline", "did_then_not", "next_steps"):
            connection.execute((MACROS / f"{name}.sql").read_text(encoding="utf-8"))
        yield connection


def fill(release: duckdb.DuckDBPyConnection, events: list[tuple[str, int, str]]) -> list[tuple]:
    """The events in the release, numbered per customer in order of time."""
    release.execute("delete from core.fct_events")
    rows = []
    for customer in "ab":
        of_customer = sorted((minute, n, name) for n, (whose, minute, name) in enumerate(events) if whose == customer)
        for number, (minute, _, name) in enumerate(of_customer, start=1):
            rows.append((customer, number, AS_OF - timedelta(days=4) + timedelta(minutes=minute), name))
    release.executemany(
        "insert into core.fct_events "
        "values (? || ?, ?, ?, ?, 'web', null, ?, 'inbound', null, null, true, true, false, false)",
        [[customer, number, customer, number, at, name] for customer, number, at, name in rows],
    )
    return rows


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, days=st.integers(0, 4))
def test_did_then_not(release: duckdb.DuckDBPyConnection, events: list[tuple[str, int, str]], days: int) -> None:
    rows = fill(release, events)
    expected = {}
    for customer in "ab":
        own = [row for row in rows if row[0] == customer]
        for _, number, at, name in own:
            is_after_first = any(row[3] == "viewed" and row[1] < number for row in own)
            done = any(row[3] == "ordered" and row[1] > number and row[2] <= at + timedelta(days=days) for row in own)
            if name == "carted" and is_after_first and not done:
                expected[customer] = (at, at + timedelta(days=days), at + timedelta(days=days) < AS_OF)
    found = release.execute("from core.did_then_not('viewed', 'carted', 'ordered', ?)", [days]).fetchall()
    assert {row[0]: row[1:] for row in found} == expected


def test_bots_later_events_and_those_who_can_not_be_followed_are_left_out(release: duckdb.DuckDBPyConnection) -> None:
    for column, value in (("is_bot", True), ("is_after_as_of", True), ("is_linkable", False)):
        fill(release, [("a", 0, "viewed"), ("a", 5, "carted"), ("a", 9, "ordered")])
        release.execute(f"update core.fct_events set {column} = {value} where event_name = 'ordered'")
        [[customer, *_]] = release.execute("from core.did_then_not('viewed', 'carted', 'ordered', 1)").fetchall()
        assert customer == "a"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stays=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from([("fell_through", "two"), ("regressed", "zero"), ("fell_out", None), ("pending", None)]),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_next_steps(release: duckdb.DuckDBPyConnection, stays: list[tuple[str, tuple[str, str | None], int]]) -> None:
    release.execute("delete from journeys.fct_phase_intervals")
    release.executemany(
        "insert into journeys.fct_phase_intervals "
        "values ('j', 'one', ?, null, ?, ?, ?), ('j', 'two', ?, null, 'pending', null, 1)",
        [[customer, *step, seconds, customer] for customer, step, seconds in stays],
    )
    found = {tuple(row[:2]): row[2:] for row in release.execute("from journeys.next_steps('j', 'one')").fetchall()}
    assert sum(row[0] for row in found.values()) == len(stays)
    decided = sum(step[0] != "pending" for _, step, _ in stays)
    for step, (intervals, customers, share, decided_share, median) in found.items():
        own = [stay for stay in stays if stay[1] == step]
        assert (intervals, customers) == (len(own), len({stay[0] for stay in own}))
        assert share == pytest.approx(len(own) / len(stays))
        assert decided_share == (None if step[0] == "pending" else pytest.approx(len(own) / decided))
        seconds = sorted(stay[2] for stay in own)
        assert median == seconds[(len(seconds) - 1) // 2]


def test_the_timeline_says_which_phases_an_event_began(release: duckdb.DuckDBPyConnection) -> None:
    fill(release, [("a", 0, "viewed"), ("a", 5, "carted"), ("b", 1, "viewed")])
    release.execute("delete from journeys.fct_phase_intervals")
    release.execute(
        "insert into journeys.fct_phase_intervals values ('buy', 'interest', 'a', 'a1', 'fell_out', null, 1), "
        "('help', 'asked', 'a', 'a1', 'pending', null, 1)"
    )
    rows = release.execute(
        "select event_number, event_name, journey_id, enters_phase_id from core.customer_timeline('a')"
    ).fetchall()
    assert rows == [(1, "viewed", "buy", "interest"), (1, "viewed", "help", "asked"), (2, "carted", None, None)]
