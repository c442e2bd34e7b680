"""Forgets what the ledgers of runs hold of the oldest runs, so that a data set grows with its data and not with time.

Ledgers whose rows are of releases (restatements, customer_id_changes, source_trends, definitions, digests) keep those
of the releases that the journal names, which are the newest as well (`journal.Line.shortened`).
"""

from __future__ import annotations

import duckdb

from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.hygiene.anomaly_ledger import LEDGERS as ANOMALIES
from orchestration.lib.hygiene.deliveries import DELIVERIES, DELIVERIES_KEPT

RESULTS = "hygiene.expectation_results"


def forget_old_runs(connection: duckdb.DuckDBPyConnection, *, kept: int) -> int:
    """Deletes what ledgers hold of all but the `kept` newest runs; returns how many rows.

    Always kept are the last results of each suite, deviations that are open or accepted, the deliveries that others
    are compared with, and of each way in which a build can end the last one. The ledgers have to be there
    (create_ledgers).
    """
    newest = (
        f"select run_id, max(checked_at) as ended_at from {RESULTS} group by run_id "
        f"order by ended_at desc, run_id limit {kept}"
    )
    [(run_count, since)] = connection.execute(f"select count(*), min(ended_at) from ({newest})").fetchall()
    deletions = [
        f"""
        delete from {RESULTS} where rowid in (
            select rowid from (
                select rowid, run_id, checked_at < max(checked_at) over (partition by suite) as is_replaced
                from {RESULTS}
            ) where is_replaced and run_id not in (select run_id from ({newest}))
        )
        """,
        f"""
        delete from {DELIVERIES} where rowid in (
            select rowid from {DELIVERIES}
            window last_first as (partition by source_name, table_name order by checked_at desc, run_id)
            qualify row_number() over last_first > {kept}
                and (file_count = 0 or count_if(file_count > 0) over last_first > {DELIVERIES_KEPT})
        )
        """,
        f"""
        delete from landing.builds where build <= (select max(build) from landing.builds) - {kept}
            and build not in (select max(build) from landing.builds group by status)
        """,
    ]
    if run_count == kept:
        deletions += [f"delete from {ledger} where ended_at < {literal(str(since))}" for ledger in ANOMALIES]
    deleted = 0
    with transaction(connection):
        for deletion in deletions:
            [(count,)] = connection.execute(deletion).fetchall()
            deleted += count
    return deleted
