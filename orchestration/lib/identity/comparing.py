"""Builds Splink's model from the settings, and has Splink compare and weigh pairs of prepared records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import duckdb

from orchestration.lib.config.matching import MISSING, Comparison, Level, MatchingSettings

if TYPE_CHECKING:
    from splink import SettingsCreator
    from splink.comparison_library import CustomComparison
    from splink.internals.comparison_level_creator import ComparisonLevelCreator

Limit = TypeVar("Limit", int, float)

# Splink's own prior while it weighs; what the data say of it is added afterwards.
EVEN = 0.5


def level_of(comparison: Comparison, gamma: int) -> str:
    """The name of the level behind Splink's number: -1 is missing, 0 the last, the first the highest.

    >>> exact = {"name": "exact", "is": "equal", "m": 0.9, "u": 0.1}
    >>> differs = {"name": "differs", "is": "else", "m": 0.1, "u": 0.9}
    >>> [level_of(Comparison(name="city", columns=["city"], levels=[exact, differs]), gamma) for gamma in (-1, 0, 1)]
    ['missing', 'differs', 'exact']
    """
    return MISSING if gamma < 0 else comparison.levels[len(comparison.levels) - 1 - gamma].name


def compare_pairs(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, pairs: str, compared: str) -> None:
    """Has Splink compare the pairs of a table (record_l < record_r) of records in `people` and writes `compared`.

    It has record_l, record_r and of each comparison gamma_<comparison>, the number of the level that describes the
    pair. The level follows from the two records and the settings alone, whatever the rates.
    """
    # importing it takes seconds, and a data set without people never needs it
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    api = DuckDBAPI(connection)
    # the settings are checked where they are read
    linker = Linker(api.register("people"), splink_model(settings), log_level=None, validate_settings=False)
    connection.execute(f"""
        create or replace temp table pairs_to_compare as
        select '0' as match_key, record_l as join_key_l, record_r as join_key_r from {pairs}
    """)
    linker.table_management.register_blocked_pairs_for_predict(api.register("pairs_to_compare"))
    result = linker.inference.predict(warning_mode="never")
    connection.execute(f"""
        create or replace temp table {compared} as
        select record_l, record_r, {_gammas(settings, "cast({0} as tinyint) as {0}")} from {result.physical_name}
    """)
    result.drop_table_from_database_and_remove_from_cache()
    linker.table_management.invalidate_cache()


def compare_missing_pairs(
    connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, pairs: str, compared: str
) -> int:
    """Adds to a table that `compare_pairs` wrote the pairs of another that it lacks; returns how many these are."""
    connection.execute(f"""
        create or replace temp table pairs_missing as
        select record_l, record_r from {pairs} anti join {compared} using (record_l, record_r)
    """)
    ((count,),) = connection.execute("select count(*) from pairs_missing").fetchall()
    if count:
        compare_pairs(connection, settings, "pairs_missing", "pairs_added")
        connection.execute(f"insert into {compared} by name from pairs_added")
        connection.execute("drop table pairs_added")
    return count


def create_compared(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, compared: str) -> None:
    """Creates a table as `compare_pairs` writes it, without a pair."""
    connection.execute(
        f"create or replace temp table {compared} "
        f"(record_l bigint, record_r bigint, {_gammas(settings, '{0} tinyint')})"
    )


def weigh_pairs(
    connection: duckdb.DuckDBPyConnection,
    settings: MatchingSettings,
    compared: str,
    weighed: str,
    *,
    is_detailed: bool = False,
) -> None:
    """Weighs the pairs of a table (or a query) with levels, by Splink's own statement, and writes table `weighed`.

    It has record_l, record_r, of each comparison gamma_<comparison>, and evidence, the sum of the comparisons' weights
    (base 2, without the prior); detailed, also mw_<comparison>, the weight of each.
    """
    from splink.internals.dialects import SplinkDialect
    from splink.internals.predict import predict_from_comparison_vectors_sqls

    model = splink_model(settings).get_settings("duckdb")
    statements = predict_from_comparison_vectors_sqls(
        unique_id_input_columns=model.column_info_settings.unique_id_input_columns,
        core_model_settings=model.core_model_settings,
        sql_dialect=SplinkDialect.from_string("duckdb"),
        retain_intermediate_calculation_columns=True,
        training_mode=True,
    )
    frequencies = sorted(
        {level.frequency_of for comparison in settings.comparisons for level in comparison.levels if level.frequency_of}
    )
    shares = "".join(f", one.tf_{name} as tf_{name}_l, other.tf_{name} as tf_{name}_r" for name in frequencies)
    steps = ", ".join(f"{statement['output_table_name']} as ({statement['sql']})" for statement in statements)
    with_frequency = {c.name for c in settings.comparisons if any(level.frequency_of for level in c.levels)}
    weights = (
        f"mw_{c.name} + mw_tf_adj_{c.name} as mw_{c.name}" if c.name in with_frequency else f"mw_{c.name}"
        for c in settings.comparisons
    )
    columns = ["record_l", "record_r", "match_weight as evidence", _gammas(settings), *(weights if is_detailed else ())]
    connection.execute(f"""
        create or replace temp table {weighed} as
        with __splink__df_comparison_vectors as (
            select pairs.record_l, pairs.record_r, {_gammas(settings)}, '0' as match_key{shares}
            from {compared} as pairs
            inner join people as one on one.record = pairs.record_l
            inner join people as other on other.record = pairs.record_r
        ),
        {steps}
        select {", ".join(columns)} from {statements[-1]["output_table_name"]}
    """)


def _gammas(settings: MatchingSettings, form: str = "{0}") -> str:
    return ", ".join(form.format(f"gamma_{comparison.name}") for comparison in settings.comparisons)


def splink_model(settings: MatchingSettings) -> SettingsCreator:
    """Splink's model of the comparisons."""
    from splink import SettingsCreator

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record",
        comparisons=[_comparison(comparison) for comparison in settings.comparisons],
        blocking_rules_to_generate_predictions=[],
        probability_two_random_records_match=EVEN,
        # Splink hands out the levels only together with the values
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=True,
    )


