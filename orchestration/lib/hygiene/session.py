"""Runs suites against one warehouse file: opened read-only, asked in SQL, closed when the block ends."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.sql import literal
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.hygiene.checks import COLUMNS, Check, Suite, quoted_table
from orchestration.lib.hygiene.results import CheckResult, SuiteResult, Verdict, reason_without_data

if TYPE_CHECKING:
    from orchestration.lib.hygiene.engine import Observation, Validator

SAMPLE_SIZE = 5


class HygieneSession:
    """Runs any number of suites over one connection and one GX context, which are the costly parts.

    The file is open only inside the `with` block, read-only. A file that cannot be opened raises nothing:
    each suite then says *error* and why.

        with HygieneSession(settings.warehouse) as session:
            results = [session.run(suite) for suite in suites]

    `pepper` keys the hashes of the sample keys; without one, the pepper in `landing.settings` does.
    """

    def __init__(
        self,
        warehouse: Path,
        *,
        pepper: str | None = None,
        wait_seconds: float = 30.0,
        checked_at: datetime | None = None,
    ) -> None:
        self._warehouse = Path(warehouse)
        self._pepper = pepper
        self._wait_seconds = wait_seconds
        self._checked_at = checked_at
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._validator: Validator | None = None
        self._closed_because: str | None = "the session has not begun"

    def __enter__(self) -> Self:
        self._checked_at = self._checked_at or datetime.now(UTC)
        if not self._warehouse.is_file():
            # duckdb's own words for it differ by version, and a folder gives another error again
            self._closed_because = f"there is no warehouse file at {self._warehouse}: run the landing step first"
            return self
        try:
            self._connection = self._stack.enter_context(
                open_duckdb(self._warehouse, read_only=True, wait_seconds=self._wait_seconds)
            )
        except Exception as error:  # whatever keeps the file shut, the suites answer "error"
            self._closed_because = f"the warehouse file could not be opened: {reason_without_data(error)}"
            return self
        self._closed_because = None
        if self._pepper is None:
            self._pepper = self._landed_pepper()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if self._validator is not None:
                self._validator.close()
        finally:
            self._validator = None
            self._connection = None
            self._closed_because = "the session has ended"
            self._stack.close()

    def run(self, suite: Suite) -> SuiteResult:
        """Runs one suite. It raises nothing that bad data or a bad check could cause: such a check says
        *error*.
        """
        started = time.monotonic()
        if self._connection is None:
            results = [could_not_run(check, self._closed_because or "the session is closed") for check in suite.checks]
        else:
            try:
                results = self._run_checks(suite.checks)
            except Exception as error:  # a suite that broke has checked nothing
                results = [could_not_run(check, error) for check in suite.checks]
        return SuiteResult(
            suite=suite.name,
            gate=suite.gate,
            results=tuple(results),
            checked_at=self._checked_at or datetime.now(UTC),
            seconds=time.monotonic() - started,
        )

    def _run_checks(self, checks: Sequence[Check]) -> list[CheckResult]:
        """Results in the order of the checks, though checks on the same rows run together."""
        groups: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for number, check in enumerate(checks):
            groups[check.table, check.rows].append(number)
        results: dict[int, CheckResult] = {}
        for (table, rows), numbers in groups.items():
            group = [checks[number] for number in numbers]
            for number, result in zip(numbers, self._run_group(table, rows, group), strict=True):
                results[number] = result
        return [results[number] for number in range(len(checks))]

    def _run_group(self, table: str, rows: str | None, checks: Sequence[Check]) -> list[CheckResult]:
        query = f"select * from {quoted_table(table)}" + (f" where {rows}" if rows else "")
        try:
            (row_count,) = self._fetch(f"select count(*) from ({query}) as checked_rows")[0]
        except duckdb.Error as error:
            return [could_not_run(check, error) for check in checks]
        # A table that no source fills breaks no law about rows; asking GX would only cost time.
        asked = [check for check in checks if row_count or not check.is_about_rows]
        observations: Mapping[int, Observation] = {}
        if asked:
            try:
                observed = self._gx().observe(query, asked)
            except Exception as error:  # GX raises its own and SQLAlchemy's exceptions
                return [could_not_run(check, error) for check in checks]
            observations = {id(check): seen for check, seen in zip(asked, observed, strict=True)}
        results = []
        for check in checks:
            if id(check) not in observations:
                words = f"{_name(check)}: no rows, nothing to check"
                results.append(_result(check, "pass", 0, 0, message=words))
                continue
            try:
                results.append(self._result_of(check, observations[id(check)], row_count))
            except duckdb.Error as error:
                results.append(could_not_run(check, error))
        return results

    def _result_of(self, check: Check, observation: Observation, row_count: int) -> CheckResult:
        """GX says whether the law holds; sample keys and words are added here."""
        if observation.could_not_run is not None:
            return could_not_run(check, observation.could_not_run)
        rows_checked = row_count if observation.checked_count is None else observation.checked_count
        unexpected = observation.unexpected_count
        if observation.holds:
            words = _passing_words(check, rows_checked, unexpected)
            return _result(check, "pass", rows_checked, unexpected, message=words)
        return _result(
            check,
            "fail",
            rows_checked,
            unexpected,
            sample_keys=self._sample_keys(check),
            message=_failing_words(check, rows_checked, unexpected, self._columns_at_fault(check)),
        )

    def _sample_keys(self, check: Check) -> tuple[str, ...]:
        """Hashes of up to five breaking rows' keys, the same five on every run over the same rows."""
        if check.key is None or check.where is None:
            return ()
        keyed = f"concat({literal(self._pepper or '')}, '|', cast({check.key} as varchar))"
        query = (
            f"select distinct left(sha256({keyed}), 16) as key_hash"
            f" from {quoted_table(check.table)} where {check.breaking_rows} order by key_hash limit {SAMPLE_SIZE}"
        )
        return tuple(key for (key,) in self._fetch(query))

    def _columns_at_fault(self, check: Check) -> list[tuple[str, str, int]]:
        """Of a check on several columns, those that break it: column, condition, count."""
        if not check.columns:
            return []
        figures = ", ".join(f"count_if({condition})" for _, condition in check.columns)
        rows = f" where {check.rows}" if check.rows else ""
        counts = self._fetch(f"select {figures} from {quoted_table(check.table)}{rows}")[0]
        found = zip(check.columns, counts, strict=True)
        return [(column, condition, count) for (column, condition), count in found if count]

    def _landed_pepper(self) -> str | None:
        try:
            found = self._fetch("select value from landing.settings where key = 'pepper'")
        except duckdb.Error:
            return None
        return str(found[0][0]) if found else None

    def _fetch(self, query: str) -> list[tuple]:
        assert self._connection is not None
        return self._connection.execute(query).fetchall()

    def _gx(self) -> Validator:
        if self._validator is None:
            # importing GX takes seconds; code that only builds suites or reads results does not pay for it
            from orchestration.lib.hygiene.engine import Validator

            assert self._connection is not None
            self._validator = Validator(self._connection)
        return self._validator


