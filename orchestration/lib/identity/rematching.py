"""Matches the people of a warehouse, unless neither they nor the settings changed since the last time."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestration.lib.identity.matching_settings import SETTINGS_FILE, read_matching_settings
from orchestration.lib.identity.parameters import PARAMETERS_FILE, read_parameters
from orchestration.lib.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

# What matching reads of a people record.
COLUMNS = (
    "person_key_hash", "version_key", "updated_at", "first_name", "last_name", "birth_date", "street", "city",
    "postcode", "email_normalised", "phone_normalised",
)  # fmt: skip


def match_again_if_changed(
    people: duckdb.DuckDBPyRelation, session: duckdb.DuckDBPyConnection, *, schema: str, table: str
) -> pa.Table:
    """The pairs for the current rows of int_people_unioned: the old ones where nothing they rest on changed.

    Beside the table stands `<table>__input`, a digest of records, settings and code. The settings are those of the
    folder that JOURNEYS_RESOLVED_SEEDS names; JOURNEYS_MATCHING=off outranks them.
    """
    # importing this loads no Splink; matching does, where there is something to match
    from orchestration.lib.identity.matching import PAIRS_SCHEMA, match_people

    folder = PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds")
    if os.environ.get("JOURNEYS_MATCHING", "on") == "off":
        _note_digest(session, schema, table, "off")
        return PAIRS_SCHEMA.empty_table()
    current = people.filter("is_current").select(", ".join(COLUMNS)).order(", ".join(COLUMNS)).to_arrow_table()
    digest = _digest(current, folder)
    if _last_digest(session, schema, table) == digest:
        return session.execute(
            f"select {', '.join(PAIRS_SCHEMA.names)} from {schema}.{table} order by record_a, record_b"
        ).to_arrow_table()
    settings = read_matching_settings(folder / SETTINGS_FILE)
    saved = folder / PARAMETERS_FILE
    found = match_people(current, settings, read_parameters(saved, settings) if saved.is_file() else None)
    for note in found.notes:
        logger.info("matching: %s", note)
    _note_digest(session, schema, table, digest)
    return found.pairs


def _digest(current: pa.Table, folder: Path) -> str:
    """A hash of everything that the pairs follow from."""
    digest = hashlib.sha256()
    for path in (folder / SETTINGS_FILE, folder / PARAMETERS_FILE, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    for row in zip(*(column.to_pylist() for column in current.columns), strict=True):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _last_digest(session: duckdb.DuckDBPyConnection, schema: str, table: str) -> str | None:
    found = session.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name in (?, ?)",
        [schema, table, f"{table}__input"],
    ).fetchone()
    if found is None or found[0] != 2:
        return None
    row = session.execute(f"select digest from {schema}.{table}__input").fetchone()
    return row[0] if row else None


def _note_digest(session: duckdb.DuckDBPyConnection, schema: str, table: str, digest: str) -> None:
    session.execute(f"create or replace table {schema}.{table}__input (digest varchar)")
    session.execute(f"insert into {schema}.{table}__input values (?)", [digest])
