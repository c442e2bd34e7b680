"""Remembers what each suite has checked, so that a suite with the same checks of the same rows is not run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import duckdb

from orchestration.lib.hygiene.checks import Suite
from orchestration.lib.hygiene.results import SuiteResult

_TABLE = "create table if not exists landing.suites (suite varchar primary key, state varchar)"


def state_of(suite: Suite, rows: object) -> str:
    """What a suite's verdict follows from: its checks, the clock in them included, and the state of its rows."""
    return hashlib.sha256(f"{suite!r}\n{rows!r}".encode()).hexdigest()[:32]


def passed_states(connection: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """The state in which each suite passed when it was last run; a suite that did not pass has none."""
    connection.execute(_TABLE)
    return dict(connection.execute("select suite, state from landing.suites").fetchall())


def note_states(connection: duckdb.DuckDBPyConnection, found: Iterable[tuple[SuiteResult, str]]) -> None:
    """Notes the states of suites that passed, and forgets those of the others."""
    connection.execute(_TABLE)
    for result, state in found:
        if result.verdict == "pass":
            connection.execute("insert or replace into landing.suites values (?, ?)", [result.suite, state])
        else:
            connection.execute("delete from landing.suites where suite = ?", [result.suite])
