"""`make bench-flows`: directly-follows counts and times, variants, phase intervals, compared with pm4py and pandas."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.example import settings_in
from benchmarks.flow_log import AS_OF, make_log
from benchmarks.flows_pandas import ORDERING
from benchmarks.measuring import measured
from benchmarks.sizes import OtherResult, add_sizes, measure_sizes
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings

SIZES = {"20k": 20_000, "100k": 100_000, "1m": 1_000_000, "5m": 5_000_000}
BEGIN = "<!-- figures of flows: written by `python -m benchmarks.flows --record` -->"
END = "<!-- end of figures of flows -->"
PM4PY_PYTHON = PROJECT_ROOT / "var" / ".pm4py" / "bin" / "python"
# What lies ready for each tool, and the models that are measured, each by its own SQL.
READY = ("int_phase_intervals", "int_instance_bounds", "int_timeline_events", "int_steps", "int_journey_instances")
# Of these, the models that make the numbered steps and instances from events and intervals; timed separately.
ORDERED_BY = READY[1:]
MEASURED: Mapping[str, Sequence[str]] = {
    # first, because the paths of phases are read from them
    "phase intervals": ("int_phase_intervals",),
    "directly-follows": ("int_transitions", "agg_transitions"),
    "variants": ("int_instance_paths", "int_named_paths", "int_variants", "agg_variants"),
}
# Models on the way from the steps to the marts; what they take is ours.
BETWEEN = ("int_instance_numbers", "int_step_names", "int_numbered_step_pairs")
Efforts = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Tool:
    """What one tool took for each task, and its memory at its greatest."""

    name: str
    efforts: Efforts
    peak_bytes: int

    @property
    def seconds(self) -> float:
        return sum(seconds for name, (seconds, _) in self.efforts.items() if name != ORDERING)

    @property
    def cpu_seconds(self) -> float:
        return sum(cpu_seconds for name, (_, cpu_seconds) in self.efforts.items() if name != ORDERING)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when a tool failed or came to another result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flows", description=__doc__)
    add_sizes(parser, SIZES)
    parser.add_argument("--pm4py-python", type=Path, default=PM4PY_PYTHON, help="the Python that has pm4py")
    chosen = parser.parse_args(arguments)
    if not chosen.pm4py_python.exists():
        print(f"{chosen.pm4py_python} is not there. `make bench-flows` puts it there.", file=sys.stderr)
        return 1

    def measure(size: str, folder: Path) -> str:
        settings = settings_in(folder)
        try:
            return measure_size(size, settings, folder, chosen.pm4py_python)
        finally:
            shutil.rmtree(settings.resolved_seeds, ignore_errors=True)

    return measure_sizes(chosen.sizes, measure, name="flows", begin=BEGIN, end=END, is_recorded=chosen.record)


def measure_size(size: str, settings: Settings, folder: Path, pm4py_python: Path) -> str:
    """Runs every tool on the same log, each in a process of its own, and returns the table as Markdown."""
    log = folder / "log"

    def step(name: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
        print(f"  {size}: {name} ...", end="", flush=True)
        value, cost = measured(function, *arguments, log=log)
        print(f" {cost.seconds:.1f} s", flush=True)
        return value, cost.peak_bytes

    compiled, _ = step("the models' SQL", compile_models, settings)
    counts, _ = step("the log", prepare, settings.warehouse, folder, SIZES[size], compiled)
    tools = [
        Tool("ours", *step("ours", by_models, settings.warehouse, folder, compiled)),
        Tool("pandas", *step("pandas", by_pandas, folder)),
        Tool("pm4py", *step("pm4py", by_pm4py, folder, pm4py_python)),
    ]
    versions, _ = step("compare", compare, folder)
    return table(size, counts, tools, versions)


def compile_models(settings: Settings) -> dict[str, str]:
    """The SQL of the models as dbt compiles it for a full build."""
    from orchestration.lib.dbt.project import ensure_manifest, read_dbt_manifest
    from orchestration.lib.dbt.running import run_dbt
    from orchestration.lib.warehouse.build import clock_environment
    from orchestration.lib.warehouse.data_set import prepare_data_set

    prepare_data_set(settings, today=datetime.now(UTC).date())
    wanted = {*READY, *BETWEEN, *(name for names in MEASURED.values() for name in names)}
    run_dbt(settings, ["compile", "--select", *sorted(wanted)], clock_environment(AS_OF.replace(tzinfo=UTC)))
    ensure_manifest()
    nodes = [node for node in read_dbt_manifest()["nodes"].values() if node["resource_type"] == "model"]
    compiled = {}
    for node in nodes:
        if node["name"] in wanted and node["config"]["materialized"] != "ephemeral":
            text = (settings.dbt_target / "compiled" / "journeys" / node["original_file_path"]).read_text()
            compiled[node["name"]] = f"create or replace table {node['schema']}.{node['name']} as {text}"
    return compiled


def prepare(warehouse: Path, folder: Path, count: int, compiled: Mapping[str, str]) -> dict[str, int]:
    """Draws the log, and lays it ready: as tables for the models, as Parquet for what pandas reads into memory."""
    make_log(warehouse, count)
    (folder / "as_of.txt").write_text(AS_OF.isoformat())
    with open_duckdb(warehouse) as connection:
        for name in READY:
            connection.execute(compiled[name])
        names = ", ".join(f"coalesce({column}, '(none)') as {name}" for name, column in _step_columns().items())
        connection.execute(
            f"copy (select journey_instance_id as instance, customer_id as customer, {names}, occurred_at "
            "from intermediate.int_steps order by occurred_at, customer_id, step_number) "
            f"to '{folder / 'steps.parquet'}' (format parquet)"
        )
        connection.execute(
            "copy (select customer_id as customer, event_id, phase_id as phase, phase_order, window_seconds, "
            "is_terminal, event_number, occurred_at from intermediate.int_matched_events) "
            f"to '{folder / 'matches.parquet'}' (format parquet)"
        )
        row = connection.execute("""
            select
                (select count(*) from intermediate.int_event_versions),
                (select count(*) from intermediate.int_steps),
                (select count(*) from intermediate.int_instance_bounds),
                (select count(*) from intermediate.int_matched_events)
        """).fetchone()
        connection.execute("drop table intermediate.int_phase_intervals")
    assert row is not None
    return dict(zip(("events", "steps", "instances", "matches"), row, strict=True))


def _step_columns() -> dict[str, str]:
    return {"phase": "phase_id", "channel": "channel", "touchpoint": "touchpoint", "event": "event_name"}


def by_models(warehouse: Path, folder: Path, compiled: Mapping[str, str]) -> Efforts:
    """Runs the models' SQL, table to table in memory like the others, and writes what it gave for the comparison."""
    from benchmarks.flows_pandas import timed

    with open_duckdb() as connection:
        connection.execute(f"attach '{warehouse}' as kept (read_only); attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema intermediate; create schema config; create schema flows")
        for schema, name in connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'kept' and schema_name in ('intermediate', 'config')"
        ).fetchall():
            connection.execute(f"create table {schema}.{name} as from kept.{schema}.{name}")
        connection.execute("create view intermediate.int_events_stitched as from intermediate.int_event_versions")
        between = [name for name in BETWEEN if name in compiled]

        def build(names: Sequence[str]) -> Callable[[], None]:
            def run() -> None:
                for name in names:
                    connection.execute(compiled[name])

            return run

        tasks = {task: build(names) for task, names in MEASURED.items()}
        # last, because it reads the intervals
        tasks[ORDERING] = build(ORDERED_BY)
        if between:
            tasks = {"pairs of steps, for both": build(between), **tasks}
        _, efforts = timed(tasks)
        for task, select in {
            "directly-follows": "select * from flows.agg_transitions",
            "variants": "select * from flows.agg_variants",
            "phase intervals": (
                "select entry_event_id, split_part(journey_instance_id, ':', 2) || ':' || "
                "split_part(journey_instance_id, ':', 3) as first_event_id, phase_id as phase, outcome, "
                "matched_event_count, dwell_seconds, left_at from intermediate.int_phase_intervals"
            ),
        }.items():
            connection.execute(f"copy ({select}) to '{folder / f'ours {task}.parquet'}' (format parquet)")
    return efforts


