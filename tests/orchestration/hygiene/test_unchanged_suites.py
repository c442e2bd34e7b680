"""A suite is run again when its checks, their clock or the rows are others, and as long as it has not passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.hygiene.landing_suites import landing_suite
from orchestration.lib.hygiene.results import CheckResult, SuiteResult
from orchestration.lib.hygiene.unchanged import note_states, passed_states, state_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
[EVENTS] = [contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == "feed.events"]


def test_the_state_follows_checks_clock_refused_files_and_rows() -> None:
    def state(*, as_of: datetime = NOW, refused: tuple[str, ...] = (), batch: int = 7, required: bool = False) -> str:
        columns = tuple(replace(column, required=column.required or required) for column in EVENTS.columns)
        return state_of(landing_suite(replace(EVENTS, columns=columns), as_of=as_of, refused_files=refused), batch)

    assert state() == state()
    others = [state(as_of=NOW + timedelta(hours=1)), state(refused=("a.csv",)), state(batch=8), state(required=True)]
    assert len({state(), *others}) == 5


def test_only_what_passed_is_noted() -> None:
    def result(verdict: str) -> SuiteResult:
        check = CheckResult("raw", "feed__events", "c", None, verdict, "error", 1, 0, (), "said")  # type: ignore[arg-type]
        return SuiteResult("landing.feed__events", "landing", (check,), NOW)

    with open_duckdb() as connection:
        connection.execute("create schema landing")
        assert passed_states(connection) == {}
        note_states(connection, [(result("pass"), "one")])
        assert passed_states(connection) == {"landing.feed__events": "one"}
        note_states(connection, [(result("pass"), "two")])
        assert passed_states(connection) == {"landing.feed__events": "two"}
        for verdict in ("fail", "error"):
            note_states(connection, [(result("pass"), "two")])
            note_states(connection, [(result(verdict), "two")])
            assert passed_states(connection) == {}
