"""Splink as its guide shows it, on the same people records: the baseline of `make bench-identity`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.lib.core.connection import open_duckdb

COLUMNS = ("first_name", "last_name", "birth_date", "street", "city", "postcode", "email", "phone")
# A column with fewer values than this share of records teaches nothing.
LEAST_FILLED = 0.05
THRESHOLD = 0.95
TRAINED_BY = (("first_name", "last_name"), ("birth_date",), ("email",), ("postcode",))


def group_with_splink(people: pa.Table, *, threshold: float = THRESHOLD) -> dict[str, str]:
    """The cluster of each record, by its key: the library's comparisons, blocking, training and clustering.

    `people` has `record` and some of COLUMNS as text. A training that the data are too few for is left out, as a user
    would leave it out.
    """
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI
    from splink.internals.exceptions import EMTrainingException

    logging.getLogger("splink").setLevel(logging.ERROR)
    with open_duckdb() as connection:
        filled = _filled(connection, people)
        blocking: list[Any] = [block_on(*columns) for columns in _blocking(filled)]
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record",
            comparisons=[_comparison(column) for column in filled],
            blocking_rules_to_generate_predictions=blocking,
        )
        linker = Linker(DuckDBAPI(connection).register("people"), settings, log_level=None)
        sure: list[Any] = [block_on(*columns) for columns in _sure(filled)]
        linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for columns in _training(filled):
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
            except (EMTrainingException, ValueError):
                continue
        pairs = linker.inference.predict(threshold_match_probability=0.01, warning_mode="never")
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold)
        return dict(
            connection.execute(f"select record, cast(cluster_id as varchar) from {clusters.physical_name}").fetchall()
        )


def _filled(connection: duckdb.DuckDBPyConnection, people: pa.Table) -> list[str]:
    """Creates the table `people` and returns its columns that hold values."""
    connection.register("people_given", people)
    given = [column for column in COLUMNS if column in people.column_names]
    values = ", ".join(f"nullif(lower(trim({column})), '') as {column}" for column in given)
    connection.execute(f"create table people as select record, {values} from people_given")
    connection.unregister("people_given")
    ((total, *counts),) = connection.execute(
        f"select count(*), {', '.join(f'count({column})' for column in given)} from people"
    ).fetchall()
    return [column for column, count in zip(given, counts, strict=True) if count >= LEAST_FILLED * max(total, 1)]


def _comparison(column: str) -> Any:
    import splink.comparison_library as cl

    match column:
        case "first_name" | "last_name":
            return cl.NameComparison(column).configure(term_frequency_adjustments=True)
        case "birth_date":
            return cl.DateOfBirthComparison(column, input_is_string=True)
        case "email":
            return cl.EmailComparison(column)
        case "city":
            return cl.ExactMatch(column).configure(term_frequency_adjustments=True)
        case _:
            return cl.LevenshteinAtThresholds(column, [1, 2])


def _sure(filled: Sequence[str]) -> list[tuple[str, ...]]:
    rules = [("first_name", "last_name", "birth_date"), ("email",), ("phone",)]
    return [rule for rule in rules if set(rule) <= set(filled)]


def _blocking(filled: Sequence[str]) -> list[tuple[str, ...]]:
    """Each column that says much by itself, and the names with each other and with the place."""
    alone = [(column,) for column in ("birth_date", "email", "phone", "street", "postcode") if column in filled]
    names = [column for column in ("first_name", "last_name", "city") if column in filled]
    return [*alone, *combinations(names, 2)]


def _training(filled: Sequence[str]) -> list[tuple[str, ...]]:
    return [rule for rule in TRAINED_BY if set(rule) <= set(filled)]
