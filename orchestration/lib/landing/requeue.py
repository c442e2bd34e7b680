"""Lets quarantined rows in after their contract changed: reads the files that hold them again, in place.

A file keeps its place in the order of deliveries, so the same rows count as if it had landed under this contract at
first. A row that comes out as it was is not touched. One that does not remains in raw as withdrawn, under a file of no
delivery, so that builds see its key change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_row, one_value, transaction
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import FoundFile, content_hash, find_files
from orchestration.lib.landing.land import read_again
from orchestration.lib.landing.quarantine import Wanted
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import (
    LandingError,
    close_batch,
    ensure_tables,
    open_batch,
    quarantine_table,
    raw_table,
)
from orchestration.lib.landing.statuses import settle_statuses
from orchestration.lib.landing.suspicions import note_suspicions

GONE = (
    "the extracts folder has no file with the content that landed; put it back and type make requeue again, or deliver "
    "these rows corrected in a new file"
)


@dataclass(frozen=True)
class RequeuedFile:
    """A file that holds quarantined rows, and what came of reading it again.

    `batch` is None where nothing changed. `problem` says why it was not read; then everything is as it was.
    """

    contract: TableContract
    file_path: str
    rows_let_in: int
    rows_quarantined: int
    batch: int | None = None
    problem: str | None = None


class _Unchanged(Exception):
    """The file comes out as it was."""


def requeue(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    wanted: Wanted,
    *,
    extracts: Path,
    run_id: str,
    now: datetime,
) -> tuple[RequeuedFile, ...]:
    """Reads the loaded files again that hold wanted rows, each in a transaction of its own.

    Rows of other reasons in these files are read again too. Raises LandingError where no such row is in quarantine.
    """
    if wanted.reason == reasons.KEY_COLLISION:
        raise LandingError(
            f"Rows with {reasons.KEY_COLLISION} were read; another source keeps their keys. They come back by "
            "themselves when its rows are withdrawn (make withdraw FILE=…); or correct the keys and deliver again."
        )
    requeued: list[RequeuedFile] = []
    whole = {part.name: contract for contract in contracts for part in contract.parts}
    for named in wanted.contracts(connection, contracts):
        # the rows of a part are read with those of the table that it is part of
        contract = whole.get(named.name, named)
        ensure_tables(connection, contract)
        held = connection.execute(f"""
            select files.file_id, files.file_path, files.byte_count, files.batch, count(*)
            from {quarantine_table(named)} as quarantined
            inner join landing.files as files using (file_id)
            where {_of_table(contract)} and files.status = 'loaded' and quarantined.line is not null
                and quarantined.reason <> {literal(reasons.KEY_COLLISION)} and {wanted.condition("quarantined.")}
            group by all order by files.batch, files.file_path
        """).fetchall()
        found = find_files(extracts, contract) if held else ()
        for file_id, shown, byte_count, delivery, count in held:
            try:
                file = _locate(found, file_id, shown, byte_count)
                if file is None:
                    requeued.append(RequeuedFile(contract, shown, 0, count, problem=GONE))
                    continue
                requeued.append(_requeue_file(connection, contract, file, file_id, delivery, run_id=run_id, now=now))
            except _Unchanged:
                requeued.append(RequeuedFile(contract, shown, 0, count))
            except FileRefused as refusal:
                requeued.append(RequeuedFile(contract, shown, 0, count, problem=str(refusal)))
            except FileChanging:
                requeued.append(RequeuedFile(contract, shown, 0, count, problem="it is being written; try again later"))
    if not requeued:
        raise LandingError(f"No quarantined row of a loaded file is of {wanted.shown}. See them with make quarantine.")
    return tuple(requeued)


def _of_table(contract: TableContract) -> str:
    return f"files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)}"


def _locate(found: Sequence[FoundFile], file_id: str, shown: str, byte_count: int) -> FoundFile | None:
    """The file with the content that landed, wherever it lies now, under the path that it landed from."""
    for file in sorted(found, key=lambda file: file.shown != shown):
        if file.byte_count == byte_count and content_hash(file) == file_id.partition(":")[0]:
            return replace(file, shown=shown)
    return None


def _requeue_file(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    file: FoundFile,
    file_id: str,
    delivery: int,
    *,
    run_id: str,
    now: datetime,
) -> RequeuedFile:
    raw, quarantine = raw_table(contract), quarantine_table(contract)
    this_file = f"file_id = {literal(file_id)}"
    entry = f"landing.files as files where {this_file} and {_of_table(contract)}"
    with transaction(connection):
        batch = open_batch(connection, contract, run_id=run_id, now=now)
        before = f"{file_id} before batch {batch}"
        was_delivered, was_loaded, place = one_row(
            connection, f"select delivered_at, loaded_at, coalesce(place_in_batch, 0) from {entry}"
        )
        connection.execute(f"""
            create or replace temp table landing_quarantined as
            select * from {quarantine} where {this_file} and line is not null
        """)
        connection.execute(f"update {raw} set _file_id = ? where _file_id = ?", [before, file_id])
        connection.execute(f"delete from {quarantine} where {this_file} and line is not null")
        connection.execute(f"delete from {entry}")
        connection.execute(f"delete from landing.warnings as files where {this_file} and {_of_table(contract)}")

        for part in contract.parts:
            _set_part_aside(connection, part, file_id, before)

        read_again(connection, contract, file, file_id, place=place, batch=batch, now=now)

        for table in (contract, *contract.parts):
            connection.execute(
                f"update landing.files as files set batch = ?, delivered_at = ?, loaded_at = ? "
                f"where {this_file} and {_of_table(table)}",
                [delivery, was_delivered, was_loaded],
            )
            connection.execute(
                f"update {quarantine_table(table)} set batch = {delivery} where {this_file} and line is not null"
            )
            connection.execute(f"update {raw_table(table)} set _batch = ? where _file_id = ?", [delivery, file_id])
        is_changed = _keep_what_is_the_same(connection, contract, file_id, before)
        for part in contract.parts:
            is_changed = _keep_part_if_the_same(connection, part, file_id, before, batch=batch) or is_changed
        if not is_changed:
            raise _Unchanged
        connection.execute(
            f"update {raw} set _row_status = 'withdrawn', _changed_in = ? where _file_id = ?", [batch, before]
        )
        settle_statuses(
            connection,
            contract,
            batch=batch,
            now=now,
            changed=f"select hash(_row_key) from {raw} where _file_id in ({literal(file_id)}, {literal(before)})",
        )
        let_in = one_value(
            connection,
            f"select count(*) from landing_quarantined where reason <> '{reasons.KEY_COLLISION}' "
            f"and line in (select _line from {raw} where _file_id = ?)",
            [file_id],
        )
        broken = one_value(connection, f"select count(*) from {quarantine} where {this_file} and line is not null")
        note_suspicions(connection, contract, batch=delivery, now=now, only=file_id)
        connection.execute("drop table landing_quarantined")
        close_batch(connection, batch, finished_at=now)
    return RequeuedFile(contract, file.shown, let_in, broken, batch)


def _set_part_aside(connection: duckdb.DuckDBPyConnection, part: TableContract, file_id: str, before: str) -> None:
    """Takes what a part has of a file out of the way of what it will have."""
    quarantine, this_file = quarantine_table(part), f"file_id = {literal(file_id)}"
    connection.execute(
        f"create or replace temp table {name(_kept(part))} as select * from {quarantine} where {this_file}"
    )
    connection.execute(f"delete from {quarantine} where {this_file}")
    connection.execute(f"delete from landing.files as files where {this_file} and {_of_table(part)}")
    connection.execute(f"update {raw_table(part)} set _file_id = ? where _file_id = ?", [before, file_id])


def _kept(part: TableContract) -> str:
    return f"landing_quarantined_{part.table}"


def _keep_part_if_the_same(
    connection: duckdb.DuckDBPyConnection, part: TableContract, file_id: str, before: str, *, batch: int
) -> bool:
    """Gives a part's rows of a file that came out as they were their former entry back; says whether any did not."""
    raw, quarantine, kept = raw_table(part), quarantine_table(part), name(_kept(part))
    rows = "select _line, _row_key, _row_hash from " + raw + " where _file_id = {}"
    broken = "select line, column_name, reason, expected from {}"
    now_broken = broken.format(f"{quarantine} where file_id = {literal(file_id)}")
    differences = one_value(
        connection,
        f"""
        select count(*) from (
            select 1 from ({rows.format(literal(before))} except all {rows.format(literal(file_id))})
            union all select 1 from ({rows.format(literal(file_id))} except all {rows.format(literal(before))})
            union all select 1 from ({broken.format(kept)} except all {now_broken})
            union all select 1 from ({now_broken} except all {broken.format(kept)})
        )
        """,
    )
    if differences:
        connection.execute(
            f"update {raw} set _row_status = 'withdrawn', _changed_in = ? where _file_id = ?", [batch, before]
        )
    else:
        connection.execute(f"delete from {raw} where _file_id = ?", [file_id])
        connection.execute(f"update {raw} set _file_id = ? where _file_id = ?", [file_id, before])
    connection.execute(f"drop table {kept}")
    return differences > 0


