"""Remembers next to the warehouse file which contents were withdrawn.

A warehouse that is built again from the extracts would otherwise count them again: what was withdrawn mostly still lies
in the extracts folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.files import PRIVATE_FILE, write_durably
from orchestration.lib.landing.registry import LandingError, has_books
from orchestration.lib.landing.withdraw import FileChange, withdraw_file

NOTE = "withdrawn.json"

# A content of a table: source, table, hash of the content, and the path that it came under.
Content = tuple[str, str, str, str]


def note_withdrawals(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Writes the note of a data set, where it has changed: what is withdrawn, and what was and has not landed yet."""
    before = _read(home)
    withdrawn, loaded = (_contents(connection, status) for status in ("withdrawn", "loaded"))
    counts_again = {content[:3] for content in loaded}
    # of a warehouse that is built again some tables may not have landed yet
    after = withdrawn | {content for content in before if content[:3] not in counts_again}
    if after != before:
        write_durably(home / NOTE, json.dumps(sorted(after), indent=1, ensure_ascii=False) + "\n", mode=PRIVATE_FILE)


def withdraw_noted(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    home: Path,
    *,
    extracts: Path,
    run_id: str,
    now: datetime,
) -> tuple[FileChange, ...]:
    """Withdraws what was withdrawn before and has landed again, in a warehouse that did not know of it.

    Raises LandingError for a note that can't be read, naming it.
    """
    noted = {content[:3] for content in _read(home)}
    if not noted or not has_books(connection):
        return ()
    files = connection.execute(
        "select file_id, source_name, table_name, content_hash from landing.files where status = 'loaded' "
        "order by batch, source_name, table_name, file_id"
    ).fetchall()
    changes: list[FileChange] = []
    for file_id in dict.fromkeys(file[0] for file in files if file[1:] in noted):
        changes += withdraw_file(connection, contracts, file=file_id, extracts=extracts, run_id=run_id, now=now)
    return tuple(changes)


def _contents(connection: duckdb.DuckDBPyConnection, status: str) -> set[Content]:
    if not has_books(connection):
        return set()
    return set(
        connection.execute(
            "select source_name, table_name, content_hash, file_path from landing.files where status = ?", [status]
        ).fetchall()
    )


def _read(home: Path) -> set[Content]:
    path = home / NOTE
    if not path.exists():
        return set()
    try:
        return {(source, table, content, shown) for source, table, content, shown in json.loads(path.read_bytes())}
    except (ValueError, TypeError) as error:
        raise LandingError(
            f"{path} is damaged ({error}): it says which files were withdrawn, and without it they could count again. "
            "Put it back from your backup. Without one, delete it and withdraw again what was withdrawn: "
            "make withdraw FILE=…"
        ) from error
