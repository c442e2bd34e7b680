"""The path that joins two identifiers is a shortest one, of accepted links alone, and any DuckDB can walk it."""

from __future__ import annotations

import os
import random
import subprocess
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.candidate import MACROS, STORAGE_VERSION

LINKS = """
    create table core.fct_identifier_links (
        identifier_a varchar, identifier_b varchar, type_a varchar, type_b varchar, link_rule varchar,
        source_system varchar, status varchar, customer_id varchar, visitor_id varchar, observation_count bigint,
        match_weight double, first_seen_at timestamp, last_seen_at timestamp
    )
"""
OBSERVATIONS = """
    create table core.fct_identifier_observations (
        customer_id varchar, visitor_id varchar, identifier_type varchar, identifier_hash varchar,
        source_system varchar, seen_on varchar, observation_count bigint,
        first_seen_at timestamp, last_seen_at timestamp
    )
"""
BRIDGE = """
    create table core.bridge_customer_identifiers (
        identifier_type varchar, identifier_hash varchar, customer_id varchar, link_rule varchar,
        valid_from timestamp, valid_to timestamp
    )
"""
Pair = tuple[str, str]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file as a release is written, with the macros and empty tables under them."""
    with open_duckdb() as connection:
        connection.execute(
            f"attach '{tmp_path / 'customer_journeys.duckdb'}' as candidate "
            f"(read_write, storage_version '{STORAGE_VERSION}')"
        )
        connection.execute("use candidate")
        connection.execute("create schema core")
        for table in (LINKS, OBSERVATIONS, BRIDGE):
            connection.execute(table)
        for macro in ("identifier_path", "customer_evidence"):
            connection.execute((MACROS / f"{macro}.sql").read_text(encoding="utf-8"))
        yield connection


def add_links(
    release: duckdb.DuckDBPyConnection, pairs: list[Pair], *, customer: str = "c_1", status: str = "accepted"
) -> None:
    release.executemany(
        "insert into core.fct_identifier_links values "
        "(?, ?, 'email', 'phone', 'same_event', 'web', ?, ?, null, 1, null, '2026-01-01', '2026-01-02')",
        [[*sorted(pair), status, customer if status == "accepted" else None] for pair in pairs],
    )
    for node in sorted({node for pair in pairs for node in pair}):
        release.execute(
            "insert into core.fct_identifier_observations "
            "values (?, null, 'email', ?, 'web', 'event', 1, '2026-01-01', '2026-01-02')",
            [customer, node],
        )


def path(release: duckdb.DuckDBPyConnection, one: str, other: str) -> list[Pair]:
    return release.execute(
        "select from_identifier_hash, to_identifier_hash from core.identifier_path(?, ?) order by step_number",
        [one, other],
    ).fetchall()


def steps_between(pairs: list[Pair], one: str, other: str) -> int | None:
    """How many links a shortest path has, by a walk in widening circles."""
    waiting, reached = deque([(one, 0)]), {one}
    while waiting:
        node, steps = waiting.popleft()
        if node == other:
            return steps
        for pair in pairs:
            if node in pair:
                neighbour = pair[0] if pair[1] == node else pair[1]
                if neighbour not in reached:
                    reached.add(neighbour)
                    waiting.append((neighbour, steps + 1))
    return None


@pytest.mark.parametrize("seed", range(12))
def test_a_path_is_shortest_and_holds_together(release: duckdb.DuckDBPyConnection, seed: int) -> None:
    chance = random.Random(seed)
    nodes = [f"n{number:02}" for number in range(12)]
    drawn = [sorted(chance.sample(nodes, 2)) for _ in range(chance.randint(6, 24))]
    pairs = sorted({(one, other) for one, other in drawn})
    add_links(release, pairs)
    linked = sorted({node for pair in pairs for node in pair})
    for _ in range(10):
        one, other = chance.sample(linked, 2)
        found = path(release, one, other)
        steps = steps_between(pairs, one, other)
        assert len(found) == (steps or 0)
        if found:
            assert found[0][0] == one and found[-1][1] == other
            assert all(before[1] == after[0] for before, after in pairwise(found))
            assert all(tuple(sorted(step)) in pairs for step in found)


def test_a_refused_link_leads_nowhere(release: duckdb.DuckDBPyConnection) -> None:
    add_links(release, [("a", "b")])
    add_links(release, [("b", "c")], status="refused")
    assert path(release, "a", "c") == []


def test_two_customers_are_joined_by_no_path(release: duckdb.DuckDBPyConnection) -> None:
    add_links(release, [("a", "b")], customer="c_1")
    add_links(release, [("c", "d")], customer="c_2")
    assert path(release, "a", "c") == []


def test_an_identifier_that_is_not_there_gives_no_row(release: duckdb.DuckDBPyConnection) -> None:
    assert path(release, "nobody", "nothing") == []


def test_a_customers_evidence_has_their_devices_with_the_time_they_were_theirs(
    release: duckdb.DuckDBPyConnection,
) -> None:
    add_links(release, [("mail", "phone")])
    release.execute(
        "insert into core.fct_identifier_observations "
        "values (null, 'v_1', 'cookie', 'cookie', 'web', 'event', 7, '2026-01-01', '2026-01-09')"
    )
    release.execute(
        "insert into core.bridge_customer_identifiers values "
        "('email', 'mail', 'c_1', 'person', '2026-01-01', null), "
        "('cookie', 'cookie', 'c_1', 'last_login', '2026-01-03', '2026-01-05'), "
        "('cookie', 'cookie', 'c_2', 'last_login', '2026-01-05', null)"
    )
    found = release.execute(
        "select identifier_hash, link_rule, observation_count, valid_to is null from core.customer_evidence('c_1') "
        "order by all"
    ).fetchall()
    assert found == [("cookie", "last_login", 7, False), ("mail", "person", 1, True)]


@pytest.mark.skipif("JOURNEYS_OLD_DUCKDB_PYTHON" not in os.environ, reason="no old DuckDB is named")
def test_a_duckdb_of_years_ago_walks_the_same_path(release: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    add_links(release, [("a", "b"), ("b", "c"), ("a", "d"), ("d", "e"), ("c", "e")])
    now = path(release, "a", "c")
    release.execute("checkpoint candidate")
    release.execute("use memory")
    release.execute("detach candidate")
    asked = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1], read_only=True); print(connection.execute("
        "\"select from_identifier_hash, to_identifier_hash from core.identifier_path('a', 'c') order by step_number\""
        ").fetchall())"
    )
    done = subprocess.run(
        [os.environ["JOURNEYS_OLD_DUCKDB_PYTHON"], "-c", asked, str(tmp_path / "customer_journeys.duckdb")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(now)
