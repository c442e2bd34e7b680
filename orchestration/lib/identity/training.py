"""Learns how often people agree by chance, how often one person's records do, and how many pairs match."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.lib.config.match_parameters import (
    LEAST_POPULATION,
    Parameters,
    Rates,
    declared_rates,
    share_of_pairs,
    with_rates,
)
from orchestration.lib.config.matching import Comparison, MatchingSettings
from orchestration.lib.identity.comparing import level_of, prior_weight, weigh_pairs

# Bounds of the matches that a record has on average: less is no set worth matching, more no set of people.
LEAST_MATCHES_PER_RECORD = 0.002
MOST_MATCHES_PER_RECORD = 4.0
# m is learnt from pairs of at least this probability.
ALMOST_SURE = 0.95
# The pairs that blocking chose, with their levels.
BLOCKED = "(from pairs_compared semi join pairs_blocked using (record_l, record_r))"


@dataclass(frozen=True)
class Pattern:
    """The levels of some pairs, one number per comparison as Splink gives them, and how many pairs have them."""

    gammas: tuple[int, ...]
    count: float


def sample_pairs(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings) -> None:
    """Creates the table `pairs_sampled` of all pairs of some records: those whose keys hash lowest, the same for the
    same records. It is empty where nothing is counted in it."""
    limit = settings.training.sample_records if settings.training.u == "estimated" else 0
    connection.execute(f"""
        create or replace temp table records_sampled as
        select record from people order by md5(person_key_hash), record limit {limit}
    """)
    connection.execute("""
        create or replace temp table pairs_sampled as
        select one.record as record_l, other.record as record_r
        from records_sampled as one join records_sampled as other on one.record < other.record
    """)


def estimate_u(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, record_count: int) -> Rates:
    """The rates with u counted over the pairs of `pairs_sampled`, the pairs that match left out by their chance.

    With m as declared, the chance of a match and u are found by turns (expectation maximisation with m held).
    """
    if settings.training.u != "estimated" or record_count < 2:
        return declared_rates(settings)
    sampled = "pairs_compared semi join pairs_sampled using (record_l, record_r)"
    return fit_u(settings, read_patterns(connection, settings, sampled), record_count)


def read_patterns(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, compared: str) -> list[Pattern]:
    """The patterns of levels in a table that `compare_pairs` wrote, in a fixed order."""
    columns = ", ".join(f"gamma_{comparison.name}" for comparison in settings.comparisons)
    rows = connection.execute(f"select {columns}, count(*) from {compared} group by all order by all").fetchall()
    return [Pattern(tuple(row[:-1]), row[-1]) for row in rows]


def fit_u(settings: MatchingSettings, patterns: Sequence[Pattern], record_count: int) -> Rates:
    """u and the share of matches that explain the patterns best, with m and the prior pairs as declared."""
    declared = declared_rates(settings)
    rates = declared
    total = math.fsum(pattern.count for pattern in patterns)
    share = _bounded_share(total * 1e-3 / max(total, 1), record_count)
    for _ in range(settings.training.rounds):
        chances = [_chance(settings, rates, pattern, share) for pattern in patterns]
        share = _bounded_share(
            math.fsum(p.count * chance for p, chance in zip(patterns, chances, strict=True)) / total, record_count
        )
        u = {}
        for place, comparison in enumerate(settings.comparisons):
            counted = dict.fromkeys((level.name for level in comparison.levels), 0.0)
            for pattern, chance in zip(patterns, chances, strict=True):
                if pattern.gammas[place] >= 0:
                    level = comparison.levels[len(comparison.levels) - 1 - pattern.gammas[place]]
                    counted[level.name] += pattern.count * (1 - chance)
            u[comparison.name] = _mixed(
                counted, declared.u[comparison.name], settings.training.u_prior_pairs, _neutral(comparison)
            )
        rates = Rates(declared.m, u)
    return rates


def fit_m(settings: MatchingSettings, rates: Rates, matches: Sequence[Pattern]) -> Rates:
    """m learned from the patterns of pairs that match (`count` = how many matches), declared m as the prior."""
    declared = declared_rates(settings)
    m: dict[str, Mapping[str, float]] = {}
    for place, comparison in enumerate(settings.comparisons):
        if not comparison.is_learnt:
            m[comparison.name] = declared.m[comparison.name]
            continue
        counted = dict.fromkeys((level.name for level in comparison.levels), 0.0)
        for pattern in matches:
            if pattern.gammas[place] >= 0:
                counted[comparison.levels[len(comparison.levels) - 1 - pattern.gammas[place]].name] += pattern.count
        m[comparison.name] = _mixed(
            counted, declared.m[comparison.name], settings.training.m_prior_matches, _neutral(comparison)
        )
    return Rates(m, rates.u)


def estimate_share(evidence: Sequence[tuple[float, int]], record_count: int, rounds: int) -> float:
    """The share of matches among all pairs of records that the weights of the compared pairs confirm.

    `evidence` is (weight without prior, number of pairs). Pairs that were not compared count as no match.
    """
    total = record_count * (record_count - 1) / 2
    share = _bounded_share(1.0 / record_count, record_count)
    for _ in range(max(rounds, 50)):
        prior = prior_weight(share)
        share = _bounded_share(
            math.fsum(count / (1 + 2.0 ** -min(max(weight + prior, -300.0), 300.0)) for weight, count in evidence)
            / total,
            record_count,
        )
    return share


def _bounded_share(share: float, record_count: int) -> float:
    least = share_of_pairs(LEAST_MATCHES_PER_RECORD, record_count)
    return min(max(share, least), share_of_pairs(MOST_MATCHES_PER_RECORD, record_count))


def _chance(settings: MatchingSettings, rates: Rates, pattern: Pattern, share: float) -> float:
    weight = prior_weight(share)
    for comparison, gamma in zip(settings.comparisons, pattern.gammas, strict=True):
        if gamma >= 0:
            level = comparison.levels[len(comparison.levels) - 1 - gamma]
            if not level.is_neutral:
                weight += math.log2(rates.m[comparison.name][level.name] / rates.u[comparison.name][level.name])
    return 1 / (1 + 2.0 ** -min(max(weight, -300.0), 300.0))


def _neutral(comparison: Comparison) -> set[str]:
    return {level.name for level in comparison.levels if level.is_neutral}


def _mixed(
    counted: dict[str, float], declared: Mapping[str, float], prior: float, neutral: set[str]
) -> dict[str, float]:
    """Counted and declared rates, weighed by the number of pairs behind each; neutral levels do not change."""
    whole = math.fsum(count for name, count in counted.items() if name not in neutral)
    declared_whole = math.fsum(rate for name, rate in declared.items() if name not in neutral)
    return {
        name: declared[name] if name in neutral else (count + prior * declared[name] / declared_whole) / (whole + prior)
        for name, count in counted.items()
    }


def train(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, record_count: int) -> Parameters:
    """Learns the parameters from `pairs_compared`, which has the pairs blocked and sampled; leaves `pairs_weighed`."""
    rates = estimate_u(connection, settings, record_count)
    return learn_matches(connection, settings, rates, record_count)


def learn_matches(
    connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, rates: Rates, record_count: int
) -> Parameters:
    """The share of matches among all pairs, and m where the settings have it estimated, from the pairs compared.

    m is learnt once, from the pairs that match almost surely by the declared m. Learning it again and again from
    its own verdicts drifts: of few records it comes to take households for people.
    """
    is_m_estimated = settings.training.m == "estimated"
    weigh_pairs(connection, with_rates(settings, rates), BLOCKED, "pairs_weighed")
    share = estimate_share(_evidence(connection), record_count, settings.training.rounds)
    if is_m_estimated:
        rates = fit_m(settings, rates, _matches(connection, settings, prior_weight(share)))
        weigh_pairs(connection, with_rates(settings, rates), BLOCKED, "pairs_weighed")
        share = min(share, estimate_share(_evidence(connection), record_count, settings.training.rounds))
    return Parameters(rates, share * max(record_count, LEAST_POPULATION))


def _evidence(connection: duckdb.DuckDBPyConnection) -> list[tuple[float, int]]:
    return connection.execute(
        "select round(evidence, 3) as weight, count(*) from pairs_weighed group by weight order by weight"
    ).fetchall()


def _matches(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, prior: float) -> list[Pattern]:
    """The patterns of pairs that match almost surely and that no guard refuses."""
    columns = ", ".join(f"gamma_{comparison.name}" for comparison in settings.comparisons)
    rows = connection.execute(
        f"select {columns}, count(*) from pairs_weighed where round(evidence, 3) >= ? group by all order by all",
        [prior_weight(ALMOST_SURE) - prior],
    ).fetchall()
    found = []
    for *gammas, count in rows:
        levels = {
            comparison.name: level_of(comparison, gamma)
            for comparison, gamma in zip(settings.comparisons, gammas, strict=True)
        }
        if not any(guard.applies(levels) for guard in settings.guards):
            found.append(Pattern(tuple(gammas), count))
    return found
