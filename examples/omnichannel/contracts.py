"""Reads, from the sources YAML, the shape that each table's files must have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

STAGING = Path(__file__).resolve().parents[2] / "models" / "staging"

NATIVE_SOURCES = (
    "web", "app", "crm", "email", "ads", "social", "support", "loyalty", "surveys", "store", "shop",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    name: str
    data_type: str
    is_required: bool


@dataclass(frozen=True)
class Contract:
    """The shape of one table's files: columns in order, format, and how CSV is written."""

    source: str
    table: str
    file_format: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    time_zone: str = "UTC"
    delimiter: str = ","
    encoding: str = "utf-8"


# The feed takes several formats; the consents are written in one.
CONSENTS = Contract(
    source="feed",
    table="consents",
    file_format="csv",
    key=("identifier_type", "identifier", "purpose", "changed_at"),
    columns=(
        Column("identifier_type", "string", True),
        Column("identifier", "string", True),
        Column("purpose", "string", True),
        Column("is_granted", "boolean", True),
        Column("changed_at", "timestamp", True),
    ),
)


def read_contracts() -> dict[tuple[str, str], Contract]:
    """The contract of every native table and of the consents, by source and table."""
    contracts = {("feed", "consents"): CONSENTS}
    for source in NATIVE_SOURCES:
        declared = yaml.safe_load((STAGING / source / f"_{source}__sources.yml").read_text(encoding="utf-8"))
        for table in declared["sources"][0]["tables"]:
            meta = table["config"]["meta"]
            csv = meta.get("csv", {})
            contracts[source, table["name"]] = Contract(
                source=source,
                table=table["name"],
                file_format=meta["formats"][0],
                key=tuple(meta["key"]),
                columns=tuple(
                    Column(
                        column["name"],
                        column["data_type"],
                        bool(column.get("config", {}).get("meta", {}).get("required")),
                    )
                    for column in table["columns"]
                ),
                time_zone=meta.get("time_zone", "UTC"),
                delimiter=csv.get("delimiter", ","),
                encoding=csv.get("encoding", "utf-8"),
            )
    return contracts
