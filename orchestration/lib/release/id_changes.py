"""Finds what became of customer ids since the release that readers have: merged, split, identified, renamed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from orchestration.lib.core.connection import one_row, transaction
from orchestration.lib.core.sql import name
from orchestration.lib.release.ledgers import find_ledger, forget_unpublished

CAUSES = ("decision", "identified", "split", "merge", "late_evidence")
# Tables that both sides must have for ids to be compared.
COMPARED = ("dim_customers", "fct_events", "bridge_customer_identifiers")


@dataclass(frozen=True)
class IdChanges:
    """How ids changed: customers before and after, those that came and went, and moves by cause.

    `moves` counts pairs of a former and a present id by cause; `changed_count` the former ids that anything moved
    away from.
    """

    previous_count: int
    count: int
    new_count: int
    removed_count: int
    changed_count: int
    moves: dict[str, int]

    @property
    def changed_share(self) -> float | None:
        """Of the customers before, those that something moved away from; None where there were none."""
        return self.changed_count / self.previous_count if self.previous_count else None


def compare_ids(connection: duckdb.DuckDBPyConnection) -> IdChanges | None:
    """Compares the warehouse behind the connection with the release that is attached to it (previous_attached).

    `temp.id_moves` gets one row per former and present id between which identifiers or events moved, with what moved
    and why. Returns None where a side has not the tables to compare.
    """
    if not all(_exists(connection, database, "core", table) for database in (None, "previous") for table in COMPARED):
        return None
    decided = "select cast(null as varchar) where false"
    if _exists(connection, "previous", "hygiene", "identity_decision_outcomes"):
        decided = DECIDED
    connection.execute(f"create or replace temp table id_moves as {MOVES.format(decided=decided)}")
    previous_count, count, new_count, removed_count, changed_count = one_row(
        connection,
        """
        select
            (select count(*) from previous.core.dim_customers),
            (select count(*) from core.dim_customers),
            (select count(*) from core.dim_customers anti join previous.core.dim_customers as b using (customer_id)),
            (select count(*) from previous.core.dim_customers anti join core.dim_customers as b using (customer_id)),
            (select count(distinct previous_customer_id) from temp.id_moves)
        """,
    )
    moves = dict(connection.execute("select cause, count(*) from temp.id_moves group by cause").fetchall())
    return IdChanges(
        previous_count,
        count,
        new_count,
        removed_count,
        changed_count,
        {cause: moves.get(cause, 0) for cause in CAUSES},
    )


def record_id_changes(
    connection: duckdb.DuckDBPyConnection,
    *,
    release_id: str,
    previous_release_id: str,
    published: Collection[str],
) -> IdChanges | None:
    """Writes what changed since the attached release into hygiene.customer_id_changes and hygiene.identity_health.

    `published` are the ids that did become releases; rows of any other were written for a candidate that failed, and
    go. The ledger has to be there (create_ledgers).
    """
    ledger = find_ledger("customer_id_changes")
    target = name(ledger.schema, ledger.name)
    changes = compare_ids(connection)
    with transaction(connection):
        forget_unpublished(connection, ledger, published=published, release_id=release_id)
        if changes is not None:
            connection.execute(
                f"insert into {target} by name select $release_id as release_id, "
                "$previous_release_id as previous_release_id, * from temp.id_moves",
                {"release_id": release_id, "previous_release_id": previous_release_id},
            )
        if _exists(connection, None, "hygiene", "identity_health"):
            _record_churn(connection, changes)
    return changes


def _record_churn(connection: duckdb.DuckDBPyConnection, changes: IdChanges | None) -> None:
    connection.execute("delete from hygiene.identity_health where dimension = 'since the release before'")
    if changes is None:
        return
    figures = {
        "ids_new": changes.new_count,
        "ids_removed": changes.removed_count,
        "ids_changed_share": changes.changed_share,
    }
    rows = [(measure, "(all)", value) for measure, value in figures.items() if value is not None]
    rows += [("ids_moved", cause, count) for cause, count in changes.moves.items()]
    connection.executemany(
        "insert into hygiene.identity_health (measure, dimension, dimension_value, value) "
        "values (?, 'since the release before', ?, ?)",
        rows,
    )


def _exists(connection: duckdb.DuckDBPyConnection, database: str | None, schema: str, table: str) -> bool:
    row = connection.execute(
        # a mart may be a view in the warehouse, and is a table in a release
        "select count(*) from information_schema.tables where table_catalog = coalesce(?, current_database()) "
        "and table_schema = ? and table_name = ?",
        [database, schema, table],
    ).fetchone()
    return bool(row and row[0])


# Decisions that one side alone has, by the identifiers they name.
DECIDED = """
    select unnest([identifier_a, identifier_b]) as identifier_hash
    from (
        (select decision, identifier_a, identifier_b from hygiene.identity_decision_outcomes
         except
         select decision, identifier_a, identifier_b from previous.hygiene.identity_decision_outcomes)
        union all
        (select decision, identifier_a, identifier_b from previous.hygiene.identity_decision_outcomes
         except
         select decision, identifier_a, identifier_b from hygiene.identity_decision_outcomes)
    )
