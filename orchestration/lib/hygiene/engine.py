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
import sqlalchemy
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import Expectation

from orchestration.lib.hygiene import checks as vocabulary
from orchestration.lib.hygiene.checks import Check
from orchestration.lib.hygiene.expectations import EXPECTATIONS

BATCH = "rows"

# Counts only: no value of a row is fetched.
COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Runs GX metrics on one connection that remains open."""

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def execute_query(self, query: Any) -> Any:
        try:
            return super().execute_query(query)
        except sqlalchemy.exc.SQLAlchemyError:
            # a failed statement leaves its transaction unusable for the next figure
            self.end_transaction()
            raise

    def end_transaction(self) -> None:
        """Leaves the transaction that SQLAlchemy began; nothing is written in it."""
        if self._connection is not None and self._connection.in_transaction():
            self._connection.rollback()


EngineType = type[SqlAlchemyExecutionEngine]


class DuckDBDatasource(SQLDatasource):
    """A GX data source whose SQLAlchemy engine hands out a connection that is already open."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # GX identifies the kind of source by it

    @property
    def execution_engine_type(self) -> EngineType:
        return DuckDBExecutionEngine


@dataclass(frozen=True)
class Observation:
    """What GX found: whether the law holds, how many rows were looked at and how many break it, or why it
    could not look.
    """

    holds: bool = False
    checked_count: int | None = None
    unexpected_count: int | None = None
    could_not_run: str | None = None


class Validator:
    """An ephemeral GX context on one open DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        # GX logs the statements that fail, and a statement's error may quote a row.
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        # without the temporary folder that GX would make for pages nobody asks for
        stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
        context = gx.get_context(mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores))
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source = context.data_sources.add_duckdb(
            "warehouse",
            connection_string="duckdb:///:memory:",  # never dialled: `creator` answers instead
            create_temp_table=False,
            kwargs={
                "creator": lambda: duckdb_engine.ConnectionWrapper(connection),
                "poolclass": sqlalchemy.pool.StaticPool,
            },
        )
        # One asset for all batches, since GX writes its whole configuration out for each that is added;
        # `observe` changes its query.
        self._asset = self._source.add_query_asset(BATCH, query="select 1 as nothing")
        self._batches = self._asset.add_batch_definition_whole_table("all")

    def observe(self, batch_query: str, checks: Sequence[Check]) -> list[Observation]:
        """Runs the checks on the rows that the query selects, in their order.

        When one figure cannot be computed, GX gives its reason for all that failed with it. So whatever
        could not run is tried again by itself, and a broken check speaks for itself only.
        """
        self._asset.query = batch_query
        batch = self._batches.get_batch()
        observations: dict[int, Observation] = {}
        expectations: list[Expectation] = []
        for number, check in enumerate(checks):
            try:
                expectations.append(_expectation(check, number))
            except ValueError as error:  # GX refuses the arguments
                observations[number] = Observation(could_not_run=str(error))
        suite = gx.ExpectationSuite(name=BATCH, expectations=expectations)
        for result in batch.validate(suite, result_format=COUNTS_ONLY).results:
            number = result.expectation_config.meta["number"]
            observations[number] = _observation(checks[number], result)
        for expectation in expectations if len(checks) > 1 else ():
            number = _number(expectation)
            if observations[number].could_not_run:
                alone = batch.validate(expectation, result_format=COUNTS_ONLY)
                observations[number] = _observation(checks[number], alone)
        self._source.get_execution_engine().end_transaction()
        return [observations[number] for number in range(len(checks))]

    def close(self) -> None:
        """Takes SQLAlchemy off the connection, so that its owner may close it."""
        engine = self._source.get_execution_engine()
        if engine._connection is not None:
            engine._connection.close()
            engine._connection = None
        engine.engine.dispose()


def _expectation(check: Check, number: int) -> Expectation:
    arguments: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in check.arguments
    }
    return EXPECTATIONS[check.expectation](**arguments, meta={"number": number})


def _number(expectation: Expectation) -> int:
    assert expectation.meta is not None
    return expectation.meta["number"]


def _observation(check: Check, result: Any) -> Observation:
    raised = _raised(result.exception_info or {})
    if raised:
        return Observation(could_not_run=raised)
    details = result.result or {}
    if check.expectation == vocabulary.COLUMNS:
        missing = (details.get("details") or {}).get("mismatched", {}).get("missing", [])
        return Observation(bool(result.success), unexpected_count=len(missing))
    if check.expectation == vocabulary.ROW_COUNT:
        return Observation(bool(result.success))
    count = details.get("unexpected_count")
    if count is None:
        return Observation(could_not_run="Great Expectations gave neither a count nor a reason")
    checked = details["element_count"]
    if check.expectation in (vocabulary.ONE_OF, vocabulary.BETWEEN, vocabulary.UNIQUE):
        checked -= details["missing_count"]  # an empty value breaks no law about values
    return Observation(bool(result.success), checked, count)


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
