"""States what published tables must look like before they are released.

One suite per published schema, made from what the YAML of its tables says (`meta.release`): shape, volume,
freshness, and nothing that names a person. dbt's contracts and tests have held the models' own laws before;
references between tables are dbt's `relationships` tests.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from orchestration.lib.core.sql import literal
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.dbt.marts import Freshness, Mart
from orchestration.lib.hygiene.checks import Check, Severity, Suite, TableChecks, instant, quoted_table
from orchestration.lib.hygiene.landing_suites import CURRENT_ROWS

LEAST_SHARE_OF_PREVIOUS_ROWS = 0.5

# What an e-mail address and a phone number in international form look like in running text. The cheap
# condition before each keeps the regular expression off most rows.
EMAIL_SHAPE = r"[[:alnum:]._%+-]+@[[:alnum:]-]+(\.[[:alnum:]-]+)*\.[[:alpha:]]{2,}"
PHONE_SHAPE = r"\+[1-9][0-9]{0,2}[ ()./-]{0,2}[0-9]([ ()./-]{0,2}[0-9]){6,12}"


def published_suite(
    schema: str,
    marts: Sequence[Mart],
    *,
    as_of: datetime,
    event_tables: Collection[str] = ("raw.feed__events",),
    previous_row_counts: Mapping[str, int] | None = None,
    may_shrink: bool = False,
    compared: Iterable[Check] = (),
) -> Suite:
    """The suite of one published schema, of which `marts` are the tables.

    `event_tables` are the raw tables whose rows become events. `previous_row_counts` are the rows per
    `schema.table` of the release before; `may_shrink` says that losing rows is meant (a file was withdrawn,
    people were erased), which turns the check on volume into a warning. `compared` are checks of figures against those
    before.
    """
    counts = previous_row_counts or {}
    checks = (
        check
        for mart in marts
        for check in _mart_checks(mart, as_of, event_tables, counts.get(mart.label, 0), may_shrink)
    )
    return Suite(name=f"marts.{schema}", gate="marts", checks=(*checks, *compared))


def _mart_checks(
    mart: Mart, as_of: datetime, event_tables: Collection[str], previous_rows: int, may_shrink: bool
) -> Iterable[Check]:
    here = TableChecks(mart.label, key=_row_key(mart.facts.key))
    yield here.has_columns(mart.columns)
    if mart.facts.freshness is not None:
        yield _fresh(here, mart.facts.freshness, as_of)
    if not mart.facts.may_be_empty:
        yield _not_empty(here, event_tables)
    least = math.ceil(previous_rows * LEAST_SHARE_OF_PREVIOUS_ROWS)
    # Ledgers of runs grow and are pruned on their own terms; their rows say nothing about the customers' data. Where
    # rows are faults, they go as the faults are corrected.
    if least > 0 and not mart.facts.is_ledger and not mart.facts.lists_faults:
        # A changed journey map rightly empties intervals, so a lost half is worth a look in most tables.
        severity: Severity = "warning" if mart.facts.may_shrink or may_shrink else "error"
        yield here.row_count_at_least(
            least,
            says=f"the table kept at least {LEAST_SHARE_OF_PREVIOUS_ROWS:.0%} of the previous release's"
            f" {previous_rows:,} rows",
            severity=severity,
        )
    yield from _no_direct_identifier(here, [name for name, kind in mart.columns.items() if kind == "string"])


def _row_key(columns: Sequence[str]) -> str | None:
    """The SQL expression that names a row, for the sample keys."""
    if len(columns) > 1:
        return f"concat_ws('|', {', '.join(quoted(column) for column in columns)})"
    return quoted(columns[0]) if columns else None


def _fresh(here: TableChecks, freshness: Freshness, as_of: datetime) -> Check:
    # One figure about the whole table: the newest moment up to the run's clock, later ones being
    # appointments.
    column, days = freshness.column, freshness.within_days
    newest = f"max({quoted(column)}) filter (where {quoted(column)} <= {instant(as_of)})"
    return here.counted(
        "fresh",
        "select least(count(*), 1) as rows_checked,"
        f" count_if(newest < {instant(as_of)} - interval {days} days) as unexpected_count"
        f" from (select {newest} as newest from {quoted_table(here.table)}) as summary",
        says=f"the newest {column} is within {days} days before the run's clock",
        look=f"select max({quoted(column)}) from {quoted_table(here.table)}",
        severity="warning",
    )


def _not_empty(here: TableChecks, event_tables: Collection[str]) -> Check:
    landed = sorted(event_tables)
    rows = " + ".join(f"(select count(*) from {quoted_table(table)} where {CURRENT_ROWS})" for table in landed) or "0"
    return here.counted(
        "not_empty",
        f"select {rows} as rows_checked,"
        f" case when exists (select 1 from {quoted_table(here.table)}) then 0 else {rows} end as unexpected_count",
        says="the table has rows when events have landed",
        look=f"select count(*) from {quoted_table(here.table)}",
    )


def _no_direct_identifier(here: TableChecks, texts: Sequence[str]) -> Iterable[Check]:
    """No text may hold something shaped like an e-mail address or a phone number, whatever the column is
    called.
    """
    shapes = [(column, _identifier_shaped(column)) for column in texts]
    if shapes:
        yield here.no_row_where(
            "no_direct_identifier",
            " or ".join(condition for _, condition in shapes),
            columns=shapes,
            says="no text looks like an e-mail address or a phone number",
        )


def _identifier_shaped(column: str) -> str:
    # `case` and not `and`: DuckDB would run both expressions on every row, which takes many times as long
    text = f"cast({quoted(column)} as varchar)"
    email = f"regexp_matches({text}, {literal(EMAIL_SHAPE)})"
    phone = f"regexp_matches({text}, {literal(PHONE_SHAPE)})"
    return (
        f"case when contains({text}, '@') then {email} else false end"
        f" or case when contains({text}, '+') then {phone} else false end"
    )
