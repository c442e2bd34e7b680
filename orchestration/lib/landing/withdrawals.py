"""Remembers next to the warehouse file which contents were withdrawn.

A warehouse that is built again from the extracts would otherwise count them again: what was withdrawn mostly still lies
in the extracts folder. The warehouse is what decides; the note is its copy, and is read once, by a warehouse that is
new. What it names is withdrawn when it lands there, and never a second time: a content may come back and be right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.files import PRIVATE_FILE, write_durably
from orchestration.lib.landing.registry import LandingError, complete_books, has_books
from orchestration.lib.landing.withdraw import FileChange, change_status

NOTE = "withdrawn.json"

# A content of a table: source, table, hash of the content, and the path that it came under.
Content = tuple[str, str, str, str]

# What the note of an earlier warehouse named and has not landed in this one.
PENDING = "landing.withdrawn_before"
_PENDING = f"""
create table if not exists {PENDING} (
    source_name varchar, table_name varchar, content_hash varchar, file_path varchar
)
"""
# Of a content that came several times the last file counts: an earlier one may be withdrawn, and the content be right.
_LAST_OF_CONTENT = """
select source_name, table_name, content_hash, file_path, status, file_id from landing.files
where status in ('loaded', 'withdrawn')
qualify row_number() over (
    partition by source_name, table_name, content_hash order by batch desc, place_in_batch desc nulls last, file_id desc
) = 1
"""


def take_note_over(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Once in the life of a warehouse, before anything lands in it: what the note names is pending.

    A warehouse of before there were notes knows what it has; nothing of that is pending. Raises LandingError for a
    note that can't be read, naming it.
    """
    there = connection.execute(
        "select count(*) from duckdb_tables() where schema_name || '.' || table_name = ?", [PENDING]
    ).fetchone()
    if there and there[0]:
        return
    complete_books(connection)
    noted = sorted(_read(home))
    known: set[tuple[str, ...]] = set()
    if has_books(connection):
        known = set(
            connection.execute(f"select source_name, table_name, content_hash from ({_LAST_OF_CONTENT})").fetchall()
        )
    with transaction(connection):
        connection.execute("create schema if not exists landing")
        connection.execute(_PENDING)
        for content in noted:
            if content[:3] not in known:
                connection.execute(f"insert into {PENDING} values (?, ?, ?, ?)", list(content))


def note_withdrawals(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Writes the note of a data set, where it has changed. Raises LandingError for one that can't be read."""
    take_note_over(connection, home)
    noted = set(connection.execute(f"from {PENDING}").fetchall())
    if has_books(connection):
        noted |= set(
            connection.execute(
                f"select source_name, table_name, content_hash, file_path from ({_LAST_OF_CONTENT}) "
                "where status = 'withdrawn'"
            ).fetchall()
        )
    if noted != _read(home):
        write_durably(home / NOTE, json.dumps(sorted(noted), indent=1, ensure_ascii=False) + "\n", mode=PRIVATE_FILE)


def withdraw_noted(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    home: Path,
    *,
    run_id: str,
    now: datetime,
) -> tuple[FileChange, ...]:
    """Withdraws what was withdrawn before the warehouse was built again, and has landed in it.

    Raises LandingError for a note that can't be read, naming it.
    """
    take_note_over(connection, home)
    if not has_books(connection):
        return ()
    by_name = {(contract.source, contract.table): contract for contract in contracts}
    landed = connection.execute(
        f"select source_name, table_name, content_hash, last.file_id, last.file_path from ({_LAST_OF_CONTENT}) as last "
        f"inner join (select distinct source_name, table_name, content_hash from {PENDING}) as pending "
        "using (source_name, table_name, content_hash) where last.status = 'loaded' order by all"
    ).fetchall()
    changes = []
    for source, table, content, file_id, path in landed:
        contract = by_name.get((source, table))
        if contract is None:
            continue  # a table that no contract declares any more lands nothing
        with transaction(connection):
            changes.append(change_status(connection, contract, file_id, path, to="withdrawn", run_id=run_id, now=now))
            connection.execute(
                f"delete from {PENDING} where source_name = ? and table_name = ? and content_hash = ?",
                [source, table, content],
            )
    return tuple(changes)


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
