"""The expectations that suites are made of: Great Expectations' own, and two that it lacks for SQL.

Importing this module imports GX, which takes seconds: only the function that runs a suite does.

All of them ask for counts and nothing else. GX's own column expectations also fetch values that break a law;
here no value of a row leaves DuckDB. GX counts a batch in three statements: all conditions, all columns,
uniqueness.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import great_expectations.expectations as gxe
import sqlalchemy
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import ExecutionEngine, SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.validator import ValidationDependencies

from orchestration.lib.hygiene import checks


class CountsOnly:
    """Leaves out of a column expectation the figures that would fetch values of rows."""

    def get_validation_dependencies(
        self,
        execution_engine: ExecutionEngine | None = None,
        runtime_configuration: dict | None = None,
        **options: Any,
    ) -> ValidationDependencies:
        counts = super().get_validation_dependencies(  # type: ignore[misc]
            execution_engine, {**(runtime_configuration or {}), "result_format": "BOOLEAN_ONLY"}, **options
        )
        # the counts that decide are also reported
        counts.result_format = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
        return counts


class ExpectValuesToBePresent(CountsOnly, gxe.ExpectColumnValuesToNotBeNull):
    """GX's ExpectColumnValuesToNotBeNull, counted."""


class ExpectValuesToBeUnique(CountsOnly, gxe.ExpectColumnValuesToBeUnique):
    """GX's ExpectColumnValuesToBeUnique, counted."""


class ExpectValuesToBeAccepted(CountsOnly, gxe.ExpectColumnValuesToBeInSet):
    """GX's ExpectColumnValuesToBeInSet, counted."""


class ExpectValuesToBeBetween(CountsOnly, gxe.ExpectColumnValuesToBeBetween):
    """GX's ExpectColumnValuesToBeBetween, counted."""


class RowsWhere(TableMetricProvider):
    """How many rows of a batch meet a condition."""

    metric_name = "table.rows_where"
    value_keys = ("condition",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict,
        metric_value_kwargs: dict,
        metrics: dict,
        runtime_configuration: dict,
    ) -> tuple[Any, dict, dict]:
        condition: Any = sqlalchemy.literal_column(metric_value_kwargs["condition"])
        return sqlalchemy.func.count().filter(condition), metric_domain_kwargs, {}


class ExpectNoRowWhere(BatchExpectation):
    """No row of the batch meets the SQL condition, or at most the share of rows that `mostly` leaves.

    For what GX cannot say to DuckDB: regular expressions, comparisons of columns and of tables. GX's own
    UnexpectedRowsExpectation scans the table twice for each of them, fetches the rows, and changes braces
    and colons of the condition on the way; all of these are counted in one statement.
    """

    condition: str
    mostly: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.row_count", "table.rows_where")
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "mostly")

    def _validate(
        self,
        metrics: dict,
        runtime_configuration: dict | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict:
        rows, unexpected = metrics["table.row_count"], metrics["table.rows_where"]
        return _counted(rows, unexpected, self.mostly)


class FiguresOfQuery(TableMetricProvider):
    """The two figures that a query gives."""

    metric_name = "query.figures"
    value_keys = ("figures_query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict,
        metric_value_kwargs: dict,
        metrics: dict,
        runtime_configuration: dict,
    ) -> tuple[int, int]:
        # a colon of the query is no parameter
        query = sqlalchemy.text(metric_value_kwargs["figures_query"].replace(":", "\\:"))
        checked, unexpected = execution_engine.execute_query(query).one()
        return int(checked or 0), int(unexpected or 0)


class ExpectFiguresWithinTolerance(BatchExpectation):
    """Of the things that a query counts, at most the share that `mostly` leaves is unexpected.

    The query gives one row with two figures: how many were looked at, how many are unexpected.
    """

    figures_query: str
    mostly: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.figures",)
    success_keys: ClassVar[tuple[str, ...]] = ("figures_query", "mostly")

    def _validate(
        self,
        metrics: dict,
        runtime_configuration: dict | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict:
        checked, unexpected = metrics["query.figures"]
        return _counted(checked, unexpected, self.mostly)


def _counted(checked: int, unexpected: int, mostly: float) -> dict[str, Any]:
    return {
        "success": unexpected == 0 or (checked - unexpected) >= mostly * checked,
        "result": {"element_count": checked, "unexpected_count": unexpected},
    }


EXPECTATIONS: Mapping[str, type[BatchExpectation]] = {
    checks.PRESENT: ExpectValuesToBePresent,
    checks.UNIQUE: ExpectValuesToBeUnique,
    checks.ONE_OF: ExpectValuesToBeAccepted,
    checks.BETWEEN: ExpectValuesToBeBetween,
    checks.COLUMNS: gxe.ExpectTableColumnsToMatchSet,
    checks.ROW_COUNT: gxe.ExpectTableRowCountToBeBetween,
    checks.NO_ROWS: ExpectNoRowWhere,
    checks.FIGURES: ExpectFiguresWithinTolerance,
}