def by_pandas(folder: Path) -> Efforts:
    from benchmarks.flows_pandas import run

    return run(folder)


def by_pm4py(folder: Path, python: Path) -> Efforts:
    subprocess.run([python, "-m", "benchmarks.flows_pm4py", folder], cwd=PROJECT_ROOT, check=True)
    return {task: tuple(effort) for task, effort in json.loads((folder / "pm4py.json").read_text())["efforts"].items()}


def compare(folder: Path) -> str:
    """Raises OtherResult unless all tools say the same; returns pm4py's version.

    pm4py and pandas take the middle of two for a median where the models take the lower: pandas gives both. The
    models publish the most frequent variants under their names, and count the rest together.
    """

    with open_duckdb() as connection:

        def same(what: str, one: str, other: str) -> None:
            for left, right in ((one, other), (other, one)):
                rows = connection.execute(
                    f"select * from ({left}) except all select * from ({right}) limit 3"
                ).fetchall()
                if rows:
                    raise OtherResult(f"{what}: {rows} only on one side")

        def of(tool: str, task: str) -> str:
            return f"read_parquet('{folder / f'{tool} {task}.parquet'}')"

        key = "step_type, from_name, to_name, transition_count"
        same(
            "directly-follows of ours and pandas",
            f"select {key}, customer_count, median_seconds from {of('ours', 'directly-follows')}",
            f"select {key}, customer_count, median_seconds from {of('pandas', 'directly-follows')}",
        )
        same(
            "directly-follows of pandas and pm4py",
            f"select {key}, round(middle_seconds, 3) from {of('pandas', 'directly-follows')}",
            f"select {key}, round(middle_seconds, 3) from {of('pm4py', 'directly-follows')}",
        )
        same(
            "variants of pandas and pm4py",
            f"select step_type, variant, instance_count from {of('pandas', 'variants')}",
            f"select step_type, variant, instance_count from {of('pm4py', 'variants')}",
        )
        _compare_published_variants(connection, of("ours", "variants"), of("pm4py", "variants"), same)
        columns = "entry_event_id, first_event_id, phase, outcome, matched_event_count, dwell_seconds, left_at"
        for tool in ("pandas", "pm4py"):
            same(
                f"phase intervals of ours and {tool}",
                f"select {columns} from {of('ours', 'phase intervals')}",
                f"select {columns} from {of(tool, 'phase intervals')}",
            )
    return json.loads((folder / "pm4py.json").read_text())["version"]


