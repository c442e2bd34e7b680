"""`make bench-components`: connected components of an edge list, the materialisation compared with scipy and Splink."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from benchmarks.measuring import measured
from benchmarks.sizes import OtherResult, add_sizes, measure_sizes
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
LINKS_PER_PERSON = 9
# Nodes of the chain and of the star that are added to the people; small worlds get small ones.
LARGEST = 10_000
NEW_LINK_SHARE = 0.001
BEGIN = "<!-- figures of components: written by `python -m benchmarks.components --record` -->"
END = "<!-- end of figures of components -->"

PROJECT = {
    "dbt_project.yml": f"""
name: journeys
version: "1.0.0"
config-version: 2
profile: components
macro-paths: {[str(PROJECT_ROOT / "macros" / name) for name in ("engine", "increments", "materializations")]}
""",
    "profiles.yml": """
components:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: links.duckdb
      threads: 1
      settings: {disabled_optimizers: common_subplan, TimeZone: UTC}
""",
    "models/grouped.sql": """
{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['identifier_a', 'identifier_b']}, 'build': {'mode': 'all'}},
) }}
select identifier_a, identifier_b from main.links
""",
    "models/one_row.sql": "{{ config(materialized='table') }} select 1 as one",
}
# Scratch tables that hold numbers alone, and nothing but the rounds.
OF_THE_ROUNDS = ("__scratch_map_", "__scratch_round_", "__scratch_composed_")


@dataclass(frozen=True)
class Effort:
    """What a method took, without its start; `rounds_seconds` is the part in which links of numbers are contracted."""

    seconds: float
    cpu_seconds: float
    rounds_seconds: float = 0.0


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    name: str
    effort: Effort
    peak_bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when a method failed or came to another result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.components", description=__doc__)
    add_sizes(parser, SIZES)
    parser.add_argument("--without-splink", action="store_true", help="leave out the slowest")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    chosen = parser.parse_args(arguments)
    return measure_sizes(
        chosen.sizes,
        partial(measure_size, with_splink=not chosen.without_splink),
        name="components",
        begin=BEGIN,
        end=END,
        is_recorded=chosen.record,
        folder=chosen.folder,
    )


def measure_size(size: str, folder: Path, *, with_splink: bool) -> str:
    """Runs every method on the same links, each in a fork of this process, and returns the table as Markdown."""
    database, log = folder / "links.duckdb", folder / "log"
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    lines: list[Line] = []

    def step(name: str, function: Callable[..., Effort], *arguments: Any) -> Effort:
        print(f"  {size}: {name} ...", end="", flush=True)
        effort, cost = measured(function, *arguments, log=log)
        print(f" {effort.seconds:.1f} s", flush=True)
        lines.append(Line(name, effort, cost.peak_bytes))
        return effort

    (link_count, node_count), _ = measured(make_links, database, SIZES[size], log=log)
    scipy = step("scipy, links to a table of components", by_scipy, database)
    full = step("ours, full build", by_dbt, folder, "--full-refresh")
    if with_splink:
        step("Splink 5, `cluster_pairwise_predictions_at_threshold`", by_splink, database)
    counts, _ = measured(compare, database, log=log)
    new_count, _ = measured(add_links, database, link_count, log=log)
    step(f"ours, increment with {new_count:,} new links", by_dbt, folder)
    step("scipy again, with the new links", by_scipy, database)
    measured(compare, database, log=log)
    step("ours, increment with nothing new", by_dbt, folder)
    measured(compare, database, log=log)

    table = [
        f"### {size}: {link_count:,} links of {node_count:,} nodes in {counts['grouped']:,} components",
        "",
        "| method | seconds | CPU seconds | peak MB | ÷ scipy | CPU ÷ scipy |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for line in lines:
        table.append(
            f"| {line.name} | {line.effort.seconds:.1f} | {line.effort.cpu_seconds:.1f} "
            f"| {line.peak_bytes / 1e6:,.0f} | {line.effort.seconds / scipy.seconds:.2f} "
            f"| {line.effort.cpu_seconds / scipy.cpu_seconds:.2f} |"
        )
    table += [
        "",
        f"Of our full build, {full.rounds_seconds:.1f} s were the rounds, on numbers alone. All components were the "
        f"same, row by row. The largest has {counts['largest']:,} nodes.",
    ]
    return "\n".join(table)


def make_links(database: Path, count: int) -> tuple[int, int]:
    """Writes about as many links as asked for, in random order, and returns how many there are, and of how many nodes.

    A person has three to eight identifiers, each tied to one or two of the earlier ones, a tie often listed twice and
    from either end; one in twenty shares a link with the next person. A chain and a star come on top.
    """
    people, largest = count // LINKS_PER_PERSON, min(LARGEST, count // 10)
    with open_duckdb(database) as connection:
        connection.execute(
            f"""
            create table links as
            with people as (
                select range as person, 3 + cast(hash(range, 1) % 6 as bigint) as size from range({people})
            ),
            identifiers as (select person, unnest(range(1, size)) as number from people),
            pairs as (
                select person * 8 + number as a, person * 8 + cast(hash(person, number, 2) % number as bigint) as b
                from identifiers
                union all
                select person * 8 + cast(hash(person, number, 3) % number as bigint), person * 8 + number
                from identifiers
                union all
                select person * 8, person * 8 + 8 from people
                where hash(person, 4) % 20 = 0 and person + 1 < {people}
                union all
                select 10 ** 12 :: bigint + range, 10 ** 12 :: bigint + range + 1 from range({largest} - 1)
                union all
                select 2 * 10 ** 12 :: bigint, 2 * 10 ** 12 :: bigint + range + 1 from range({largest} - 1)
            )
            select md5(cast(a as varchar)) as identifier_a, md5(cast(b as varchar)) as identifier_b
            from pairs
            order by hash(a, b, 5)
            """
        )
        connection.execute(
            "create table nodes as select identifier_a as node_key from links union select identifier_b from links"
        )
        row = connection.execute("select (select count(*) from links), (select count(*) from nodes)").fetchone()
    assert row is not None
    return row


def add_links(database: Path, count: int) -> int:
    """Adds the share of new links: nine in ten bring a new identifier to somebody, one in ten joins two people."""
    new = max(1, int(count * NEW_LINK_SHARE))
    with open_duckdb(database) as connection:
        connection.execute(
            f"""
            insert into links
            with drawn as (
                select node_key, row_number() over (order by hash(node_key, 6)) as number
                from nodes qualify number <= 2 * {new}
            )
            select
                one.node_key,
                case when one.number % 10 = 0 then other.node_key else md5('new' || one.number) end
            from drawn as one
            inner join drawn as other on other.number = one.number + {new}
            """
        )
    return new


def by_dbt(folder: Path, *arguments: str) -> Effort:
    """The materialisation, run by dbt as it is in the product.

    The seconds are those that dbt says the model took; the work is dbt's, less that of a run of a model of one row.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    os.chdir(folder)
    os.environ.update(DBT_PROFILES_DIR=str(folder), DBT_SEND_ANONYMOUS_USAGE_STATS="false")
    asked: list[str] = []
    rounds: list[float] = []

    def watch(event: Any) -> None:
        if event.info.name == "SQLQuery":
            asked.append(event.data.sql)
        elif event.info.name == "SQLQueryStatus" and any(
            f"temporary table {prefix}" in asked[-1].replace('"', "").replace("grouped", "") for prefix in OF_THE_ROUNDS
        ):
            rounds.append(event.data.elapsed)

    def run(model: str) -> Effort:
        worked = time.process_time()
        done = dbtRunner(callbacks=[watch]).invoke(["run", "-s", model, *arguments])
        if not done.success:
            raise RuntimeError(f"dbt run -s {model}: {done.exception or 'see above'}")
        # `run` gives this kind of result; invoke() is typed for all commands together
        result = cast(RunExecutionResult, done.result)
        return Effort(result.results[0].execution_time, time.process_time() - worked)

    run("one_row")
    start, whole = run("one_row"), run("grouped")
    return Effort(whole.seconds, max(0.0, whole.cpu_seconds - start.cpu_seconds), sum(rounds))


