"""Builds the tables of a data set: plans, has dbt build what is not up to date, and keeps both ledgers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.dbt.building import DbtBuild, NodeResult, build
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.landing.registry import latest_batch
from orchestration.lib.warehouse.build import (
    COMPLETE,
    FAILED,
    PART,
    BuildPlan,
    begin_build,
    end_build,
    fingerprint,
    plan_build,
)
from orchestration.lib.warehouse.key import key_of_rows
from orchestration.lib.warehouse.node_ledger import read_build_inputs, write_states
from orchestration.lib.warehouse.source_usage import note_source_usage
from orchestration.lib.warehouse.spark_tables import begin_spark_build, build_views, note_spark_build, remove_unnamed

# Unit tests are of the code alone; exposures build nothing.
WITHOUT = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure")

# Increments leave room behind where rows were. Every tenth build has it used again: it costs a copy of the tables.
BUILDS_BETWEEN_RECLAIMS = 10


@dataclass(frozen=True)
class TablesBuilt:
    """A build that came to its end: its number, what it covered, and what became of the nodes."""

    number: int
    plan: BuildPlan
    dbt: DbtBuild


def build_tables(
    settings: Settings,
    *,
    as_of: datetime,
    now: datetime,
    force_full: bool = False,
    part: Sequence[str] = (),
    arguments: Sequence[str] = (),
    begins: Callable[[BuildPlan], None] = lambda plan: None,
    progress: Callable[[NodeResult], None] = lambda result: None,
) -> TablesBuilt | None:
    """Builds what is not up to date; None where nothing changed since the last complete build, which is published.

    `part` are arguments of dbt that select some nodes: these are built whatever their state, and the tables can't be
    published before the next build of all. `arguments` are arguments that leave out nodes for good. Raises DbtFailed
    where dbt's process died; the next build then starts from raw.
    """
    with open_duckdb(settings.warehouse) as connection:
        # the key that rows were hashed with since the run began; another one makes the next build a full one
        code = fingerprint(settings, key_of_rows(connection))
        plan = plan_build(connection, fingerprint=code, as_of=as_of, force_full=force_full)
        if plan is None and part:
            plan = BuildPlan(False, "a part was asked for", latest_batch(connection), as_of, code)
        if plan is None:
            return None
        note_source_usage(connection, read_dbt_manifest())
        number = begin_build(connection, plan, now=now)
        inputs = read_build_inputs(connection, plan, number, now=now, is_forced=bool(part))
        spark = begin_spark_build(connection, settings, plan, number)
    begins(plan)
    built = build(
        settings,
        [*(["--full-refresh"] if plan.is_full else []), *WITHOUT, *arguments, *part],
        plan.environment,
        inputs=inputs,
        spark=spark,
        progress=progress,
    )
    states = {result.unique_id: result.state for result in built.results if result.state is not None}
    if spark is not None and settings.spark is not None:
        with open_duckdb(settings.warehouse) as connection:
            note_spark_build(connection, settings.spark, spark, built)
        if built.is_success and (views := build_views(settings, built, inputs, plan)):
            built = replace(
                built, error=views.error, results=(*built.results, *(one for one in views.results if one.is_bad))
            )
    reclaims_space = number % BUILDS_BETWEEN_RECLAIMS == 0
    with open_duckdb(settings.warehouse, reclaims_space=reclaims_space) as connection:
        write_states(connection, states, is_full=plan.is_full)
        # a rebuild that fails is undone, and the file aside then names folders again
        if settings.spark is not None and not settings.warehouse_aside.exists():
            remove_unnamed(connection, settings.spark)
        end_build(
            connection, number, FAILED if not built.is_success else PART if part else COMPLETE, now=datetime.now(UTC)
        )
    return TablesBuilt(number, plan, built)
