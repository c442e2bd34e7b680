"""Compares what deliveries brought with the days before, and keeps what was found out of the ordinary.

The figures of days are in `landing.daily_profiles` (daily_profiles.py), how they are compared is in comparison.py. What
is kept for people: `hygiene.delivery_anomalies`, which somebody can accept, and `hygiene.source_deliveries`. Both have
to be there (create_ledgers).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.seeds import SeedRow
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import one_row, transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.hygiene.anomaly_ledger import DELIVERY_ANOMALIES as ANOMALIES
from orchestration.lib.hygiene.anomaly_ledger import (
    HOW_TO_ACCEPT,
    Row,
    check_of_state,
    is_up_to,
    open_rows,
    rename_metrics,
    store,
)
from orchestration.lib.hygiene.checks import Check, TableChecks
from orchestration.lib.hygiene.comparison import (
    LOGARITHMS,
    MEANS,
    METRICS,
    SHARES,
    Compared,
    Figures,
    Span,
    TableDays,
    compare_days,
    compare_share,
    find_warnings,
    joined,
    rows_of_others,
    shift_that_fits,
    spans_to_compare,
    strongest_and_days,
)
from orchestration.lib.hygiene.daily_profiles import (
    MOST_VALUES,
    RowDay,
    describe_days,
    is_described,
    row_day,
)
from orchestration.lib.landing.registry import has_registry, quarantine_table, raw_table

DELIVERIES = "hygiene.source_deliveries"

# Days before this many are no longer looked at: two years and what the oldest day of them is compared with.
DAYS_KEPT = 800
# Deliveries after which the longest pause between two of them is what a table may take.
LEARNT_DELIVERIES = 4
# Pauses between deliveries after which history says when one is late, and how far beyond the longest one that is.
LEARNT_PAUSES = 8
BEYOND_THE_LONGEST = 1.5
FARTHEST_DELIVERIES = 26
# Deliveries of a table that are looked back on.
DELIVERIES_KEPT = 100
# What is said of a whole delivery: metric, its part and its whole in hygiene.source_deliveries.
DELIVERY_SHARES = (
    ("duplicates", "duplicate_count", "read_count"),
    ("quarantined", "quarantined_count", "read_count"),
    ("late", "late_count", "accepted_count"),
    ("distinct_keys", "distinct_key_count", "accepted_count"),
)


@dataclass(frozen=True)
class Limit:
    """What the seed `delivery_limits` says of a table and metric."""

    minimum_effect: float
    is_on: bool = True
    blocks: bool = False


@dataclass(frozen=True)
class Limits:
    """The rows of the seed `delivery_limits`; an empty source, table, metric or column stands for all."""

    rows: Sequence[SeedRow] = ()

    def of(self, contract: TableContract, metric: str, column: str = "") -> Limit:
        """What holds: the rows that name more than others count before them, a later one before an earlier one."""
        limit = Limit(METRICS[metric].minimum_effect)
        for row in self._rows_of(contract, metric, column):
            effect = row.typed.get("minimum_effect")
            limit = Limit(
                float(effect) if effect is not None else limit.minimum_effect,
                bool(row.typed.get("is_on", limit.is_on)),
                bool(row.typed.get("blocks", limit.blocks)),
            )
        return limit

    def ends_on(self, contract: TableContract) -> date | None:
        """The first day on which the table is not expected any more."""
        days = [row.typed.get("ends_on") for row in self._rows_of(contract, None, "")]
        return min((day for day in days if day is not None), default=None)

    def _rows_of(self, contract: TableContract, metric: str | None, column: str) -> list[SeedRow]:
        wanted = {"source_name": contract.source, "table_name": contract.table, "column_name": column}
        found = [
            row
            for row in self.rows
            if all(row.get(part) in (None, value) for part, value in wanted.items())
            and (metric is None or row.get("metric") in (None, metric))
        ]
        return sorted(found, key=lambda row: (sum(row.get(part) is not None for part in (*wanted, "metric")), row.line))


@dataclass(frozen=True)
class Anomaly:
    """Days of a table that are out of the ordinary in one metric, as the ledger keeps them."""

    anomaly_id: str
    source: str
    table: str
    metric: str
    column: str | None
    value: str | None
    before: float
    after: float
    first_on: date
    last_on: date
    comparison_count: int
    message: str
    query: str
    blocks: bool


@dataclass(frozen=True)
class Comparison:
    """What comparing the deliveries of a run came to."""

    comparison_count: int
    learning_count: int
    open: tuple[Anomaly, ...]

    def of(self, contract: TableContract) -> tuple[Anomaly, ...]:
        return tuple(one for one in self.open if (one.source, one.table) == (contract.source, contract.table))


@dataclass
class _Table:
    """A landed table on its way through a comparison."""

    contract: TableContract
    day: RowDay
    described: tuple[date, ...]
    delivered: dict[str, Any]
    earlier: list[dict[str, Any]]
    newest_on: date | None
    ends_on: date | None
    identifying: Sequence[str] = ()
    start: date = date.min
    days: TableDays | None = None
    tested: tuple[date, ...] = ()
    reopened: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.contract.name

    @property
    def usual_gap_days(self) -> float | None:
        gap: float | None = self.delivered["usual_gap_days"]
        return gap


def compare_deliveries(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    *,
    as_of: datetime,
    now: datetime,
    run_id: str,
    limits: Limits,
    identifying: Mapping[str, Sequence[str]],
) -> Comparison:
    """Describes the days that changed, compares them with those before, and writes both ledgers.

    A table that did not change costs a look at the ledgers. `identifying` are the columns with identifiers by table.
    Only days that were over at `as_of` are compared.
    """
    with transaction(connection):
        last_day = plain_utc(as_of).date() - timedelta(days=1)
        batches, notes = _batches(connection), _notes(connection)
        tables = [
            _describe(
                connection,
                contract,
                batch,
                notes.get((contract.source, contract.table), []),
                limits,
                identifying=identifying.get(contract.name, ()),
                as_of=as_of,
            )
            for contract in contracts
            if (batch := batches.get((contract.source, contract.table))) is not None
        ]
        rename_metrics(connection, ANOMALIES)
        opened = _open_anomalies(connection)
        compared: list[tuple[_Table, Compared]] = []
        learning: dict[str, int] = {}
        for table in tables:
            _choose_days(connection, table, tables, last_day, opened)
        _set_rows_of_others(connection, tables)
        for table in tables:
            found, unknown = _compare(table, limits)
            compared += [(table, one) for one in found]
            learning[table.name] = unknown
        effects = {
            number: limits.of(table.contract, one.metric, one.column).minimum_effect
            for number, (table, one) in enumerate(compared)
        }
        warnings = find_warnings([one for _, one in compared], effects)
        for table in tables:
            count = sum(1 for other, _ in compared if other is table)
            found_here = [(compared[at][1], chance) for at, chance in warnings.items() if compared[at][0] is table]
            anomalies = _anomalies(table, found_here, len(compared), limits)
            new = _store(connection, table, anomalies, run_id=run_id, now=now)
            _note_delivery(
                connection, table, run_id=run_id, now=now, counts=(count, learning[table.name], new), as_of=as_of
            )
    return Comparison(
        len(compared), sum(learning.values()), _as_limits_say(open_anomalies(connection), contracts, limits)
    )


def _as_limits_say(
    anomalies: Iterable[Anomaly], contracts: Iterable[TableContract], limits: Limits
) -> tuple[Anomaly, ...]:
    """Open anomalies under the limits of now: those of metrics that were switched off since are left out."""
    by_table = {(contract.source, contract.table): contract for contract in contracts}
    found = []
    for one in anomalies:
        if (contract := by_table.get((one.source, one.table))) is not None:
            limit = limits.of(contract, one.metric, one.column or "")
            if limit.is_on:
                found.append(replace(one, blocks=limit.blocks))
    return tuple(found)


def delivery_checks(contract: TableContract, anomalies: Iterable[Anomaly]) -> Iterable[Check]:
    """A check per state of a table that was found out of the ordinary and nobody has accepted."""
    table = TableChecks(f"raw.{contract.identifier}", key=None)
    for one in anomalies:
        yield check_of_state(table, ANOMALIES, one, what="deliveries", metric=one.metric, column=one.column)


def freshness_checks(contract: TableContract, connection: duckdb.DuckDBPyConnection) -> Iterable[Check]:
    """Whether the newest row of a table is as new as its contract promises, or without a promise as it has been so far.

    A table about which neither says anything has no check.
    """
    of_table = f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)}"
    row = connection.execute(
        f"select is_overdue, newest_row_at, usual_hours from {DELIVERIES} where {of_table} "
        "order by checked_at desc, run_id limit 1"
    ).fetchone()
    if row is None or row[0] is None:
        return
    is_overdue, newest, usual = row
    found = f"the newest is of {newest:%Y-%m-%d %H:%M} UTC" if newest else "there is none"
    # said, so that the suite is another one when the clock alone makes a table late
    found += ", which is late" if is_overdue else ""
    expected = (
        f"a row arrives every {contract.expected_every_hours} hours"
        if contract.expected_every_hours
        else f"a row arrives within {usual or 0:,.0f} hours, as in the deliveries before"
    )
    yield TableChecks(f"raw.{contract.identifier}", key=None).counted(
        "newest_row_in_time",
        f"select 1, cast(is_overdue as bigint) from {DELIVERIES} where {of_table} "
        "order by checked_at desc, run_id limit 1",
        says=f"{expected}; {found}",
        look=f"select * from {DELIVERIES} where {of_table} order by checked_at desc",
        severity="warning",
    )


# --- what landed


def _batches(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """The last landing batch of each table of which a file ever landed."""
    if not has_registry(connection):
        return {}
    rows = connection.execute(
        "select source_name, table_name, max(batch) from landing.batches semi join (select source_name, table_name "
        "from landing.files where status <> 'refused') as landed using (source_name, table_name) group by all"
    ).fetchall()
    return {(source, table): batch for source, table, batch in rows}


def _notes(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By table, what the ledger says of its last deliveries and of the last run, the newest last."""
    cursor = connection.execute(
        f"select * from {DELIVERIES} "
        "window last_first as (partition by source_name, table_name order by checked_at desc, run_id) "
        "qualify row_number() over last_first = 1 "
        f"or (file_count > 0 and count_if(file_count > 0) over last_first <= {DELIVERIES_KEPT}) "
        "order by checked_at, run_id"
    )
    columns = [column[0] for column in cursor.description or ()]
    notes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in cursor.fetchall():
        note = dict(zip(columns, row, strict=True))
        notes.setdefault((note["source_name"], note["table_name"]), []).append(note)
    return notes


