"""Lets quarantined rows in after their contract changed: reads the files that hold them again, in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_value, transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import find_files
from orchestration.lib.landing.land import LandedFile
from orchestration.lib.landing.quarantine import Wanted
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import (
    LandingError,
    close_batch,
    ensure_tables,
    open_batch,
    quarantine_table,
)
from orchestration.lib.landing.rereading import Contents, of_table, reread

GONE = (
    "the extracts folder has no file with the content that landed; put it back and type make requeue again, or deliver "
    "these rows corrected in a new file"
)


@dataclass(frozen=True)
class RequeuedFile:
    """A file that holds quarantined rows, and what came of reading it again.

    `batch` is None where nothing changed. `problem` says why it was not read; then everything is as it was. Rows of the
    parts of the table are counted too.
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
    read_already: set[tuple[str, str]] = set()
    for named in wanted.contracts(connection, contracts):
        # the rows of a part are read with those of the table that it is part of
        contract = whole.get(named.name, named)
        ensure_tables(connection, contract)
        held = connection.execute(f"""
            select
                files.file_id, files.file_path, files.byte_count, files.batch, coalesce(files.place_in_batch, 0),
                count(*)
            from {quarantine_table(named)} as quarantined
            inner join landing.files as files using (file_id)
            where {of_table(contract)} and files.status = 'loaded' and quarantined.line is not null
                and quarantined.reason <> {literal(reasons.KEY_COLLISION)} and {wanted.condition("quarantined.")}
            group by all order by files.batch, files.file_path
        """).fetchall()
        contents = Contents(find_files(extracts, contract) if held else ())
        for file_id, shown, byte_count, delivery, place, count in held:
            if (contract.name, file_id) in read_already:
                continue
            read_already.add((contract.name, file_id))
            try:
                file = contents.locate(file_id, shown, byte_count)
                if file is None:
                    requeued.append(RequeuedFile(contract, shown, 0, count, problem=GONE))
                    continue
                landed = LandedFile(file, file_id, delivery, place)
                requeued.append(_requeue_file(connection, contract, landed, run_id=run_id, now=now))
            except _Unchanged:
                requeued.append(RequeuedFile(contract, shown, 0, count))
            except FileRefused as refusal:
                requeued.append(RequeuedFile(contract, shown, 0, count, problem=str(refusal)))
            except FileChanging:
                requeued.append(RequeuedFile(contract, shown, 0, count, problem="it is being written; try again later"))
    if not requeued:
        raise LandingError(f"No quarantined row of a loaded file is of {wanted.shown}. See them with make quarantine.")
    return tuple(requeued)


def _requeue_file(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, landed: LandedFile, *, run_id: str, now: datetime
) -> RequeuedFile:
    with transaction(connection):
        batch = open_batch(connection, contract, run_id=run_id, now=now)
        found = reread(connection, contract, [landed], batch=batch, now=now, settles_all=False)
        for refusal in found.refused.values():
            raise refusal
        if not found.is_changed:
            raise _Unchanged
        broken = sum(
            one_value(
                connection,
                f"select count(*) from {quarantine_table(table)} where file_id = ? and line is not null",
                [landed.file_id],
            )
            for table in (contract, *contract.parts)
        )
        close_batch(connection, batch, finished_at=now)
    return RequeuedFile(contract, landed.file.shown, found.rows_let_in, broken, batch)
