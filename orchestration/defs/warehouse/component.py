"""The one dbt project as Dagster assets, built by what changed."""

from collections.abc import Iterator, Mapping
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

from orchestration.defs.naming import BUILD, OWNERS, PHONE_NUMBERS, WAREHOUSE_POOL, owners_of
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.defs.warehouse.builds import run_build
from orchestration.defs.warehouse.reporting import asset_events
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.dbt.project import read_dbt_manifest, target
from orchestration.lib.dbt.python_steps import PYTHON_STEP


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
        def build_dbt_assets(context: dg.AssetExecutionContext) -> Iterator:
            # the keys of the whole project, whatever the step has to materialise
            is_whole = context.selected_asset_keys >= build_dbt_assets.keys
            yield from build_what_changed(context, self.translator, is_whole=is_whole)

        return dg.Definitions(assets=[build_dbt_assets, *self._tables_of_landing()])

    def _tables_of_landing(self) -> list[dg.AssetSpec]:
        """What models read that landing keeps besides rows: files, settings, profiles. Steps of landing write them."""
        manifest = read_dbt_manifest(read_settings().resolved_sources)
        return [
            self.get_asset_spec(manifest, unique_id, self.dbt_project).replace_attributes(
                group_name="landing", owners=OWNERS, kinds={"duckdb"}, deps=[]
            )
            for unique_id, source in manifest["sources"].items()
            if source["schema"] == "landing" and source["identifier"] != PHONE_NUMBERS.path[-1]
        ]

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        # without the SQL, which is one click away and pushes the columns out of sight
        spec = spec.replace_attributes(description=properties["description"].strip())
        if properties["resource_type"] == "source":
            return spec
        stage, *folders = properties["fqn"][1:-1] or ["config"]
        group = "config" if properties["resource_type"] == "seed" else "staging" if stage == "staging" else folders[0]
        kinds = spec.kinds | ({"python"} if properties["config"]["materialized"] == PYTHON_STEP else set())
        return spec.replace_attributes(group_name=group, owners=owners_of(properties, manifest["groups"]), kinds=kinds)


def build_what_changed(
    context: dg.AssetExecutionContext, translator: DagsterDbtTranslator, *, is_whole: bool
) -> Iterator[dg.MaterializeResult]:
    """Builds what the step has to materialise, as far as it changed."""
    settings, as_of = run_settings_and_clock(context.instance, context.run_id)
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest={}, dagster_dbt_translator=translator
    )
    selection = list(chosen.selection_args)
    if chosen.indirect_selection:
        selection += ["--indirect-selection", chosen.indirect_selection]
    outcome = run_build(settings, as_of=as_of, log=context.log, selection=() if is_whole else selection)
    if outcome.built is not None:
        found = asset_events(
            outcome.built, read_dbt_manifest(settings.resolved_sources), outcome.number, outcome.tables
        )
        yield from (event for event in found if event.asset_key in context.selected_asset_keys)
    outcome.raise_failure(settings)


def dbt_project() -> DbtProject:
    return DbtProject(
        project_dir=PROJECT_ROOT, target_path=target(read_settings().resolved_sources), profiles_dir=PROJECT_ROOT
    )


def _component(project: DbtProject) -> WarehouseComponent:
    return WarehouseComponent(
        project=project,
        # an event of Dagster's costs more than most tests: what became of them is said of their table
        translation_settings=DagsterDbtComponentTranslatorSettings(enable_asset_checks=False),
    )


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> WarehouseComponent:
    return _component(dbt_project())