def _describe(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    batch: int,
    earlier: list[dict[str, Any]],
    limits: Limits,
    *,
    identifying: Sequence[str],
    as_of: datetime,
) -> _Table:
    day = row_day(contract)
    # A warehouse that was built again counts batches from one, and its ledger is older than it: what it landed at first
    # had been delivered before.
    is_rebuilt = bool(earlier) and (batch < earlier[-1]["batch"] or not is_described(connection, contract))
    described = describe_days(connection, contract, batch=batch, identifying=identifying)
    since = batch if is_rebuilt else earlier[-1]["batch"] if earlier else -1
    delivered = _delivered(connection, contract, day, (since, batch), earlier, as_of)
    return _Table(
        contract, day, described, delivered, earlier,
        newest_on=delivered["newest_on"],
        ends_on=limits.ends_on(contract),
        identifying=identifying,
    )  # fmt: skip


def _delivered(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    day: RowDay,
    batches: tuple[int, int],
    earlier: Sequence[Mapping[str, Any]],
    as_of: datetime,
) -> dict[str, Any]:
    """What the batches after the first and up to the second brought: counts, how late rows came, the newest row of all.

    Nothing new is what the last note says.
    """
    since, batch = batches
    last = earlier[-1] if earlier else None
    if last is not None and batch == last["batch"]:
        kept = ("batch", "delivered_at", "newest_on", "newest_row_at", "usual_gap_days")
        return {**dict.fromkeys(_COUNTS, 0), **{column: last[column] for column in kept}}
    files = one_row(
        connection,
        "select count(*), coalesce(sum(rows_read), 0), coalesce(sum(rows_accepted), 0), "
        "coalesce(sum(rows_quarantined), 0), max(loaded_at) from landing.files where source_name = ? and "
        "table_name = ? and status = 'loaded' and batch > ?",
        [contract.source, contract.table, since],
    )
    newest_before = last["newest_on"] if last else None
    before = f"date {literal(str(newest_before))}" if newest_before else "null"
    own = quoted(day.column.name) if day.column else "_loaded_at"
    raw = raw_table(contract)
    late = f"date_diff('day', {day.expression}, {before})"
    is_late = f"_row_status <> 'duplicate' and {late} > 1"
    rows = one_row(
        connection,
        "select count_if(_row_status = 'duplicate'), count(distinct hash(_row_key)),"
        f" count(*) filter (where {is_late}), median({late}) filter (where {is_late}),"
        f" max({late}) filter (where {is_late})"
        f" from {raw} where _batch > {since}",
    )
    # a date that is far ahead is wrong, and says nothing about what has come
    newest = one_row(
        connection,
        f"select max(cast({own} as timestamp)) from {raw} where {day.rows}"
        f" and {own} < timestamp {literal(plain_utc(as_of).isoformat(sep=' '))}",
    )[0]
    return {
        "batch": batch,
        "file_count": files[0],
        "read_count": files[1],
        "accepted_count": files[2],
        "quarantined_count": files[3],
        "duplicate_count": rows[0],
        "distinct_key_count": rows[1],
        "late_count": rows[2],
        "median_late_days": rows[3],
        "max_late_days": rows[4],
        "usual_gap_days": _usual_gap(connection, contract, day, earlier, newest.date() if newest else None),
        "newest_on": newest.date() if newest else None,
        "newest_row_at": newest,
        "delivered_at": files[4] or (last["delivered_at"] if last else None),
    }


