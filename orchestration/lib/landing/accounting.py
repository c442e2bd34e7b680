"""Counts what became of every row that was read, and reports the rows in quarantine."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_row
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.registry import quarantine_table, raw_table


@dataclass(frozen=True)
class TableAccount:
    """The rows of a table's loaded files. Law: rows_read = current + superseded + duplicate + quarantined."""

    source: str
    table: str
    rows_read: int
    rows_current: int
    rows_superseded: int
    rows_duplicate: int
    rows_quarantined: int

    @property
    def adds_up(self) -> bool:
        return self.rows_read == (
            self.rows_current + self.rows_superseded + self.rows_duplicate + self.rows_quarantined
        )


def account_sql(contract: TableContract) -> str:
    """The SQL that gives the account of a table in one row. Withdrawn and refused files are not in it."""
    loaded = (
        f"select file_id from landing.files where source_name = {literal(contract.source)} "
        f"and table_name = {literal(contract.table)} and status = 'loaded'"
    )
    rows = f"from {raw_table(contract)} where _file_id in ({loaded}) and _row_status"
    # where two sources claim a key, its rows are in quarantine, and the rows of its parts are taken out with them
    claimed = f"+ (select count(*) {rows} = 'withdrawn')" if contract.part_of else ""
    return f"""
        select
            {literal(contract.source)} as source_name,
            {literal(contract.table)} as table_name,
            (
                select coalesce(sum(rows_read), 0)::bigint from landing.files
                where source_name = {literal(contract.source)} and table_name = {literal(contract.table)}
                    and status = 'loaded'
            ) as rows_read,
            (select count(*) {rows} = 'current') as rows_current,
            (select count(*) {rows} = 'superseded') as rows_superseded,
            (select count(*) {rows} = 'duplicate') as rows_duplicate,
            (
                select count(*) from {quarantine_table(contract)}
                where line is not null and file_id in ({loaded})
            ) {claimed} as rows_quarantined
    """


def account(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> TableAccount:
    """The account of a table that has been landed."""
    return TableAccount(*one_row(connection, account_sql(contract)))


def quarantine_messages(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    *,
    batch: int | None = None,
    limit: int = 20,
) -> tuple[str, ...]:
    """What a person should read about rows and files in quarantine: file, line, column, what was expected."""
    where = "" if batch is None else f"where batch = {int(batch)}"
    rows = connection.execute(f"""
        select file_path, line, column_name, reason, expected from {quarantine_table(contract)} {where}
        order by file_path, line nulls first, reason limit {int(limit)}
    """).fetchall()
    return tuple(message(*row) for row in rows)


def bad_file_messages(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, *, above_share: float, limit: int = 5
) -> tuple[str, ...]:
    """What to say of loaded files of which more than a share is in quarantine: the commonest fault, where it is first.

    `limit` is of files, those with most such rows first.
    """
    rows = connection.execute(
        f"""
        with files as (
            select file_id, file_path, rows_read, rows_quarantined from landing.files
            where source_name = ? and table_name = ? and status = 'loaded'
            -- one that was corrected where it lies counts as it is now
            qualify batch = max(batch) over (partition by file_path) and rows_quarantined > ? * rows_read
            order by rows_quarantined desc, file_path
            limit ?
        ),

        faults as (
            select file_id, column_name, reason, count(*) as row_count, min(line) as line
            from {quarantine_table(contract)}
            where line is not null and file_id in (select file_id from files)
            group by file_id, column_name, reason
        )

        select
            quarantine.file_path, quarantine.line, quarantine.column_name, quarantine.reason, quarantine.expected,
            files.rows_quarantined, files.rows_read
        from faults
        inner join files on files.file_id = faults.file_id
        inner join {quarantine_table(contract)} as quarantine
            on
                quarantine.file_id = faults.file_id
                and quarantine.line = faults.line
                and quarantine.reason = faults.reason
                and quarantine.column_name is not distinct from faults.column_name
        qualify row_number() over (
            partition by files.file_id order by faults.row_count desc, faults.line, faults.column_name nulls first
        ) = 1
        order by files.rows_quarantined desc, quarantine.file_path
        """,
        [contract.source, contract.table, above_share, limit],
    ).fetchall()
    return tuple(f"{message(*row[:5])} ({row[5]:,} of {row[6]:,} rows of this file are quarantined)" for row in rows)


def message(file_path: str, line: int | None, column_name: str | None, reason: str, expected: str) -> str:
    """One row of a quarantine table as a sentence."""
    where = f"extracts/{file_path}"
    if line is not None:
        where += f" line {line}"
    if column_name is not None:
        where += f", column {column_name}"
    return f"{where}: {expected}" if column_name is not None else f"{where}: {reason}: {expected}"
