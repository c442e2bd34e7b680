"""Gives suites their words: a check is one sentence about one table and the expectation that proves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Door = Literal["landing", "marts"]

# `schema.table` → column → type, for all tables of a warehouse file.
Catalog = Mapping[str, Mapping[str, str]]

# Kinds of checks and the Great Expectations type that each is run as. Regular expressions and everything
# else that GX cannot say to DuckDB are rows that a query must not return.
PRESENT = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"
ONE_OF = "expect_column_values_to_be_in_set"
BETWEEN = "expect_column_values_to_be_between"
COLUMNS = "expect_table_columns_to_match_set"
ROW_COUNT = "expect_table_row_count_to_be_between"
NO_ROWS = "unexpected_rows_expectation"


@dataclass(frozen=True)
class Check:
    """One expectation about one table.

    `says` is the law as a sentence. `where` is the SQL condition that a breaking row meets: it finds the
    sample keys, and it is the query that a failing message hands to people. `key` is the SQL expression that
    names a row. `tolerated_share` is the share of rows that may break the law before the check fails; what
    is tolerated is still counted. `counts` is a query giving (rows checked, unexpected rows) where these are
    not rows of the table itself. `look` replaces the query as the place to look. `columns` are tried one by
    one when the check fails, as pairs of column and condition, so that the message can name them.
    """

    table: str
    name: str
    says: str
    expectation: str
    column: str | None = None
    arguments: tuple[tuple[str, object], ...] = ()
    rows: str | None = None
    where: str | None = None
    key: str | None = None
    counts: str | None = None
    look: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    severity: Severity = "error"
    tolerated_share: float = 0.0

    @property
    def table_schema(self) -> str:
        return self.table.partition(".")[0]

    @property
    def table_name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def is_about_rows(self) -> bool:
        """True where a table without rows breaks nothing."""
        return self.expectation in (PRESENT, UNIQUE, ONE_OF, BETWEEN) or (
            self.expectation == NO_ROWS and self.counts is None
        )

    @property
    def looking_query(self) -> str | None:
        """The query that shows the breaking rows in the warehouse file."""
        if self.look is not None or self.where is None:
            return self.look
        conditions = " and ".join(f"({condition})" for condition in (self.rows, self.where) if condition)
        return f"select * from {quoted_table(self.table)} where {conditions}"


@dataclass(frozen=True)
class Suite:
    """All checks of one landing table or one published schema.

    `derive` gives further checks from the tables that exist, once the warehouse is open.
    """

    name: str
    gate: Door
    checks: tuple[Check, ...] = ()
    derive: Callable[[Catalog], tuple[Check, ...]] | None = None


def quoted(identifier: str) -> str:
    """The identifier as DuckDB reads it, whatever letters it is made of."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """`schema.table` with both parts quoted."""
    schema, _, name = table.partition(".")
    return f"{quoted(schema)}.{quoted(name)}"


def literal(value: object) -> str:
    """The value as an SQL literal. Text is quoted; numbers and truths stand as they are."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def in_list(values: Iterable[object]) -> str:
    """`(a, b, c)` of SQL literals; `(null)` for no values, which nothing is in."""
    return "(" + (", ".join(literal(value) for value in values) or "null") + ")"


