"""A warehouse built on DuckDB, given to Spark table by table, and what each model's query gives there.

Every table and view is written as Parquet and is a view of the same name on Spark. A model's query, compiled for Spark,
then reads what the model reads on DuckDB, so that a difference is that of this model and not of one before it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt.running import dbt_variables

# Doubles are equal where they differ by less than this share of themselves: sums of them depend on their order.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it for Spark."""

    name: str
    relation: str
    materialized: str
    sql: str


def compiled_models(work: Path, settings: Settings) -> dict[str, Model]:
    """All models of a data set, compiled for Spark without a session; `work` is a folder for dbt."""
    as_of = plain_utc(settings.as_of or settings.example.as_of)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JOURNEYS_BUILD_")}
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
            *("--log-level", "error", "--log-level-file", "none", "--no-use-colors"),
            *("compile", "--target", "spark", "--full-refresh", "--no-introspect", "--no-populate-cache"),
            *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
            *("--target-path", str(work), "--log-path", str(work)),
            *dbt_variables(settings),
        ],
        cwd=PROJECT_ROOT,
        env=environment | {"JOURNEYS_BUILD_AS_OF": f"{as_of:%Y-%m-%d %H:%M:%S}", "JOURNEYS_RESOLVED_SEEDS": "seeds"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = json.loads((work / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["name"]: Model(
            node["name"], f"{node['schema']}.{node['alias']}", node["config"]["materialized"], node["compiled_code"]
        )
        for node in nodes
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
    }


@dataclass
class SparkCopy:
    """The tables of a warehouse on Spark, and a connection to the warehouse."""

    spark: Any
    duckdb: duckdb.DuckDBPyConnection

    def differences(self, model: Model, *, drawn: Sequence[str] = ()) -> list[str]:
        """What differs between the rows of a model on the two engines, as lines to read; none where nothing does.

        `drawn` columns hold what each engine draws from a hash of its own: other values, of the same rows.
        """
        # a name of its own: what lies in the catalogue is the other engine's
        found = self.spark.sql(model.sql).toArrow()
        self.duckdb.register("found", found)
        try:
            return list(self._differences(model, drawn))
        finally:
            self.duckdb.unregister("found")

    def _differences(self, model: Model, drawn: Sequence[str]) -> Iterator[str]:
        expected = self._columns(model.relation)
        found = self._columns("found")
        # the order of columns is that of the contract, whatever the query says
        if set(expected) != set(found):
            yield f"columns {sorted(expected)}, on Spark {sorted(found)}"
            return
        for name, kind in expected.items():
            if _portable(kind) != _portable(found[name]):
                yield f"{name} is {kind}, on Spark {found[name]}"
        exact = [name for name, kind in expected.items() if kind != "DOUBLE" and name not in drawn]
        doubles = [name for name, kind in expected.items() if kind == "DOUBLE"]
        listed = ", ".join(f'cast("{name}" as {expected[name]}) as "{name}"' for name in exact)
        for here, there, side in ((model.relation, "found", "DuckDB"), ("found", model.relation, "Spark")):
            rows = self.duckdb.execute(
                f"select {listed} from {here} except all select {listed} from {there} limit 3"
            ).fetchall()
            yield from (f"on {side} alone: {dict(zip(exact, row, strict=True))}" for row in rows)
        for name in drawn:
            others = ", ".join(f'"{other}"' for other in exact)
            here, there, both = self.duckdb.execute(
                f"select count(distinct here.{name}), count(distinct there.{name}), "
                f"count(distinct (here.{name}, there.{name})) "
                f"from {model.relation} as here inner join found as there using ({others})"
            ).fetchone()
            if not here == there == both:
                yield f"{name} has {here} values, on Spark {there}, in {both} pairs"
        if doubles:
            ordered = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in expected.items())
            order = ", ".join(f'"{name}"' for name in exact + doubles)
            sides = [
                self.duckdb.execute(f"select * from (select {ordered} from {place}) order by {order}").fetchall()
                for place in (model.relation, "found")
            ]
            yield from _apart(*sides, names=list(expected), doubles=set(doubles))

    def _columns(self, relation: str) -> dict[str, str]:
        rows = self.duckdb.execute(f"describe select * from {relation}").fetchall()
        return {row[0]: row[1] for row in rows}


def _portable(kind: str) -> str:
    """A type as contracts name it.

    Spark has no time without a zone by default, and no integer of 128 bits; how wide a column of whole numbers is that
    no contract names is each engine's own.
    """
    for own, common in (("TIMESTAMP WITH TIME ZONE", "TIMESTAMP"), ("HUGEINT", "DECIMAL(38,0)"), ("JSON", "VARCHAR")):
        kind = kind.replace(own, common)
    return re.sub(r"\b(TINYINT|INTEGER)\b", "BIGINT", kind)


def _apart(left: list[tuple], right: list[tuple], *, names: list[str], doubles: set[str]) -> Iterator[str]:
    """Doubles that are further apart than the tolerance, of rows in the same order."""
    count = 0
    for here, there in zip(left, right, strict=False):
        for name, one, other in zip(names, here, there, strict=True):
            if name not in doubles or one == other:
                continue
            if one is None or other is None or abs(one - other) > TOLERANCE * max(abs(one), abs(other)):
                yield f"{name}: {one!r}, on Spark {other!r}, in {dict(zip(names, here, strict=True))}"
                count += 1
                if count == 3:
                    return


@contextlib.contextmanager
def copy_to_spark(warehouse: Path, spark: Any, folder: Path) -> Iterator[SparkCopy]:
    """Gives Spark every table and view of a warehouse under its own name; writes them into a folder."""
    spark.sql("set spark.sql.parquet.inferTimestampNTZ.enabled = false")
    with open_duckdb(warehouse, read_only=True) as connection:
        _give(connection, spark, folder)
        yield SparkCopy(spark, connection)


def _give(connection: duckdb.DuckDBPyConnection, spark: Any, folder: Path) -> None:
    relations = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal and not temporary union all "
        "select schema_name, view_name from duckdb_views() where not internal order by all"
    ).fetchall()
    for schema in sorted({schema for schema, _ in relations}):
        spark.sql(f"create schema if not exists {schema}")
    for schema, name in relations:
        path = folder / f"{schema}.{name}.parquet"
        columns = ", ".join(_exported(*row[:2]) for row in connection.execute(f"describe {schema}.{name}").fetchall())
        connection.execute(f"copy (select {columns} from {schema}.{name}) to '{path}' (format parquet)")
        spark.sql(f"create or replace view {schema}.{name} as select * from parquet.`{path}`")


def _exported(name: str, kind: str) -> str:
    if kind == "HUGEINT":
        # Parquet has no integer of 128 bits; DuckDB would write a double
        return f'cast("{name}" as decimal(38, 0)) as "{name}"'
    if kind == "JSON":
        return f'cast("{name}" as varchar) as "{name}"'
    return f'"{name}"'
