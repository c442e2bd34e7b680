"""What Dagster shows: one graph from extract to release, checks at its gates, one pool, one job that does it all."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import dagster as dg
import duckdb
import pytest
from dagster_dbt import DagsterDbtTranslator, DbtProject

from orchestration.cli.refreshing import OF_POSTGRES
from orchestration.defs.naming import CATCH_UP_POSTGRES, PUBLISH_POSTGRES, node_key
from orchestration.defs.warehouse.reporting import BuiltTable, asset_events, built_tables
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import WarehouseBusy, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.building import DbtBuild, NodeResult
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.node_states import NodeState
from orchestration.lib.dbt.project import ensure_manifest, read_dbt_manifest, target
from orchestration.lib.postgres import publishing
from orchestration.lib.postgres.faults import PostgresError
from orchestration.lib.release.docs_tables import docs_with_tables
from orchestration.lib.release.due import Due
from orchestration.lib.warehouse.data_set import prepare_data_set

pytestmark = pytest.mark.xdist_group("definitions")

CONTRACTS = read_contracts(PROJECT_ROOT / "models")
RELEASE = dg.AssetKey(["serving", "customer_journeys"])
HEADER = "event_id,occurred_at,event_name,source_system\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty data set, with dbt's manifest, and the environment in which definitions are loaded."""
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "extracts").mkdir()
    (folder / "dagster").mkdir()
    before = dict(os.environ)
    os.environ.update(
        JOURNEYS_EXTRACTS=str(folder / "extracts"),
        JOURNEYS_VAR=str(folder / "var"),
        JOURNEYS_SERVING=str(folder / "serving"),
        JOURNEYS_DATA_SET="looked_at",
        JOURNEYS_AS_OF="2026-03-01",
        DAGSTER_HOME=str(folder / "dagster"),
    )
    settings = read_settings()
    prepare_data_set(settings, today=datetime(2026, 3, 1, tzinfo=UTC).date())
    ensure_manifest()
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def definitions(environment: Path) -> Iterator[dg.Definitions]:
    for name in [name for name in sys.modules if name.startswith(("orchestration.defs", "orchestration.definitions"))]:
        del sys.modules[name]
    yield importlib.import_module("orchestration.definitions").defs()


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def check_keys(definitions: dg.Definitions) -> set[tuple[str, str]]:
    graph = definitions.resolve_asset_graph()
    return {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}


def test_the_graph_leads_from_every_landed_table_to_the_release(
    definitions: dg.Definitions, specs: dict[dg.AssetKey, dg.AssetSpec]
) -> None:
    graph = definitions.resolve_asset_graph()
    before_release: set[dg.AssetKey] = set()
    ahead = [RELEASE]
    while ahead:
        for parent in graph.get(ahead.pop()).parent_keys:
            if parent not in before_release:
                before_release.add(parent)
                ahead.append(parent)
    events = [model for model in CONTRACTS if (model.source, model.table) == ("feed", "events")]
    assert events
    landed = {dg.AssetKey([contract.source, contract.table]) for contract in CONTRACTS}
    assert landed <= set(specs)
    staged = {key for key in specs if graph.get(key).parent_keys & landed}
    # a table whose rows no published model needs yet ends in its staging view
    for key in landed:
        children = graph.get(key).child_keys
        assert key in before_release or children <= staged, key
    assert {dg.AssetKey(["feed", "events"]), dg.AssetKey(["feed", "people"])} <= before_release


def test_a_python_step_is_an_asset_between_models(
    definitions: dg.Definitions, specs: dict[dg.AssetKey, dg.AssetSpec]
) -> None:
    def key(name: str) -> dg.AssetKey:
        [found] = [key for key in specs if key.path[-1] == name]
        return found

    node = definitions.resolve_asset_graph().get(key("int_bridge_links"))
    assert node.parent_keys == {key("int_inner_links")} and key("fct_identifier_links") in node.child_keys
    assert node.is_executable
    in_python = {spec.key.path[-1] for spec in specs.values() if "python" in spec.kinds and "dbt" in spec.kinds}
    assert in_python == {
        "int_bridge_links",
        "int_channel_credit_bounds",
        "int_channel_solutions",
        "int_kpi_relations",
        "int_learnt_sentiments",
        "int_record_pairs",
        "int_resolved_links",
        "int_score_drivers",
        "int_step_impacts",
        "int_text_readings",
    }


