"""Describes each landed table day by day in a few figures, which deliveries are then compared by.

The figures of a day are made from its rows by one statement in DuckDB, and only for days with rows that changed. They
hold values only of columns that are not personal and have few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.connection import one_row, one_value
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing.registry import raw_table

NUMBERS = ("bigint", "double")
TIMES = ("timestamp", "date")

# More values than this in a column, and it names things rather than kinds of things.
MOST_VALUES = 50
LONGEST_VALUE = 100
# Quantiles hold the numbers of all rows of a statement in memory: days are described as many at a time as have so many
# rows together.
MOST_ROWS = 2_000_000
# Of a day with more rows, as without a time column each landing is one, quantiles are those of about so many of them.
# They are chosen by a hash of their places in files, so that the same rows have the same figures.
LARGEST_SAMPLE = 2_000_000


@dataclass(frozen=True)
class RowDay:
    """The day of a row of a table, and which rows are described.

    Where rows have versions, each version is described on the day that it says it is of: what a row becomes later then
    leaves the days before as they were.
    """

    column: ColumnContract | None
    has_versions: bool

    @property
    def expression(self) -> str:
        return f"cast({name(self.column.name)} as date)" if self.column else "cast(_loaded_at as date)"

    @property
    def rows(self) -> str:
        return "_row_status in ('current', 'superseded')" if self.has_versions else "_row_status = 'current'"


def row_day(contract: TableContract) -> RowDay:
    """The day of the contract's `day_column`; else of its version, its first required time, its delivery."""
    times = {column.name: column for column in contract.columns if column.data_type in TIMES}
    if contract.day_column:
        return RowDay(times[contract.day_column], contract.day_column == contract.version_column)
    version = times.get(contract.version_column or "")
    if version is not None and version.required:
        return RowDay(version, True)
    required = [column for column in times.values() if column.required and column is not version]
    return RowDay(required[0] if required else None, False)


def is_number(column: ColumnContract) -> bool:
    return column.data_type in NUMBERS or column.data_type.startswith("decimal")


def identifying_columns(contract: TableContract, identifier_types: Iterable[str]) -> tuple[str, ...]:
    """The columns that hold identifiers: those that say so, and personal ones named like a type of identifier."""
    types = tuple(identifier_types)
    return tuple(
        column.name
        for column in contract.columns
        if column.identifier_type
        or column.identifier_type_column
        or (column.personal and any(kind in column.name for kind in types))
    )


