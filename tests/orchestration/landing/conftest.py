"""A landing to play with: a folder of extracts, an in-memory warehouse, and a small contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import (
    ColumnContract,
    LandingResult,
    TableContract,
    account,
    land_table,
    quarantine_messages,
)

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)

ORDERS = TableContract(
    source="shop",
    table="orders",
    description="One row per order and version.",
    formats=("csv", "jsonl", "parquet"),
    key=("order_id",),
    version_column="updated_at",
    declared_in="models/staging/shop/_shop__sources.yml line 5",
    columns=(
        ColumnContract("order_id", "string", required=True),
        ColumnContract("ordered_at", "timestamp"),
        ColumnContract("amount", "decimal(18,2)", optional_column=True),
        ColumnContract("item_count", "bigint", optional_column=True),
        ColumnContract("weight", "double", optional_column=True),
        ColumnContract("is_gift", "boolean", optional_column=True),
        ColumnContract("deliver_on", "date", optional_column=True),
        ColumnContract("status", "string", optional_column=True, accepted_values=("open", "paid")),
        ColumnContract("details", "json", optional_column=True),
        ColumnContract("email", "string", optional_column=True, personal=True),
        ColumnContract("updated_at", "timestamp", optional_column=True),
    ),
)


@dataclass
class Landing:
    """Writes files and lands them; the questions that tests ask are its methods."""

    connection: duckdb.DuckDBPyConnection
    extracts: Path
    contract: TableContract = ORDERS

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.extracts / self.contract.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, **settings: object) -> LandingResult:
        settings = {"run_id": "run", "now": NOW, "settle_seconds": 0.0, **settings}
        result = land_table(self.connection, self.contract, extracts=self.extracts, **settings)  # type: ignore[arg-type]
        counted = account(self.connection, self.contract)
        assert counted.adds_up, counted
        return result

    def change(self, **changes: object) -> None:
        self.contract = dataclasses.replace(self.contract, **changes)  # type: ignore[arg-type]

    def rows(self, sql: str) -> list[tuple]:
        raw, quarantine = (f'{schema}."{self.contract.identifier}"' for schema in ("raw", "quarantine"))
        return self.connection.execute(sql.replace("RAW", raw).replace("QUARANTINE", quarantine)).fetchall()

    def statuses(self, key: str = "order_id") -> list[tuple]:
        return self.rows(f"select {key}, _row_status from RAW order by _batch, _file_id, _line")

    def current(self, columns: str = "order_id") -> list[tuple]:
        return self.rows(f"select {columns} from RAW where _row_status = 'current' order by all")

    def quarantined(self) -> list[tuple]:
        return self.rows("select line, column_name, reason from QUARANTINE order by file_path, line nulls first")

    def messages(self) -> str:
        return "\n".join(quarantine_messages(self.connection, self.contract))


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    with open_duckdb() as connection:
        yield Landing(connection, tmp_path / "extracts")