def test_every_asset_has_a_group_an_owner_and_a_description(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    # what is only read is an asset as well, and stands in the group "default" where nobody describes it
    assert not all(node.is_executable for node in nodes)
    for node in nodes:
        assert node.group_name and node.group_name != "default", node.key
        assert node.owners, node.key
        assert node.description and len(node.description) > 20, node.key
        assert "Raw SQL" not in node.description, node.key
    groups = {node.group_name for node in nodes}
    assert groups >= {"landing", "staging", "config", "core", "journeys", "kpis", "hygiene", "release"}


def test_the_owner_of_a_published_table_is_that_of_its_group(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    for group in read_dbt_manifest()["groups"].values():
        owner = "team:" + group["owner"]["name"].lower().replace(" ", "-")
        tables = [spec for key, spec in specs.items() if key.path[0] == group["name"]]
        assert tables and all(list(spec.owners) == [owner] for spec in tables), group["name"]
    assert list(specs[dg.AssetKey(["kpis", "kpi_scorecard"])].owners) == ["team:customer-experience"]


def shown_columns(metadata: Mapping[str, Any]) -> list[dg.TableColumn]:
    return list(metadata["dagster/column_schema"].columns)


def test_landed_and_published_tables_show_their_columns(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    for contract in CONTRACTS:
        shown = shown_columns(specs[dg.AssetKey([contract.source, contract.table])].metadata)
        assert [column.name for column in shown] == [column.name for column in contract.columns]
        assert all(column.type for column in shown)
    for mart in read_marts(read_dbt_manifest()):
        if not mart.facts.is_ledger:
            shown = shown_columns(specs[dg.AssetKey([mart.schema, mart.name])].metadata)
            assert {column.name: column.type for column in shown} == dict(mart.columns)
            assert all(column.description for column in shown), mart.label


def test_rows_and_undeclared_columns_of_a_table_are_read_from_the_warehouse(environment: Path) -> None:
    manifest = read_dbt_manifest()
    model, view = "model.journeys.int_journey_instances", "model.journeys.stg_web__events"
    results = [NodeResult(one, "success", "OK", None, 1.0, 1, 2, state_of(version=4)) for one in (model, view)]
    with duckdb.connect() as connection:
        connection.execute("create schema intermediate; create schema staging")
        connection.execute("create table intermediate.int_journey_instances (z_first varchar, a_second bigint)")
        connection.execute("insert into intermediate.int_journey_instances values ('a', 1), ('b', 2)")
        connection.execute("create view staging.stg_web__events as select 1 as one_column")
        tables = built_tables(connection, manifest, results, 4)
        assert built_tables(connection, manifest, results, 5) == {}
    assert tables == {
        model: BuiltTable({"z_first": "varchar", "a_second": "bigint"}, 2),
        view: BuiltTable({"one_column": "integer"}, None),
    }
    of_model, of_view = asset_events(DbtBuild(tuple(results), None), manifest, 4, tables)
    assert of_model.metadata["dagster/row_count"] == 2 and "dagster/row_count" not in of_view.metadata
    shown = shown_columns(of_model.metadata)
    assert [(column.name, column.type) for column in shown] == [("z_first", "varchar"), ("a_second", "bigint")]


def test_every_check_says_what_it_looks_at(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.asset_check_keys:
        assert len(graph.get(key).description or "") > 30, key


def test_both_gates_have_blocking_checks(definitions: dg.Definitions, check_keys: set[tuple[str, str]]) -> None:
    for contract in CONTRACTS:
        assert (f"{contract.source}/{contract.table}", "suite") in check_keys
    checked = {name for _, name in check_keys if name.endswith("_suite")}
    folders = {path.name for path in (PROJECT_ROOT / "models" / "marts").iterdir() if path.is_dir()}
    assert checked == {f"{folder}_suite" for folder in folders}
    graph = definitions.resolve_asset_graph()
    for key in graph.asset_check_keys:
        if key.name == "suite" or key.name.endswith("_suite"):
            assert graph.get(key).blocking, key


def test_the_lists_of_published_tables_in_the_docs_are_up_to_date(environment: Path) -> None:
    for path, text in docs_with_tables(read_dbt_manifest(), PROJECT_ROOT).items():
        assert (PROJECT_ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run make docs-tables"


def test_every_mart_has_a_reader(environment: Path) -> None:
    manifest = read_dbt_manifest()
    read = {model for exposure in manifest["exposures"].values() for model in exposure["depends_on"]["nodes"]}
    marts = {f"model.journeys.{mart.name}" for mart in read_marts(manifest) if not mart.facts.is_ledger}
    assert marts <= read


def state_of(*, version: int) -> NodeState:
    return NodeState("code", version, {}, 1, "2026-03-01 00:00:00", "success", "2026-03-01 00:00:00")


def test_nodes_have_the_keys_that_the_library_gives_them(environment: Path) -> None:
    manifest, translator = read_dbt_manifest(), DagsterDbtTranslator()
    project = DbtProject(project_dir=PROJECT_ROOT, target_path=target())
    nodes = [one for one, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")]
    assert len(nodes) > 100
    for one in nodes:
        assert node_key(manifest["nodes"][one]) == translator.get_asset_spec(manifest, one, project).key


def test_a_table_that_changed_says_what_became_of_its_tests(definitions: dg.Definitions, environment: Path) -> None:
    manifest = read_dbt_manifest()
    of_events = [
        name
        for name, node in manifest["nodes"].items()
        if name.startswith("test.") and node.get("attached_node") == "model.journeys.fct_events"
    ]
    assert len(of_events) > 3
    results = [
        NodeResult("model.journeys.fct_events", "success", "OK", None, 1.5, 1, 9, state_of(version=4)),
        NodeResult("model.journeys.dim_dates", "success", "OK", None, 0.5, 2, 9, state_of(version=3)),
        NodeResult("model.journeys.dim_channels", "unchanged", "", None, 0.0, 2, 9),
        NodeResult("model.journeys.fct_sessions", "error", "broken", None, 0.5, 2, 9),
        *(NodeResult(name, "pass", "", 0, 0.1, 3, 9) for name in of_events[1:]),
        NodeResult(of_events[0], "warn", "", 2, 0.1, 4, 9),
    ]
    tables = {"model.journeys.fct_events": BuiltTable({"event_id": "varchar"}, 7)}
    [event] = asset_events(DbtBuild(tuple(results), None), manifest, 4, tables)
    assert event.asset_key == dg.AssetKey(["core", "fct_events"])
    # the columns of a published table are part of its definition
    assert event.metadata == {"dagster/row_count": 7, "seconds": 1.5, "tests_pass": len(of_events) - 1, "tests_warn": 1}


def test_whatever_opens_the_warehouse_file_is_in_the_pool(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("refresh")
    operations = {node.name: node.definition for node in job.nodes}
    pools = {name: one.pool for name, one in operations.items() if isinstance(one, dg.OpDefinition)}
    assert pools.keys() == operations.keys() != set()
    assert set(pools.values()) == {"duckdb"}, pools


def test_a_server_can_load_all_jobs_at_once(definitions: dg.Definitions) -> None:
    # a server asks for all of them, and refuses two operations of one name; a job resolved alone does not
    names = {job.name for job in definitions.get_repository_def().get_all_jobs()}
    assert names >= {"refresh", "rehearse", "send_waiting_digests"}


def test_the_job_the_schedule_and_the_sensor_are_there(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("refresh")
    names = [node.name for node in job.nodes_in_topological_order]
    assert sorted(names, key=lambda name: "postgres" in name) == [
        "land", "check_landing", "build_warehouse", "check_published", "publish", "mail_digests",
        *sorted((PUBLISH_POSTGRES, CATCH_UP_POSTGRES), key=names.index),
    ]  # fmt: skip
    # how the end of a run knows what failed there
    assert set(OF_POSTGRES) == {f"{PUBLISH_POSTGRES}: ", f"{CATCH_UP_POSTGRES}: "}
    schedule = definitions.resolve_schedule_def("every_morning")
    assert schedule.job_name == "refresh" and schedule.cron_schedule == "0 5 * * *"
    sensor = definitions.resolve_sensor_def("new_extracts")
    assert sensor.job_name == "refresh"


def test_digests_are_sent_after_the_release_and_once_more_where_they_wait(definitions: dg.Definitions) -> None:
    digests = dg.AssetKey(["serving", "digests"])
    assert definitions.resolve_asset_graph().get(digests).parent_keys == {RELEASE}
    assert {node.name for node in definitions.resolve_job_def("refresh").nodes} >= {"publish", "mail_digests"}
    assert not {node.name for node in definitions.resolve_job_def("rehearse").nodes} & {"publish", "mail_digests"}
    sensor = definitions.resolve_sensor_def("waiting_digests")
    assert sensor.job_name == "send_waiting_digests"
    with dg.DagsterInstance.ephemeral() as instance:
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=definitions))
    assert not tick.run_requests and "No digest to retry" in (tick.skip_message or "")


def test_the_release_says_when_it_is_stale(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    assert specs[RELEASE].freshness_policy is not None


def test_the_sensor_asks_once_for_what_is_due(definitions: dg.Definitions, environment: Path) -> None:
    sensor = definitions.resolve_sensor_def("new_extracts")

    def look(cursor: str | None) -> tuple[list[dg.RunRequest], str | None, str]:
        with dg.DagsterInstance.ephemeral() as instance:
            data = sensor.evaluate_tick(
                dg.build_sensor_context(instance=instance, cursor=cursor, definitions=definitions)
            )
            return list(data.run_requests or []), data.cursor, data.skip_message or ""

    folder = environment / "extracts" / "feed" / "events"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(HEADER + "e1,2026-01-01T00:00:00Z,page_viewed,web\n")
    requests, seen, _ = look(None)
    assert len(requests) == 1 and seen
    requests, seen_again, skipped = look(seen)
    assert requests == [] and "asked for this already" in skipped and seen_again == seen
    (folder / "half.csv.part").write_text("not yet")
    assert look(seen)[0] == []
    (folder / "b.csv").write_text(HEADER + "e2,2026-01-02T00:00:00Z,page_viewed,web\n")
    requests, seen_now, _ = look(seen)
    assert len(requests) == 1 and seen_now != seen


def test_the_schedule_asks_where_something_is_due_or_the_clock_moved(
    definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = definitions.resolve_schedule_def("every_morning")
    jobs = importlib.import_module("orchestration.defs.automation.jobs")

    def asks(found: Due | Exception) -> bool:
        def looked(settings: Settings, *, now: datetime) -> Due:
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(jobs, "look", looked)
        with dg.DagsterInstance.ephemeral() as instance:
            return bool(schedule.evaluate_tick(dg.build_schedule_context(instance=instance)).run_requests)

    nine = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert not asks(Due((), None, "s"))
    assert asks(Due(("1 file to land: a.csv",), None, "s"))
    assert asks(Due((), nine, "s"))
    assert asks(WarehouseBusy("held"))
    # PostgreSQL is asked only where one is set; one that can't be asked is the run's to explain
    is_behind = Mock(side_effect=[False, True, PostgresError("The server is away.")])
    monkeypatch.setattr(publishing, "is_behind", is_behind)
    assert not asks(Due((), None, "s")) and not is_behind.called
    with monkeypatch.context() as patched:
        patched.setenv("JOURNEYS_POSTGRES_URL", "postgresql://publisher@127.0.0.1:1/reports")
        assert [asks(Due((), None, "s")) for _ in range(3)] == [False, True, True]
    # a mail that waits is sent by the run
    monkeypatch.setattr(jobs, "due_digests", lambda settings, *, now: "a release")
    assert asks(Due((), None, "s"))


def test_one_source_lands_alone(definitions: dg.Definitions, environment: Path) -> None:
    folder = environment / "extracts" / "web" / "events"
    folder.mkdir(parents=True)
    (folder / "broken.jsonl").write_text("[]")
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["feed", "events"])],
            raise_on_error=True,
        )
    landed = {event.asset_key for event in result.get_asset_materialization_events()}
    assert landed == {dg.AssetKey(["feed", "events"])}
    [materialized] = result.get_asset_materialization_events()
    metadata = materialized.step_materialization_data.materialization.metadata
    assert metadata["rows_read"].value == metadata["rows_current"].value == 2
    assert {"bytes", "seconds", "rows_quarantined", "dagster/row_count"} <= set(metadata)
    with open_duckdb(read_settings().warehouse, read_only=True) as connection:
        tables = connection.execute("select distinct source_name from landing.files").fetchall()
    assert tables == [("feed",)]
