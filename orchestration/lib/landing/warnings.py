"""Keeps what is suspicious about files and folders and keeps none of their rows from landing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.clock import plain_utc


@dataclass(frozen=True)
class LandingWarning:
    """Something about a file, or a place in the extracts folder, that a person should look at.

    `kind` is a stable code, `place` the path below the extracts folder, `message` a sentence that holds no value of a
    column marked personal. `row_count` is null where it is not about rows.
    """

    kind: str
    place: str
    message: str
    column: str | None = None
    row_count: int | None = None

    @property
    def shown(self) -> str:
        return f"extracts/{self.place}: {self.message}"


def note_warnings(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    *,
    file_id: str,
    batch: int,
    now: datetime,
    warnings: Sequence[LandingWarning],
) -> None:
    """Writes the warnings about a file that lands. They count as long as the file does: withdrawn ones keep theirs."""
    if warnings:
        connection.executemany(
            "insert into landing.warnings values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    contract.source, contract.table, file_id, warning.place, warning.kind, warning.column,
                    warning.row_count, warning.message, batch, plain_utc(now),
                )
                for warning in warnings
            ],
        )  # fmt: skip
