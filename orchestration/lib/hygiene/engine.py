"""Lets Great Expectations ask DuckDB in SQL, over one kept connection that the project opened.

Importing this module imports GX, which takes seconds: only the function that runs a suite does.

GX fetches results after its own connection block has ended, which empties a DuckDB cursor; every expectation
then fails with an exception that looks like bad data. One connection kept for the whole session avoids that.
It is the connection that `open_duckdb` made, so the project's session settings hold for every query; GX
never connects by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import duckdb_engine
import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.registry import get_expectation_impl

from orchestration.lib.hygiene import checks as vocabulary
from orchestration.lib.hygiene.checks import Check

# The temporary view that a batch reads, and the table of what was counted in it. A read-only connection may
# make temporary objects.
ROWS = "hygiene_rows"
COUNTS = "hygiene_counts"

# SUMMARY with no partial list: counts only. Values of rows, which may be personal, never leave DuckDB.
COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Runs GX metrics on one connection that stays open."""

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection


class DuckDBDatasource(SQLDatasource):
    """A GX data source whose SQLAlchemy engine hands out a connection that is already open."""

    type: Literal["duckdb"] = "duckdb"

    @property
    def execution_engine_type(self) -> type[SqlAlchemyExecutionEngine]:
        return DuckDBExecutionEngine


class RecordedExpectation(gxe.UnexpectedRowsExpectation):
    """Stands in Data Docs for a check that was run earlier; its pages are made from the ledger.

    `column` is what GX groups a page by: the table, or the table's column.
    """

    column: str


@dataclass(frozen=True)
class Observation:
    """What GX saw: whether the law holds and how many rows break it, or why it could not look."""

    holds: bool = False
    unexpected_count: int | None = None
    could_not_run: str | None = None


