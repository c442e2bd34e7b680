"""Gives suites their words: a check is one sentence about one table and the expectation that proves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.sql import in_list, literal
from orchestration.lib.core.sql import name as quoted

Severity = Literal["error", "warning"]
Gate = Literal["landing", "marts"]

# Kinds of checks; `expectations.py` has the expectation of Great Expectations that runs each.
PRESENT = "present"
UNIQUE = "unique"
ONE_OF = "accepted_values"
BETWEEN = "between"
COLUMNS = "columns"
ROW_COUNT = "row_count"
NO_ROWS = "no_rows"
FIGURES = "figures"


@dataclass(frozen=True)
class Check:
    """One expectation about one table.

    `says` is the law as a sentence. `arguments` are the expectation's. `where` is the SQL condition that a
    breaking row meets: it finds the sample keys, and it is the query that a failing message hands to people.
    `key` is the SQL expression that names a row. `tolerated_share` is the share that may break the law before
    the check fails; what is tolerated is still counted. `look` replaces the query as the place to look.
    `columns` are tried one by one when the check fails, as pairs of column and condition, so that the message
    can name them.
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
        return self.expectation in (PRESENT, UNIQUE, ONE_OF, BETWEEN, NO_ROWS)

    @property
    def looking_query(self) -> str | None:
        """The query that shows the breaking rows in the warehouse file."""
        if self.look is not None or self.where is None:
            return self.look
        return f"select * from {quoted_table(self.table)} where {self.breaking_rows}"

    @property
    def breaking_rows(self) -> str:
        """The condition that finds the breaking rows among all rows of the table."""
        return " and ".join(f"({condition})" for condition in (self.rows, self.where) if condition)


@dataclass(frozen=True)
class Suite:
    """All checks of one landing table or one published schema."""

    name: str
    gate: Gate
    checks: tuple[Check, ...]


def quoted_table(table: str) -> str:
    """`schema.table` with both parts quoted."""
    return quoted(*table.split(".", 1))


def instant(moment: datetime) -> str:
    """The moment as a literal of type timestamp, in UTC."""
    return f"timestamp {literal(plain_utc(moment).isoformat(sep=' ', timespec='microseconds'))}"


@dataclass(frozen=True)
class TableChecks:
    """Writes the checks of one table: what they share is said once."""

    table: str
    key: str | None
    rows: str | None = None

    def present(self, column: str, *, severity: Severity = "error", says: str | None = None) -> Check:
        return self._check(
            PRESENT,
            "present",
            says or f"{column} has a value in every row",
            column=column,
            arguments=(("column", column),),
            where=f"{quoted(column)} is null",
            severity=severity,
        )

    def unique(self, column: str, *, severity: Severity = "error", says: str | None = None) -> Check:
        scope = f" where {self.rows}" if self.rows else ""
        return self._check(
            UNIQUE,
            "unique",
            says or f"no two rows share a value of {column}",
            column=column,
            arguments=(("column", column),),
            where=(
                f"{quoted(column)} in (select {quoted(column)} from {quoted_table(self.table)}{scope}"
                f" group by {quoted(column)} having count(*) > 1)"
            ),
            severity=severity,
        )

    def one_of(self, column: str, values: Sequence[object], *, severity: Severity = "error") -> Check:
        return self._check(
            ONE_OF,
            "accepted_values",
            f"{column} is one of: {', '.join(str(value) for value in values)}",
            column=column,
            arguments=(("column", column), ("value_set", tuple(values))),
            where=f"{quoted(column)} not in {in_list(values)}",
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
        return self._check(
            BETWEEN,
            name,
            says,
            column=column,
            arguments=(("column", column), ("min_value", least), ("max_value", most), _mostly(tolerated_share)),
            where=" or ".join(bounds),
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
        return self._check(
            NO_ROWS,
            name,
            says,
            column=column,
            arguments=(("condition", where), _mostly(tolerated_share)),
            where=where,
            columns=tuple(columns),
            look=look,
            severity=severity,
            tolerated_share=tolerated_share,
        )

    def has_columns(self, columns: Iterable[str]) -> Check:
        wanted = tuple(columns)
        return self._check(
            COLUMNS,
            "columns",
            f"the table has the columns {', '.join(wanted)}",
            arguments=(("column_set", wanted), ("exact_match", False)),
            look=f"describe {quoted_table(self.table)}",
        )

    def row_count_at_least(self, count: int, *, says: str, severity: Severity = "error") -> Check:
        return self._check(
            ROW_COUNT,
            "row_count",
            says,
            arguments=(("min_value", count),),
            look=f"select count(*) from {quoted_table(self.table)}",
            severity=severity,
        )

    def counted(
        self,
        name: str,
        figures: str,
        *,
        says: str,
        look: str,
        tolerated_share: float = 0.0,
        severity: Severity = "error",
    ) -> Check:
        """A check on two figures that a query gives: how many were looked at, how many are unexpected."""
        return self._check(
            FIGURES,
            name,
            says,
            arguments=(("figures_query", figures), _mostly(tolerated_share)),
            look=look,
            severity=severity,
            tolerated_share=tolerated_share,
        )

    def _check(self, expectation: str, name: str, says: str, **options: Any) -> Check:
        return Check(self.table, name, says, expectation, rows=self.rows, key=self.key, **options)


def _mostly(tolerated_share: float) -> tuple[str, float]:
    """The share that must keep the law, as Great Expectations calls it."""
    return "mostly", 1.0 - tolerated_share
