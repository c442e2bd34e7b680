"""Keeps the books of landing: which file landed where, in which batch, and which was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import one_value, transaction
from orchestration.lib.core.sql import name
from orchestration.lib.landing.conversion import sql_type
from orchestration.lib.landing.files import FoundFile, content_hash
from orchestration.lib.landing.folders import is_unreadable
from orchestration.lib.landing.reasons import FileChanging, FileRefused

ROW_COLUMNS = {
    "_row_key": "varchar",
    "_row_hash": "varchar",
    "_row_status": "varchar",
    "_extra": "varchar",
    "_file_id": "varchar",
    "_line": "bigint",
    "_batch": "bigint",
    "_changed_in": "bigint",
    "_loaded_at": "timestamp",
}

_TABLES = """
create schema if not exists landing;
create schema if not exists raw;
create schema if not exists quarantine;
create table if not exists landing.files (
    file_id varchar, source_name varchar, table_name varchar, file_path varchar, content_hash varchar,
    file_format varchar, byte_count bigint, delivered_at timestamp, batch bigint, status varchar, reason
    varchar, rows_read bigint, rows_accepted bigint, rows_quarantined bigint, extra_columns varchar, loaded_at
    timestamp, delivered_in_name timestamp, place_in_batch bigint, reading_rules varchar
);
alter table landing.files add column if not exists delivered_in_name timestamp;
alter table landing.files add column if not exists place_in_batch bigint;
alter table landing.files add column if not exists reading_rules varchar;
create table if not exists landing.repeats (
    source_name varchar, table_name varchar, file_path varchar, byte_count bigint, delivered_at timestamp,
    file_id varchar
);
create table if not exists landing.batches (
    batch bigint, source_name varchar, table_name varchar, started_at timestamp, finished_at timestamp,
    run_id varchar
);
create table if not exists landing.warnings (
    source_name varchar, table_name varchar, file_id varchar, place varchar, kind varchar, column_name varchar,
    row_count bigint, message varchar, batch bigint, loaded_at timestamp
);
create table if not exists landing.daily_profiles (
    source_name varchar, table_name varchar, measured_on date, metric varchar, column_name varchar, value varchar,
    row_count bigint, figure double
);
create table if not exists landing.profiled_tables (
    source_name varchar, table_name varchar, batch bigint, shape varchar, primary key (source_name, table_name)
);
"""


# A file that landed, was not withdrawn, and was not replaced under its path by a later one: what is wrong with it was
# not corrected. A condition on rows of landing.files, called `files`.
IS_STANDING = """
    files.status = 'loaded' and not exists (
        select 1 from landing.files as newer
        where newer.source_name = files.source_name and newer.table_name = files.table_name
            and newer.file_path = files.file_path and newer.status = 'loaded' and newer.batch > files.batch
    )
"""


class LandingError(RuntimeError):
    """Landing can't continue; the message says what was found and what to do."""


@dataclass(frozen=True)
class RefusedFile:
    """A file that lies in the extracts folder and did not land."""

    source: str
    table: str
    file_path: str
    reason: str
    expected: str

    @property
    def message(self) -> str:
        return f"extracts/{self.file_path}: {self.reason}: {self.expected}"