_COUNTS = (
    "file_count", "read_count", "accepted_count", "quarantined_count", "duplicate_count", "distinct_key_count",
    "late_count", "median_late_days", "max_late_days",
)  # fmt: skip


def _usual_gap(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    day: RowDay,
    earlier: Sequence[Mapping[str, Any]],
    newest_on: date | None,
) -> float | None:
    """How many days a delivery advances the newest day: the longest of those known, at first what files say.

    None where one file is all there is.
    """
    gaps = _advances([*(note["newest_on"] for note in earlier), newest_on])
    if len(gaps) >= LEARNT_DELIVERIES:
        return float(max(gaps[-FARTHEST_DELIVERIES:]))
    days = connection.execute(
        f"select max({day.expression}) as day from {raw_table(contract)} where {day.rows} group by _file_id order by 1"
    ).fetchall()
    of_files = _advances([found for (found,) in days])
    return float(numpy.median(of_files)) if of_files else None


def _advances(days: Sequence[object]) -> list[int]:
    known = [found for found in days if isinstance(found, date)]
    return [(later - sooner).days for sooner, later in pairwise(known) if later > sooner]


# --- which days


def _expected_through(table: _Table, tables: Sequence[_Table]) -> date | None:
    """The last day that should have come: where tables that are delivered as often have rows, less the usual pause."""
    if table.newest_on is None or table.usual_gap_days is None:
        return table.newest_on
    gap = table.usual_gap_days
    others = [
        other.newest_on
        for other in tables
        if other.newest_on is not None and other.ends_on is None and (other.usual_gap_days or 0) >= gap / 2
    ]
    is_learnt = len(_advances([note["newest_on"] for note in table.earlier])) >= LEARNT_DELIVERIES
    if is_learnt:
        others = [other.newest_on for other in tables if other.newest_on is not None]
    reached = max(others, default=table.newest_on) - timedelta(days=math.ceil(gap) if is_learnt else 0)
    if table.ends_on is not None:
        reached = min(reached, table.ends_on - timedelta(days=1))
    return max(reached, table.newest_on)