@dataclass(frozen=True)
class TableChecks:
    """Writes the checks of one table: what they share is said once."""

    table: str
    key: str | None
    rows: str | None = None

    def present(self, column: str, *, severity: Severity = "error", says: str | None = None) -> Check:
        return Check(
            table=self.table,
            name="present",
            says=says or f"{column} has a value in every row",
            expectation=PRESENT,
            column=column,
            arguments=(("column", column),),
            rows=self.rows,
            where=f"{quoted(column)} is null",
            key=self.key,
            severity=severity,
        )

    def unique(self, column: str, *, severity: Severity = "error", says: str | None = None) -> Check:
        scope = f" where {self.rows}" if self.rows else ""
        return Check(
            table=self.table,
            name="unique",
            says=says or f"no two rows share a value of {column}",
            expectation=UNIQUE,
            column=column,
            arguments=(("column", column),),
            rows=self.rows,
            where=(
                f"{quoted(column)} in (select {quoted(column)} from {quoted_table(self.table)}{scope}"
                f" group by {quoted(column)} having count(*) > 1)"
            ),
            key=self.key,
            severity=severity,
        )

    def one_of(self, column: str, values: Sequence[object], *, severity: Severity = "error") -> Check:
        return Check(
            table=self.table,
            name="accepted_values",
            says=f"{column} is one of: {', '.join(str(value) for value in values)}",
            expectation=ONE_OF,
            column=column,
            arguments=(("column", column), ("value_set", tuple(values))),
            rows=self.rows,
            where=f"{quoted(column)} not in {in_list(values)}",
            key=self.key,
            severity=severity,
        )

    def between(
        self,
        column: str,
        *,
        least: float | None = None,
        most: float | None = None,
        severity: Severity = "error",
        tolerated_share: float = 0.0,
    ) -> Check:
        bounds = [
            *([f"{quoted(column)} < {literal(least)}"] if least is not None else []),
            *([f"{quoted(column)} > {literal(most)}"] if most is not None else []),
        ]
        if least is not None and most is not None:
            name, says = "between", f"{column} is between {least:,} and {most:,}"
        elif least is not None:
            name, says = "at_least", f"{column} is at least {least:,}"
        else:
            name, says = "at_most", f"{column} is at most {most:,}"
        return Check(
            table=self.table,
            name=name,
            says=says,
            expectation=BETWEEN,
            column=column,
            arguments=(
                ("column", column),
                ("min_value", least),
                ("max_value", most),
                ("mostly", 1.0 - tolerated_share),
            ),
            rows=self.rows,
            where=" or ".join(bounds),
            key=self.key,
            severity=severity,
            tolerated_share=tolerated_share,
        )

    def no_row_where(
        self,
        name: str,
        where: str,
        *,
        says: str,
        column: str | None = None,
        columns: Sequence[tuple[str, str]] = (),
        severity: Severity = "error",
        tolerated_share: float = 0.0,
        look: str | None = None,
    ) -> Check:
        return Check(
            table=self.table,
            name=name,
            says=says,
            expectation=NO_ROWS,
            column=column,
            rows=self.rows,
            where=where,
            key=self.key,
            columns=tuple(columns),
            look=look,
            severity=severity,
            tolerated_share=tolerated_share,
        )

    def has_columns(self, columns: Iterable[str]) -> Check:
        wanted = tuple(columns)
        return Check(
            table=self.table,
            name="columns",
            says=f"the table has the columns {', '.join(wanted)}",
            expectation=COLUMNS,
            arguments=(("column_set", wanted), ("exact_match", False)),
            rows=self.rows,
            look=f"describe {quoted_table(self.table)}",
        )

    def row_count_at_least(self, count: int, *, says: str, severity: Severity = "error") -> Check:
        return Check(
            table=self.table,
            name="row_count",
            says=says,
            expectation=ROW_COUNT,
            arguments=(("min_value", count),),
            rows=self.rows,
            look=f"select count(*) from {quoted_table(self.table)}",
            severity=severity,
        )

    def counted(
        self,
        name: str,
        counts: str,
        *,
        says: str,
        look: str,
        tolerated_share: float = 0.0,
        severity: Severity = "error",
    ) -> Check:
        """A check on two numbers that a query gives: `rows_checked` and `unexpected_count`."""
        return Check(
            table=self.table,
            name=name,
            says=says,
            expectation=NO_ROWS,
            rows=self.rows,
            where=f"unexpected_count > {literal(tolerated_share)} * rows_checked",
            counts=counts,
            look=look,
            severity=severity,
            tolerated_share=tolerated_share,
        )