def _compare_published_variants(connection: Any, ours: str, theirs: str, same: Callable[[str, str, str], None]) -> None:
    described = {row[0] for row in connection.execute(f"describe select * from {ours}").fetchall()}
    named = "not is_rest and not is_shortened" if {"is_rest", "is_shortened"} <= described else "true"
    published = "not is_rest" if "is_rest" in described else "true"
    same(
        "variants of ours that have their whole name, as pm4py counts them",
        f"select step_type, variant, instance_count from {ours} where {named}",
        f"select theirs.step_type, theirs.variant, theirs.instance_count from {theirs} as theirs "
        f"semi join (select * from {ours} where {named}) as ours "
        "on ours.step_type = theirs.step_type and ours.variant = theirs.variant",
    )
    same(
        "the most frequent variants",
        f"select step_type, instance_count from {ours} where {published}",
        f"select step_type, instance_count from (select *, row_number() over (partition by step_type order by "
        f"instance_count desc) as place from {theirs}) as ranked where place <= (select count(*) from {ours} as own "
        f"where own.step_type = ranked.step_type and {published})",
    )
    same(
        "instances over all variants",
        f"select step_type, sum(instance_count)::bigint from {ours} group by all",
        f"select step_type, sum(instance_count)::bigint from {theirs} group by all",
    )


def table(size: str, counts: Mapping[str, int], tools: Sequence[Tool], pm4py_version: str) -> str:
    """The figures as Markdown."""
    ours = tools[0]
    tasks = list(MEASURED)
    lines = [
        f"### {size}: {counts['events']:,} events, {counts['steps']:,} of them steps of {counts['instances']:,} "
        f"instances, {counts['matches']:,} critical",
        "",
        f"| seconds (CPU seconds) | {' | '.join(tasks)} | all | peak MB | all ÷ ours | CPU ÷ ours "
        "| from the flat log | ÷ ours |",
        "|---|" + "--:|" * (len(tasks) + 6),
    ]
    for tool in tools:
        shown = dict(tool.efforts)
        flat, own_flat = (
            tuple(
                whole + part for whole, part in zip((one.seconds, one.cpu_seconds), one.efforts[ORDERING], strict=True)
            )
            for one in (tool, ours)
        )
        del shown[ORDERING]
        between = [shown.pop(name) for name in list(shown) if name not in tasks]
        cells = [f"{shown[task][0]:.2f} ({shown[task][1]:.2f})" for task in tasks]
        name = f"pm4py {pm4py_version}" if tool.name == "pm4py" else tool.name
        if between:
            name += f" (+ {between[0][0]:.2f} ({between[0][1]:.2f}) for pairs of steps)"
        lines.append(
            f"| {name} | {' | '.join(cells)} | {tool.seconds:.2f} ({tool.cpu_seconds:.2f}) "
            f"| {tool.peak_bytes / 1e6:,.0f} | {tool.seconds / ours.seconds:.1f} "
            f"| {tool.cpu_seconds / ours.cpu_seconds:.1f} "
            f"| {flat[0]:.2f} ({flat[1]:.2f}) | {flat[0] / own_flat[0]:.1f} ({flat[1] / own_flat[1]:.1f}) |"
        )
    lines += ["", "All three came to the same results."]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
