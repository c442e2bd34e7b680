"""Chooses which pairs of records are compared at all."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from orchestration.lib.config.matching import MatchingSettings


@dataclass(frozen=True)
class Blocked:
    """What blocking came to: pairs to compare, the greatest block kept, blocks and records left out of some rule."""

    pair_count: int
    max_block_records: int
    skipped_blocks: int


def block_pairs(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings) -> Blocked:
    """Creates the table `pairs_blocked` (record_l < record_r) of records in `people` that share a block of some rule.

    A block of more records than the limit is left out; the limit is halved while all blocks together hold too many
    pairs. Both depend on the records alone.
    """
    keys = {number: " || '|' || ".join(rule) for number, rule in enumerate(settings.blocking.rules, 1)}
    connection.execute("create or replace temp table blocks (rule integer, block varchar, record bigint)")
    for number, key in keys.items():
        connection.execute(
            f"insert into blocks select {number}, {key}, record from people where {key} is not null "
            f"qualify count(*) over (partition by {key}) > 1"
        )
    sizes = connection.execute(
        "select record_count, count(*) from (select count(*) as record_count from blocks group by rule, block) "
        "group by record_count order by record_count"
    ).fetchall()
    limit = settings.blocking.max_block_records
    while limit > 2 and _pairs(sizes, limit) > settings.blocking.max_pairs:
        limit //= 2
    connection.execute(f"""
        create or replace temp table blocks_kept as
        select * from blocks qualify count(*) over (partition by rule, block) <= {limit}
    """)
    connection.execute("""
        create or replace temp table pairs_blocked as
        select distinct one.record as record_l, other.record as record_r
        from blocks_kept as one
        join blocks_kept as other
            on one.rule = other.rule and one.block = other.block and one.record < other.record
    """)
    # fetched whole: Splink continues with this connection, and DuckDB wants a result read to its end first
    ((count,),) = connection.execute("select count(*) from pairs_blocked").fetchall()
    return Blocked(count, limit, sum(blocks for size, blocks in sizes if size > limit))


def _pairs(sizes: list[tuple[int, int]], limit: int) -> int:
    return sum(blocks * size * (size - 1) // 2 for size, blocks in sizes if size <= limit)
