"""The ledger of nodes, `landing.nodes`: what each node of the dbt project was last built from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import duckdb

from orchestration.lib.core.clock import timestamp_text
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.dbt.node_states import BuildInputs, NodeState, Version, source_input
from orchestration.lib.landing.registry import table_batches
from orchestration.lib.warehouse.build import BuildPlan

COLUMNS = {
    "node": "varchar primary key",
    "fingerprint": "varchar",
    "version": "bigint",
    "changed_since": "bigint",
    "inputs": "json",
    "batch": "bigint",
    "as_of": "varchar",
    "content": "varchar",
    "verdict": "varchar",
    "built_at": "varchar",
}
# Other ledgers of the orchestration's, which no model reads.
LEDGERS = ("builds", "nodes", "definitions", "spark_tables")


def ensure_node_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the ledger, in place of one that an older version wrote: every node is then built from all rows."""
    found = connection.execute(
        "select column_name from duckdb_columns() where schema_name = 'landing' and table_name = 'nodes'"
    ).fetchall()
    if {name for (name,) in found} != COLUMNS.keys():
        columns = ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())
        connection.execute(f"create or replace table landing.nodes ({columns})")


def read_build_inputs(
    connection: duckdb.DuckDBPyConnection,
    plan: BuildPlan,
    number: int,
    *,
    now: datetime,
    is_forced: bool = False,
) -> BuildInputs:
    """What a build starts from, as the child that runs dbt needs it."""
    ensure_node_ledger(connection)
    rows = connection.execute(f"select {', '.join(COLUMNS)} from landing.nodes").fetchall()
    states = {}
    for row in rows:
        state = dict(zip(COLUMNS, row, strict=True))
        node = state.pop("node")
        states[node] = NodeState(**{**state, "inputs": json.loads(state["inputs"])})
    return BuildInputs(
        number=number,
        batch=plan.batch,
        as_of=timestamp_text(plan.as_of),
        is_full=plan.is_full,
        now=timestamp_text(now),
        versions=_versions(connection),
        states=states,
        is_forced=is_forced,
    )


def versions_of_nodes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """By dbt's name of a seed or model, the number of the build in which its rows last changed."""
    ensure_node_ledger(connection)
    return dict(connection.execute("select node, version from landing.nodes").fetchall())


def write_states(connection: duckdb.DuckDBPyConnection, states: Mapping[str, NodeState], *, is_full: bool) -> None:
    """Notes the states of nodes that a build changed. After a full build the others are as if they were never built."""
    connection.begin()
    if is_full:
        connection.execute("delete from landing.nodes")
    rows = [{"node": node, **asdict(state), "inputs": dict(state.inputs)} for node, state in states.items()]
    if rows:
        structure = json.dumps([{column: kind.removesuffix(" primary key") for column, kind in COLUMNS.items()}])
        connection.execute(
            "insert or replace into landing.nodes by name "
            f"select unnest(from_json(?::json, '{structure}'), recursive := true)",
            [json.dumps(rows)],
        )
    connection.commit()


def _versions(connection: duckdb.DuckDBPyConnection) -> dict[str, Version]:
    """The versions of source tables: a batch for raw tables, a hash of the rows for those of the orchestration."""
    found: dict[str, Version] = {
        source_input("raw", source, table): batch for (source, table), batch in table_batches(connection).items()
    }
    kept = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'landing' and not list_contains(?, table_name)",
        [list(LEDGERS)],
    ).fetchall()
    for (table,) in kept:
        row = connection.execute(
            f"select concat(count(*), ' ', sum(hash(kept_rows))) from landing.{quoted(table)} as kept_rows"
        ).fetchone()
        assert row is not None
        found[source_input("landing", "landing", table)] = row[0]
    return found