def _choose_days(
    connection: duckdb.DuckDBPyConnection,
    table: _Table,
    tables: Sequence[_Table],
    last_day: date,
    opened: Sequence[Mapping[str, Any]],
) -> None:
    """Which days of a table are compared: changed ones, those that were not over before, expected ones without rows."""
    expected = _expected_through(table, tables)
    if expected is None:
        return
    end = min(expected, last_day)
    last = table.earlier[-1]["compared_through"] if table.earlier else None
    changed = {day for day in table.described if day <= end}
    if isinstance(last, date):
        changed |= {last + timedelta(days=number) for number in range(1, (end - last).days + 1)}
    elif table.newest_on is not None:
        changed |= {table.newest_on + timedelta(days=number) for number in range(1, (end - table.newest_on).days + 1)}
    if not changed:
        return
    mine = [
        one
        for one in opened
        if (one["source_name"], one["table_name"]) == (table.contract.source, table.contract.table)
    ]
    # what a delivery changes of days that were found is looked at as a whole, to be found again or settled
    again = [one for one in mine if any(one["first_on"] <= day <= one["last_on"] for day in changed)]
    for one in again:
        first, until = one["first_on"], one["last_on"]
        changed |= {first + timedelta(days=number) for number in range((min(until, end) - first).days + 1)}
    table.reopened = frozenset(str(one["anomaly_id"]) for one in again)
    masked = [one for one in mine if one not in again]
    begins = max(end - timedelta(days=DAYS_KEPT - 1), _versions_begin(connection, table))
    table.days, table.start = _read_days(connection, table, (begins, end), masked)
    tested = {day for day in changed if day >= table.start}
    if table.days is not None:
        # days without rows between two that changed are a part of what was delivered
        for sooner, later in pairwise(sorted(tested)):
            between = range((sooner - table.start).days + 1, (later - table.start).days)
            if not table.days.rows[between.start : between.stop].any():
                tested |= {table.start + timedelta(days=number) for number in between}
    table.tested = tuple(sorted(tested))


