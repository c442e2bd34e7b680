"""The one dbt project as Dagster assets, built by what changed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_dbt import DbtProject, DbtProjectComponent, dbt_assets

from orchestration.defs.naming import BUILD, OWNERS, WAREHOUSE_POOL
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.defs.warehouse.invocation import start_dbt
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.running import dbt_environment, dbt_variables
from orchestration.lib.warehouse.build import (
    BuildPlan,
    begin_build,
    complete_build,
    fingerprint,
    plan_build,
    read_pepper,
)


class WarehouseComponent(DbtProjectComponent):
    """Hands dbt the clock and the variables of the run, and lets it rest when nothing changed."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        # Not the base class's: its state is a copy of the project, which would hold the warehouse as well, and its
        # resource looks for dbt along PATH and runs it in the environment of this process.
        @dbt_assets(
            name=BUILD,
            manifest=self.dbt_project.manifest_path,
            project=self.dbt_project,
            dagster_dbt_translator=self.translator,
            pool=WAREHOUSE_POOL,
        )
        def build_warehouse(context: dg.AssetExecutionContext) -> Iterator:
            yield from build_what_changed(context)

        return dg.Definitions(assets=[build_warehouse])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        if properties["resource_type"] == "source":
            return spec
        stage, *folders = properties["fqn"][1:-1] or ["config"]
        group = "config" if properties["resource_type"] == "seed" else "staging" if stage == "staging" else folders[0]
        return spec.replace_attributes(group_name=group, owners=OWNERS)


def build_what_changed(context: dg.AssetExecutionContext) -> Iterator:
    """Plans the build, runs dbt, and notes in the ledger of builds what came of it."""
    settings, as_of = run_settings_and_clock(context.instance, context.run_id)
    is_whole = len(context.selected_asset_keys) == len(context.assets_def.keys)
    with open_duckdb(settings.warehouse) as connection:
        plan = plan_build(
            connection,
            fingerprint=fingerprint(settings, read_pepper(settings)),
            as_of=as_of,
            force_full=not is_whole,
        )
        if plan is None:
            context.log.info("Nothing changed since the last build; the tables remain as they are.")
            return
        build = begin_build(connection, plan, now=datetime.now(UTC))
    context.log.info(f"{'Full build' if plan.is_full else 'Build of what changed'}: {plan.reason}")
    yield from start_dbt(
        context,
        _build_arguments(plan, settings),
        environment={**dbt_environment(settings), **plan.environment},
        target=settings.dbt_target,
    ).stream()
    if is_whole:
        with open_duckdb(settings.warehouse) as connection:
            complete_build(connection, build, now=datetime.now(UTC))


def _build_arguments(plan: BuildPlan, settings: Settings) -> list[str]:
    arguments = ["build", "--exclude-resource-type", "unit_test", *dbt_variables(settings)]
    return [*arguments, "--full-refresh"] if plan.is_full else arguments


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> WarehouseComponent:
    target = read_settings().dbt_target
    return WarehouseComponent(
        project=DbtProject(project_dir=PROJECT_ROOT, target_path=target, profiles_dir=PROJECT_ROOT)
    )