def by_scipy(database: Path) -> Effort:
    """scipy's components, from the table of links to a table like ours.

    scipy wants nodes numbered from 0. Of the ways tried, hashing the names in DuckDB and letting pandas number the
    hashes was the quickest; Arrow's dictionary and an enum took longer.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    started, worked = time.monotonic(), time.process_time()
    with open_duckdb(database) as connection:
        ends = connection.execute(
            "select cast(hash(identifier_a) >> 1 as bigint) as a, cast(hash(identifier_b) >> 1 as bigint) as b "
            "from links"
        ).fetchnumpy()
        count = len(ends["a"])
        codes, numbers = pd.factorize(np.concatenate([ends["a"], ends["b"]]))
        graph = coo_matrix(
            (np.ones(count, dtype=np.int8), (codes[:count], codes[count:])), shape=(len(numbers), len(numbers))
        )
        _, labels = connected_components(graph, directed=False)
        connection.register("labelled", pa.table({"number": numbers, "label": labels}))
        connection.execute(
            """
            create temporary table named as
            select node_key, label
            from (
                select node_key, cast(hash(node_key) >> 1 as bigint) as number
                from (select identifier_a as node_key from links union select identifier_b from links)
            )
            inner join labelled using (number)
            """
        )
        connection.execute(
            """
            create or replace table by_scipy as
            select named.node_key, sizes.component_key, sizes.component_size
            from named
            inner join (
                select label, min(node_key) as component_key, count(*) as component_size from named group by label
            ) as sizes using (label)
            """
        )
        return Effort(time.monotonic() - started, time.process_time() - worked)


def by_splink(database: Path) -> Effort:
    """Splink's own clustering of an edge table; its list of nodes is there already and it counts no sizes."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    with open_duckdb(database) as connection:
        started, worked = time.monotonic(), time.process_time()
        clusters = cluster_pairwise_predictions_at_threshold(
            connection.table("nodes"),
            connection.table("links"),
            DuckDBAPI(connection),
            node_id_column_name="node_key",
            edge_id_column_name_left="identifier_a",
            edge_id_column_name_right="identifier_b",
        )
        effort = Effort(time.monotonic() - started, time.process_time() - worked)
        connection.execute(
            f"create or replace table by_splink as select node_key, cluster_id from {clusters.physical_name}"
        )
        connection.execute(f"drop table {clusters.physical_name}")
    return effort


def compare(database: Path) -> dict[str, int]:
    """Raises OtherResult unless every method left the same rows; returns components and the largest size."""
    with open_duckdb(database) as connection:
        for other, same in {
            "by_scipy": "theirs.component_key = ours.component_key and theirs.component_size = ours.component_size",
            "by_splink": "theirs.cluster_id = ours.component_key",
        }.items():
            if not connection.execute(f"select 1 from duckdb_tables() where table_name = '{other}'").fetchall():
                continue
            found = connection.execute(
                f"""
                select coalesce(ours.node_key, theirs.node_key)
                from grouped as ours full outer join {other} as theirs on theirs.node_key = ours.node_key
                where ({same}) is not true
                limit 3
                """
            ).fetchall()
            if found:
                raise OtherResult(f"{other} puts {', '.join(key for (key,) in found)} elsewhere.")
        connection.execute("drop table if exists by_splink")
        row = connection.execute("select count(distinct component_key), max(component_size) from grouped").fetchone()
    assert row is not None
    return {"grouped": row[0], "largest": row[1]}


if __name__ == "__main__":
    raise SystemExit(main())
