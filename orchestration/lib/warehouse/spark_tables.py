"""The tables that Spark builds, in the warehouse file: a ledger of their folders, and views over their Parquet.

Whatever reads the warehouse (suites, comparisons, the release) reads these views, so none of it knows the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from orchestration.lib.core.connection import transaction
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.settings import Spark as SparkSettings
from orchestration.lib.core.sql import literal, name
from orchestration.lib.dbt.building import DbtBuild, build
from orchestration.lib.dbt.node_states import BuildInputs
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.spark.building import SparkBuild
from orchestration.lib.spark.catalog import check_answering
from orchestration.lib.spark.folder import claim, give_up
from orchestration.lib.spark.handover import QUARANTINE, hand_over
from orchestration.lib.spark.java import SparkError
from orchestration.lib.spark.storage import FILES, merged, remove_idle
from orchestration.lib.warehouse.build import BuildPlan

# Between the name of a table that dbt builds and that of one that is kept next to it.
KEPT = "__"
# Schemas of sources that hold landed rows, and what the orchestration keeps of them.
OF_LANDING = ("raw", "landing")
ZONED = "TIMESTAMP WITH TIME ZONE"


def ensure_spark_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table if not exists landing.spark_tables (relation varchar primary key, folder varchar, build bigint)"
    )


def read_folders(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The folder of each of Spark's tables, within the folder of tables."""
    return dict(connection.execute("select relation, folder from landing.spark_tables").fetchall())


def begin_spark_build(
    connection: duckdb.DuckDBPyConnection, settings: Settings, plan: BuildPlan, number: int
) -> SparkBuild | None:
    """Hands landed rows over, and says what Spark has to know; None where DuckDB builds. Raises SparkError.

    Views over tables of Spark's give way to DuckDB's own tables.
    """
    ensure_spark_ledger(connection)
    stored = read_folders(connection)
    if settings.spark is None:
        if stored and plan.is_full:
            _forget(connection, stored)
            stored = {}
        # a rebuild that fails is undone, and the file aside then names folders again
        if not stored and not settings.warehouse_aside.exists():
            give_up(settings.home)
        return None
    check_answering(settings.spark.remote)
    claim(settings.spark.tables, settings.home)
    if not plan.is_full and not all((settings.spark.tables / folder).is_dir() for folder in stored.values()):
        raise SparkError(
            f"Tables of the last build are not in {settings.spark.tables}. If JOURNEYS_SPARK_TABLES changed, set it as "
            "it was; else build them from raw: make rebuild."
        )
    manifest = read_dbt_manifest(settings.resolved_sources)
    sources = [(node["schema"], node["identifier"]) for node in manifest["sources"].values()]
    landed = hand_over(
        connection,
        settings.spark.tables,
        [*(source for source in sources if source[0] in OF_LANDING), *_quarantine(connection)],
        is_full=plan.is_full,
    )
    last = None
    if not plan.is_full:
        row = connection.execute("select max(build) from landing.spark_tables").fetchone()
        last = row[0] if row else None
    return SparkBuild(
        remote=settings.spark.remote,
        tables=str(settings.spark.tables),
        home=str(settings.home),
        number=number,
        last=last,
        landed=tuple(landed),
        stored=stored if last is not None else {},
    )


def _quarantine(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = current_database() "
        f"and schema_name = {literal(QUARANTINE)}"
    ).fetchall()


def note_spark_build(
    connection: duckdb.DuckDBPyConnection, spark: SparkSettings, start: SparkBuild, built: DbtBuild
) -> None:
    """Notes the current folders, and has the warehouse's views read them. Others remain for `remove_unnamed`."""
    now = merged(start.stored, built.written)
    before = set(read_folders(connection))
    with transaction(connection):
        connection.execute("delete from landing.spark_tables")
        if now:
            connection.executemany(
                "insert into landing.spark_tables values (?, ?, ?)",
                [[relation, folder, start.number] for relation, folder in sorted(now.items())],
            )
        for relation in sorted(before - now.keys()):
            if KEPT not in relation:
                connection.execute(f"drop view if exists {_quoted(relation)}")
        written = built.written if start.stored else now
        for relation in sorted(now.keys() & written.keys()):
            if KEPT not in relation:
                _make_view(connection, relation, spark.tables / now[relation])


def remove_unnamed(connection: duckdb.DuckDBPyConnection, spark: SparkSettings) -> None:
    """Removes folders of tables that no ledger names: earlier content, and what a killed build left."""
    remove_idle(spark.tables, set(read_folders(connection).values()))


def build_views(settings: Settings, built: DbtBuild, inputs: BuildInputs, plan: BuildPlan) -> DbtBuild | None:
    """Has DuckDB make the models that are views, over the tables that Spark built, where Spark made its own."""
    manifest = read_dbt_manifest(settings.resolved_sources)
    views = {
        node["unique_id"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }
    if not any(result.unique_id in views and result.state is not None for result in built.results):
        return None
    of_views = BuildInputs(**{**vars(inputs), "states": {}, "is_forced": True})
    return build(
        settings,
        [
            "--select",
            "config.materialized:view",
            "--exclude-resource-type",
            "unit_test",
            "--exclude-resource-type",
            "test",
        ],
        plan.environment,
        inputs=of_views,
    )


def _forget(connection: duckdb.DuckDBPyConnection, stored: Mapping[str, str]) -> None:
    for relation in stored:
        if KEPT not in relation:
            connection.execute(f"drop view if exists {_quoted(relation)}")
    connection.execute("delete from landing.spark_tables")


def _make_view(connection: duckdb.DuckDBPyConnection, relation: str, folder: Path) -> None:
    schema, _, table = relation.partition(".")
    connection.execute(f"create schema if not exists {name(schema)}")
    kind = connection.execute(
        "select table_type from information_schema.tables where table_catalog = current_database() "
        "and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    if kind is not None and kind[0] != "VIEW":
        connection.execute(f"drop table {_quoted(relation)} cascade")
    rows = f"read_parquet({literal(str(folder / FILES))})"
    columns = connection.execute(f"describe from {rows}").fetchall()
    # Spark's times are instants; in the warehouse they are in UTC without saying so
    selected = ", ".join(
        f"cast({name(column)} as {kind.replace(ZONED, 'TIMESTAMP')}) as {name(column)}"
        if ZONED in kind
        else name(column)
        for column, kind, *_ in columns
    )
    connection.execute(f"create or replace view {_quoted(relation)} as select {selected} from {rows}")


def _quoted(relation: str) -> str:
    schema, _, table = relation.partition(".")
    return name(schema, table)