class Validator:
    """An ephemeral GX context on one open DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        # GX logs the statements that fail, and a statement's error may quote a row.
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        self._connection = connection
        # without the temporary folder that GX would make for pages nobody asks for
        stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
        self._context = gx.get_context(
            mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores)
        )
        self._context.enable_analytics(False)
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source = self._context.data_sources.add_duckdb(
            "warehouse",
            connection_string="duckdb:///:memory:",  # never dialled: `creator` answers instead
            create_temp_table=False,
            kwargs={
                "creator": lambda: duckdb_engine.ConnectionWrapper(connection),
                "poolclass": sqlalchemy.pool.StaticPool,
            },
        )
        # One asset for all batches, since GX writes its whole configuration out for each that is added.
        # What it shows is decided by the view that `observe` makes.
        self._connection.execute(f"create or replace temp view {ROWS} as select 1 as nothing")
        asset = self._source.add_query_asset(ROWS, query=f"select * from {ROWS}")
        self._batches = asset.add_batch_definition_whole_table("all")

    def observe(self, batch_query: str, checks: Sequence[Check]) -> list[Observation]:
        """Runs the checks on the rows that the query selects, in their order.

        GX computes many figures in one statement; when one of them cannot be computed, all of that statement
        reads as broken. So whatever could not run is tried again by itself, and a broken check speaks for
        itself only.
        """
        # Outside a transaction: the roll-back that follows a failing statement would take the views away.
        self.end_transaction()
        self._connection.execute(f"create or replace temp view {ROWS} as {batch_query}")
        observations = self._count_rows(checks)
        expectations: dict[int, Any] = {}
        for number, check in enumerate(checks):
            if number not in observations:
                try:
                    expectations[number] = _expectation(check, number)
                except Exception as error:  # GX refuses the arguments
                    observations[number] = Observation(could_not_run=str(error))
        batch = self._batches.get_batch()
        suite = gx.ExpectationSuite(name=ROWS, expectations=list(expectations.values()))
        for result in batch.validate(suite, result_format=COUNTS_ONLY).results:
            number = result.expectation_config.meta["number"]
            observations[number] = _observation(checks[number], result)
        broken = [number for number in expectations if observations[number].could_not_run]
        for number in broken if len(checks) > 1 else ():
            alone = batch.validate(expectations[number], result_format=COUNTS_ONLY)
            observations[number] = _observation(checks[number], alone)
        self.end_transaction()
        return [observations[number] for number in range(len(checks))]

    def close(self) -> None:
        """Takes SQLAlchemy off the connection, so that whoever opened it may close it."""
        engine = self._source.get_execution_engine()
        if engine._connection is not None:
            engine._connection.close()
            engine._connection = None
        engine.engine.dispose()

    def end_transaction(self) -> None:
        """Leaves the transaction that SQLAlchemy began; nothing was written in it."""
        connection = self._source.get_execution_engine()._connection
        if connection is not None and connection.in_transaction():
            connection.rollback()

    def _count_rows(self, checks: Sequence[Check]) -> dict[int, Observation]:
        """Counts the rows that meet each check's condition into a temporary table; returns what could not be
        counted.

        GX would scan the table twice for each condition. Here all of them share one scan, which on millions
        of rows is most of a suite's time. DuckDB also reads a condition as it was written: on the way
        through GX and SQLAlchemy a brace is a placeholder and a colon a parameter, and a regular expression
        that is changed on the way finds nothing and passes.
        """
        queries = {
            number: f"select unexpected_count from ({check.counts}) as figures where {check.where}"
            for number, check in enumerate(checks)
            if check.counts is not None
        }
        conditions = {
            number: f"count_if({check.where})"
            for number, check in enumerate(checks)
            if check.expectation == vocabulary.NO_ROWS and check.counts is None
        }
        counted: dict[int, int] = {}
        failed: dict[int, Observation] = {}
        try:
            if conditions:
                row = self._connection.execute(f"select {', '.join(conditions.values())} from {ROWS}").fetchone()
                counted = dict(zip(conditions, row, strict=True))
        except duckdb.Error:
            # one condition is broken: each by itself, so that only that one says so
            queries |= {number: f"select {condition} from {ROWS}" for number, condition in conditions.items()}
        for number, query in queries.items():
            try:
                row = self._connection.execute(query).fetchone()
                counted[number] = int(row[0]) if row else 0
            except duckdb.Error as error:
                failed[number] = Observation(could_not_run=str(error))
        self._connection.execute(
            f"create or replace temp table {COUNTS} (check_number integer, unexpected_count bigint)"
        )
        if counted:
            self._connection.executemany(f"insert into {COUNTS} values (?, ?)", list(counted.items()))
        return failed


def _expectation(check: Check, number: int) -> Any:
    if check.expectation == vocabulary.NO_ROWS:
        # GX complains on standard output about a query without {batch}: the comment is there for it.
        query = (
            f"select 1 as unexpected from {COUNTS}, range(unexpected_count)"
            f" where check_number = {number} /* {{batch}} */"
        )
        arguments: dict[str, Any] = {"unexpected_rows_query": query}
    else:
        arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in check.arguments}
    implementation = get_expectation_impl(check.expectation)
    return implementation(**arguments, description=check.says, meta={"number": number})


def _observation(check: Check, result: Any) -> Observation:
    raised = _raised(result.exception_info or {})
    if raised:
        return Observation(could_not_run=raised)
    details = result.result or {}
    if check.expectation == vocabulary.COLUMNS:
        missing = (details.get("details") or {}).get("mismatched", {}).get("missing", [])
        return Observation(bool(result.success), len(missing))
    if check.expectation == vocabulary.ROW_COUNT:
        return Observation(bool(result.success), None)
    if check.expectation == vocabulary.NO_ROWS:
        count = details.get("observed_value")
        if not isinstance(count, int):
            return Observation(could_not_run=f"Great Expectations gave no count but {type(count).__name__}")
        return Observation(count == 0, count)
    count = details.get("unexpected_count")
    if count is None and not result.success:
        return Observation(could_not_run="Great Expectations gave neither a count nor a reason")
    return Observation(bool(result.success), count)


def _raised(exception_info: dict[str, Any]) -> str | None:
    """The message of the exception that GX caught: one dictionary, or one per figure that it could not
    compute.
    """
    if "raised_exception" in exception_info:
        found = [exception_info]
    else:
        found = [info for info in exception_info.values() if isinstance(info, dict)]
    for info in found:
        if info.get("raised_exception"):
            return str(info.get("exception_message") or "unknown reason")
    return None
