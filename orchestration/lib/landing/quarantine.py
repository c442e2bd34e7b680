"""Shows quarantine by reason, and finds the deliveries of which most of it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.faults import suggestion
from orchestration.lib.core.sql import in_list, literal
from orchestration.lib.landing.accounting import message
from orchestration.lib.landing.registry import (
    IS_STANDING,
    LandingError,
    quarantine_table,
    refused_files,
    table_batches,
)

# More of a file or a delivery than this: it was read wrong, or is another.
MAX_QUARANTINED_SHARE_OF_DELIVERY = 0.5
# One broken row is a slip, also where it is the only one of its file.
LEAST_QUARANTINED_ROWS = 2


@dataclass(frozen=True)
class QuarantinedFile:
    """A loaded file of which most rows, or all, are in quarantine."""

    contract: TableContract
    file_path: str
    rows_read: int
    rows_quarantined: int
    reasons: str

    @property
    def message(self) -> str:
        source, table = self.contract.source, self.contract.table
        return (
            f"extracts/{self.file_path}: {self.rows_quarantined:,} of {self.rows_read:,} rows are in quarantine: "
            f"{self.reasons}. If the file is right, change {self.contract.declared_in} and type make requeue "
            f"SOURCE={source} TABLE={table}; else deliver it corrected under the same path, or type make withdraw "
            f'FILE="{self.file_path}". Look with: select line, column_name, reason, expected, row_text from '
            f"{quarantine_table(self.contract)} where file_path = {literal(self.file_path)}"
        )


def mostly_quarantined_sql(contract: TableContract) -> str:
    """The SQL that gives the loaded files of a table of which most rows are in quarantine, with both counts.

    Files count that stand (`IS_STANDING`). Files with a single broken row
    count where most of their delivery is in quarantine.
    """
    of_table = f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)}"
    share = literal(MAX_QUARANTINED_SHARE_OF_DELIVERY)
    return f"""
        select file_id, file_path, rows_read, rows_quarantined
        from (
            select
                files.file_id, files.file_path, files.rows_read, coalesce(counts.row_count, 0) as rows_quarantined,
                sum(files.rows_read) over (partition by files.batch) as read_of_delivery,
                sum(coalesce(counts.row_count, 0)) over (partition by files.batch) as quarantined_of_delivery
            from landing.files as files
            left join (
                select file_id, count(*) as row_count from {quarantine_table(contract)}
                where line is not null group by all
            ) as counts using (file_id)
            where {of_table} and {IS_STANDING}
        )
        where rows_quarantined > {share} * rows_read
            and (
                rows_quarantined >= {LEAST_QUARANTINED_ROWS}
                or quarantined_of_delivery > {share} * read_of_delivery
                and quarantined_of_delivery >= {LEAST_QUARANTINED_ROWS}
            )
    """


def mostly_quarantined(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, *, limit: int = 5
) -> tuple[QuarantinedFile, ...]:
    """The first files, by path, of which most rows are in quarantine, with the most frequent reasons."""
    rows = connection.execute(f"""
        with files as ({mostly_quarantined_sql(contract)}),

        counts as (
            select file_id, reason, column_name, count(*) as row_count
            from {quarantine_table(contract)} where line is not null and file_id in (select file_id from files)
            group by all
        ),

        reasons as (
            select
                file_id,
                string_agg(
                    format('{{:,}} × ', row_count) || reason || coalesce(' in ' || column_name, ''), ', '
                    order by row_count desc, reason, column_name
                ) as reasons
            from counts group by file_id
        )

        select file_path, rows_read, rows_quarantined, reasons
        from files inner join reasons using (file_id) order by file_path limit {limit}
    """).fetchall()
    return tuple(QuarantinedFile(contract, *row) for row in rows)


@dataclass(frozen=True)
class Wanted:
    """Which quarantined rows somebody asks for; what is None is not asked for. `file` is a path or a file_id."""

    source: str | None = None
    table: str | None = None
    reason: str | None = None
    column: str | None = None
    file: str | None = None

    @property
    def shown(self) -> str:
        asked = [f"{key.upper()}={value}" for key, value in vars(self).items() if value is not None]
        return ", ".join(asked) or "any table"

    def contracts(
        self, connection: duckdb.DuckDBPyConnection, contracts: Sequence[TableContract]
    ) -> list[TableContract]:
        """The tables among these for which files came. Raises LandingError for one that no contract declares."""
        sources = sorted({contract.source for contract in contracts})
        if self.source is not None and self.source not in sources:
            hint = suggestion(self.source, sources) or f" There are: {', '.join(sources)}."
            raise LandingError(f"No source is called {self.source!r}.{hint}")
        of_source = [contract for contract in contracts if self.source in (None, contract.source)]
        tables = sorted({contract.table for contract in of_source})
        if self.table is not None and self.table not in tables:
            of = f" of {self.source}" if self.source else ""
            hint = suggestion(self.table, tables) or f" There are: {', '.join(tables)}."
            raise LandingError(f"No table{of} is called {self.table!r}.{hint}")
        landed = table_batches(connection)
        return [
            contract
            for contract in of_source
            if self.table in (None, contract.table) and (contract.source, contract.table) in landed
        ]

    def condition(self, prefix: str = "") -> str:
        """The SQL condition on rows of a quarantine table, whose columns have this prefix in the query."""
        conditions = []
        if self.reason is not None:
            conditions.append(f"{prefix}reason = {literal(self.reason)}")
        if self.column is not None:
            conditions.append(f"{prefix}column_name = {literal(self.column)}")
        if self.file is not None:
            path = self.file.removeprefix("./").removeprefix("extracts/")
            conditions.append(f"({prefix}file_path = {literal(path)} or {prefix}file_id = {literal(self.file)})")
        return " and ".join(conditions) or "true"


@dataclass(frozen=True)
class QuarantineGroup:
    """What is in quarantine of one table for one reason and column; files that were refused are groups too."""

    contract: TableContract
    reason: str
    column: str | None
    row_count: int
    file_count: int
    examples: tuple[str, ...]
    query: str


def browse_quarantine(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    wanted: Wanted,
    *,
    extracts: Path,
    examples: int = 3,
) -> tuple[QuarantineGroup, ...]:
    """What is in quarantine by table, most frequent reason first: rows of files that count, and waiting refused files.

    A group of refused files has no rows. Raises LandingError for a source or a table that no contract declares.
    """
    waiting = {file.file_path for file in refused_files(connection, extracts)}
    groups = []
    for contract in wanted.contracts(connection, contracts):
        quarantine = quarantine_table(contract)
        rows = connection.execute(f"""
            with wanted as (
                select quarantined.*
                from {quarantine} as quarantined
                inner join landing.files as files using (file_id)
                where files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)}
                    and (
                        quarantined.line is not null and files.status = 'loaded'
                        or quarantined.line is null and files.status = 'refused'
                        and quarantined.file_path in {in_list(sorted(waiting))}
                    )
                    and {wanted.condition("quarantined.")}
            )

            select
                reason, column_name, count(line) as row_count, count(distinct file_id) as file_count,
                list({{'path': file_path, 'line': line, 'expected': expected}} order by file_path, line)[:{examples}]
            from wanted group by reason, column_name, line is null
            order by row_count desc, file_count desc, reason, column_name
        """).fetchall()
        for reason, column, row_count, file_count, first in rows:
            where = Wanted(reason=reason, column=column, file=wanted.file).condition()
            groups.append(
                QuarantineGroup(
                    contract,
                    reason,
                    column,
                    row_count,
                    file_count,
                    tuple(message(one["path"], one["line"], column, reason, one["expected"]) for one in first),
                    f"select file_path, line, expected, row_text from {quarantine} where {where}",
                )
            )
    return tuple(groups)
