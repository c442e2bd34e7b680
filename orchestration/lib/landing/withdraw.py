"""Takes a wrongly loaded file back, and brings a file taken back in again."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_value, transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.files import FoundFile, content_hash
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import (
    LandingError,
    close_batch,
    complete_books,
    ensure_tables,
    has_books,
    open_batch,
    raw_table,
)
from orchestration.lib.landing.statuses import settle_statuses


@dataclass(frozen=True)
class FileChange:
    """A file of one table whose rows were taken out of the count or brought back."""

    source: str
    table: str
    file_id: str
    file_path: str
    status: str
    rows: int
    batch: int


def withdraw_file(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    *,
    file: str,
    extracts: Path,
    run_id: str,
    now: datetime,
) -> tuple[FileChange, ...]:
    """Takes a loaded file back: its rows stop counting, and rows that it had displaced count again.

    `file` is its path (from the extracts folder, from here, or absolute) or its file_id. Its content does
    not land again by itself; `restore_file` is the way back. Raises LandingError for a file that is not
    loaded.
    """
    return _change(
        connection,
        contracts,
        file=file,
        extracts=extracts,
        run_id=run_id,
        now=now,
        old="loaded",
        new="withdrawn",
    )


def restore_file(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    *,
    file: str,
    extracts: Path,
    run_id: str,
    now: datetime,
) -> tuple[FileChange, ...]:
    """Brings a withdrawn file back as if it had never been taken out.

    Raises LandingError for a file that is not withdrawn.
    """
    return _change(
        connection,
        contracts,
        file=file,
        extracts=extracts,
        run_id=run_id,
        now=now,
        old="withdrawn",
        new="loaded",
    )


def _change(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    *,
    file: str,
    extracts: Path,
    run_id: str,
    now: datetime,
    old: str,
    new: str,
) -> tuple[FileChange, ...]:
    complete_books(connection)
    matches = _matching(connection, file, extracts, old)
    by_name = {(contract.source, contract.table): contract for contract in contracts}
    changes = []
    for source, table, _, path in matches:
        if (source, table) not in by_name:
            raise LandingError(f"{path} belongs to {source}.{table}, which no contract declares any more.")
        ensure_tables(connection, by_name[source, table])
    with transaction(connection):
        for source, table, file_id, path in matches:
            contract = by_name[source, table]
            changes.append(change_status(connection, contract, file_id, path, to=new, run_id=run_id, now=now))
    return tuple(changes)


def change_status(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    file_id: str,
    path: str,
    *,
    to: str,
    run_id: str,
    now: datetime,
) -> FileChange:
    """Gives a file of a table the status `loaded` or `withdrawn`, and its rows what follows from it.

    The caller has a transaction.
    """
    batch = open_batch(connection, contract, run_id=run_id, now=now)
    connection.execute(
        "update landing.files set status = ? where file_id = ? and source_name = ? and table_name = ?",
        [to, file_id, contract.source, contract.table],
    )
    settle_statuses(
        connection,
        contract,
        batch=batch,
        now=now,
        changed=f"select hash(_row_key) from {raw_table(contract)} where _file_id = {literal(file_id)}",
    )
    rows = one_value(connection, f"select count(*) from {raw_table(contract)} where _file_id = ?", [file_id])
    close_batch(connection, batch, finished_at=now)
    return FileChange(contract.source, contract.table, file_id, path, to, rows, batch)


def _matching(
    connection: duckdb.DuckDBPyConnection, file: str, extracts: Path, status: str
) -> list[tuple[str, str, str, str]]:
    rows = []
    if has_books(connection):
        rows = connection.execute(
            "select source_name, table_name, file_id, file_path, status, content_hash from landing.files "
            "order by batch, coalesce(place_in_batch, 0), source_name, table_name"
        ).fetchall()
    shown = {file.removeprefix("./"), file.removeprefix("./").removeprefix("extracts/")}
    on_disk = None
    for path in (extracts / file, Path(file).absolute(), extracts.parent / file):
        if path.resolve().is_relative_to(extracts.resolve()):
            shown.add(path.resolve().relative_to(extracts.resolve()).as_posix())
        if on_disk is None and path.is_file():
            on_disk = path
    matches = [row for row in rows if file == row[2]] or [row for row in rows if row[3] in shown]
    fitting = [row for row in matches if row[4] == status]
    if on_disk is not None and len(fitting) != 1:
        # The path may have held other content before, or hold what landed from another path.
        digest = _hash(on_disk)
        same = [row for row in rows if row[5] == digest]
        matches = matches or same
        of_content = [row for row in same if row[4] == status]
        # of a content that came several times the last one that came under this path, else the last one
        last = ([row for row in of_content if row[3] in shown] or of_content)[-1:]
        fitting = [row for row in of_content if row[2] == last[0][2]] if last else fitting
    if not fitting:
        raise LandingError(_why_not(file, rows, matches, status))
    if len({row[2] for row in fitting}) > 1:
        listed = "\n".join(f"  {row[2]}  {row[3]}" for row in fitting)
        raise LandingError(f"{file}: several contents came under this path. Give the file_id of one:\n{listed}")
    return [row[:4] for row in fitting]


def _why_not(file: str, rows: list[tuple], matches: list[tuple], status: str) -> str:
    verb = "withdrawn" if status == "loaded" else "restored"
    if matches:
        states = ", ".join(sorted({row[4] for row in matches}))
        way_out = " Correct it or take it out of its folder, then type make run." if states == "refused" else ""
        return f"{file} is {states}, so it can't be {verb}: only a {status} file can.{way_out}"
    candidates = sorted({row[3] for row in rows if row[4] == status})
    tail = {path.rsplit("/", 1)[-1]: path for path in candidates}
    near = difflib.get_close_matches(file, candidates, n=5, cutoff=0.5)
    near += [tail[n] for n in difflib.get_close_matches(file.rsplit("/", 1)[-1], tail, n=5, cutoff=0.5)]
    near = list(dict.fromkeys(near))[:5]
    if near:
        return f"{file}: no such file is {status}. Near names: {', '.join(near)}."
    if candidates:
        return f"{file}: no such file is {status}. Some that are: {', '.join(candidates[:5])}."
    return f"{file}: no file is {status} yet."


def _hash(path: Path) -> str | None:
    stat = path.stat()
    try:
        return content_hash(FoundFile(path, str(path), stat.st_size, stat.st_mtime_ns))
    except (FileChanging, FileRefused):
        return None
