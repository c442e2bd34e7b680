"""Finds what a person still has to settle in contracts and seeds: guesses, values that never occur, channels."""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.config.contracts import TableContract, load_document
from orchestration.lib.config.mapping import NUMBERS, TEXTS_OF_SPEND, Condition, EventMapping
from orchestration.lib.config.yaml_lines import LinedMapping, line_of
from orchestration.lib.core.connection import WarehouseBusy, open_duckdb, transaction
from orchestration.lib.core.settings import Settings, shown_path
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing.registry import raw_table, table_batches
from orchestration.lib.landing.warnings import GUESSES_LEFT, NEVER_SEEN, LandingWarning
from orchestration.lib.sources.new_source import MARK

SHOWN = 3
# The state in which the values of a table's mapping were looked for last: its rows are read again when it is another.
LOOKED_FOR = "landing.values_looked_for"
# What names values: in words, its place below `meta`, the column, and the values.
_Named = tuple[str, tuple[str | int, ...], str, list[str]]


def guesses_left(contracts: Iterable[TableContract]) -> list[LandingWarning]:
    """One for each file outside the project in which guesses of `make new-source` are left."""
    found = []
    for path, source in sorted(
        {(_declared(contract)[0], contract.source) for contract in contracts if contract.is_own}
    ):
        lines = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1)
        marked = [(number, line.partition(MARK)[0].strip()) for number, line in lines if MARK in line]
        if marked:
            number, line = marked[0]
            found.append(
                LandingWarning(
                    GUESSES_LEFT,
                    source,
                    f"{len(marked)} guess{'es are' if len(marked) > 1 else ' is'} left in {shown_path(path)}, the "
                    f"first in line {number} ({line}); correct each line marked `{MARK.strip()}` and take out the mark",
                    row_count=len(marked),
                )
            )
    return found


def values_never_seen(
    connection: duckdb.DuckDBPyConnection, contracts: Iterable[TableContract]
) -> list[LandingWarning]:
    """One for each condition and each list of words in a mapping that names values which no row that counts has.

    A table without rows says nothing; of a condition on a truth, the other one may be all there is. A table is read
    only where its rows or its contract are others than `note_values_looked_for` noted: else the warnings are those
    that landing noted.
    """
    noted = _noted_states(connection)
    found = []
    for contract, named, state in _to_look_for(connection, contracts):
        place = contract.folder.as_posix()
        if state is not None and noted.get((contract.source, contract.table)) == state:
            messages = connection.execute(
                "select message from landing.warnings where file_id is null and place = ? and kind = ? order by all",
                [place, NEVER_SEEN],
            ).fetchall()
        else:
            messages = [(message,) for message in _never_seen(connection, contract, named)]
        found += [LandingWarning(NEVER_SEEN, place, message) for (message,) in messages]
    return found


def note_values_looked_for(connection: duckdb.DuckDBPyConnection, contracts: Iterable[TableContract]) -> None:
    """Notes in which state each table is whose values were looked for, once what was found is in landing.warnings."""
    with transaction(connection):
        connection.execute(
            f"create or replace table {LOOKED_FOR} (source_name varchar, table_name varchar, state varchar)"
        )
        for contract, _, state in _to_look_for(connection, contracts):
            connection.execute(f"insert into {LOOKED_FOR} values (?, ?, ?)", [contract.source, contract.table, state])


def channels_to_settle(
    connection: duckdb.DuckDBPyConnection, settings: Settings, contracts: Sequence[TableContract]
) -> Iterator[str]:
    """What a release says of channels: those that no seed lists, and source systems whose events have none."""
    tables = connection.execute("select concat(schema_name, '.', table_name) from duckdb_tables()").fetchall()
    if not {"core.fct_events", "core.dim_channels", "hygiene.unassigned_channels"} <= {table for (table,) in tables}:
        return  # a release of before there were these tables may be the current one again
    by_source = defaultdict(list)
    for contract in contracts:
        if contract.is_own and contract.events:
            by_source[contract.source].append(contract)
    undeclared = connection.execute("""
        select channel, count(*), min(source_system), min_by(event_name, (source_system, event_name)),
            min_by(event_id, (source_system, event_name, event_id))
        from core.fct_events
        where channel in (select channel from core.dim_channels where not is_declared)
            and exists (select 1 from core.dim_channels where is_declared)
        group by channel order by count(*) desc, channel
    """).fetchall()
    for channel, count, source, event, event_id in undeclared:
        seed = "a folder of your own (JOURNEYS_SEEDS)" if settings.has_seeds_of_another else shown_path(settings.seeds)
        mapped = _mapping_place(by_source[source], event, channel)
        correct = f"correct {mapped}, or " if mapped else ""
        yield (
            f"channel {channel} is not in channels.csv: {count:,} event{'s' * (count > 1)}, such as {event_id} "
            f"({event} of {source}); {correct}add a row to channels.csv in {seed}"
        )
    without = connection.execute("""
        select source_system, sum(event_count), max_by(event_name, event_count), count(distinct event_name)
        from hygiene.unassigned_channels group by source_system order by sum(event_count) desc, source_system
    """).fetchall()
    for source, count, event, names in without:
        mapped = _mapping_place(by_source[source], event, None)
        more = f" and {names - 1} other name{'s' * (names > 2)}" if names > 1 else ""
        cure = f"give `channel` at {mapped}" if mapped else "give the events a channel"
        yield (
            f"{count:,} event{'s' * (count > 1)} of {source} {'have' if count > 1 else 'has'} no channel, such as "
            f"{event}{more}; {cure}, or add a rule to channel_rules.csv (see hygiene.unassigned_channels)"
        )


