"""The dbt project as Dagster assets, built by what changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, DbtProjectComponent

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.warehouse.build import (
    BuildPlan,
    begin_build,
    complete_build,
    fingerprint,
    plan_build,
    read_pepper,
)
from orchestration.lib.warehouse.dbt import dbt_environment, dbt_variables
from orchestration.lib.warehouse.run_context import run_settings_and_clock


class WarehouseComponent(DbtProjectComponent):
    """Hands dbt the clock and the variables of the run, and lets it rest when nothing changed."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        # the project is here already: the copy that the base class keeps as its state would hold the warehouse, too
        return self.build_defs_from_state(context, None)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        if properties["resource_type"] == "source":
            return spec
        stage, *folders = properties["fqn"][1:-1] or ["config"]
        group = "config" if properties["resource_type"] == "seed" else "staging" if stage == "staging" else folders[0]
        return spec.replace_attributes(group_name=group, owners=["team:data-engineering"])

    def execute(self, context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator:
        settings, as_of = run_settings_and_clock(context.instance, context.run_id)
        os.environ.update(dbt_environment(settings))
        is_whole = len(context.selected_asset_keys) == len(context.assets_def.keys)
        with open_duckdb(settings.warehouse) as connection:
            plan = plan_build(
                connection,
                fingerprint=fingerprint(settings, read_pepper(settings)),
                as_of=as_of,
                force_full=not is_whole,
            )
            if plan is None:
                context.log.info("Nothing changed since the last build; the tables stay as they are.")
                return
            build = begin_build(connection, plan, now=datetime.now(UTC))
        context.log.info(f"{'Full build' if plan.is_full else 'Build of what changed'}: {plan.reason}")
        os.environ.update(plan.environment)
        self._arguments = self._build_arguments(plan, settings)
        yield from super().execute(context, dbt)
        if is_whole:
            with open_duckdb(settings.warehouse) as connection:
                complete_build(connection, build, now=datetime.now(UTC))

    def get_cli_args(self, context: dg.AssetExecutionContext) -> list[str]:
        return self._arguments

    def _build_arguments(self, plan: BuildPlan, settings: Settings) -> list[str]:
        arguments = ["build", "--exclude-resource-type", "unit_test", *dbt_variables(settings)]
        return [*arguments, "--full-refresh"] if plan.is_full else arguments


def warehouse_project(root: Path, settings: Settings) -> DbtProject:
    """The dbt project with the target folder of a data set."""
    return DbtProject(project_dir=root, target_path=settings.dbt_target, profiles_dir=root)
