"""Matching with one part taken from Splink as its guide shows it, and everything else as it is.

`make bench-identity PARTS=1` scores each: docs/decisions/0018-what-of-splink-is-used.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import duckdb
import pyarrow as pa

from benchmarks.plain_splink import TRAINED_BY
from orchestration.lib.config.match_parameters import LEAST_POPULATION, Parameters, Rates, with_rates
from orchestration.lib.config.matching import MatchingSettings
from orchestration.lib.identity import matching
from orchestration.lib.identity.blocking import Blocked
from orchestration.lib.identity.comparing import splink_model, weigh_pairs
from orchestration.lib.identity.grouping import Pair, Weighed
from orchestration.lib.identity.training import BLOCKED

AS_IT_IS = "matching alone"


def links_by_part(people: pa.Table, settings: MatchingSettings) -> dict[str, list[tuple[str, str]]]:
    """The links of matching as it is, and with the library's part in place of ours."""
    parts: Mapping[str, dict[str, Callable]] = {
        AS_IT_IS: {},
        "matching alone, Splink's blocking": {"block_pairs": block_pairs},
        "matching alone, Splink's training": {"train": train},
        "matching alone, Splink's clustering": {"refuse_links": refuse_links},
    }
    found = {}
    for name, replaced in parts.items():
        with ExitStack() as replacing:
            for ours, library in replaced.items():
                replacing.enter_context(patch.object(matching, ours, library))
            pairs = matching.match_people(people, settings).pairs
        found[name] = [(row["record_a"], row["record_b"]) for row in pairs.to_pylist() if row["is_link"]]
    return found


def block_pairs(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings) -> Blocked:
    """The pairs of the same rules by the library, which excludes no block."""
    from splink import block_on

    rules = [block_on(*rule) for rule in settings.blocking.rules]
    linker = _linker(connection, settings, rules)
    blocked = linker.inference.compute_blocked_pairs_for_predict()
    connection.execute(f"""
        create or replace temp table pairs_blocked as
        select
            least(join_key_l, join_key_r) as record_l, greatest(join_key_l, join_key_r) as record_r
        from {blocked.physical_name}
    """)
    linker.table_management.invalidate_cache()
    ((count,),) = connection.execute("select count(*) from pairs_blocked").fetchall()
    return Blocked(count, 0, 0)


def train(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, record_count: int) -> Parameters:
    """The library's training on our comparisons: u from random pairs, m by expectation maximisation."""
    from splink import block_on
    from splink.internals.exceptions import EMTrainingException

    linker = _linker(connection, settings, [])
    sure = [block_on("first_name", "last_name", "birth_date"), block_on("email"), block_on("phone")]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for columns in TRAINED_BY:
        filled = " and ".join(f"{column} is not null" for column in columns)
        if not connection.execute(f"select count(*) from people where {filled}").fetchall()[0][0]:
            continue
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
        except (EMTrainingException, ValueError):
            continue
    learnt: dict[str, Any] = linker.misc.save_model_to_json()
    m, u = {}, {}
    learnt_of = {one["output_column_name"]: one["comparison_levels"] for one in learnt["comparisons"]}
    for comparison in settings.comparisons:
        # the first level is that of missing values; the library drops a comparison that is missing everywhere
        by_splink = learnt_of.get(comparison.name, [{}] * (len(comparison.levels) + 1))[1:]
        pairs = list(zip(comparison.levels, by_splink, strict=True))
        m[comparison.name] = {
            one.name: one.m if one.is_neutral else _rate(level.get("m_probability"), one.m) for one, level in pairs
        }
        u[comparison.name] = {
            one.name: one.u if one.is_neutral else _rate(level.get("u_probability"), one.u) for one, level in pairs
        }
    linker.table_management.invalidate_cache()
    rates = Rates(m, u)
    weigh_pairs(connection, with_rates(settings, rates), BLOCKED, "pairs_weighed")
    share = learnt["probability_two_random_records_match"]
    return Parameters(rates, share * max(record_count, LEAST_POPULATION))


def refuse_links(weighed: Mapping[Pair, Weighed], groups: Any, *, link_weight: float) -> dict[Pair, str | None]:
    """The library clusters by connected components: every pair at the threshold that no guard refuses is a link."""
    return {pair: found.refused_by for pair, found in weighed.items() if found.weight >= link_weight}


def _rate(learnt: object, declared: float) -> float:
    """A level that the library never saw has no rate."""
    return min(max(learnt, 1e-9), 1 - 1e-9) if isinstance(learnt, float) else declared


def _linker(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, rules: list) -> Any:
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    model = splink_model(settings)
    model.blocking_rules_to_generate_predictions = rules
    api = DuckDBAPI(connection)
    return Linker(api.register("people"), model, log_level=None, validate_settings=False)