def notices(settings: Settings, contracts: Sequence[TableContract], release: Path | None) -> tuple[str, ...]:
    """Everything that is left to settle, a line each. `release` is the file that readers have, if there is one.

    What is not known while a run holds the warehouse is left out.
    """
    found: list[str] = []
    if settings.warehouse.exists():
        with (
            contextlib.suppress(WarehouseBusy),
            open_duckdb(settings.warehouse, read_only=True, wait_seconds=0) as connection,
        ):
            found += [warning.shown for warning in values_never_seen(connection, contracts)]
    if release is not None and release.exists():
        with open_duckdb(release, read_only=True) as connection:
            found += channels_to_settle(connection, settings, contracts)
    return (*found, *(warning.shown for warning in guesses_left(contracts)))


def _noted_states(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    tables = connection.execute("select concat(schema_name, '.', table_name) from duckdb_tables()").fetchall()
    if (LOOKED_FOR,) not in tables:
        return {}
    rows = connection.execute(f"select source_name, table_name, state from {LOOKED_FOR}").fetchall()
    return {(source, table): state for source, table, state in rows}


def _to_look_for(
    connection: duckdb.DuckDBPyConnection, contracts: Iterable[TableContract]
) -> Iterator[tuple[TableContract, list[_Named], str | None]]:
    """The own tables whose mappings name values, these, and what the answer follows from: rows, values, and file.

    The state is None where the table has no batch.
    """
    # of a contract that was changed since, columns may be missing until the next run
    landed = set(
        connection.execute("select table_name, column_name from duckdb_columns() where schema_name = 'raw'").fetchall()
    )
    batches = table_batches(connection)
    for contract in contracts:
        named = [one for one in _named_values(contract) if contract.is_own and (contract.identifier, one[2]) in landed]
        if not named:
            continue
        batch = batches.get((contract.source, contract.table))
        path, line = _declared(contract)
        types = [contract.column(column).data_type for _, _, column, _ in named]
        said = hashlib.sha256(path.read_bytes() + repr((batch, str(path), line, named, types)).encode()).hexdigest()
        yield contract, named, said if batch is not None else None


def _never_seen(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, named: Sequence[_Named]
) -> Iterator[str]:
    """What is said of values that no row has, in one pass over the table."""
    counts = ", ".join(
        f"count_if({_is(contract, place, column, value)})" for _, place, column, values in named for value in values
    )
    [(row_count, *seen)] = connection.execute(
        f"select count(*), {counts} from {raw_table(contract)} where _row_status = 'current'"
    ).fetchall()
    places = iter(seen)
    for event, place, column, values in named:
        missing = [value for value in values if not next(places)]
        if row_count and missing:
            path, line = _place_of(contract, place)
            shown = ", ".join(f"`{value}`" for value in missing[:SHOWN])
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            yield (
                f"none of {row_count:,} rows has {shown}{more} in {column}, which {event} asks for in "
                f"{shown_path(path)} line {line}; compare with select {column}, count(*) from "
                f"{raw_table(contract)} group by all"
            )


def _declared(contract: TableContract) -> tuple[Path, int]:
    path, _, line = contract.declared_in.rpartition(" line ")
    return Path(path), int(line)


def _named_values(contract: TableContract) -> Iterator[_Named]:
    """The conditions and lists of words of a contract that name values."""
    for number, event in enumerate(contract.events):
        what = f"event {number + 1}"
        for condition in event.when:
            if values := _values_of(condition):
                yield what, ("events", number, "when", condition.column), condition.column, values
        for key in EventMapping.__dataclass_fields__:
            value = getattr(event, key)
            if words := getattr(value, "values", ()):
                yield what, ("events", number, key, "values"), value.column, [text for text, _ in words]
    for condition in contract.people.when if contract.people is not None else ():
        if values := _values_of(condition):
            yield "people", ("people", "when", condition.column), condition.column, values
    for condition in contract.spend.when if contract.spend is not None else ():
        if values := _values_of(condition):
            yield "spend", ("spend", "when", condition.column), condition.column, values
    for key in TEXTS_OF_SPEND if contract.spend is not None else ():
        value = getattr(contract.spend, key)
        if words := getattr(value, "values", ()):
            yield "spend", ("spend", key, "values"), value.column, [text for text, _ in words]


def _is(contract: TableContract, place: tuple[str | int, ...], column: str, value: str) -> str:
    """The condition that a column has a value, as staging says it: in `when`, a number is compared as a number.

    Rows that landed before the contract gave the column its type may hold something else.
    """
    if "when" in place and contract.column(column).data_type.startswith(NUMBERS):
        return f"try_cast({name(column)} as double) = cast({literal(repr(float(value)))} as double)"
    return f"cast({name(column)} as varchar) = {literal(value)}"


def _values_of(condition: Condition) -> list[str]:
    return [value for value in condition.values if not isinstance(value, bool)]


def _place_of(contract: TableContract, place: tuple[str | int, ...]) -> tuple[Path, int]:
    """The file of a contract, and the line of a place below `meta` of it."""
    path, line = _declared(contract)
    document = load_document(path, str(path))
    table: Any = next(
        table
        for source in document["sources"]
        for table in source["tables"]
        if isinstance(table, LinedMapping) and table.line == line
    )
    return path, line_of(table, ("config", "meta", *place))


def _mapping_place(contracts: Sequence[TableContract], event: str, channel: str | None) -> str | None:
    """File and line of the mapping that makes an event: of its channel, or of the event where it gives none."""
    for contract in contracts:
        for number, mapped in enumerate(contract.events):
            gives = mapped.channel
            is_given = gives is not None and (gives.column is not None or gives.text == channel)
            if mapped.event_name.text in (None, event) and (channel is None or is_given):
                place = ("events", number, "channel" if gives is not None else "event_name")
                path, line = _place_of(contract, place)
                return f"{shown_path(path)} line {line}"
    return None
