"""What dbt's results are on Dagster's pages: materialised assets with the verdicts of their tests, and progress."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb

from orchestration.defs.naming import node_key
from orchestration.lib.core.sql import name
from orchestration.lib.dbt.building import UNCHANGED, DbtBuild, NodeResult

# What becomes of a node that people have to know of at once.
TROUBLE = ("error", "runtime error", "fail", "warn")


@dataclass(frozen=True)
class BuiltTable:
    """A table or view of the warehouse: its columns with DuckDB's types, and its rows; none for a view of staging,
    which would have to be read for it."""

    columns: Mapping[str, str]
    row_count: int | None


class BuildProgress:
    """Logs each tenth of dbt's way, and the nodes that went wrong."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._tenth = -1

    def note(self, result: NodeResult) -> None:
        if result.status in TROUBLE:
            write = self._log.warning if result.status == "warn" else self._log.error
            write(f"  {result.status}: {result.unique_id.split('.')[2]}")
        tenth = result.number * 10 // max(result.count, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            self._log.info(f"  dbt: {result.number} of {result.count}")


def asset_events(
    built: DbtBuild,
    manifest: Mapping[str, Any],
    number: int,
    tables: Mapping[str, BuiltTable],
) -> Iterator[dg.MaterializeResult]:
    """One event per asset whose rows changed, with its rows and what became of its tests; `tables` by dbt's id."""
    tests: dict[str, Counter[str]] = defaultdict(Counter)
    for result in built.results:
        if result.unique_id.startswith("test."):
            for tested in _tested(manifest["nodes"][result.unique_id]):
                tests[tested][result.status] += 1
    for result in built.results:
        if result.status == "success" and has_changed(result, number):
            node = manifest["nodes"][result.unique_id]
            counts = {f"tests_{status}": count for status, count in sorted(tests[result.unique_id].items())}
            described = _metadata(node, tables[result.unique_id]) if result.unique_id in tables else {}
            yield dg.MaterializeResult(
                asset_key=node_key(node), metadata={**described, "seconds": result.seconds, **counts}
            )


def built_tables(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], results: Iterable[NodeResult], number: int
) -> dict[str, BuiltTable]:
    """The tables that a build gave other rows, by dbt's id, as they are in the warehouse now."""
    columns: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for schema, table, column, data_type in connection.execute(
        "select schema_name, table_name, column_name, lower(data_type) from duckdb_columns() "
        "where database_name = current_database() order by schema_name, table_name, column_index"
    ).fetchall():
        columns[schema, table][column] = data_type
    changed = {
        result.unique_id: (node["schema"], node["alias"])
        for result in results
        if has_changed(result, number)
        and (node := manifest["nodes"][result.unique_id])["resource_type"] in ("model", "seed")
        and (node["schema"], node["alias"]) in columns
    }
    # a view of staging goes through all that landed
    counted = [one for one in changed if manifest["nodes"][one]["fqn"][1] != "staging"]
    query = ", ".join(f"(select count(*) from {name(*changed[one])})" for one in counted)
    counts = connection.execute(f"select {query}").fetchone() if counted else ()
    row_counts = dict(zip(counted, counts or (), strict=True))
    return {one: BuiltTable(columns[place], row_counts.get(one)) for one, place in changed.items()}


def _metadata(node: Mapping[str, Any], table: BuiltTable) -> dict[str, Any]:
    """Rows, and columns where the project doesn't declare them with their types: a published table has them already."""
    found: dict[str, Any] = {}
    if table.row_count is not None:
        found["dagster/row_count"] = table.row_count
    declared = node["columns"]
    if not all(column in declared and declared[column]["data_type"] for column in table.columns):
        found["dagster/column_schema"] = dg.TableSchema(
            [
                dg.TableColumn(column, data_type, (declared.get(column) or {}).get("description") or None)
                for column, data_type in table.columns.items()
            ]
        )
    return found


def has_changed(result: NodeResult, number: int) -> bool:
    """Whether a build gave a table other rows than it had."""
    return result.state is not None and result.state.version == number


def said_of_nodes(results: Iterable[NodeResult], number: int) -> str:
    """What a build did about tables and tests, in one line."""
    kinds: dict[str, Counter[str]] = {"tables": Counter(), "tests": Counter()}
    for result in results:
        kind = kinds["tests" if result.unique_id.startswith("test.") else "tables"]
        kind["skipped" if result.status == UNCHANGED else "built"] += 1
        kind["changed"] += has_changed(result, number)
    tables, tests = kinds["tables"], kinds["tests"]
    return (
        f"{tables['built']} tables were built, {tables['changed']} of them changed, and {tests['built']} tests ran; "
        f"skipped: {tables['skipped']} tables and {tests['skipped']} tests, as nothing they read changed"
    )


def _tested(test: Mapping[str, Any]) -> Sequence[str]:
    """What a test is about: the model whose YAML declares it, else what it reads."""
    attached = test.get("attached_node")
    return [attached] if attached else test["depends_on"]["nodes"]
