"""The one dbt project."""

from __future__ import annotations

import dagster as dg
from dagster_dbt.components.dbt_project.component import OpSpec

from orchestration.defs.naming import WAREHOUSE_POOL
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.warehouse.component import WarehouseComponent, warehouse_project


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> WarehouseComponent:
    return WarehouseComponent(
        project=warehouse_project(PROJECT_ROOT, read_settings()),
        op=OpSpec(name="build_warehouse", pool=WAREHOUSE_POOL),
    )