def _versions_begin(connection: duckdb.DuckDBPyConnection, table: _Table) -> date:
    """The first day of which all versions are there: a first export has of older ones what was left of them."""
    if not table.day.has_versions:
        return date.min
    contract = table.contract
    (newest,) = one_row(
        connection,
        f"select min(newest) from (select max({table.day.expression}) as newest from {raw_table(contract)} "
        f"where {table.day.rows} group by _file_id)",
    )
    return date.max if newest is None else newest - timedelta(days=math.ceil(table.usual_gap_days or 0) - 1)


def _read_days(
    connection: duckdb.DuckDBPyConnection,
    table: _Table,
    span: tuple[date, date],
    masked: Sequence[Mapping[str, Any]],
) -> tuple[TableDays | None, date]:
    """What the profiles hold of a table's days up to the last that is compared, and the first with rows."""
    contract, (begin, end) = table.contract, span
    groups = connection.execute(
        "select metric, coalesce(column_name, ''), value, list(measured_on), list(row_count), list(figure) "
        "from landing.daily_profiles where source_name = ? and table_name = ? and measured_on between ? and ? "
        "group by all order by all",
        [contract.source, contract.table, begin, end],
    ).fetchall()
    rows_of = next((group for group in groups if group[0] == "rows"), None)
    if rows_of is None:
        return None, date.min
    start = min(rows_of[3])
    length = (end - start).days + 1

    def by_day(days: Sequence[date], figures: Sequence[float]) -> Figures:
        found = numpy.zeros(length)
        found[[(day - start).days for day in days]] = figures
        return found

    counts: dict[tuple[str, str], Figures] = {}
    means: dict[tuple[str, str], Figures] = {}
    hours: dict[str, Figures] = {}
    values: dict[str, dict[str, Figures]] = {}
    for metric, column, value, days, row_counts, figures in groups:
        if metric == "hours":
            hours.setdefault(column, numpy.zeros((length, 24)))[:, int(value)] = by_day(days, row_counts)
        elif metric == "values":
            values.setdefault(column, {})[value] = by_day(days, row_counts)
        else:
            counts[metric, column] = by_day(days, row_counts)
            if metric in MEANS:
                means[metric, column] = by_day(days, row_counts) * by_day(days, figures)
    rows = counts["rows", ""]
    empty = numpy.zeros(length)
    series: dict[tuple[str, str], tuple[Figures, Figures]] = {
        (metric, column): (means[metric, column], counts[metric, column]) for metric, column in means
    }
    for one in contract.columns:
        filled = rows - counts.get(("nulls", one.name), empty)
        if not one.required:
            series["nulls", one.name] = (rows - filled, rows)
        if ("level", one.name) in means:
            series["negatives", one.name] = (counts.get(("negatives", one.name), empty), filled)
        if ("distinct", one.name) in counts:
            series["distinct", one.name] = (numpy.minimum(counts["distinct", one.name], filled), filled)
    if table.identifying:
        series["identified", ""] = (counts.get(("identified", ""), empty), rows)
    masks: dict[tuple[str, str], numpy.ndarray] = {}
    for anomaly in masked:
        first, until = anomaly["first_on"], anomaly["last_on"]
        mask = masks.setdefault((str(anomaly["metric"]), str(anomaly["column_name"] or "")), numpy.zeros(length, bool))
        mask[max((first - start).days, 0) : max((until - start).days + 1, 0)] = True
    few = {column: found for column, found in values.items() if len(found) <= MOST_VALUES}
    return TableDays(rows, series, hours, few, masks), start


