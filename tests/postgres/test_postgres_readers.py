"""Readers of PostgreSQL see one release, whole, through every publish, and what they built on it goes on."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import read_settings
from orchestration.lib.postgres import publishing
from orchestration.lib.release.publish import publish, rollback
from tests.orchestration.release.lines import TABLES
from tests.postgres.conftest import Shop

pytestmark = pytest.mark.xdist_group("postgres")

# All tables of a release say its generation; the ledger has a row per release.
GENERATIONS = """
    select min(generation), max(generation), count(*) - 500,
        (select min(entered) from journeys.agg_phases_daily), (select count(*) from hygiene.releases),
        (select count(*) from journeys_release.tables)
    from core.fct_events
"""


def test_a_reader_sees_whole_releases_through_ten_publishes(shop: Shop) -> None:
    """One statement over all tables, and several statements of one transaction; none of them waits for a publish."""
    shop.line.release(1)
    shop.published()
    over = threading.Event()
    seen: list[set[tuple[int, ...]]] = [set(), set()]
    wrong: list[object] = []
    waits: list[float] = []

    def read_in_one_statement() -> None:
        with shop.connect() as connection:
            while not over.is_set():
                began = time.monotonic()
                row = connection.execute(GENERATIONS).fetchone()
                waits.append(time.monotonic() - began)
                seen[0].add(row)

    def read_in_one_transaction() -> None:
        with psycopg.connect(shop.server.url("postgres", shop.database)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not over.is_set():
                [generation] = connection.execute("select max(generation) from core.fct_events").fetchone()
                time.sleep(0.02)
                [entered] = connection.execute("select max(entered) from journeys.agg_phases_daily").fetchone()
                [count] = connection.execute("select count(*) from hygiene.releases").fetchone()
                seen[1].add((generation, entered, count))
                connection.rollback()

    def heard(read: object) -> None:
        try:
            read()  # type: ignore[operator]
        except Exception as error:
            wrong.append(error)

    readers = [threading.Thread(target=heard, args=[read]) for read in (read_in_one_statement, read_in_one_transaction)]
    for reader in readers:
        reader.start()
    for generation in range(2, 12):
        shop.line.release(generation)
        shop.published()
    over.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen[0] <= {(n, n, n, n, n, 3) for n in range(1, 12)} and len(seen[0]) > 5, seen[0]
    assert seen[1] <= {(n, n, n) for n in range(1, 12)} and len(seen[1]) > 3, seen[1]
    print(f"{len(waits)} reads, the longest {max(waits):.3f} s")


def test_views_and_rights_of_readers_go_on(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    role = shop.environment["JOURNEYS_POSTGRES_ROLE"]
    shop.rows("create role ann login")
    with shop.connect() as connection:
        for statement in (
            "create schema reports authorization ann",
            "grant usage on schema core, journeys to ann",
            "grant select on core.fct_events to ann with grant option",
            "grant select (phase_id) on journeys.agg_phases_daily to ann",
            f"revoke select on hygiene.releases from {role}",
            "set role ann",
            "create view reports.newest as select max(generation) as generation, count(*) as events "
            "from core.fct_events",
            "create view reports.on_top as select generation * 10 as tens from reports.newest",
            "create materialized view reports.kept as select event_id, amount from core.fct_events",
        ):
            connection.execute(statement)
    for generation in (2, 3):
        shop.line.release(generation)
        shop.published()
    with shop.connect() as connection:
        connection.execute("set role ann")
        assert connection.execute("select generation, events from reports.newest").fetchone() == (3, 503)
        assert connection.execute("select tens from reports.on_top").fetchone() == (30,)
        connection.execute("refresh materialized view reports.kept")
        assert connection.execute("select count(*) from reports.kept").fetchone() == (503,)
        assert connection.execute("select phase_id from journeys.agg_phases_daily").fetchall() == [("consider",)]
        connection.execute("reset role")
        # what was taken from the role by hand is not given back
        connection.execute(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from hygiene.releases")


def change_columns(shop: Shop, *statements: str) -> None:
    with open_duckdb(shop.line.settings.warehouse) as connection:
        for statement in statements:
            connection.execute(statement)


def test_columns_follow_the_release_under_the_views_of_readers(shop: Shop) -> None:
    """A new column, one of another type and one that is gone; views that don't need it go on."""
    shop.line.release(1)
    shop.published()
    shop.rows("create schema reports")
    shop.rows("create view reports.of_events as select event_id, occurred_at from core.fct_events")
    change_columns(
        shop,
        "alter table core.fct_events add column channel varchar default 'web'",
        "comment on column core.fct_events.channel is 'Where it happened.'",
        "alter table core.fct_events alter generation type bigint",
        "alter table core.fct_events drop column amount",
    )
    publish(shop.line.write_as_it_is(2), shop.line.settings)
    shop.published()
    assert shop.rows(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'core' and table_name = 'fct_events' order by ordinal_position"
    ) == [
        ("event_id", "text"),
        ("occurred_at", "timestamp without time zone"),
        ("generation", "bigint"),
        ("channel", "text"),
    ]
    assert shop.rows(
        "select channel, generation, count(*) from core.fct_events group by all_of_it".replace(
            "group by all_of_it", "group by 1, 2"
        )
    ) == [("web", 1, 501)]
    assert shop.rows("select count(*) from reports.of_events") == [(501,)]
    assert shop.rows(
        "select col_description('core.fct_events'::regclass, attnum) from pg_attribute "
        "where attrelid = 'core.fct_events'::regclass and attname = 'channel'"
    ) == [("Where it happened.",)]


