"""Where Spark's tables lie, and which of their folders have current rows.

A table of Spark's is a folder of Parquet files that is never written twice: new content goes into a folder of its own,
and the table's name is then moved to it. A build that dies leaves folders that nothing names. The ledger of the
warehouse file, `landing.spark_tables`, names the folder of each table.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from orchestration.lib.core.sql import literal
from orchestration.lib.spark.folder import is_claimed, remove_below
from orchestration.lib.spark.handover import LANDED

# Scratch tables of a build lie here within the folder of tables.
SCRATCH = "scratch"
FILES = "*.parquet"
# Tables up to so many bytes are hashed on this machine, which takes a hundredth of the time of a query of Spark's.
BYTES_HASHED_HERE = 64 * 2**20


class Storage:
    """The folders that a build writes; for the macros of materialisations, as `spark_storage`. Safe between threads."""

    def __init__(self, tables: Path, number: int) -> None:
        self._tables = tables
        self._number = number
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        # relation and folder within the folder of tables; none: the table was dropped
        self.written: dict[str, str | None] = {}
        self._moving: set[str] = set()

    def new_folder(self, relation: object) -> str:
        """A folder for a table's new content."""
        return str(self._tables / self._place(str(relation)))

    def new_scratch(self, relation: object) -> str:
        """A folder for a scratch table of this build."""
        return str(self._tables / SCRATCH / self._place(str(relation)))

    def _place(self, relation: str) -> Path:
        with self._lock:
            number = next(self._count)
        # after a rebuild the numbers of builds begin again
        schema, _, table = relation.replace("`", "").rpartition(".")
        return Path(schema or "default", table, f"{self._number}-{number}-{secrets.token_hex(4)}")

    def moves(self, relation: object) -> str:
        """Notes that the name of a relation is about to move to a folder: `wrote` follows unless that fails."""
        with self._lock:
            self._moving.add(str(relation).replace("`", ""))
        return ""

    @property
    def is_as_written(self) -> bool:
        """Whether the server's names are those of `written`: no move failed halfway."""
        with self._lock:
            return not self._moving

    def wrote(self, relation: object, folder: str) -> str:
        """Notes that a relation is now what lies in a folder."""
        with self._lock:
            self._moving.discard(str(relation).replace("`", ""))
            self.written[str(relation).replace("`", "")] = str(Path(folder).relative_to(self._tables))
        return ""

    def dropped(self, relation: object) -> str:
        """Notes that there is no such relation any more."""
        with self._lock:
            self.written[str(relation).replace("`", "")] = None
        return ""

    def content(self, folder: str) -> str | None:
        """A hash of the columns and rows in a folder, in whatever order; none where it is too large for here."""
        files = list(Path(folder).glob(FILES))
        if sum(file.stat().st_size for file in files) > BYTES_HASHED_HERE:
            return None
        from orchestration.lib.core.connection import open_duckdb

        rows = f"read_parquet({literal(str(Path(folder) / FILES))})"
        with open_duckdb() as connection:
            found = connection.execute(f"""
                select md5(concat_ws(
                    ' ',
                    (select string_agg(column_name || ' ' || column_type, ', ') from (describe from {rows})),
                    (select concat(count(*), ' ', sum(hash(table_rows))) from {rows} as table_rows)
                ))
            """).fetchone()
        return None if found is None else str(found[0])


def remove_idle(tables: Path, named: Collection[str]) -> None:
    """Removes what lies in the folder of tables and is named by no ledger: old content, and what killed builds left.

    A folder without the marker of a data set stays as it is.
    """
    kept = {tables / folder for folder in named}
    for schema in tables.iterdir() if is_claimed(tables) else ():
        if schema.name == LANDED or not schema.is_dir():
            continue
        for table in schema.iterdir():
            if not table.is_dir():
                continue
            for folder in table.iterdir():
                if folder not in kept:
                    remove_below(tables, folder)
            if not any(table.iterdir()):
                table.rmdir()


def merged(before: Mapping[str, str], written: Mapping[str, str | None]) -> dict[str, str]:
    """The current folders after a build, by relation."""
    return {relation: folder for relation, folder in {**before, **written}.items() if folder is not None}