def _set_rows_of_others(connection: duckdb.DuckDBPyConnection, tables: Sequence[_Table]) -> None:
    """Gives each table that is compared the rows of the others on its days."""
    if all(table.days is None for table in tables):
        return
    rows: dict[str, dict[date, float]] = {}
    for source, name, days, counts in connection.execute(
        "select source_name, table_name, list(measured_on), list(row_count) from landing.daily_profiles "
        "where metric = 'rows' group by all"
    ).fetchall():
        rows[f"{source}.{name}"] = dict(zip(days, counts, strict=True))
    for table in tables:
        if table.days is None:
            continue
        days = [table.start + timedelta(days=number) for number in range(len(table.days.rows))]
        others = [
            numpy.array([float(found.get(day, 0)) for day in days])
            for name, found in rows.items()
            if name != table.name
        ]
        table.days = replace(table.days, of_others=rows_of_others(others))


def _compare(table: _Table, limits: Limits) -> tuple[list[Compared], int]:
    """Every comparison of a table that is switched on."""
    found: list[Compared] = []
    learning = 0
    if table.days is not None and table.tested:
        spans = spans_to_compare([(day - table.start).days for day in table.tested])
        found, learning = compare_days(table.days, spans)
    if table.delivered["file_count"]:
        here = Span(1, 0)
        for metric, part, whole in DELIVERY_SHARES:
            before = [(_number(note[part]), _number(note[whole])) for note in table.earlier if note["file_count"]]
            if metric == "late":
                before = before[1:]  # nothing was there that the first delivery could be older than
            now = (_number(table.delivered[part]), _number(table.delivered[whole]))
            one = compare_share(metric, before, now, span=here)
            learning += one is None
            found += [one] if one else []
    return [one for one in found if limits.of(table.contract, one.metric, one.column).is_on], learning


def _number(value: float | None) -> float:
    return float(value or 0)


# --- what warns


def _anomalies(
    table: _Table, warning: Sequence[tuple[Compared, float]], comparison_count: int, limits: Limits
) -> list[tuple[Anomaly, float, float]]:
    """One anomaly per metric, column, value and run of days, with its chance and the rows behind it."""
    groups: dict[tuple[str, str, str | None, bool], list[tuple[Compared, float]]] = {}
    for one, chance in warning:
        groups.setdefault((one.metric, one.column, one.value, one.effect > 0), []).append((one, chance))
    found = []
    for members in groups.values():
        for run in joined(members):
            strongest, chance, first_number, last_number = strongest_and_days(run)
            first = table.start + timedelta(days=first_number)
            last = table.start + timedelta(days=last_number)
            if strongest.metric in {metric for metric, _, _ in DELIVERY_SHARES}:
                first = last = table.newest_on or first
            found.append(_anomaly(table, strongest, chance, (first, last), comparison_count, limits))
    return found