def ensure_tables(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Creates registry and the table's raw and quarantine tables, and adds columns the contract gained."""
    for part in contract.parts:
        ensure_tables(connection, part)
    raw = raw_table(contract)
    declared = {column.name: sql_type(column) for column in contract.columns}
    if has_registry(connection) and _columns_of(connection, contract).items() >= {**declared, **ROW_COLUMNS}.items():
        return  # all tables are made in one transaction
    with transaction(connection):
        connection.execute(_TABLES)
        columns = ", ".join(f"{name(c)} {kind}" for c, kind in {**declared, **ROW_COLUMNS}.items())
        connection.execute(f"create table if not exists {raw} ({columns})")
        connection.execute(f"""
            create table if not exists {quarantine_table(contract)} (
                file_id varchar, file_path varchar, line bigint, column_name varchar, reason varchar,
                expected varchar, row_text varchar, batch bigint, loaded_at timestamp
            )
        """)
        existing = {row[0]: row[1].lower() for row in connection.execute(f"describe {raw}").fetchall()}
        for column, kind in declared.items():
            if column not in existing:
                connection.execute(f"alter table {raw} add column {name(column)} {kind}")
            elif existing[column] != kind:
                raise LandingError(
                    f"{contract.declared_in}: column {column} of {contract.name} is {kind} now, but landed "
                    "as "
                    f"{existing[column]}. Give the column a new name, or rebuild the data set: delete its "
                    "warehouse "
                    "file and run again (the files are still in the extracts folder)."
                )


def _columns_of(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> dict[str, str]:
    """The raw table's columns and types; none where there is no such table yet."""
    found = connection.execute(
        "select column_name, lower(data_type) from duckdb_columns() where database_name = current_database() "
        "and schema_name = 'raw' and table_name = ?",
        [contract.identifier],
    ).fetchall()
    return dict(found)


def raw_table(contract: TableContract) -> str:
    return f"raw.{name(contract.identifier)}"


def quarantine_table(contract: TableContract) -> str:
    return f"quarantine.{name(contract.identifier)}"


def has_books(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether anything was landed, by this version or one before: there are files, batches and quarantine to ask."""
    found = one_value(
        connection,
        "select count(*) from duckdb_tables() where schema_name = 'landing' "
        "and table_name in ('files', 'batches', 'repeats') and database_name = current_database()",
    )
    return found == 3


def complete_books(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds to books of a version before what this one keeps."""
    if has_books(connection) and not has_registry(connection):
        with transaction(connection):
            connection.execute(_TABLES)


def has_registry(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the books are there, as this version keeps them; landing makes and completes them."""
    found = one_value(
        connection,
        "select count(*) from duckdb_columns() where schema_name = 'landing' and database_name = current_database() "
        "and (table_name, column_name) in "
        "(('files', 'reading_rules'), ('batches', 'batch'), ('repeats', 'file_id'), ('warnings', 'kind'), "
        "('daily_profiles', 'metric'), ('profiled_tables', 'table_name'))",
    )
    return found == 6


Place = tuple[str, str, str, int, datetime]


def known_places(connection: duckdb.DuckDBPyConnection, contract: TableContract | None = None) -> frozenset[Place]:
    """Where content lies that needs no second reading: source, table, path, size and time of each such file.

    It landed from there, or had landed before it was delivered there. Of one table, or of all.
    """
    columns = "source_name, table_name, file_path, byte_count, delivered_at"
    of_table = "true" if contract is None else "source_name = $source and table_name = $table"
    return frozenset(
        connection.execute(
            f"select {columns} from landing.files where status <> 'refused' and {of_table} "
            f"union select {columns} from landing.repeats where {of_table}",
            {} if contract is None else {"source": contract.source, "table": contract.table},
        ).fetchall()
    )


def note_repeats(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, repeats: Sequence[tuple[FoundFile, str]]
) -> None:
    """Notes files whose content had landed before, so that the next run does not read them again."""
    rows = [
        (contract.source, contract.table, file.shown, file.byte_count, file.delivered_at, file_id)
        for file, file_id in repeats
    ]
    with transaction(connection):
        for source, table, shown, *_ in rows:
            connection.execute(
                "delete from landing.repeats where source_name = ? and table_name = ? and file_path = ?",
                [source, table, shown],
            )
        connection.executemany("insert into landing.repeats values (?, ?, ?, ?, ?, ?)", rows)


def open_batch(connection: duckdb.DuckDBPyConnection, contract: TableContract, *, run_id: str, now: datetime) -> int:
    """Takes the next batch number for the table and its parts. It counts over all tables: later is later everywhere."""
    batch = one_value(connection, "select coalesce(max(batch), 0) + 1 from landing.batches")
    for table in (contract, *contract.parts):
        connection.execute(
            "insert into landing.batches values (?, ?, ?, ?, null, ?)",
            [batch, table.source, table.table, plain_utc(now), run_id],
        )
    return batch


def latest_batch(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the newest batch; 0 before anything landed."""
    exists = one_value(
        connection, "select count(*) from duckdb_tables() where schema_name = 'landing' and table_name = 'batches'"
    )
    if not exists:
        return 0
    return one_value(connection, "select coalesce(max(batch), 0) from landing.batches")


def table_batches(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """The newest batch of each table by source and table: it numbers the states of the table's rows."""
    if not has_books(connection):
        return {}
    rows = connection.execute("select source_name, table_name, max(batch) from landing.batches group by all").fetchall()
    return {(source, table): batch for source, table, batch in rows}


def close_batch(connection: duckdb.DuckDBPyConnection, batch: int, *, finished_at: datetime) -> None:
    connection.execute("update landing.batches set finished_at = ? where batch = ?", [plain_utc(finished_at), batch])


def refused_files(connection: duckdb.DuckDBPyConnection, extracts: Path) -> tuple[RefusedFile, ...]:
    """The refused files that still lie in the extracts folder with the content that was refused."""
    if not has_books(connection):
        return ()
    rows = connection.execute("""
        select source_name, table_name, file_path, reason, content_hash, byte_count, file_id
        from landing.files where status = 'refused' order by file_path
    """).fetchall()
    found = []
    for source, table, shown, reason, digest, byte_count, file_id in rows:
        path = extracts / shown
        if digest is None:
            if not is_unreadable(path):
                continue  # the next landing reads it
        else:
            try:
                stat = path.stat()
                file = FoundFile(path, shown, stat.st_size, stat.st_mtime_ns)
                if stat.st_size != byte_count or content_hash(file) != digest:
                    continue
            except (OSError, FileRefused, FileChanging):
                continue
        expected = one_value(
            connection,
            f'select any_value(expected) from quarantine."{source}__{table}" where file_id = ? and line is null',
            [file_id],
        )
        found.append(RefusedFile(source, table, shown, reason, expected or ""))
    return tuple(found)
