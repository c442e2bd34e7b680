"""Which landed columns feed a mart follows from the models that read their table."""

from __future__ import annotations

from typing import Any

from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.warehouse.source_usage import source_usage


def model(name: str, folder: str, code: str, *reads: str) -> dict[str, Any]:
    return {
        "unique_id": f"model.p.{name}",
        "resource_type": "model",
        "fqn": ["p", folder, name],
        "raw_code": code,
        "depends_on": {"nodes": list(reads)},
    }


def test_a_column_is_used_where_a_model_that_feeds_a_mart_names_it() -> None:
    orders = {"schema": "raw", "source_name": "shop", "name": "orders", "unique_id": "source.p.shop.orders"}
    carts = {"schema": "raw", "source_name": "shop", "name": "carts", "unique_id": "source.p.shop.carts"}
    other = {"schema": "landing", "source_name": "landing", "name": "files", "unique_id": "source.p.landing.files"}
    nodes = [
        model(
            "stg_orders",
            "staging",
            "{# note is for people #} select order_id, total -- coupon\nfrom x",
            orders["unique_id"],
        ),
        model("int_orders", "intermediate", "select order_id from y", "model.p.stg_orders"),
        model("fct_orders", "marts", "select order_id from z", "model.p.int_orders"),
        model("stg_carts", "staging", "select cart_id from x", carts["unique_id"]),
    ]
    manifest = {
        "nodes": {node["unique_id"]: node for node in nodes},
        "sources": {
            source["unique_id"]: {**source, "columns": {column: {} for column in columns}}
            for source, columns in (
                (orders, ["order_id", "total", "note", "coupon", "tot"]),
                (carts, ["cart_id"]),
                (other, ["file_id"]),
            )
        },
    }
    assert source_usage(manifest) == [
        ("shop", "carts", "cart_id", False),  # its staging model feeds nothing
        ("shop", "orders", "coupon", False),  # a comment
        ("shop", "orders", "note", False),  # a comment
        ("shop", "orders", "order_id", True),
        ("shop", "orders", "tot", False),  # a part of another name
        ("shop", "orders", "total", True),
    ]


def test_the_projects_spend_feeds_a_mart_and_its_interventions_none() -> None:
    used = {(source, table): False for source, table, _, _ in source_usage(read_dbt_manifest())}
    for source, table, _, is_used in source_usage(read_dbt_manifest()):
        used[source, table] |= is_used
    assert used["web", "events"] and used["feed", "events"]
    assert used["feed", "spend"] and used["ads", "daily_spend"]
    assert not used["feed", "interventions"]