def _keep_what_is_the_same(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, file_id: str, before: str
) -> bool:
    """Gives rows that were read again as they were their former entry back; says whether anything else is left."""
    raw, quarantine = raw_table(contract), quarantine_table(contract)
    connection.execute(
        f"""
        create or replace temp table landing_same as
        select former._line, former._row_key, former._row_hash
        from {raw} as former
        inner join {raw} as read on read._line = former._line and read._row_key is not distinct from former._row_key
            and read._row_hash = former._row_hash
        where former._file_id = ? and read._file_id = ?
        """,
        [before, file_id],
    )
    is_same = (
        "_line = same._line and {0}._row_key is not distinct from same._row_key and {0}._row_hash = same._row_hash"
    )
    rows = name("rows")
    connection.execute(
        f"delete from {raw} as {rows} using landing_same as same where _file_id = ? and {rows}.{is_same.format(rows)}",
        [file_id],
    )
    connection.execute(
        f"update {raw} as {rows} set _file_id = ? from landing_same as same "
        f"where _file_id = ? and {rows}.{is_same.format(rows)}",
        [file_id, before],
    )
    connection.execute(f"""
        update {quarantine} as quarantined set loaded_at = former.loaded_at from landing_quarantined as former
        where quarantined.file_id = former.file_id and quarantined.line = former.line
            and quarantined.reason = former.reason
    """)
    left = one_value(
        connection,
        f"""
        select
            (select count(*) from {raw} where _file_id = {literal(before)})
            + (
                select count(*) from {raw} as read
                where _file_id = {literal(file_id)}
                    and not exists (select 1 from landing_same as same where read.{is_same.format("read")})
            )
            + (
                select count(*) from (
                    (table landing_quarantined except all select * from {quarantine} where file_id = {literal(file_id)})
                    union all
                    (select * from {quarantine} where file_id = {literal(file_id)} except all table landing_quarantined)
                )
                where reason <> '{reasons.KEY_COLLISION}' and line is not null
            )
    """,
    )
    connection.execute("drop table landing_same")
    return left > 0
