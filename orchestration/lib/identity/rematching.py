"""The Python step int_record_pairs: matches people, and compares only pairs of records that changed since."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from orchestration.lib.config.match_parameters import PARAMETERS_FILE, read_parameters, write_parameters
from orchestration.lib.config.matching import (
    SETTINGS_FILE,
    MatchingSettings,
    read_compared_types,
    read_matching_settings,
)
from orchestration.lib.core.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

TYPES_FILE = "identifier_types.csv"

# What matching reads of a people record.
COLUMNS = (
    "person_key_hash", "version_key", "updated_at", "first_name", "last_name", "birth_date", "street", "city",
    "postcode", "email_normalised", "phone_normalised", "compared_identifiers",
)  # fmt: skip


def record_pairs(
    people: pa.Table,
    compared_types: pa.Table,
    *,
    files: Mapping[str, Path],
    kept: Mapping[str, pa.Table],
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The rows of int_record_pairs for the current people records, and what was compared, to be kept.

    `people` has the columns `COLUMNS`, `compared_types` one column of types; `files` are matching.toml and
    match_parameters.json, which may be missing. `kept` is what the last run kept under the same code and files: of
    pairs of records that did not change, the levels are taken from there. Raises MatchingSettingsError for wrong files.
    """
    # importing this loads no Splink; matching does, where there is something to match
    from orchestration.lib.identity.matching import Compared, match_people

    settings = read_matching_settings(files[SETTINGS_FILE], compared_types.column(0).to_pylist())
    saved = files[PARAMETERS_FILE]
    parameters = read_parameters(saved, settings) if saved.is_file() else None
    known = Compared(kept["records"], kept["compared"]) if kept else None
    found = match_people(people, settings, parameters, known=known)
    for note in found.notes:
        logger.info("matching: %s", note)
    if found.compared is None:
        return found.pairs, {}
    return found.pairs, {"records": found.compared.records, "compared": found.compared.pairs}


def train_on_warehouse(settings: Settings) -> tuple[Path, tuple[str, ...]]:
    """Learns from the current people records of a warehouse and writes match_parameters.json next to the seeds.

    Returns the file's path and lines that say what changed most. Raises SettingsError where there are no records to
    learn from.
    """
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.identity.matching import train_on

    with open_duckdb(settings.warehouse, read_only=True) as connection:
        found = connection.execute(
            "select count(*) from duckdb_tables() "
            "where schema_name = 'intermediate' and table_name = 'int_people_versions'"
        ).fetchall()
        if found != [(1,)]:
            raise SettingsError(f"{settings.data_set} has no people records yet. Type make run first.")
        current = connection.sql(
            f"select {', '.join(COLUMNS)} from intermediate.int_people_versions where is_current"
        ).to_arrow_table()
    compared_types = read_compared_types(settings.resolved_seeds / TYPES_FILE)
    declared = read_matching_settings(settings.resolved_seeds / SETTINGS_FILE, compared_types)
    if not declared.is_on:
        raise SettingsError(
            f"{SETTINGS_FILE}: is_on = false: nothing is matched, so nothing can be learnt. Set it to true."
        )
    try:
        learnt = train_on(current, with_training(declared))
    except ValueError as error:
        raise SettingsError(f"{settings.data_set}: {error}") from error
    path = settings.seeds / PARAMETERS_FILE
    write_parameters(path, learnt)
    notes = [
        f"{len(current):,} people records; each matches {learnt.matches_per_record:.2g} others",
        *(
            f"{comparison.name}: {level.name} in {learnt.rates.m[comparison.name][level.name]:.1%} of matches "
            f"(stated: {level.m:.1%})"
            for comparison in declared.comparisons
            for level in comparison.levels[:1]
        ),
    ]
    return path, tuple(notes)


def with_training(settings: MatchingSettings) -> MatchingSettings:
    """The settings with every rate estimated, whatever they say."""
    training = settings.training.model_copy(update={"u": "estimated", "m": "estimated"})
    return settings.model_copy(update={"training": training})
