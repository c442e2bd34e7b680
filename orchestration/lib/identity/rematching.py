"""Matches the people of a warehouse, and compares only pairs of records that changed since the last time."""

from __future__ import annotations

import hashlib
import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestration.lib.config import matching as matching_config
from orchestration.lib.config.match_parameters import PARAMETERS_FILE, read_parameters, write_parameters
from orchestration.lib.config.matching import (
    SETTINGS_FILE,
    MatchingSettings,
    read_compared_types,
    read_matching_settings,
)
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError

if TYPE_CHECKING:
    import duckdb

    from orchestration.lib.identity import matching

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 50_000
TYPES_FILE = "identifier_types.csv"

# What matching reads of a people record.
COLUMNS = (
    "person_key_hash", "version_key", "updated_at", "first_name", "last_name", "birth_date", "street", "city",
    "postcode", "email_normalised", "phone_normalised", "compared_identifiers",
)  # fmt: skip


def match_again_if_changed(
    people: duckdb.DuckDBPyRelation,
    session: duckdb.DuckDBPyConnection,
    *,
    schema: str,
    table: str,
    is_from_scratch: bool = False,
) -> pa.Table:
    """The pairs for the current rows of int_people_versions: the old ones where nothing they rest on changed.

    Next to the table is `<table>__input`: a digest of records, settings and code, one of settings and code alone, and a
    checksum of the pairs that followed from them. dbt replaces the table after this returns, so a build that dies in
    between leaves the note of pairs that never arrived: old pairs are taken only if they are those of the note, and
    never `is_from_scratch`. Where records alone changed, the levels of pairs of the others are read from
    `<table>__compared` and `<table>__records`. The settings are those of the folder that JOURNEYS_RESOLVED_SEEDS names;
    JOURNEYS_MATCHING=off outranks them.
    """
    # importing this loads no Splink; matching does, where there is something to match
    from orchestration.lib.identity.matching import PAIRS_SCHEMA, match_people

    folder = PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds")
    if os.environ.get("JOURNEYS_MATCHING", "on") == "off":
        nothing = PAIRS_SCHEMA.empty_table()
        _note(session, schema, table, digest="off", rules="off", pairs=nothing)
        return nothing
    current = people.filter("is_current").select(", ".join(COLUMNS)).order(", ".join(COLUMNS)).to_arrow_table()
    rules = _digest_of_rules(folder)
    digest = _digest(current, rules)
    known = None
    if not is_from_scratch:
        old = _pairs_noted(session, schema, table, digest=digest)
        if old is not None:
            return old
        known = _compared_before(session, schema, table, rules=rules)
    settings = read_matching_settings(folder / SETTINGS_FILE, read_compared_types(folder / TYPES_FILE))
    saved = folder / PARAMETERS_FILE
    parameters = read_parameters(saved, settings) if saved.is_file() else None
    found = match_people(current, settings, parameters, known=known)
    for note in found.notes:
        logger.info("matching: %s", note)
    _keep_compared(session, schema, table, found.compared)
    _note(session, schema, table, digest=digest, rules=rules, pairs=found.pairs)
    return found.pairs


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


def _digest_of_rules(folder: Path) -> str:
    """A hash of settings, code and libraries: everything but the records that the pairs follow from."""
    digest = hashlib.sha256()
    digest.update(" ".join(version(name) for name in ("splink", "duckdb", "nicknames")).encode())
    digest.update(" ".join(read_compared_types(folder / TYPES_FILE)).encode())
    code = (*Path(__file__).parent.glob("*.py"), *Path(matching_config.__file__).parent.glob("match*.py"))
    for path in (folder / SETTINGS_FILE, folder / PARAMETERS_FILE, *sorted(code)):
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return digest.hexdigest()


def _digest(current: pa.Table, rules: str) -> str:
    """A hash of everything that the pairs follow from."""
    digest = hashlib.sha256(rules.encode())
    # a part at a time: a million records as Python objects would fill the memory
    for batch in current.to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def _compared_before(
    session: duckdb.DuckDBPyConnection, schema: str, table: str, *, rules: str
) -> matching.Compared | None:
    """What the last run compared, if it followed the same rules."""
    from orchestration.lib.identity.matching import Compared

    names = [f"{table}__input", f"{table}__records", f"{table}__compared"]
    found = session.execute(
        """
        select count(distinct table_name), count(*) filter (where table_name = ? and column_name = 'rules')
        from duckdb_columns() where schema_name = ? and list_contains(?, table_name)
        """,
        [names[0], schema, names],
    ).fetchall()
    if found != [(3, 1)] or session.execute(f"select rules from {schema}.{names[0]}").fetchall() != [(rules,)]:
        return None
    return Compared(*(session.sql(f"from {schema}.{name}").to_arrow_table() for name in names[1:]))


def _keep_compared(
    session: duckdb.DuckDBPyConnection, schema: str, table: str, compared: matching.Compared | None
) -> None:
    """Keeps what was compared for the next run. The note that vouches for it goes first and is written last."""
    session.execute(f"drop table if exists {schema}.{table}__input")
    for name in ("records", "compared"):
        session.execute(f"drop table if exists {schema}.{table}__{name}")
    if compared is None:
        return
    for name, rows in (("records", compared.records), ("compared", compared.pairs)):
        session.register("rows_compared", rows)
        session.execute(f"create table {schema}.{table}__{name} as from rows_compared")
        session.unregister("rows_compared")


def _pairs_noted(session: duckdb.DuckDBPyConnection, schema: str, table: str, *, digest: str) -> pa.Table | None:
    """The pairs in the table if they are those that followed from what the digest is of; None if not."""
    from orchestration.lib.identity.matching import PAIRS_SCHEMA

    found = session.execute(
        """
        select count(*) filter (where table_name = ?), count(*) filter (where table_name = ?)
        from duckdb_columns()
        where schema_name = ? and (
            (table_name = ? and list_contains(?, column_name))
            or (table_name = ? and column_name in ('digest', 'pairs_checksum'))
        )
        """,
        [table, f"{table}__input", schema, table, list(PAIRS_SCHEMA.names), f"{table}__input"],
    ).fetchall()
    if found != [(len(PAIRS_SCHEMA.names), 2)]:
        return None
    # fetched whole: DuckDB wants a result read to its end before the connection continues
    noted = session.execute(f"select digest, pairs_checksum from {schema}.{table}__input").fetchall()
    if [row[0] for row in noted] != [digest]:
        return None
    pairs = session.sql(f"select {', '.join(PAIRS_SCHEMA.names)} from {schema}.{table}").to_arrow_table()
    return pairs if _checksum(pairs) == noted[0][1] else None


def _checksum(pairs: pa.Table) -> str:
    """A hash of pairs, whatever their order."""
    digest = hashlib.sha256()
    rows = sorted(zip(*(column.to_pylist() for column in pairs.columns), strict=True), key=lambda row: row[:2])
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _note(
    session: duckdb.DuckDBPyConnection, schema: str, table: str, *, digest: str, rules: str, pairs: pa.Table
) -> None:
    session.execute(
        f"create or replace table {schema}.{table}__input (digest varchar, rules varchar, pairs_checksum varchar)"
    )
    session.execute(f"insert into {schema}.{table}__input values (?, ?, ?)", [digest, rules, _checksum(pairs)])