"""

# What moved from one id to another. Identifiers of people show whether a person was merged or split, as they belong
# to one person at a time; an event may move because a device turned out to be another person's.
MOVES = """
    with held_before as (
        select identifier_hash, customer_id from previous.core.bridge_customer_identifiers where link_rule = 'person'
    ),

    held_now as (
        select identifier_hash, customer_id from core.bridge_customer_identifiers where link_rule = 'person'
    ),

    identifiers as (
        select
            held_before.customer_id as previous_customer_id,
            held_now.customer_id,
            count(*) as identifier_count
        from held_before
        inner join held_now using (identifier_hash)
        group by all
    ),

    identifiers_with_shapes as (
        select
            *,
            -- of a former customer, the customers that its identifiers went to; of a present one, where they came from
            count(*) over (partition by previous_customer_id) as part_count,
            count(*) over (partition by customer_id) as source_count
        from identifiers
    ),

    events as (
        select
            events_before.customer_id as previous_customer_id,
            events_now.customer_id,
            count(*) as event_count
        from previous.core.fct_events as events_before
        inner join core.fct_events as events_now using (event_id)
        where events_before.customer_id <> events_now.customer_id
        group by all
    ),

    decided(identifier_hash) as (
        {decided}
    ),

    customers_decided_on as (
        select customer_id from held_before semi join decided using (identifier_hash)
        union
        select customer_id from held_now semi join decided using (identifier_hash)
    ),

    moves as (
        select
            coalesce(identifiers.previous_customer_id, events.previous_customer_id) as previous_customer_id,
            coalesce(identifiers.customer_id, events.customer_id) as customer_id,
            coalesce(identifiers.part_count, 0) as part_count,
            coalesce(identifiers.source_count, 0) as source_count,
            coalesce(identifiers.identifier_count, 0) as identifier_count,
            coalesce(events.event_count, 0) as event_count
        from identifiers_with_shapes as identifiers
        full join events
            on
                events.previous_customer_id = identifiers.previous_customer_id
                and events.customer_id = identifiers.customer_id
    )

    select
        moves.previous_customer_id,
        moves.customer_id,
        case
            when
                moves.previous_customer_id in (select customer_id from customers_decided_on)
                or moves.customer_id in (select customer_id from customers_decided_on)
                then 'decision'
            when previous_customers.is_anonymous and not customers.is_anonymous then 'identified'
            when moves.part_count > 1 then 'split'
            when moves.source_count > 1 then 'merge'
            else 'late_evidence'
        end as cause,
        cast(moves.identifier_count as bigint) as identifier_count,
        cast(moves.event_count as bigint) as event_count,
        moves.previous_customer_id not in (select customer_id from core.dim_customers) as is_previous_id_gone
    from moves
    left join previous.core.dim_customers as previous_customers
        on previous_customers.customer_id = moves.previous_customer_id
    left join core.dim_customers as customers
        on customers.customer_id = moves.customer_id
    where moves.previous_customer_id <> moves.customer_id
    order by moves.previous_customer_id, moves.customer_id
"""