def prior_weight(probability: float) -> float:
    """The weight, base 2, of a probability.

    >>> prior_weight(0.5)
    0.0
    """
    return math.log2(probability / (1 - probability))


def _comparison(comparison: Comparison) -> CustomComparison:
    import splink.comparison_level_library as cll
    from splink.comparison_library import CustomComparison

    missing = " and ".join(f"({column}_l is null or {column}_r is null)" for column in comparison.columns)
    null_level = cll.CustomLevel(missing, label_for_charts=MISSING).configure(is_null_level=True)
    levels = [_level(level).configure(**_rates(level)) for level in comparison.levels]
    return CustomComparison(comparison_levels=[null_level, *levels], output_column_name=comparison.name)


def _rates(level: Level) -> dict:
    rates: dict = {"m_probability": level.m, "u_probability": level.u, "label_for_charts": level.name}
    if level.frequency_of:
        # a value that nobody else has is not worth more than a tenth of the usual chance
        rates |= {"tf_adjustment_column": level.frequency_of, "tf_minimum_u_value": level.u / 10}
    return rates


def _level(level: Level) -> ComparisonLevelCreator:
    """Splink's level for one of ours."""
    import splink.comparison_level_library as cll

    column, other = level.columns[0], level.other
    match level.kind:
        case "else":
            return cll.ElseLevel()
        case "equal" if len(level.columns) == 1:
            return cll.ExactMatchLevel(column)
        case "equal":
            return cll.And(*(cll.ExactMatchLevel(one) for one in level.columns))
        case "similar":
            similar = cll.JaroWinklerLevel(column, _given(level.at_least))
            return _all_of(*_same_digits(level), *_one_is_rare(level), similar)
        case "edits":
            # a swap of two neighbours is one edit here and two there, where counting is many times as fast
            most = _given(level.at_most)
            surely_not = cll.CustomLevel(f"levenshtein({column}_l, {column}_r) <= {2 * most}")
            near = cll.DamerauLevenshteinLevel(column, most)
            return _all_of(*_longer(level), *_same_digits(level), *_one_is_rare(level), surely_not, near)
        case "same_letters":
            alike = cll.CustomLevel(f"levenshtein({column}_letters_l, {column}_letters_r) <= {level.at_most}")
            return _all_of(*_longer(level), *_one_is_rare(level), alike)
        case "swapped":
            return cll.CustomLevel(
                f"jaro_winkler_similarity({column}_l, {other}_r) >= {level.at_least} "
                f"and jaro_winkler_similarity({other}_l, {column}_r) >= {level.at_least}"
            )
        case "other_field":
            # with both fields filled on both sides, one crossing alone says that the rest differs
            return cll.CustomLevel(
                f"(({column}_l = {other}_r and {other}_l is null) or ({other}_l = {column}_r and {other}_r is null))"
            )
        case "nickname":
            return cll.CustomLevel(f"list_has_any({column}_formal_l, {column}_formal_r)")
        case "one_is_rare":
            return cll.CustomLevel(f"not ({column}_is_common_l and {column}_is_common_r)")
        case "other_number":
            return cll.CustomLevel(
                "street_name_l = street_name_r and house_number_l <> house_number_r and postcode_l = postcode_r"
            )
        case "other_generation":
            return cll.CustomLevel("generation_l <> generation_r")
        case "prefix":
            return _all_of(
                *_longer(level),
                cll.CustomLevel(f"(starts_with({column}_l, {column}_r) or starts_with({column}_r, {column}_l))"),
            )
        case "initial":
            return cll.CustomLevel(
                f"(length({column}_l) = 1 or length({column}_r) = 1) and left({column}_l, 1) = left({column}_r, 1)"
            )
        case "day_month_swapped":
            return cll.CustomLevel(
                f"{column}_l = left({column}_r, 4) || right({column}_r, 2) || substr({column}_r, 5, 2)"
            )
        case "days":
            return cll.CustomLevel(f"abs({column}_day_l - {column}_day_r) <= {level.at_most}")
        case "same_year":
            return cll.CustomLevel(f"left({column}_l, 4) = left({column}_r, 4)")
        case "same_local_part":
            return cll.CustomLevel("email_local_l = email_local_r")
    raise ValueError(f"no Splink level for {level.kind}")


