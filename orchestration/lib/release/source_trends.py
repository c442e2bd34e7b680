"""Notes with each release how its sources are, so that releases can be compared."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import name
from orchestration.lib.release.ledgers import find_ledger, forget_unpublished

# Days up to the clock that say how a source is now: four whole weeks, as in the comparison of deliveries.
RECENT_DAYS = 28

_ROWS = f"""
    with delivered as (
        select source_name, table_name, sum(read_count) as read_count, sum(quarantined_count) as quarantined_count
        from hygiene.source_deliveries
        where checked_at > coalesce(
            (select max(created_at) from hygiene.releases where list_contains($published, release_id)), '1970-01-01'
        )
        group by all
    ),

    recent as (
        select
            source_name, table_name, sum(row_count) as row_count,
            sum(filled_share * row_count) / sum(row_count) as filled_share,
            sum(identified_count) / cast(sum(row_count) as double) as identified_share
        from hygiene.source_scorecard_daily
        where measured_on < cast($as_of as date) and measured_on >= cast($as_of as date) - {RECENT_DAYS}
        group by all
    ),

    newest as (
        select source_name, table_name, max_by(newest_row_at, checked_at) as newest_row_at
        from hygiene.source_deliveries
        group by all
    )

    select
        $release_id as release_id, source_name, table_name,
        coalesce(delivered.read_count, 0) as read_count,
        coalesce(delivered.quarantined_count, 0) as quarantined_count,
        coalesce(recent.row_count, 0) as recent_row_count,
        delivered.quarantined_count / nullif(cast(delivered.read_count as double), 0) as quarantined_share,
        recent.filled_share, recent.identified_share,
        date_diff('second', newest.newest_row_at, cast($as_of as timestamp)) / 3600.0 as hours_since_newest_row,
        cast($as_of as timestamp) as as_of
    from newest
    left join delivered using (source_name, table_name)
    left join recent using (source_name, table_name)
"""


def record_source_trends(
    connection: duckdb.DuckDBPyConnection, *, release_id: str, as_of: datetime, published: Collection[str]
) -> None:
    """Writes the rows of a release into hygiene.source_trends.

    `published` are the ids that did become releases; rows of any other were written for a candidate that failed, and
    go. The ledgers have to be there (create_ledgers), and the tables of a complete build.
    """
    ledger = find_ledger("source_trends")
    with transaction(connection):
        forget_unpublished(connection, ledger, published=published, release_id=release_id)
        connection.execute(
            f"insert into {name(ledger.schema, ledger.name)} by name {_ROWS}",
            {
                "release_id": release_id,
                "as_of": plain_utc(as_of),
                "published": [one for one in sorted(published) if one != release_id],
            },
        )
