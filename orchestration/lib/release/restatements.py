"""Finds published daily figures that a new build says differently than the release before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import duckdb

from orchestration.lib.core.clock import in_utc
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import literal, name
from orchestration.lib.release.ledgers import find_ledger, forget_unpublished

# A sum of doubles depends on its order, so equal figures may differ in their last bits.
RELATIVE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class DailyTable:
    """A published table of figures per day.

    `key` are the columns that, with `day`, name a row; `measures` the figures that a complete day should
    keep. A figure that changes with time (intervals still pending) is not a measure here. `rows` is a condition on the
    rows that are compared.
    """

    schema: str
    name: str
    day: str
    key: tuple[str, ...]
    measures: tuple[str, ...]
    rows: str = "true"


@dataclass(frozen=True)
class Restated:
    """How many figures of a table changed, and between which days; the days are None where none did.

    `reasons` are counts of figures by why they changed; a figure may have several.
    """

    table: DailyTable
    count: int
    first_on: date | None
    last_on: date | None
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """What changed, as people read it."""
        figures, verb = ("1 figure", "is") if self.count == 1 else (f"{self.count:,} figures", "are")
        days = f"on {self.first_on}" if self.first_on == self.last_on else f"from {self.first_on} to {self.last_on}"
        why = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        return f"{figures} of {self.table.schema}.{self.table.name} {days} {verb} restated{f': {why}' if why else ''}"


def find_restatements(
    connection: duckdb.DuckDBPyConnection,
    *,
    tables: Sequence[DailyTable],
    release_id: str,
    previous_release_id: str,
    previous_as_of: datetime,
    published: Collection[str],
    time_zone: str = "UTC",
) -> list[Restated]:
    """Compares the warehouse with the attached release and appends what differs to hygiene.restatements.

    Only days that were over at `previous_as_of`, in `time_zone`, are compared. A table, key or measure that
    one side doesn't have isn't compared: there is nothing to restate. `published` are the ids that did become
    releases; rows of any other were written for a candidate that failed, and go. The ledger has to be there
    (create_ledgers).
    """
    last_day = in_utc(previous_as_of).astimezone(ZoneInfo(time_zone)).date()
    ledger = find_ledger("restatements")
    target = name(ledger.schema, ledger.name)
    with transaction(connection):
        forget_unpublished(connection, ledger, published=published, release_id=release_id)
        restated = []
        for table in tables:
            query = _differences(connection, table)
            if query is not None:
                connection.execute(
                    f"insert into {target} by name {query}",
                    {
                        "release_id": release_id,
                        "previous_release_id": previous_release_id,
                        "last_day": last_day,
                    },
                )
            counted = connection.execute(
                f"select count(*), min(measured_on), max(measured_on) from {target} "
                "where release_id = ? and table_schema = ? and table_name = ?",
                [release_id, table.schema, table.name],
            ).fetchone()
            assert counted is not None
            restated.append(Restated(table, *counted))
    return restated


def _differences(connection: duckdb.DuckDBPyConnection, table: DailyTable) -> str | None:
    """The query that says which figures differ; None where the two sides have none in common."""
    here = _types(connection, "current_database()", table)
    there = _types(connection, "'previous'", table)
    common = here.keys() & there.keys()
    measures = [measure for measure in table.measures if measure in common]
    key = (table.day, *table.key)
    if not measures or not common.issuperset(key):
        return None

    def joined(column: str) -> str:
        # A key that changed its type still names the same row.
        as_text = here[column] != there[column]
        sides = [f"{side}.{name(column)}" for side in ("old_row", "new_row")]
        if as_text:
            sides = [f"cast({side} as varchar)" for side in sides]
        return " is not distinct from ".join(sides)

    def one_side(database: str) -> str:
        columns = ", ".join(name(column) for column in (*key, *measures))
        return (
            f"select {columns}, true as is_there from {database}{name(table.schema, table.name)} "
            f"where cast({name(table.day)} as date) < $last_day and ({table.rows})"
        )

    figures = ", ".join(
        f"{{'measure': {literal(measure)}, 'old_value': try_cast(old_row.{name(measure)} as double), "
        f"'new_value': try_cast(new_row.{name(measure)} as double)}}"
        for measure in measures
    )
    both = "coalesce(new_row.{0}, old_row.{0})"
    key_object = ", ".join(f"{name(column)} := {both.format(name(column))}" for column in table.key)
    return f"""
        with old_rows as ({one_side("previous.")}),
        new_rows as ({one_side("")}),
        figures as (
            select
                {f"to_json(struct_pack({key_object}))" if table.key else "'{}'"} as key,
                cast({both.format(name(table.day))} as date) as measured_on,
                old_row.is_there is not null and new_row.is_there is not null as is_on_both_sides,
                unnest([{figures}]) as figure
            from old_rows as old_row
            full join new_rows as new_row on {" and ".join(joined(column) for column in key)}
        )
        select
            $release_id as release_id,
            $previous_release_id as previous_release_id,
            {literal(table.schema)} as table_schema,
            {literal(table.name)} as table_name,
            cast(key as varchar) as key,
            figure.measure as measure,
            figure.old_value as old_value,
            figure.new_value as new_value,
            measured_on
        from figures
        where figure.old_value is distinct from figure.new_value
            -- a row that appears or goes with nothing in it says what its absence said
            and (is_on_both_sides or coalesce(figure.old_value, figure.new_value) <> 0)
            and coalesce(
                abs(figure.old_value - figure.new_value)
                    > {RELATIVE_TOLERANCE} * greatest(abs(figure.old_value), abs(figure.new_value)),
                true
            )
        order by measured_on, key, measure
    """


def _types(connection: duckdb.DuckDBPyConnection, database: str, table: DailyTable) -> dict[str, str]:
    return dict(
        connection.execute(
            f"select column_name, data_type from duckdb_columns() where database_name = {database} "
            "and schema_name = ? and table_name = ?",
            [table.schema, table.name],
        ).fetchall()
    )