def _anomaly(
    table: _Table,
    one: Compared,
    chance: float,
    days: tuple[date, date],
    comparison_count: int,
    limits: Limits,
) -> tuple[Anomaly, float, float]:
    contract, (first, last) = table.contract, days
    identity = [contract.source, contract.table, one.metric, one.column, one.value, one.effect > 0, first]
    anomaly_id = hashlib.sha256(repr(identity).encode()).hexdigest()[:8]
    what = METRICS[one.metric].says + (f" of {one.column}" if one.column else "")
    named = f" {one.value!r}" if one.value is not None else ""
    moved = ""
    if one.metric == "hours" and table.days is not None:
        hours = table.days.hours[one.column]
        here = hours[one.span.first : one.span.last + 1].sum(axis=0)
        past = hours[: one.span.first].sum(axis=0)
        moved = f", best explained by a shift of {shift_that_fits(here, past):+d} hours"
    when = f"on {first}" if first == last else f"from {first} to {last}"
    message = (
        f"{what}{named} was {_shown(one.metric, one.before)} before and is {_shown(one.metric, one.after)} {when}"
        f"{moved} (delivery {table.delivered['batch']}, chance {chance:.0e} over {comparison_count:,} comparisons)."
        f"{HOW_TO_ACCEPT}{anomaly_id}"
    )
    limit = limits.of(contract, one.metric, one.column)
    query = _looking_query(table, one, first, last)
    anomaly = Anomaly(
        anomaly_id, contract.source, contract.table, one.metric, one.column or None, one.value, one.before, one.after,
        first, last, comparison_count, message, query, limit.blocks,
    )  # fmt: skip
    return anomaly, chance, one.row_count


def _shown(metric: str, figure: float) -> str:
    if metric in SHARES or metric.endswith("_values") or metric in {name for name, _, _ in DELIVERY_SHARES}:
        return f"{figure:.1%}"
    return f"{figure:,.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


def _looking_query(table: _Table, one: Compared, first: date, last: date) -> str:
    """The query that shows the rows, for the warehouse file."""
    contract, day = table.contract, table.day
    raw, column = raw_table(contract), quoted(one.column)
    rows = f"{day.rows} and {day.expression} between '{first}' and '{last}'"
    batch = table.delivered["batch"]
    by_day = (
        f"select {day.expression} as day, count(*) from {raw} where {day.rows} and {day.expression} between "
        f"'{first - timedelta(days=56)}' and '{last}' group by day order by day"
    )
    queries = {
        "rows": by_day,
        "rows_relative": by_day,
        "nulls": f"select * from {raw} where {rows} and {column} is null",
        "negatives": f"select * from {raw} where {rows} and {column} < 0",
        "level": f"select * from {raw} where {rows} order by abs({column}) desc",
        "spread": f"select * from {raw} where {rows} order by abs({column}) desc",
        "hours": f"select hour({column}) as hour, count(*) from {raw} where {rows} group by hour order by hour",
        "lag": f"select {column}, * from {raw} where {rows} order by {column} desc",
        "distinct": f"select {column}, count(*) from {raw} where {rows} group by all order by 2 desc",
        "identified": f"select * from {raw} where {rows}"
        + "".join(f" and {quoted(name)} is null" for name in table.identifying),
        "new_values": f"select * from {raw} where {rows} and cast({column} as varchar) = {literal(one.value or '')}",
        "missing_values": f"select {column}, count(*) from {raw} where {rows} group by all order by 2 desc",
        "duplicates": f"select * from {raw} where _row_status = 'duplicate' and _batch = {batch}",
        "quarantined": f"select * from {quarantine_table(contract)} where batch = {batch}",
        "late": f"select * from {raw} where _batch = {batch} order by {day.expression}",
        "distinct_keys": f"select _row_key, count(*) from {raw} where _batch = {batch} group by all order by 2 desc",
    }
    return queries[one.metric]


# --- the ledgers


def open_anomalies(connection: duckdb.DuckDBPyConnection) -> list[Anomaly]:
    """What was found and neither accepted nor settled since."""
    return [
        Anomaly(
            row["anomaly_id"], row["source_name"], row["table_name"], row["metric"], row["column_name"], row["value"],
            row["before_value"], row["after_value"], row["first_on"], row["last_on"], row["comparison_count"],
            row["message"], row["query"], row["blocks"],
        )
        for row in _open_anomalies(connection)
    ]  # fmt: skip