def _given(limit: Limit | None) -> Limit:
    """The limit of a kind of level that has one; the check of matching.toml asks for it."""
    if limit is None:
        raise ValueError("a level of this kind needs its limit")
    return limit


def _all_of(*conditions: ComparisonLevelCreator) -> ComparisonLevelCreator:
    import splink.comparison_level_library as cll

    return conditions[0] if len(conditions) == 1 else cll.And(*conditions)


def _longer(level: Level) -> list[ComparisonLevelCreator]:
    """Short texts are near each other by chance: an edit makes Jan of Jon."""
    import splink.comparison_level_library as cll

    column, length = level.columns[0], level.min_length
    if not length:
        return []
    return [cll.CustomLevel(f"length({column}_l) >= {length} and length({column}_r) >= {length}")]


def _same_digits(level: Level) -> list[ComparisonLevelCreator]:
    """jan.bosch72 and jan.bosch73 are two people, not a slip of the finger."""
    import splink.comparison_level_library as cll

    column = level.columns[0]
    if not level.same_digits:
        return []
    return [cll.CustomLevel(f"{column}_digits_l = {column}_digits_r")]


def _one_is_rare(level: Level) -> list[ComparisonLevelCreator]:
    """Lisa and Isa, each on many records, are two names; Liza on one record is a slip."""
    import splink.comparison_level_library as cll

    column = level.columns[0]
    return [cll.CustomLevel(f"not ({column}_is_common_l and {column}_is_common_r)")] if level.one_is_rare else []
