"""Names that several definitions share: the pool, steps, owners, keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.lib.config.contracts import TableContract

# The warehouse file has one owner at a time: whatever opens it is in this pool of one.
WAREHOUSE_POOL = "duckdb"
# The step that runs dbt.
BUILD = "build_dbt_assets"
# The steps of the job refresh that are gates.
CHECK_LANDING = "check_landing"
CHECK_PUBLISHED = "check_published"
# Who owns what no group of dbt's does.
OWNERS = ["team:data-engineering"]
# The key that dbt gives its source.
PHONE_NUMBERS = dg.AssetKey(["landing", "phone_numbers"])
RELEASE = dg.AssetKey(["serving", "customer_journeys"])
DIGESTS = dg.AssetKey(["serving", "digests"])
POSTGRES = dg.AssetKey(["serving", "postgres"])
# The steps of the job refresh that bring a release into PostgreSQL: a new one, or the current one that it lacks.
PUBLISH_POSTGRES = "publish_postgres"
CATCH_UP_POSTGRES = "catch_up_postgres"


def node_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """The asset of a node of dbt's manifest, as the library dagster-dbt names it, which is slow to import."""
    return dg.AssetKey([node["config"]["schema"], node["alias"]])


def landed_key(contract: TableContract) -> dg.AssetKey:
    """The asset of a landed table: the key that dbt gives its source, so that the graph is one."""
    return dg.AssetKey([contract.source, contract.table])


def owners_of(node: Mapping[str, Any], groups: Mapping[str, Any]) -> list[str]:
    """The owner of a node's group of dbt's, as a team; OWNERS where it has none. `groups` are those of the manifest."""
    owners: dict[str, Mapping[str, Any]] = {group["name"]: group["owner"] for group in groups.values()}
    owner = owners.get(node.get("group") or "", {})
    team = re.sub(r"[^a-z0-9]+", "-", (owner.get("name") or "").lower()).strip("-")
    return [f"team:{team}"] if team else [owner["email"]] if owner.get("email") else OWNERS
