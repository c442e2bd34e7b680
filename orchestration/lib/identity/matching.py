"""Matches people records that share no key: which pairs are one person, how sure that is, and why.

`match_people` is a function of the records and the settings alone: the order of rows, the number of threads and
earlier runs change nothing. docs/identity_matching.md describes how it works.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from orchestration.lib.config.match_parameters import Parameters, with_rates
from orchestration.lib.config.matching import IDENTIFIER, SHAREABLE, MatchingSettings
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.identity.blocking import block_pairs
from orchestration.lib.identity.comparing import (
    compare_missing_pairs,
    create_compared,
    level_of,
    prior_weight,
    weigh_pairs,
)
from orchestration.lib.identity.grouping import Pair, Weighed, components, refuse_links
from orchestration.lib.identity.people_prepared import prepare_people
from orchestration.lib.identity.training import BLOCKED, sample_pairs, train

PAIRS_SCHEMA = pa.schema(
    [
        ("record_a", pa.string()),
        ("record_b", pa.string()),
        ("match_weight", pa.float64()),
        ("match_probability", pa.float64()),
        ("strongest_comparison", pa.string()),
        ("comparison_levels", pa.string()),
        ("refused_by", pa.string()),
        ("mistyped_types", pa.list_(pa.string())),
        ("is_link", pa.bool_()),
        ("is_cannot_link", pa.bool_()),
    ]
)
# Sums of floating-point weights differ in their last digits with the order of adding; nobody needs those.
DIGITS = 6


@dataclass(frozen=True)
class Compared:
    """What was compared: `records` (record, person_key_hash, digest of the values compared) and `pairs` of their
    numbers (record_l, record_r) with the level of each comparison. Two equal records are at the same levels again."""

    records: pa.Table
    pairs: pa.Table


@dataclass(frozen=True)
class Matches:
    """The pairs that are worth knowing of, figures of each step for the log, and what was compared.

    Those are the pairs at or above the review probability, and cannot-link pairs: two people of one mailbox or
    telephone.
    """

    pairs: pa.Table
    notes: tuple[str, ...]
    compared: Compared | None = None


def match_people(
    people: pa.Table,
    settings: MatchingSettings,
    parameters: Parameters | None = None,
    *,
    known: Compared | None = None,
) -> Matches:
    """Compares current people records and returns the pairs that may be one person, by their keys.

    `parameters` are saved ones; without them the rates are estimated as the settings say. Of pairs that are `known`
    from other records under the same settings and code, those of records that did not change are not compared again.
    """
    if not settings.is_on:
        return Matches(PAIRS_SCHEMA.empty_table(), ("matching is off",))
    with open_duckdb() as connection:
        count = prepare_people(connection, people, settings)
        if count < 2:
            return Matches(PAIRS_SCHEMA.empty_table(), (f"{count} records: nothing to compare",))
        blocked = block_pairs(connection, settings)
        skipped = f"{blocked.skipped_blocks:,} blocks of more than {blocked.max_block_records:,} records left out"
        if not blocked.pair_count:
            return Matches(PAIRS_SCHEMA.empty_table(), (f"{count:,} records, 0 pairs compared", skipped))
        _take_known(connection, settings, known)
        compared = _compare(connection, settings, is_sampled=parameters is None)
        notes = [
            f"{count:,} records, {blocked.pair_count:,} pairs compared; with the sample, {compared:,} in this run",
            skipped,
        ]
        if parameters is None:
            parameters = train(connection, settings, count)
        else:
            weigh_pairs(connection, with_rates(settings, parameters.rates), BLOCKED, "pairs_weighed")
        settings = with_rates(settings, parameters.rates)
        share = parameters.share(count)
        prior = prior_weight(share)
        weighed = _weigh_groups(connection, settings, prior)
        notes.append(f"one pair in {1 / share:,.0f} is taken to match")
        verdicts = refuse_links(
            weighed, settings.groups, link_weight=prior_weight(min(settings.thresholds.link, 1 - 1e-12))
        )
        pairs = _pairs_found(connection, settings, prior, verdicts, weighed)
        links = sum(verdict is None for verdict in verdicts.values())
        notes.append(f"{links:,} links, {len(verdicts) - links:,} refused, {len(pairs):,} pairs listed")
        return Matches(pairs, tuple(notes), _compared(connection))


def _take_known(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, known: Compared | None) -> None:
    """Creates `pairs_compared` of the known pairs of records that are as they were, under their present numbers."""
    # what the levels follow from: the record's own values, and whether its names are common
    columns = [
        f"{name} := {name}"
        for name, *_ in connection.execute("describe people_keyed").fetchall()
        if name not in ("record", "person_key_hash")
    ]
    connection.execute(f"""
        create or replace temp table records_compared as
        select record, person_key_hash, md5(cast(to_json(struct_pack({", ".join(columns)})) as varchar)) as digest
        from people_keyed
    """)
    create_compared(connection, settings, "pairs_compared")
    compared = [name for name, *_ in connection.execute("describe pairs_compared").fetchall()]
    # levels of other columns than are compared now are of no use, such as of identifiers that no longer are
    if known is None or set(known.pairs.column_names) != set(compared):
        return
    connection.register("records_known", known.records)
    connection.register("pairs_known", known.pairs)
    # the order of keys is the order of numbers, then and now
    connection.execute("""
        insert into pairs_compared by name
        with unchanged as (
            select before.record as number_before, now.record
            from records_known as before
            inner join records_compared as now using (person_key_hash, digest)
        )
        select one.record as record_l, other.record as record_r, pairs.* exclude (record_l, record_r)
        from pairs_known as pairs
        inner join unchanged as one on one.number_before = pairs.record_l
        inner join unchanged as other on other.number_before = pairs.record_r
    """)
    connection.unregister("records_known")
    connection.unregister("pairs_known")


def _compare(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, *, is_sampled: bool) -> int:
    """Compares the pairs blocked, and those sampled for training, unless they are in `pairs_compared`; returns how
    many were compared."""
    connection.execute("create or replace temp table pairs_wanted as select record_l, record_r from pairs_blocked")
    if is_sampled:
        sample_pairs(connection, settings)
        connection.execute("""
            insert into pairs_wanted
            select record_l, record_r from pairs_sampled anti join pairs_blocked using (record_l, record_r)
        """)
    count = compare_missing_pairs(connection, settings, "pairs_wanted", "pairs_compared")
    connection.execute("drop table pairs_wanted")
    return count


def _compared(connection: duckdb.DuckDBPyConnection) -> Compared:
    """The pairs that the next run may need again: those blocked, sampled or weighed in detail."""
    needed = "select record_l, record_r from pairs_blocked union select record_l, record_r from pairs_close"
    if connection.execute("select 1 from duckdb_tables() where table_name = 'pairs_sampled'").fetchall():
        needed += " union select record_l, record_r from pairs_sampled"
    return Compared(
        connection.sql("select record, person_key_hash, digest from records_compared order by record").to_arrow_table(),
        connection.sql(f"""
            from pairs_compared semi join ({needed}) using (record_l, record_r) order by record_l, record_r
        """).to_arrow_table(),
    )


def _weigh_groups(
    connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, prior: float
) -> dict[Pair, Weighed]:
    """Weighs in detail the pairs worth a review and all pairs inside the groups that heavy pairs make."""
    review = prior_weight(min(settings.thresholds.review, 1 - 1e-12)) - prior
    link = prior_weight(min(settings.thresholds.link, 1 - 1e-12)) - prior
    heavy = connection.execute(
        f"select record_l, record_r from pairs_weighed where round(evidence, {DIGITS}) >= ? order by all", [link]
    ).fetchall()
    inside = [
        (left, right)
        for group in components(heavy)
        if len(group) <= settings.groups.max_records
        for place, left in enumerate(group)
        for right in group[place + 1 :]
    ]
    connection.register(
        "pairs_inside",
        pa.table(
            {
                "record_l": pa.array([pair[0] for pair in inside], pa.int64()),
                "record_r": pa.array([pair[1] for pair in inside], pa.int64()),
            }
        ),
    )
    connection.execute(
        f"""
        create or replace temp table pairs_close as
        select record_l, record_r from pairs_weighed where round(evidence, {DIGITS}) >= ?
        union select record_l, record_r from pairs_inside
        union
        select record_l, record_r from pairs_blocked
        join people as one on one.record = record_l
        join people as other on other.record = record_r
        where one.email = other.email or one.phone = other.phone
        """,
        [review],
    )
    connection.unregister("pairs_inside")
    compare_missing_pairs(connection, settings, "pairs_close", "pairs_compared")
    close = "(from pairs_compared semi join pairs_close using (record_l, record_r))"
    weigh_pairs(connection, settings, close, "pairs_detailed", is_detailed=True)
    gammas = ", ".join(f"gamma_{comparison.name}" for comparison in settings.comparisons)
    rows = connection.execute(
        f"""
        select record_l, record_r, round(evidence + {prior!r}, {DIGITS}), {_agreeing(SHAREABLE)}, {gammas}
        from pairs_detailed
        join people as one on one.record = record_l
        join people as other on other.record = record_r
        order by all
        """
    ).fetchall()
    weighed = {}
    for left, right, weight, shared, *found in rows:
        levels = {
            comparison.name: level_of(comparison, gamma)
            for comparison, gamma in zip(settings.comparisons, found, strict=True)
        }
        cannot_link = _cannot_link(settings, shared, levels)
        refusing = [*cannot_link, *(guard.name for guard in settings.guards if guard.applies(levels))]
        weighed[left, right] = Weighed(weight, next(iter(refusing), None), is_cannot_link=bool(cannot_link))
    return weighed


def _agreeing(columns: Sequence[str]) -> str:
    """SQL: which of some columns of people `one` and `other` hold the same value."""
    names = ", ".join(f"case when one.{column} = other.{column} then '{column}' end" for column in columns)
    return f"list_filter([{names}], lambda name: name is not null)"


def _cannot_link(settings: MatchingSettings, shared: Sequence[str], levels: Mapping[str, str]) -> list[str]:
    """The cannot-links that hold of a pair: none where two values agree, whatever the names."""
    if len(shared) != 1:
        return []
    return [one.name for one in settings.cannot_links if shared[0] in one.shares and one.applies(levels)]


def _pairs_found(
    connection: duckdb.DuckDBPyConnection,
    settings: MatchingSettings,
    prior: float,
    verdicts: dict[Pair, str | None],
    weighed: dict[Pair, Weighed],
) -> pa.Table:
    """The pairs worth knowing of with what carried them, in the order of their keys."""
    names = [comparison.name for comparison in settings.comparisons]
    columns = ", ".join(f"gamma_{name}, mw_{name}" for name in names)
    review = prior_weight(min(settings.thresholds.review, 1 - 1e-12))
    rows = connection.execute(
        f"""
        select
            one.person_key_hash, other.person_key_hash, record_l, record_r,
            round(evidence + {prior!r}, {DIGITS}) as weight, {columns}
        from pairs_detailed
        join people as one on one.record = record_l
        join people as other on other.record = record_r
        order by 1, 2
        """
    ).fetchall()
    table: dict[str, list] = {name: [] for name in PAIRS_SCHEMA.names}
    for record_a, record_b, left, right, weight, *found in rows:
        is_cannot_link = weighed[left, right].is_cannot_link
        if weight < review and not is_cannot_link:
            continue
        levels = {
            comparison.name: {
                "level": level_of(comparison, found[2 * place]),
                "weight": round(found[2 * place + 1] or 0.0, 3) + 0.0,
            }
            for place, comparison in enumerate(settings.comparisons)
        }
        is_heavy = (left, right) in verdicts
        verdict = verdicts.get((left, right))
        table["record_a"].append(record_a)
        table["record_b"].append(record_b)
        table["match_weight"].append(weight)
        table["match_probability"].append(round(1 / (1 + 2.0 ** -max(min(weight, 300.0), -300.0)), 9))
        table["strongest_comparison"].append(max(names, key=lambda name: (levels[name]["weight"], name)))
        table["comparison_levels"].append(json.dumps(levels, sort_keys=True))
        is_link = is_heavy and verdict is None
        table["refused_by"].append(verdict)
        table["mistyped_types"].append(_mistyped(settings, levels) if is_link else [])
        table["is_link"].append(is_link)
        table["is_cannot_link"].append(is_cannot_link)
    return pa.table(table, schema=PAIRS_SCHEMA)


def _mistyped(settings: MatchingSettings, levels: Mapping[str, Mapping]) -> list[str]:
    """The types of identifiers of which a pair has two values, one a slip of the other."""
    return [
        comparison.name.removeprefix(f"{IDENTIFIER}_")
        for comparison in settings.comparisons
        if comparison.is_of_identifiers
        for level in comparison.levels
        if level.name == levels[comparison.name]["level"] and level.kind not in ("equal", "else")
    ]


def train_on(people: pa.Table, settings: MatchingSettings) -> Parameters:
    """Learns the parameters from people records, to be saved. Raises ValueError where nothing can be learnt."""
    with open_duckdb() as connection:
        count = prepare_people(connection, people, settings)
        if count < 2 or not block_pairs(connection, settings).pair_count:
            raise ValueError(f"{count:,} people records hold no pair to compare, so there is nothing to learn from.")
        create_compared(connection, settings, "pairs_compared")
        _compare(connection, settings, is_sampled=True)
        return train(connection, settings, count)
