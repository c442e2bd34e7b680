"""A build leaves out what is up to date, catches up what is not, and never leaves a difference to a full build."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.building import UNCHANGED
from orchestration.lib.dbt.node_states import BuildInputs, NodeStates
from orchestration.lib.dbt.project import parsed_project
from orchestration.lib.dbt.python_steps import digests_of_steps
from orchestration.lib.dbt.running import DbtFailed
from orchestration.lib.warehouse.build import build_trouble, is_releasable
from orchestration.lib.warehouse.node_ledger import ensure_node_ledger
from tests.conftest import Warehouse, differences, make_warehouse

pytestmark = pytest.mark.xdist_group("what_is_built")

HEADER = "event_id,occurred_at,event_name,source_system,channel,touchpoint,identifiers,amount,currency\n"
FIRST = """\
web:1,2026-01-05T09:00:00Z,product_viewed,web,web,,"{""cookie"": ""c-1"", ""email"": ""ann@example.com""}",,
shop:1,2026-01-05T09:30:00Z,order_placed,web,web,,"{""email"": ""ann@example.com""}",40.00,EUR
web:2,2026-01-07T09:00:00Z,product_viewed,web,web,,"{""cookie"": ""c-2"", ""email"": ""bob@example.com""}",,
"""
MORE = """\
shop:2,2026-01-09T09:30:00Z,order_placed,web,web,,"{""email"": ""bob@example.com""}",99.00,EUR
"""
WHEN = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = make_warehouse(tmp_path_factory.mktemp("first"), seeds=PROJECT_ROOT / "seeds", as_of="2026-02-01")
    deliver(warehouse, "first", FIRST)
    warehouse.build()
    return warehouse


@pytest.fixture
def shop(first_build: Warehouse, tmp_path: Path) -> Warehouse:
    return first_build.copy(tmp_path / "shop")


@pytest.fixture(scope="module")
def assert_equals_a_full_build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Warehouse], None]:
    """Compares with a warehouse that got the same files at once; it is built once for the same files."""
    built: dict[tuple[tuple[str, bytes], ...], Warehouse] = {}

    def compare(warehouse: Warehouse) -> None:
        files = tuple(sorted((path.name, path.read_bytes()) for path in warehouse.settings.extracts.rglob("*.csv")))
        if files not in built:
            full = make_warehouse(tmp_path_factory.mktemp("full"), seeds=PROJECT_ROOT / "seeds", as_of="2026-02-01")
            full.deliver(warehouse.settings.extracts)
            full.land()
            full.build()
            built[files] = full
        assert differences(warehouse, built[files]) == {}

    return compare


def deliver(warehouse: Warehouse, name: str, rows: str) -> None:
    file = warehouse.settings.extracts / "feed" / "events" / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEADER + rows, encoding="utf-8")
    warehouse.land()


def ledger(warehouse: Warehouse, statement: str) -> None:
    with open_duckdb(warehouse.settings.warehouse) as connection:
        connection.execute(statement)
        # a build is due where the last one was not published
        connection.execute("update landing.builds set release_id = null")


def built(warehouse: Warehouse) -> set[str]:
    """Names of the nodes that the last build built."""
    return names(result.unique_id for result in warehouse.built.dbt.results if result.status != UNCHANGED)


def changed(warehouse: Warehouse) -> set[str]:
    """Names of the tables that the last build gave other rows."""
    number = warehouse.built.number
    return names(
        result.unique_id for result in warehouse.built.dbt.results if result.state and result.state.version == number
    )


def names(unique_ids: Iterable[str]) -> set[str]:
    return {unique_id.split(".")[2] for unique_id in unique_ids}


def test_an_event_builds_what_hangs_on_it_and_changes_what_it_changes(
    shop: Warehouse, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    deliver(shop, "more", MORE)
    shop.build()
    assert {"int_event_versions", "int_timeline_events", "fct_kpi_values_daily"} <= changed(shop)
    idle = {"channels", "int_exchange_rates", "stg_web__events", "int_record_pairs", "int_calendar_days", "dim_kpis"}
    assert not built(shop) & idle
    # the order adds no identifier, so nobody's identity is another
    assert "int_event_identifiers" in changed(shop) and "int_identifier_owners" not in changed(shop)
    assert_equals_a_full_build(shop)


def test_where_nothing_changed_nothing_is_built_and_verdicts_stay(shop: Warehouse) -> None:
    shop.build(force_full=True, command="build")
    before = shop.query("select node, verdict, built_at from landing.nodes where node like 'test.%' order by node")
    ledger(shop, "select 1")
    assert shop.build(command="build") == "the last build was not published"
    assert built(shop) == set()
    assert before and before == shop.query(
        "select node, verdict, built_at from landing.nodes where node like 'test.%' order by node"
    )


def test_every_tenth_build_uses_the_room_of_removed_rows_again(shop: Warehouse) -> None:
    ledger(shop, "create table numbers as select range as n from range(400_000)")
    ledger(shop, "delete from numbers where n % 2 = 1")
    ledger(shop, "update landing.builds set build = 8")
    groups = []
    for _ in range(2):
        ledger(shop, "select 1")
        shop.build()
        [found] = shop.query("select count(distinct row_group_id) as groups from pragma_storage_info('numbers')")
        groups.append((shop.built.number, found["groups"] < 4))
    assert groups == [(9, False), (10, True)]


def test_other_code_of_one_model_builds_it_and_no_other_where_its_rows_are_equal(shop: Warehouse) -> None:
    for node in ("int_phase_intervals", "agg_phases_daily", "int_identifier_components"):
        ledger(shop, f"update landing.nodes set fingerprint = 'other code' where node = 'model.journeys.{node}'")
        shop.build()
        assert (built(shop), changed(shop)) == ({node}, set())


def test_a_new_model_is_built_alone(shop: Warehouse) -> None:
    ledger(shop, "delete from landing.nodes where node = 'model.journeys.agg_transitions_by_level'")
    shop.build()
    assert built(shop) == {"agg_transitions_by_level"}


@pytest.mark.parametrize("in_its_place", ["select 1", "create view journeys.fct_journeys as select 1 as one"])
def test_a_table_that_is_gone_is_built_from_all_rows(
    shop: Warehouse, in_its_place: str, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    with open_duckdb(shop.settings.warehouse) as connection:
        connection.execute("drop table journeys.fct_journeys")
        connection.execute(in_its_place)
    deliver(shop, "more", MORE)
    shop.build()
    assert_equals_a_full_build(shop)


def test_a_seed_that_got_a_column_is_loaded(
    shop: Warehouse, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    """As for somebody whose tables an older version of the project built."""
    ledger(shop, "alter table config.phases drop column hand_over_within_hours")
    ledger(shop, "update landing.nodes set fingerprint = 'other' where node = 'seed.journeys.phases'")
    shop.build()
    assert "phases" in built(shop)
    assert_equals_a_full_build(shop)


def test_a_model_that_missed_a_change_computes_all_rows(
    shop: Warehouse, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    [before] = shop.query("from landing.nodes where node = 'model.journeys.int_phase_intervals'")
    rows = shop.query("from intermediate.int_phase_intervals")
    deliver(shop, "more", MORE)
    shop.build()
    deliver(shop, "still_more", MORE.replace("shop:2", "shop:3").replace("bob@", "eve@"))
    shop.build()
    with open_duckdb(shop.settings.warehouse) as connection:
        # as a copy from before the two deliveries would be
        connection.execute("delete from intermediate.int_phase_intervals")
        connection.execute(
            "update landing.nodes set inputs = ?, version = ? where node = 'model.journeys.int_phase_intervals'",
            [before["inputs"], before["version"]],
        )
    assert rows
    ledger(shop, "select 1")
    shop.build()
    assert {"int_phase_intervals", "fct_phase_intervals"} <= built(shop), "one missed a change, the other has no list"
    assert changed(shop) == {"int_phase_intervals"}
    assert_equals_a_full_build(shop)


def test_a_build_that_failed_goes_on_where_it_stopped(
    shop: Warehouse, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    deliver(shop, "more", MORE)
    with open_duckdb(shop.settings.warehouse) as connection:
        connection.execute("alter table config.journeys rename column valid_to to hidden")
    with pytest.raises(DbtFailed):
        shop.build()
    with open_duckdb(shop.settings.warehouse) as connection:
        assert build_trouble(connection) == "the last build failed" and not is_releasable(connection)
        connection.execute("alter table config.journeys rename column hidden to valid_to")
    assert shop.build() == "landing batch 2, the last build failed"
    assert "int_phase_intervals" in built(shop) and "int_event_versions" not in built(shop)
    assert_equals_a_full_build(shop)


def test_a_ledger_of_an_older_version_is_begun_again(
    shop: Warehouse, assert_equals_a_full_build: Callable[[Warehouse], None]
) -> None:
    with open_duckdb(shop.settings.warehouse) as connection:
        connection.execute("alter table landing.nodes drop column content")
        ensure_node_ledger(connection)
        assert connection.execute("from landing.nodes").fetchall() == []
    deliver(shop, "more", MORE)
    shop.build()
    assert "dim_kpis" in built(shop)
    assert_equals_a_full_build(shop)


def test_a_description_is_no_part_of_the_code_and_a_macro_is_of_all_that_call_it() -> None:
    def fingerprints(
        *,
        macro: str = "",
        description: str = "",
        published: str = "",
        variables: dict[str, str] | None = None,
    ) -> dict[str, str]:
        _, manifest = parsed_project()
        if published:
            properties = manifest.sources["source.journeys.feed.events"].columns["properties"]
            properties.config.meta["public_keys"] = [published]
        manifest.macros["macro.journeys.duckdb__local_date"].macro_sql += macro
        manifest.nodes["model.journeys.int_timeline_events"].description += description
        start = BuildInputs(1, 1, "2026-02-01 00:00:00", False, "2026-02-01 00:00:00", {}, {})
        steps = digests_of_steps(manifest, PROJECT_ROOT / "seeds")
        states = NodeStates(manifest, start, {"reporting_currency": "EUR"} | (variables or {}), steps=steps)
        return {
            node.name: states.fingerprint(node)
            for node in manifest.nodes.values()
            if node.resource_type == "model" and node.config.materialized != "ephemeral"
        }

    before = fingerprints()
    assert fingerprints(description=", and more") == before

    def other(after: dict[str, str]) -> set[str]:
        return {name for name in before if before[name] != after[name]}

    dated = other(fingerprints(macro=" "))
    assert {"int_timeline_events", "int_measured_intervals"} <= dated
    assert not {"int_event_versions", "int_phase_intervals", "fct_journeys"} & dated
    assert "fct_events" in dated, "a view of a table whose columns may be others is made again"
    # keys that the contract publishes are in no SQL before dbt compiles it
    assert {"stg_feed__events", "int_event_versions"} <= other(fingerprints(published="flavour"))
    assert "int_timeline_events" in other(fingerprints(variables={"reporting_currency": "USD"}))


def test_a_kpi_that_is_not_what_the_published_events_say_ends_the_build(shop: Warehouse) -> None:
    deliver(shop, "more", MORE.replace("order_placed", "order_returned"))
    shop.build(force_full=True, command="build")
    with open_duckdb(shop.settings.warehouse) as connection:
        # the newest day is always among those that are counted again
        connection.execute("""
            update kpis.fct_kpi_values_daily set numerator = numerator + 1
            where channel = 'all' and segment = 'all' and numerator > 0
                and measured_on = (select max(measured_on) from kpis.fct_kpi_values_daily)
        """)
    law = "assert_kpis_count_the_published_events"
    ledger(shop, f"update landing.nodes set fingerprint = 'other code' where node like 'test.journeys.{law}%'")
    with pytest.raises(DbtFailed, match=law):
        shop.build(command="build")