def _open_anomalies(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return open_rows(
        connection,
        ANOMALIES,
        "source_name, table_name, metric, column_name nulls first, value nulls first, first_on",
    )


def _store(
    connection: duckdb.DuckDBPyConnection,
    table: _Table,
    anomalies: Sequence[tuple[Anomaly, float, float]],
    *,
    run_id: str,
    now: datetime,
) -> int:
    """Appends what is new to the ledger and ends what was settled; returns how many are new."""
    rows = [
        {
            "anomaly_id": anomaly.anomaly_id,
            "run_id": run_id,
            "source_name": anomaly.source,
            "table_name": anomaly.table,
            "metric": anomaly.metric,
            "column_name": anomaly.column,
            "value": anomaly.value,
            "batch": table.delivered["batch"],
            "before_value": anomaly.before,
            "after_value": anomaly.after,
            "chance": chance,
            "comparison_count": anomaly.comparison_count,
            "row_count": int(row_count),
            "query": anomaly.query,
            "message": anomaly.message,
            "blocks": anomaly.blocks,
            "first_on": anomaly.first_on,
            "last_on": anomaly.last_on,
        }
        for anomaly, chance, row_count in anomalies
    ]
    return store(
        connection,
        ANOMALIES,
        rows,
        identity=("source_name", "table_name", "metric", "column_name", "value"),
        reopened=table.reopened,
        is_like=_is_like,
        now=now,
    )


def _is_like(row: Row, accepted: float) -> bool:
    """Whether a state is the one that was accepted; any new value of a column is once one was."""
    metric = row["metric"]
    if metric == "new_values":
        return True
    return is_up_to(
        row["before_value"],
        row["after_value"],
        accepted,
        METRICS[metric].minimum_effect,
        is_ratio=metric in LOGARITHMS,
    )


def _note_delivery(
    connection: duckdb.DuckDBPyConnection,
    table: _Table,
    *,
    run_id: str,
    now: datetime,
    counts: tuple[int, int, int],
    as_of: datetime,
) -> None:
    """One row of the ledger of deliveries. A run that is tried again replaces its row."""
    contract, delivered = table.contract, table.delivered
    last = table.earlier[-1]["compared_through"] if table.earlier else None
    through = max((day for day in (last, *table.tested) if isinstance(day, date)), default=None)
    newest = delivered["newest_row_at"]
    hours = (plain_utc(as_of) - newest).total_seconds() / 3600 if isinstance(newest, datetime) else None
    promised = contract.expected_every_hours
    usual = _usual_hours(table.earlier) if promised is None else None
    longest = promised if promised is not None else usual
    ended = table.ends_on is not None and plain_utc(as_of).date() >= table.ends_on
    row = {
        **delivered,
        "run_id": run_id,
        "source_name": contract.source,
        "table_name": contract.table,
        "comparison_count": counts[0],
        "learning_count": counts[1],
        "anomaly_count": counts[2],
        "expected_every_hours": promised,
        "hours_since_newest_row": hours,
        "usual_hours": usual,
        "is_overdue": None if longest is None else bool(hours is None or hours > longest) and not ended,
        "compared_through": through,
        "checked_at": plain_utc(now),
    }
    connection.execute(
        f"delete from {DELIVERIES} where run_id = ? and source_name = ? and table_name = ?",
        [run_id, contract.source, contract.table],
    )
    connection.execute(
        f"insert into {DELIVERIES} ({', '.join(row)}) values ({', '.join('?' for _ in row)})", list(row.values())
    )


def _usual_hours(earlier: Sequence[Mapping[str, Any]]) -> float | None:
    """How old the newest row of a table may become, as its deliveries have been; None while there are too few.

    The longest pause between the newest rows of two deliveries, and half as long again, and the oldest that one was
    when it came: a pause that is longer than any before is what somebody wants to know, a long weekend isn't. The first
    delivery brings the rows of before, and may end long before the second one: it is left out.
    """
    notes = [note for note in earlier if note["file_count"] and isinstance(note["newest_row_at"], datetime)][1:]
    pauses = [
        (later["newest_row_at"] - sooner["newest_row_at"]).total_seconds() / 3600
        for sooner, later in pairwise(notes)
        if later["newest_row_at"] > sooner["newest_row_at"]
    ]
    if len(pauses) < LEARNT_PAUSES:
        return None
    ages = [float(note["hours_since_newest_row"] or 0) for note in notes]
    return BEYOND_THE_LONGEST * max(pauses[-FARTHEST_DELIVERIES:]) + max(ages[-FARTHEST_DELIVERIES:])