def is_described(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> bool:
    """Whether the table's days were ever described in this warehouse."""
    return bool(
        one_value(
            connection,
            "select count(*) from landing.profiled_tables "
            f"where source_name = {literal(contract.source)} and table_name = {literal(contract.table)}",
        )
    )


def describe_days(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, *, batch: int, identifying: Sequence[str] = ()
) -> tuple[date, ...]:
    """Describes the days with rows that changed since the table was last described, up to a landing batch.

    Returns these days. An unchanged table costs one look at the ledger. With other columns in the contract all days are
    described again.
    """
    shape = f"{row_day(contract)!r} {[(column.name, column.data_type) for column in contract.columns]} {identifying}"
    known = connection.execute(
        "select batch, shape from landing.profiled_tables where source_name = ? and table_name = ?",
        [contract.source, contract.table],
    ).fetchone()
    since = known[0] if known and known[1] == shape else -1
    if since >= batch:
        return ()
    day = row_day(contract)
    # in the transaction of the comparison: what was described and not compared would never be
    connection.execute(
        f"create or replace temp table changed_days as select distinct {day.expression} as day "
        f"from {raw_table(contract)} where _changed_in > {since} and {day.expression} is not null"
    )
    of_table = f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)}"
    scope = "true" if since < 0 else "measured_on in (select day from changed_days)"
    connection.execute(f"delete from landing.daily_profiles where {of_table} and {scope}")
    kinds = _columns_with_few_values(connection, contract, day)
    for some, row_count in _some_at_a_time(connection, contract, day):
        connection.execute(_profile(contract, day, identifying, kinds, some, one_in=-(-row_count // LARGEST_SAMPLE)))
    connection.execute(
        "insert or replace into landing.profiled_tables values (?, ?, ?, ?)",
        [contract.source, contract.table, batch, shape],
    )
    days = connection.execute("select day from changed_days order by day").fetchall()
    connection.execute("drop table changed_days")
    return tuple(found for (found,) in days)


def _some_at_a_time(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, day: RowDay
) -> Iterator[tuple[Sequence[date], int]]:
    """The days of `changed_days` in turn with their rows, as many at a time as have `MOST_ROWS` rows together.

    A day with more of them is alone.
    """
    counted = connection.execute(
        f"select day, count(*) from (select {day.expression} as day from {raw_table(contract)} where {day.rows}) "
        "where day in (select day from changed_days) group by day order by day"
    ).fetchall()
    days: list[date] = []
    row_count = 0
    for found, count in counted:
        if days and row_count + count > MOST_ROWS:
            yield days, row_count
            days, row_count = [], 0
        days.append(found)
        row_count += count
    if days:
        yield days, row_count


def _columns_with_few_values(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, day: RowDay
) -> list[ColumnContract]:
    """The columns that are no one's own and have few values on the days that changed."""
    kinds = [
        column
        for column in contract.columns
        if not (column.personal or column.identifier_type or column.identifier_type_column)
        and column.name not in contract.key
        and column.data_type in ("string", "boolean")
    ]
    if not kinds:
        return []
    counts = one_row(
        connection,
        f"select {', '.join(f'approx_count_distinct({name(column.name)})' for column in kinds)} "
        f"from {raw_table(contract)} where {day.rows} and {day.expression} in (select day from changed_days)",
    )
    return [column for column, count in zip(kinds, counts, strict=True) if count <= MOST_VALUES]


def _profile(
    contract: TableContract,
    day: RowDay,
    identifying: Sequence[str],
    kinds: Sequence[ColumnContract],
    days: Sequence[date],
    *,
    one_in: int,
) -> str:
    """The statement that describes some of the days of `changed_days`: one pass over their rows.

    Quantiles are those of one row in so many.
    """
    sampled = f" and hash(_file_id, _line) % {one_in} = 0" if one_in > 1 else ""
    numbers = [column for column in contract.columns if is_number(column) and column.name not in contract.key]
    times = [column for column in contract.columns if column.data_type == "timestamp"]
    own = name(day.column.name) if day.column else "_loaded_at"
    # how long after its own time a row says it was received, sent on, finished: later versions change that
    others = [column for column in times if not day.has_versions and column.required and column != day.column]
    figures = ["{'metric': 'rows', 'column_name': null, 'row_count': count(*), 'figure': null}"]

    def add(metric: str, column: str | None, row_count: str, figure: str = "null") -> None:
        shown = "null" if column is None else literal(column)
        figures.append(
            f"{{'metric': {literal(metric)}, 'column_name': {shown}, 'row_count': {row_count}, 'figure': {figure}}}"
        )

    for column in contract.columns:
        add("nulls", column.name, f"count(*) - count({name(column.name)})")
    for column in numbers:
        quoted = name(column.name)
        size, sized = f"ln(abs(cast({quoted} as double)))", f"count_if({quoted} <> 0)"
        tenths = f"quantile_cont({size}, [0.1, 0.9]) filter (where {quoted} <> 0{sampled})"
        add("negatives", column.name, f"count_if({quoted} < 0)")
        add("level", column.name, sized, f"quantile_cont({size}, 0.5) filter (where {quoted} <> 0{sampled})")
        add("spread", column.name, sized, f"list_extract({tenths}, 2) - list_extract({tenths}, 1)")
    for column in others:
        hours = f"(epoch({name(column.name)}) - epoch(cast({own} as timestamp))) / 3600"
        lag = f"median(sign({hours}) * ln(1 + abs({hours}))) filter (where true{sampled})"
        add("lag", column.name, f"count({name(column.name)})", lag)
    for column in contract.columns:
        if column.personal and column.data_type == "string":
            add("distinct", column.name, f"approx_count_distinct({name(column.name)})")
    if identifying:
        some = " or ".join(f"{name(column)} is not null" for column in identifying)
        add("identified", None, f"count_if({some})")
    histograms = [
        *(("hours", column.name, f"histogram(hour({name(column.name)}))") for column in times),
        *(
            (
                "values",
                column.name,
                f"histogram(left(cast({name(column.name)} as varchar), {LONGEST_VALUE}))",
            )
            for column in kinds
        ),
    ]
    entries = "\n".join(
        f"union all select day, {literal(metric)}, {literal(column)}, cast(entry.key as varchar), entry.value, null\n"
        f"from (select day, unnest(map_entries(histogram_{number})) as entry from daily)"
        for number, (metric, column, _) in enumerate(histograms)
    )
    listed = "".join(f",\n{expression} as histogram_{number}" for number, (_, _, expression) in enumerate(histograms))
    return f"""
        insert into landing.daily_profiles
        with daily as materialized (
            select {day.expression} as day, [{", ".join(figures)}] as figures{listed}
            from {raw_table(contract)}
            where {day.rows} and {day.expression} between date '{days[0]}' and date '{days[-1]}'
                and {day.expression} in (select day from changed_days)
            group by day
        ),
        entries as (
            select day, figure.metric, figure.column_name, null as value, figure.row_count, figure.figure
            from (select day, unnest(figures) as figure from daily)
            {entries}
        )
        select {literal(contract.source)}, {literal(contract.table)}, * from entries
        where row_count > 0  -- none is what is left
    """
