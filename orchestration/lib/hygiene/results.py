"""Says what a suite found: per check, per suite, and as rows of the ledger `hygiene.expectation_results`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.hygiene.checks import Gate, Severity

Verdict = Literal["pass", "fail", "error"]

# Columns of the ledger, in order, with their DuckDB types.
LEDGER_COLUMNS: Mapping[str, str] = {
    "run_id": "varchar",
    "gate": "varchar",
    "suite": "varchar",
    "table_schema": "varchar",
    "table_name": "varchar",
    "expectation": "varchar",
    "column_name": "varchar",
    "verdict": "varchar",
    "severity": "varchar",
    "rows_checked": "bigint",
    "unexpected_count": "bigint",
    "unexpected_share": "double",
    "sample_keys": "varchar",
    "message": "varchar",
    "checked_at": "timestamp",
}


@dataclass(frozen=True)
class CheckResult:
    """What one check found. `sample_keys` are keyed hashes of breaking rows' keys, at most five; never a
    row's values.

    `unexpected_count` may be above zero in a passing check: the share that the check tolerates.
    """

    table_schema: str
    table_name: str
    expectation: str
    column_name: str | None
    verdict: Verdict
    severity: Severity
    rows_checked: int | None
    unexpected_count: int | None
    sample_keys: tuple[str, ...]
    message: str

    @property
    def unexpected_share(self) -> float | None:
        if self.unexpected_count is None or not self.rows_checked:
            return None
        return self.unexpected_count / self.rows_checked


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found.

    The verdict is *error* when any check could not run, whatever its severity: nobody knows then whether the
    data is good. It is *fail* when a check of severity error failed; failed warnings are shown and block
    nothing.
    """

    suite: str
    gate: Gate
    results: tuple[CheckResult, ...]
    checked_at: datetime
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        if not self.results or any(result.verdict == "error" for result in self.results):
            return "error"
        return "fail" if any(result.verdict == "fail" for result in self.blocking_results) else "pass"

    @property
    def blocks(self) -> bool:
        """True when nothing may be built or published on this data."""
        return self.verdict != "pass"

    @property
    def blocking_results(self) -> tuple[CheckResult, ...]:
        """The results that keep the gate shut: failed errors, and whatever could not run."""
        return tuple(
            result
            for result in self.results
            if result.verdict == "error" or (result.verdict == "fail" and result.severity == "error")
        )

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.verdict == "fail" and result.severity == "warning")

    @property
    def rows_checked(self) -> int:
        """Rows of the largest set that any check looked at."""
        return max((result.rows_checked or 0 for result in self.results), default=0)

    @property
    def message(self) -> str:
        """The suite's verdict for people: one line when all is well, else one line per finding."""
        count = len(self.results)
        words = {"pass": "passes", "fail": "fails", "error": "could not be checked"}
        head = f"{self.suite}: {words[self.verdict]} ({count} check{'' if count == 1 else 's'})"
        findings = [f"  {result.verdict}: {result.message}" for result in self.blocking_results]
        findings += [f"  warning: {result.message}" for result in self.warnings]
        return "\n".join([head, *findings])


def results_rows(results: Iterable[SuiteResult], run_id: str) -> list[dict[str, object]]:
    """The results as rows of `hygiene.expectation_results`, columns in the ledger's order."""
    return [
        {
            "run_id": run_id,
            "gate": suite.gate,
            "suite": suite.suite,
            "table_schema": result.table_schema,
            "table_name": result.table_name,
            "expectation": result.expectation,
            "column_name": result.column_name,
            "verdict": result.verdict,
            "severity": result.severity,
            "rows_checked": result.rows_checked,
            "unexpected_count": result.unexpected_count,
            "unexpected_share": result.unexpected_share,
            "sample_keys": json.dumps(list(result.sample_keys)),
            "message": result.message,
            "checked_at": plain_utc(suite.checked_at),
        }
        for suite in results
        for result in suite.results
    ]


