"""Reads files that landed again, in place: for `requeue` and `land_again`, after their contract changed.

A file keeps its place in the order of deliveries, so the same rows count as if it had landed under this contract at
first. A row that comes out as it was is not touched. A row that does not come out stays in raw as withdrawn, under a
file of no delivery, so that builds see its key change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_value
from orchestration.lib.core.sql import in_list, literal, name
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import FoundFile, content_hash
from orchestration.lib.landing.land import LandedFile, read_again
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import quarantine_table, raw_table
from orchestration.lib.landing.statuses import settle_statuses
from orchestration.lib.landing.suspicions import note_suspicions


@dataclass(frozen=True)
class Reread:
    """What came of reading files again: `refused` by their ids, and whether any row of the others is not as it was.

    `rows_replaced` is how many rows, those of parts included, are not in raw as they were; `rows_let_in` is how many of
    the rows that were in quarantine are in raw.
    """

    refused: dict[str, FileRefused]
    is_changed: bool
    rows_replaced: int
    rows_let_in: int


def of_table(contract: TableContract) -> str:
    """A condition on rows of landing.files, called `files`."""
    return f"files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)}"


class Contents:
    """Files of the extracts folder by their contents; each is hashed when it is first asked for, and once."""

    def __init__(self, found: Iterable[FoundFile]) -> None:
        self._by_size: dict[int, dict[str, FoundFile]] = defaultdict(dict)
        for file in found:
            self._by_size[file.byte_count][file.shown] = file
        self._hashes: dict[str, str | FileRefused | FileChanging] = {}

    def locate(self, file_id: str, shown: str, byte_count: int) -> FoundFile | None:
        """The file with the content that landed, wherever it lies now, under the path that it landed from.

        Raises FileRefused or FileChanging where none has it, and one of that size, which may be it, can't be read.
        """
        of_size = self._by_size.get(byte_count, {})
        there = of_size.get(shown)
        problem = None
        for file in (*((there,) if there else ()), *(file for file in of_size.values() if file is not there)):
            content = self._content(file)
            if content == file_id.partition(":")[0]:
                return replace(file, shown=shown)
            if isinstance(content, Exception):
                problem = problem or content
        if problem is not None:
            raise problem
        return None

    def _content(self, file: FoundFile) -> str | FileRefused | FileChanging:
        if file.shown not in self._hashes:
            try:
                self._hashes[file.shown] = content_hash(file)
            except (FileRefused, FileChanging) as problem:
                self._hashes[file.shown] = problem
        return self._hashes[file.shown]


def reread(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    files: Sequence[LandedFile],
    *,
    batch: int,
    now: datetime,
    settles_all: bool,
    before_settling: Callable[[], None] = lambda: None,
) -> Reread:
    """Reads files again inside the caller's transaction, and settles which rows count: of their keys, or of all.

    A file that can't land under its contract any more is left as it is. Raises FileChanging when one changed meanwhile.
    """
    tables = (contract, *contract.parts)
    _make_room(connection, tables)
    refused: dict[str, FileRefused] = {}
    deliveries = []
    for delivery, of_delivery in groupby(sorted(files, key=lambda landed: landed.delivery), lambda one: one.delivery):
        deliveries.append(delivery)
        refused |= read_again(
            connection, contract, list(of_delivery), batch=batch, now=now,
            set_aside=lambda file_ids: _set_aside(connection, contract, file_ids, batch=batch),
        )  # fmt: skip
    # what is known of a file as a delivery is as it was
    connection.execute(f"""
        update landing.files as files
        set status = former.status, delivered_at = former.delivered_at, loaded_at = former.loaded_at
        from landing_former_files as former
        where files.source_name = {literal(contract.source)} and files.file_id = former.file_id
            and files.table_name in {in_list(table.table for table in tables)}
    """)
    replaced = sum(_keep_what_is_the_same(connection, table, batch=batch) for table in tables)
    reread_ids = "select file_id from landing_former_files"
    keys = f"select hash(_row_key) from {raw_table(contract)} where _file_id in ({reread_ids}) or _file_id in "
    keys += "(select aside_id from landing_former_files)"
    before_settling()
    settle_statuses(connection, contract, batch=batch, now=now, changed=None if settles_all else keys)
    let_in, moved = 0, 0
    for table in tables:
        rows_in, rows_moved = _quarantine_since(connection, table)
        let_in, moved = let_in + rows_in, moved + rows_moved
    ids = frozenset(file_id for (file_id,) in connection.execute(reread_ids).fetchall())
    for delivery in deliveries:
        note_suspicions(connection, contract, batch=delivery, now=now, only=ids)
    _clear_up(connection, tables)
    return Reread(refused, replaced + moved > 0, replaced, let_in)


def _former(table: TableContract) -> str:
    """What was in quarantine of the table before its files were read again."""
    return name(f"landing_former_{table.identifier}")


def _make_room(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableContract]) -> None:
    connection.execute(
        "create or replace temp table landing_former_files "
        "(file_id varchar, aside_id varchar, status varchar, delivered_at timestamp, loaded_at timestamp)"
    )
    for table in tables:
        connection.execute(
            f"create or replace temp table {_former(table)} as from {quarantine_table(table)} where false"
        )


def _clear_up(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableContract]) -> None:
    for table in ("landing_former_files", *(_former(table) for table in tables)):
        connection.execute(f"drop table {table}")


def _set_aside(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, file_ids: Sequence[str], *, batch: int
) -> None:
    """Takes what is known of files out of the way of what is read of them now."""
    ids, aside = in_list(file_ids), literal(f" before batch {batch}")
    connection.execute(f"""
        insert into landing_former_files
        select file_id, file_id || {aside}, status, delivered_at, loaded_at
        from landing.files as files where {of_table(contract)} and file_id in {ids}
    """)
    for table in (contract, *contract.parts):
        rows = f"{quarantine_table(table)} where file_id in {ids} and line is not null"
        connection.execute(f"insert into {_former(table)} from {rows}")
        connection.execute(f"delete from {rows}")
        connection.execute(f"update {raw_table(table)} set _file_id = _file_id || {aside} where _file_id in {ids}")
        for known in ("files", "warnings"):
            connection.execute(f"delete from landing.{known} as files where {of_table(table)} and file_id in {ids}")


def _keep_what_is_the_same(connection: duckdb.DuckDBPyConnection, table: TableContract, *, batch: int) -> int:
    """Gives rows that came out as they were their former entry back, and withdraws the others.

    Returns how many are others, before or now.
    """
    raw, rows = raw_table(table), name("rows")
    connection.execute(f"""
        create or replace temp table landing_same as
        select file_id, aside_id, former._line, former._row_key, former._row_hash
        from landing_former_files
        inner join {raw} as former on former._file_id = aside_id
        inner join {raw} as read
            on read._file_id = file_id and read._line = former._line and read._row_hash = former._row_hash
            and read._row_key is not distinct from former._row_key
    """)
    is_same = (
        f"{rows}._line = same._line and {rows}._row_hash = same._row_hash "
        f"and {rows}._row_key is not distinct from same._row_key"
    )
    connection.execute(
        f"delete from {raw} as {rows} using landing_same as same where {rows}._file_id = same.file_id and {is_same}"
    )
    others = one_value(
        connection,
        f"select count(*) from {raw} where _file_id in (select file_id from landing_former_files)",
    )
    connection.execute(
        f"update {raw} as {rows} set _file_id = same.file_id from landing_same as same "
        f"where {rows}._file_id = same.aside_id and {is_same}"
    )
    left = f"{raw} where _file_id in (select aside_id from landing_former_files)"
    others += one_value(connection, f"select count(*) from {left}")
    connection.execute(
        f"update {raw} set _row_status = 'withdrawn', _changed_in = {batch} "
        "where _file_id in (select aside_id from landing_former_files)"
    )
    connection.execute("drop table landing_same")
    return int(others)


def _quarantine_since(connection: duckdb.DuckDBPyConnection, table: TableContract) -> tuple[int, int]:
    """How many rows were let in, and how many entries of quarantine are not as they were.

    An entry that is keeps its time. Of keys that two sources claim, statuses say what changed.
    """
    quarantine, former = quarantine_table(table), _former(table)
    connection.execute(f"""
        update {quarantine} as quarantined set loaded_at = former.loaded_at from {former} as former
        where quarantined.file_id = former.file_id and quarantined.line = former.line
            and quarantined.reason = former.reason and quarantined.column_name is not distinct from former.column_name
    """)
    of_files = f"select * from {quarantine} where line is not null and file_id in "
    of_files += "(select file_id from landing_former_files)"
    moved = one_value(
        connection,
        f"""
        select count(*) from (
            (from {former} except all {of_files}) union all ({of_files} except all from {former})
        ) where reason <> '{reasons.KEY_COLLISION}'
        """,
    )
    # elements of one row are in quarantine by its line: they were let in as far as it has fewer there
    let_in = one_value(
        connection,
        f"""
        select coalesce(sum(greatest(0, former.row_count - coalesce(still.row_count, 0))), 0)::bigint
        from (
            select file_id, line, count(*) as row_count from {former}
            where reason <> '{reasons.KEY_COLLISION}' group by all
        ) as former
        left join (select file_id, line, count(*) as row_count from ({of_files}) group by all) as still
            using (file_id, line)
        """,
    )
    return int(let_in), int(moved)
