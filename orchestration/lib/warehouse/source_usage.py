"""Says which landed columns and tables feed a mart, from the project that dbt parsed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import duckdb

from orchestration.lib.core.connection import transaction

COMMENTS = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
WORD = re.compile(r"\w+")
# landing's own tables are no extracts
LANDED_SCHEMA = "raw"


def source_usage(manifest: Mapping[str, Any]) -> list[tuple[str, str, str, bool]]:
    """One row per column of a source table: source, table, column, and whether it feeds a mart.

    A column does if a model that reads its table, and that a mart reads in turn, names it. What later models do with
    the column under another name isn't followed: a column that staging passes on and nobody uses counts as used.
    """
    children = defaultdict(list)
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            for read in node["depends_on"]["nodes"]:
                children[read].append(node)
    feeding: dict[str, bool] = {}

    def feeds_a_mart(unique_id: str) -> bool:
        if unique_id not in feeding:
            feeding[unique_id] = any(
                "marts" in child["fqn"] or feeds_a_mart(child["unique_id"]) for child in children[unique_id]
            )
        return feeding[unique_id]

    rows = []
    for source in manifest["sources"].values():
        if source["schema"] != LANDED_SCHEMA:
            continue
        readers = [child for child in children[source["unique_id"]] if feeds_a_mart(child["unique_id"])]
        named = {word for reader in readers for word in WORD.findall(COMMENTS.sub(" ", reader["raw_code"]))}
        rows += [(source["source_name"], source["name"], column, column in named) for column in source["columns"]]
    return sorted(rows)


def note_source_usage(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """Writes `landing.source_columns`, which `hygiene.source_scorecard` reads."""
    columns = list(zip(*source_usage(manifest), strict=True))
    with transaction(connection):
        connection.execute(
            "create or replace table landing.source_columns "
            "(source_name varchar, table_name varchar, column_name varchar, is_used boolean)"
        )
        connection.execute(
            "insert into landing.source_columns select unnest(cast(? as varchar[])), unnest(cast(? as varchar[])), "
            "unnest(cast(? as varchar[])), unnest(cast(? as boolean[]))",
            [list(column) for column in columns] or [[], [], [], []],
        )
