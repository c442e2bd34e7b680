"""Shows quarantine by reason, and finds the deliveries of which most of it is."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.registry import quarantine_table

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

    A file counts until it is withdrawn, or a later file has landed under its path. Files with a single broken row
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
            where {of_table} and status = 'loaded' and not exists (
                select 1 from landing.files as newer
                where newer.source_name = files.source_name and newer.table_name = files.table_name
                    and newer.file_path = files.file_path and newer.status = 'loaded' and newer.batch > files.batch
            )
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
