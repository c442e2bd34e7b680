"""Keeps what is suspicious about files and folders and keeps none of their rows from landing."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from orchestration.lib.config.contracts import TableContract, folded
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import one_value
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing.registry import IS_STANDING

if TYPE_CHECKING:  # who reads files may have warnings about them
    from orchestration.lib.landing.staging import ReadFile, ReadPart

# What is left to settle in the contract of a source outside the project; its place is the source or its table.
GUESSES_LEFT = "guesses_left"
NEVER_SEEN = "value_never_seen"
OF_CONTRACTS = (GUESSES_LEFT, NEVER_SEEN)
# More alike than the guess for a column that must be there: here nothing says that one was misspelt.
LEAST_LIKENESS = 0.8


# The warnings about files that stand, as a part of a query that begins with `from`.
WARNINGS_OF_FILES = f"""
    landing.warnings as warnings inner join landing.files as files
        on files.source_name = warnings.source_name and files.table_name = warnings.table_name
        and files.file_id = warnings.file_id
    where {IS_STANDING}
"""


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
        if self.kind in OF_CONTRACTS:
            return f"{self.place.replace('/', '.')}: {self.message}"
        place = "extracts" if self.place == "." else f"extracts/{self.place}"
        return f"{place}: {self.message}"


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


def warnings_that_hold(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Place, kind and message of the warnings about files that stand, and of the last look at the folder."""
    return connection.execute(f"""
        select place, kind, message from landing.warnings where file_id is null
        union all
        select warnings.place, warnings.kind, warnings.message from {WARNINGS_OF_FILES}
        order by all
    """).fetchall()


def misspelt_columns(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, part: ReadPart, file: ReadFile
) -> list[LandingWarning]:
    """Warnings about optional columns without a value in a file that has an undeclared column of a similar name."""
    extras = {folded(extra): extra for extra in file.extra_columns}
    warnings = []
    for column in contract.own_columns if file.accepted else ():
        if not column.optional_column or column.path:
            continue
        near = difflib.get_close_matches(folded(column.name_in_files), extras, n=1, cutoff=LEAST_LIKENESS)
        # a column of a group of files is not necessarily one of each
        if near and not (column.name in part.columns and _has_value(connection, part, file, column.name)):
            extra = extras[near[0]]
            warnings.append(
                LandingWarning(
                    "misspelt_column",
                    file.staged.file.shown,
                    f"{file.accepted:,} row{'s have' if file.accepted != 1 else ' has'} no {column.name}; is it "
                    f"`{extra}`? Then name it {column.name} in the file, or give that name as source_name; if it is "
                    f"another, declare it, in "
                    f"{contract.declared_in}",
                    column=column.name,
                    row_count=file.accepted,
                )
            )
    return warnings


def _has_value(connection: duckdb.DuckDBPyConnection, part: ReadPart, file: ReadFile, column: str) -> bool:
    rows = f"read_parquet({literal(str(part.rows))}) where _path = {literal(file.path)}"
    return one_value(connection, f"select count({name(column)}) > 0 from {rows} and not _is_broken and not _is_blank")
