"""Attaches the release before the one that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.lib.core.sql import literal

# The release before, as it is attached to the warehouse's connection.
PREVIOUS = "previous"


@contextmanager
def previous_attached(connection: duckdb.DuckDBPyConnection, database: Path) -> Iterator[None]:
    """Attaches the database of a release as `previous` for a `with` block."""
    connection.execute(f"attach {literal(database)} as {PREVIOUS} (read_only)")
    try:
        yield
    finally:
        connection.execute(f"detach {PREVIOUS}")
