"""Matches the people of a warehouse, unless neither they nor the settings changed since the last time."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestration.lib.identity.matching_settings import SETTINGS_FILE, MatchingSettings, read_matching_settings
from orchestration.lib.identity.parameters import PARAMETERS_FILE, read_parameters, write_parameters
from orchestration.lib.settings import PROJECT_ROOT, Settings, SettingsError

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

# Another version may weigh, or hash, the same records differently.
LIBRARIES = ("splink", "duckdb")
ROWS_AT_ONCE = 10_000

# What matching reads of a people record.
COLUMNS = (
    "person_key_hash", "version_key", "updated_at", "first_name", "last_name", "birth_date", "street", "city",
    "postcode", "email_normalised", "phone_normalised",
)  # fmt: skip


def match_again_if_changed(
    people: duckdb.DuckDBPyRelation, session: duckdb.DuckDBPyConnection, *, schema: str, table: str
) -> pa.Table:
    """The pairs for the current rows of int_people_unioned: the old ones where nothing they rest on changed.

    Beside the table stands `<table>__input`, a digest of records, settings and code, and one of the pairs found. The
    table is written after this note, and not in its transaction: where the build ended in between, the table does not
    hold the pairs noted, and all is matched again. The settings are those of the folder that JOURNEYS_RESOLVED_SEEDS
    names; JOURNEYS_MATCHING=off outranks them.
    """
    # importing this loads no Splink; matching does, where there is something to match
    from orchestration.lib.identity.matching import PAIRS_SCHEMA, match_people

    folder = PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds")
    if os.environ.get("JOURNEYS_MATCHING", "on") == "off":
        return PAIRS_SCHEMA.empty_table()
    current = people.filter("is_current").select(", ".join(COLUMNS)).order(", ".join(COLUMNS)).to_arrow_table()
    digest = _digest(current, folder)
    noted = _noted(session, schema, table)
    if noted is not None and noted[0] == digest:
        stored = session.sql(
            f"select {', '.join(PAIRS_SCHEMA.names)} from {schema}.{table} order by record_a, record_b"
        ).to_arrow_table()
        if _digest_of_rows(stored) == noted[1]:
            return stored
    settings = read_matching_settings(folder / SETTINGS_FILE)
    saved = folder / PARAMETERS_FILE
    found = match_people(current, settings, read_parameters(saved, settings) if saved.is_file() else None)
    for note in found.notes:
        logger.info("matching: %s", note)
    _note(session, schema, table, digest, _digest_of_rows(found.pairs))
    return found.pairs


def train_on_warehouse(settings: Settings) -> tuple[Path, tuple[str, ...]]:
    """Learns from the current people records of a warehouse and writes match_parameters.json beside the seeds.

    Returns the file's path and lines that say what changed most. Raises SettingsError where there are no records to
    learn from.
    """
    from orchestration.lib.identity.matching import train_on
    from orchestration.lib.warehouse.connection import open_duckdb

    with open_duckdb(settings.warehouse, read_only=True) as connection:
        found = connection.execute(
            "select count(*) from duckdb_tables() "
            "where schema_name = 'intermediate' and table_name = 'int_people_unioned'"
        ).fetchall()
        if found != [(1,)]:
            raise SettingsError(f"{settings.data_set} has no people records yet. Type make run first.")
        current = connection.sql(
            f"select {', '.join(COLUMNS)} from intermediate.int_people_unioned where is_current"
        ).to_arrow_table()
    declared = read_matching_settings(settings.resolved_seeds / SETTINGS_FILE)
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
    return replace(settings, training=replace(settings.training, is_u_estimated=True, is_m_estimated=True))


def _digest(current: pa.Table, folder: Path) -> str:
    """A hash of everything that the pairs follow from."""
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}".encode() + b"\0")
    for path in (folder / SETTINGS_FILE, folder / PARAMETERS_FILE, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    digest.update(_digest_of_rows(current).encode())
    return digest.hexdigest()


def _digest_of_rows(rows: pa.Table) -> str:
    """A hash of a table's rows in their order, read a part at a time: a million records in Python fill the memory."""
    digest = hashlib.sha256()
    for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def _noted(session: duckdb.DuckDBPyConnection, schema: str, table: str) -> tuple[str, str] | None:
    """The digests of what the pairs were found in and of the pairs; None where there is no such note, or no table."""
    found = session.execute(
        "select count(*) from duckdb_columns() where schema_name = ? "
        "and ((table_name = ? and column_name = 'is_apart') or (table_name = ? and column_name = 'pairs_digest'))",
        [schema, table, f"{table}__input"],
    ).fetchall()
    if found != [(2,)]:
        return None
    # fetched whole: DuckDB wants a result read to its end before the connection goes on
    rows = session.execute(f"select digest, pairs_digest from {schema}.{table}__input").fetchall()
    return rows[0] if rows else None


def _note(session: duckdb.DuckDBPyConnection, schema: str, table: str, digest: str, pairs_digest: str) -> None:
    session.execute(f"create or replace table {schema}.{table}__input (digest varchar, pairs_digest varchar)")
    session.execute(f"insert into {schema}.{table}__input values (?, ?)", [digest, pairs_digest])