def could_not_run(check: Check, reason: BaseException | str) -> CheckResult:
    """The result of a check that nobody can say anything about."""
    return _result(
        check,
        "error",
        None,
        None,
        message=f"{_name(check)}: could not be checked: {reason_without_data(reason)}",
    )


def _result(
    check: Check,
    verdict: Verdict,
    rows_checked: int | None,
    unexpected: int | None,
    *,
    message: str,
    sample_keys: tuple[str, ...] = (),
) -> CheckResult:
    return CheckResult(
        table_schema=check.table_schema,
        table_name=check.table_name,
        expectation=check.name,
        column_name=check.column,
        verdict=verdict,
        severity=check.severity,
        rows_checked=rows_checked,
        unexpected_count=unexpected,
        sample_keys=sample_keys,
        message=message,
    )


def _name(check: Check) -> str:
    return f"{check.table} {check.name}" + (f" of {check.column}" if check.column else "")


def _passing_words(check: Check, rows_checked: int, unexpected: int | None) -> str:
    if unexpected:
        return (
            f"{_name(check)}: {check.says}; {unexpected:,} of {rows_checked:,} break this, which is"
            f" within the"
            f" tolerated {check.tolerated_share:.1%}"
        )
    return f"{_name(check)}: {check.says}"


def _failing_words(
    check: Check, rows_checked: int, unexpected: int | None, columns: Sequence[tuple[str, str, int]]
) -> str:
    look = check.looking_query
    if unexpected is None:
        found = f"it has {rows_checked:,} rows"
    elif check.expectation == COLUMNS:
        found = f"{unexpected:,} of these columns are missing"
    else:
        found = f"{unexpected:,} of {rows_checked:,} break this"
        if check.tolerated_share:
            found += f", more than the tolerated {check.tolerated_share:.1%}"
    if columns:
        found += ", in " + ", ".join(f"{column} ({count:,})" for column, _, count in columns)
        column, condition, _ = columns[0]
        look = f"select {quoted(column)} from {quoted_table(check.table)} where {condition}"
    words = f"{_name(check)}: expected that {check.says}; {found}"
    return f"{words}. Look with: {look}" if look else words