def store_results(connection: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, object]], *, table: str) -> int:
    """Appends rows to the ledger table, made if absent; returns how many.

    Rows of the same run and suite are replaced, so that a step that is tried again does not count twice.
    """
    kept = [tuple(row[column] for column in LEDGER_COLUMNS) for row in rows]
    columns = ", ".join(f"{column} {kind}" for column, kind in LEDGER_COLUMNS.items())
    connection.execute(f"create schema if not exists {table.partition('.')[0]}")
    connection.execute(f"create table if not exists {table} ({columns})")
    for run_id, suite in sorted({(str(row[0]), str(row[2])) for row in kept}):
        connection.execute(f"delete from {table} where run_id = ? and suite = ?", [run_id, suite])
    if kept:
        # one statement for all: row by row, each of hundreds would be a transaction of its own
        values = ", ".join(f"unnest(cast(? as {kind}[]))" for kind in LEDGER_COLUMNS.values())
        connection.execute(
            f"insert into {table} ({', '.join(LEDGER_COLUMNS)}) select {values}",
            [list(column) for column in zip(*kept, strict=True)],
        )
    return len(kept)


def results_from_rows(rows: Iterable[Mapping[str, Any]]) -> list[SuiteResult]:
    """The suites' results that ledger rows of one run hold, by gate, then suite; the rows keep their
    order.
    """
    found: dict[tuple[Gate, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["gate"], row["suite"]), []).append(row)
    return [
        SuiteResult(
            suite=suite,
            gate=gate,
            results=tuple(_result_from_row(row) for row in suite_rows),
            checked_at=suite_rows[0]["checked_at"],
        )
        for (gate, suite), suite_rows in sorted(found.items())
    ]


def read_results(connection: duckdb.DuckDBPyConnection, suites: Collection[str], *, table: str) -> list[SuiteResult]:
    """The last results that the ledger holds of each suite: a suite whose table is unchanged is not run again."""
    columns = list(LEDGER_COLUMNS)
    rows = connection.execute(
        f"select {', '.join(columns)} from {table} where list_contains(?, suite) "
        f"qualify checked_at = max(checked_at) over (partition by suite) order by rowid",
        [sorted(suites)],
    ).fetchall()
    return results_from_rows(dict(zip(columns, row, strict=True)) for row in rows)


def _result_from_row(row: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        table_schema=row["table_schema"],
        table_name=row["table_name"],
        expectation=row["expectation"],
        column_name=row["column_name"],
        verdict=row["verdict"],
        severity=row["severity"],
        rows_checked=row["rows_checked"],
        unexpected_count=row["unexpected_count"],
        sample_keys=tuple(json.loads(row["sample_keys"] or "[]")),
        message=row["message"],
    )


# Errors about names and syntax quote columns and tables; every other error may quote a value of a row.
NAMING_ERROR = re.compile(
    r"(?:Binder|Catalog|Parser|IO|Connection) Error: [^\n]*|The column \"[^\"]*\" in BatchData does not exist"
)
ANY_ERROR = re.compile(r"[A-Z][A-Za-z -]* Error: [^\n]*")
QUOTED_TEXT = re.compile(r"'[^']*'?|\"[^\"]*\"?")


def reason_without_data(error: BaseException | str) -> str:
    """Why a check could not run, in one line that holds no value of any row.

    >>> reason_without_data("Conversion Error: Could not convert string 'ann@example.org' to INT32")
    'Conversion Error: Could not convert string … to INT32'
    """
    text = str(error)
    naming = NAMING_ERROR.search(text)
    if naming:
        return naming.group(0).strip()
    other = ANY_ERROR.search(text)
    line = other.group(0) if other else (text.strip().splitlines() or [""])[0]
    # JSON errors quote the input after these words, and quotes inside it make its end uncertain
    line = re.split(r"\b[Ii]nput:|\bin JSON\b|\bvalue:", line)[0]
    reason = QUOTED_TEXT.sub("…", line).strip()[:300] or "unknown reason"
    if other is None and isinstance(error, BaseException):
        return f"{type(error).__name__}: {reason}"
    return reason
