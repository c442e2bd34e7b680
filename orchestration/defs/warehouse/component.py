"""The one dbt project as Dagster assets, built by what changed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DbtProject,
    DbtProjectComponent,
    dbt_assets,
)
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.components.dbt_project.component import DagsterDbtComponentTranslatorSettings

from orchestration.defs.naming import BUILD, OWNERS, WAREHOUSE_POOL
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.defs.warehouse.reporting import BuildProgress, asset_events
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.building import build, explain
from orchestration.lib.dbt.project import read_dbt_manifest, target
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
            yield from build_what_changed(context, self.translator, self.dbt_project)

        return dg.Definitions(assets=[build_warehouse])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        if properties["resource_type"] == "source":
            return spec
        stage, *folders = properties["fqn"][1:-1] or ["config"]
        group = "config" if properties["resource_type"] == "seed" else "staging" if stage == "staging" else folders[0]
        return spec.replace_attributes(group_name=group, owners=OWNERS)


def build_what_changed(
    context: dg.AssetExecutionContext, translator: DagsterDbtTranslator, project: DbtProject
) -> Iterator[dg.MaterializeResult]:
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
        number = begin_build(connection, plan, now=datetime.now(UTC))
    context.log.info(f"{'Full build' if plan.is_full else 'Build of what changed'}: {plan.reason}")
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest={}, dagster_dbt_translator=translator
    )
    arguments = [*_build_arguments(plan), *chosen.selection_args]
    if chosen.indirect_selection:
        arguments += ["--indirect-selection", chosen.indirect_selection]
    built = build(settings, arguments, plan.environment, progress=BuildProgress(context.log).note)
    manifest = read_dbt_manifest()
    yield from asset_events(built, manifest, translator, project, assets=context.selected_asset_keys)
    if not built.is_success:
        raise dg.Failure(explain(built, manifest), allow_retries=False)
    if is_whole:
        with open_duckdb(settings.warehouse) as connection:
            complete_build(connection, number, now=datetime.now(UTC))


def _build_arguments(plan: BuildPlan) -> list[str]:
    arguments = ["--exclude-resource-type", "unit_test"]
    return [*arguments, "--full-refresh"] if plan.is_full else arguments


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> WarehouseComponent:
    return WarehouseComponent(
        project=DbtProject(project_dir=PROJECT_ROOT, target_path=target(), profiles_dir=PROJECT_ROOT),
        # an event of Dagster's costs more than most tests: what became of them is said of their table
        translation_settings=DagsterDbtComponentTranslatorSettings(enable_asset_checks=False),
    )