def test_a_transaction_from_before_a_retyped_column_sees_null_in_it_as_documented(shop: Shop) -> None:
    """PostgreSQL has no versions of definitions: docs/postgres.md names the exception. All else is the old release."""
    shop.line.release(1)
    shop.published()
    shop.line.build(2)
    change_columns(shop, "alter table core.fct_events alter amount type double")
    publish(shop.line.write_as_it_is(2), shop.line.settings)
    with psycopg.connect(shop.server.url("postgres", shop.database)) as before:
        before.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before.execute("select release_id from journeys_release.release")
        shop.published()
        seen = before.execute("select count(*), count(amount), max(generation) from core.fct_events").fetchone()
        assert seen == (501, 0, 1)
        # the next transaction sees the release whole
        before.rollback()
        seen = before.execute("select count(*), count(amount), max(generation) from core.fct_events").fetchone()
        assert seen == (502, 502, 2)


def test_a_view_that_needs_a_column_that_is_gone_is_named_and_nothing_changes(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    shop.rows("create schema reports")
    shop.rows("create view reports.money as select sum(amount) as paid from core.fct_events")
    change_columns(shop, "alter table core.fct_events drop column amount", "update core.fct_events set generation = 2")
    publish(shop.line.write_as_it_is(2), shop.line.settings)
    said = shop.publish()
    assert said.code == 1 and "view reports.money depends on column amount of table core.fct_events" in said.text
    assert "keep the release they have" in said.text and "dropped or written without it" in said.text
    assert shop.generation() == 1
    shop.rows("drop view reports.money")
    shop.published()
    assert shop.generation() == 2


def test_a_table_that_is_gone_from_the_release_is_gone_and_comes_again(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    publish(shop.line.write_as_it_is(2, tables=TABLES[1:]), shop.line.settings)
    shop.published()
    assert shop.rows("select to_regclass('core.fct_events')") == [(None,)]
    shop.line.release(3)
    shop.published()
    assert shop.generation() == 3


def test_what_is_there_is_not_copied_again_and_a_rollback_is_followed(shop: Shop) -> None:
    first, second = shop.line.release(1), shop.line.release(2)
    shop.published()
    said = shop.published()
    assert (
        f"Nothing to do: PostgreSQL at 127.0.0.1:{shop.server.port}/{shop.database} has release {second.release_id}."
        in said
    )
    rollback(shop.line.settings, now=datetime.now(UTC))
    assert first.release_id in shop.published()
    assert shop.generation() == 1 and shop.rows("select release_id from journeys_release.release") == [
        (first.release_id,)
    ]
    # somebody who owns the tables changed one: every row is compared on demand
    shop.rows("update core.fct_events set amount = 0 where event_id = 'event_5'")
    assert "Nothing to do" in shop.published()
    assert "1 changed" in shop.published("--anyway")
    assert shop.rows("select amount from core.fct_events where event_id = 'event_5'") == [(5,)]


def test_a_prefix_and_another_role_make_schemas_of_their_own(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    shop.published(JOURNEYS_POSTGRES_PREFIX="shop_", JOURNEYS_POSTGRES_ROLE=f"other_{shop.server.count}")
    assert shop.rows("select count(*) from shop_core.fct_events") == [(501,)]
    assert shop.rows("select source from shop_journeys_release.tables where table_name = 'fct_events'") == [
        ("core.fct_events",)
    ]
    with shop.connect() as connection:
        connection.execute(f"set role other_{shop.server.count}")
        connection.execute("select * from shop_core.fct_events")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from core.fct_events")


def test_another_role_reads_the_same_release_at_once_and_the_one_before_no_longer(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    before = shop.environment["JOURNEYS_POSTGRES_ROLE"]
    role = f"next_{shop.server.count}"
    postgres = read_settings(shop.environment | {"JOURNEYS_POSTGRES_ROLE": role}).postgres
    assert publishing.is_behind(shop.line.settings, postgres)
    # a right that a publish did not give
    shop.rows(f"grant insert on core.fct_events to {before}")
    shop.published(JOURNEYS_POSTGRES_ROLE=role)
    assert not publishing.is_behind(shop.line.settings, postgres)
    assert "Nothing to do" in shop.published(JOURNEYS_POSTGRES_ROLE=role)
    places = shop.rows("select schemaname || '.' || tablename from pg_tables where tableowner = 'publisher'")
    assert len(places) == 5
    for (place,) in places:
        rights = [
            f"has_table_privilege('{one}', '{place}', 'select'), "
            f"has_schema_privilege('{one}', '{place.split('.')[0]}', 'usage')"
            for one in (before, role)
        ]
        assert shop.rows(f"select {', '.join(rights)}") == [(False, False, True, True)], place
    assert shop.rows(f"select has_table_privilege('{before}', 'core.fct_events', 'insert')") == [(True,)]
    # the role is dropped meanwhile
    with shop.connect() as connection:
        connection.execute(f"drop owned by {role}")
        connection.execute(f"drop role {role}")
    shop.published()
    assert shop.rows(f"select has_table_privilege('{before}', 'core.fct_events', 'select')") == [(True,)]


def test_a_reader_who_is_idle_in_a_transaction_keeps_nobody_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebooks and BI tools leave transactions open for hours; a publish changes rows under them all the same."""
    monkeypatch.setattr(publishing, "LOCK_WAIT_SECONDS", 1)
    shop.line.release(1)
    shop.published()
    shop.line.release(2)
    with psycopg.connect(shop.server.url("postgres", shop.database)) as idle:
        idle.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert idle.execute("select count(*) from core.fct_events").fetchone() == (501,)
        shop.published(JOURNEYS_POSTGRES_LOCK_SECONDS="1")
        assert shop.generation() == 2
        assert idle.execute("select max(generation) from core.fct_events").fetchone() == (1,)
        assert idle.execute("select max(entered) from journeys.agg_phases_daily").fetchone() == (1,)
