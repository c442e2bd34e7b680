"""Whatever the server says and whichever process dies: readers keep a whole release, and a sentence says what to do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestration.__main__ import main
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings
from orchestration.lib.postgres import publishing
from orchestration.lib.postgres import server as server_module
from orchestration.lib.postgres.faults import PostgresError, explained, of_connecting
from orchestration.lib.release.publish import publish
from tests.faults.disks import small_disk
from tests.postgres.conftest import Said, Shop
from tests.postgres_server import PASSWORD, give_to_server

pytestmark = pytest.mark.xdist_group("postgres")

KEPT = "keep the release they have"


def is_sentence(said: Said, *parts: str) -> None:
    assert said.code == 1, said.text
    assert "Traceback" not in said.text
    for part in (*parts, KEPT):
        assert part in said.text, said.text
    shows_no_password(said.text)


def shows_no_password(text: str) -> None:
    for form in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), "pa@ss", "s3cr"):
        assert form not in text


def staged(shop: Shop) -> list[tuple[object, ...]]:
    return shop.rows("select tablename from pg_tables where schemaname = 'journeys_staged'")


def wait_until(shop: Shop, query: str) -> None:
    give_up_at = time.monotonic() + 60
    with shop.connect() as connection:
        while not connection.execute(query).fetchone()[0]:
            assert time.monotonic() < give_up_at, query
            time.sleep(0.01)


def test_without_a_server_in_the_settings_it_says_how_to_name_one(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shop.publish(JOURNEYS_POSTGRES_URL="", JOURNEYS_POSTGRES_ROLE="")
    assert said.code == 2 and "JOURNEYS_POSTGRES_URL is not set" in said.text
    said = shop.publish()
    assert said.code == 1 and "shop has no release yet. Type make run first." in said.text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3cr3t", "is no URL"),
        ("mysql://u:s3cr3t@h/d", "is no URL"),
        ("postgresql://u:s3cr3t@h:port/d?s3cr3t", "is no URL"),
        ("host=h password=s3cr3t", "is no URL"),
    ],
)
def test_a_url_that_is_none_is_not_repeated(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        read_settings({"JOURNEYS_POSTGRES_URL": url})
    assert "s3cr3t" not in str(raised.value) and raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("PREFIX", "Up-"), ("ROLE", "public"), ("ROLE", 'a"b'), ("LOCK_SECONDS", "soon"), ("LOCK_SECONDS", "0")],
)
def test_settings_of_postgres_are_checked(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"JOURNEYS_POSTGRES_{name}="):
        read_settings({"JOURNEYS_POSTGRES_URL": "postgresql://u@h/d", f"JOURNEYS_POSTGRES_{name}": value})
    with pytest.raises(SettingsError, match="without JOURNEYS_POSTGRES_URL"):
        read_settings({f"JOURNEYS_POSTGRES_{name}": value})


def test_settings_show_no_password_and_other_machines_are_spoken_to_encrypted() -> None:
    def settings(url: str) -> str:
        postgres = read_settings({"JOURNEYS_POSTGRES_URL": url}).postgres
        assert postgres.place.startswith(("db.example.com:5432/", "127.0.0.1:5432/"))
        assert "s3cr3t" not in repr(read_settings({"JOURNEYS_POSTGRES_URL": url}))
        return postgres.url

    assert settings("postgresql://u:s3cr3t@db.example.com/d").endswith("/d?sslmode=require")
    assert settings("postgresql://u:s3cr3t@db.example.com/d?connect_timeout=3").endswith("&sslmode=require")
    assert settings("postgresql://u:s3cr3t@db.example.com/d?sslmode=disable").endswith("?sslmode=disable")
    assert settings("postgresql://u:s3cr3t@127.0.0.1/d").endswith("/d")


@pytest.mark.parametrize(
    ("url", "environment", "place", "sslmode"),
    [
        ("postgresql:///d", {"PGHOST": "db.example.com", "PGPORT": "6432"}, "db.example.com:6432/d", "require"),
        ("postgresql:///d", {"PGHOSTADDR": "192.0.2.7"}, "192.0.2.7:5432/d", "require"),
        # the address counts, also of a host with the name of this machine
        ("postgresql://localhost/d?hostaddr=192.0.2.7", {}, "192.0.2.7:5432/d", "require"),
        ("postgresql://localhost/d", {"PGHOSTADDR": "192.0.2.7"}, "192.0.2.7:5432/d", "require"),
        ("postgresql:///?service=reports", {}, "db.example.com:5433/r", "require"),
        ("postgresql:///?connect_timeout=3", {"PGSERVICE": "reports"}, "db.example.com:5433/r", "require"),
        ("postgresql:///?service=checked", {}, "db.example.com:5432/c", None),
        ("postgresql:///d?service=near", {"PGHOST": "db.example.com"}, "localhost:5432/d", None),
        ("postgresql:///d?service=nowhere", {}, "service nowhere:5432/d", "require"),
        ("postgresql://localhost/d?service=nowhere", {}, "localhost:5432/d", "require"),
        ("postgresql:///d", {"PGHOST": "db.example.com", "PGSSLMODE": "verify-full"}, "db.example.com:5432/d", None),
        ("postgresql:///d", {"PGHOST": "/var/run/postgresql"}, "/var/run/postgresql:5432/d", None),
        ("postgresql:///d", {}, "localhost:5432/d", None),
    ],
)
def test_a_host_from_elsewhere_is_spoken_to_encrypted(
    url: str,
    environment: dict[str, str],
    place: str,
    sslmode: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = tmp_path / "services"
    services.write_text(
        "# ours\n[reports]\nport=5433\n  host=db.example.com\nhost=localhost\ndbname=r\n\n"
        "[checked]\nhost=db.example.com\nsslmode=verify-full\ndbname=c\n[near]\nhost=localhost\n",
        encoding="utf-8",
    )
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSSLMODE", "PGSYSCONFDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"PGSERVICEFILE": str(services)} | environment).items():
        monkeypatch.setenv(name, value)
    postgres = read_settings({"JOURNEYS_POSTGRES_URL": url}).postgres
    assert postgres.place == place
    assert conninfo_to_dict(postgres.url).get("sslmode") == sslmode


def test_a_server_that_is_away_or_lets_nobody_in_is_named_with_the_cure(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    port = shop.server.port

    def said(**parts: str) -> Said:
        return shop.publish(JOURNEYS_POSTGRES_URL=shop.server.url(**{"database": shop.database} | parts))

    is_sentence(said(password="wr0ng s3cret"), "password authentication failed", "Correct JOURNEYS_POSTGRES_URL")
    assert "wr0ng" not in said(password="wr0ng s3cret").text
    is_sentence(said(database="nowhere"), 'database "nowhere" does not exist', "createdb")
    is_sentence(said(user="nobody_here"), "refuses the user or the password")
    away = shop.server.url(database=shop.database).replace(f":{port}/", ":1/")
    is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=away), f"127.0.0.1:1/{shop.database}", "Start the server")
    unencrypted = shop.server.url(database=shop.database) + "?sslmode=require"
    is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=unencrypted), "does not support SSL", "sslmode=disable")
    nameless = shop.server.url(database=shop.database).replace("127.0.0.1", "no-such-host.invalid")
    is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=nameless), "no machine of that name")


def test_rights_that_are_missing_are_named_with_what_an_administrator_types(shop: Shop) -> None:
    shop.line.release(1)
    name = f"plain_{shop.server.count}"
    shop.rows(f"create role {name} login password '{PASSWORD}'")
    url = shop.server.url(name, shop.database)
    is_sentence(
        shop.publish(JOURNEYS_POSTGRES_URL=url), f"grant create on database {shop.database} to {name};", "may not make"
    )
    shop.rows(f"grant create on database {shop.database} to {name}")
    role = shop.environment["JOURNEYS_POSTGRES_ROLE"]
    is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=url), f"create role {role} nologin;")
    shop.rows(f"create role {role} nologin")
    shop.published(JOURNEYS_POSTGRES_URL=url)
    # tables of one publisher can't be changed by another
    shop.line.release(2)
    is_sentence(shop.publish(), "belong to the user that publishes")
    assert shop.generation() == 1


def test_schemas_that_an_administrator_made_are_used(shop: Shop) -> None:
    shop.line.release(1)
    shop.rows(f"revoke create on database {shop.database} from publisher")
    for schema in ("core", "journeys", "hygiene", "journeys_release", "journeys_staged"):
        shop.rows(f"create schema {schema} authorization publisher")
    shop.published()
    shop.line.release(2)
    shop.published()
    assert shop.generation() == 2


def test_no_right_to_make_temporary_tables_is_needed(shop: Shop) -> None:
    shop.rows(f"revoke temp on database {shop.database} from public")
    for generation in (1, 2):
        shop.line.release(generation)
        shop.published()
        assert shop.generation() == generation
    assert staged(shop) == []


def test_what_is_of_somebody_else_is_left_alone(shop: Shop) -> None:
    shop.line.release(1)
    shop.rows("create schema core")
    shop.rows("create table core.mine (a int)")
    is_sentence(shop.publish(), "a schema core that is not of Journey Warehouse", "JOURNEYS_POSTGRES_PREFIX")
    assert shop.rows("select count(*) from core.mine") == [(0,)]
    shop.published(JOURNEYS_POSTGRES_PREFIX="shop_")
    # a table of somebody else within our schema, with the name of one of ours
    shop.rows("drop schema core cascade")
    publish(shop.line.write_as_it_is(2, tables=shop_tables()[1:]), shop.line.settings)
    shop.published()
    shop.rows("create schema if not exists core")
    shop.rows("comment on schema core is 'Journey Warehouse, data set shop: by hand'")
    shop.rows("create table core.fct_events (a int)")
    shop.line.release(3)
    is_sentence(shop.publish(), "core.fct_events is of somebody else")
    # another data set
    is_sentence(
        shop.publish(JOURNEYS_DATA_SET="shop", JOURNEYS_POSTGRES_PREFIX="", **other_mark(shop)),
        "holds the data set pharmacy, and data sets do not mix",
    )


def test_tables_whose_list_was_dropped_are_ours_still(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    shop.rows("drop schema journeys_release cascade")
    cure = "drop schema core, hygiene, journeys cascade"
    is_sentence(shop.publish(), "journeys_release is gone", cure)
    shop.rows(cure)
    shop.published()
    assert shop.generation() == 1


def shop_tables() -> tuple:
    from tests.orchestration.release.lines import TABLES

    return TABLES


def other_mark(shop: Shop) -> dict[str, str]:
    shop.rows("comment on schema core is 'Journey Warehouse, data set pharmacy: by hand'")
    return {}


def test_a_database_in_another_encoding_is_refused(shop: Shop) -> None:
    shop.line.release(1)
    name = f"latin_{shop.server.count}"
    shop.rows(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
    is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=shop.server.url(database=name)), "encoding LATIN1", "createdb")


@pytest.mark.parametrize("moment", ["copying", "changing"])
def test_a_killed_publish_leaves_what_readers_had_and_the_next_one_goes_through(shop: Shop, moment: str) -> None:
    shop.line.release(1)
    shop.published()
    publish(shop.line.write(2, event_count=150_000), shop.line.settings)
    with ExitStack() as stack:
        if moment == "changing":
            # everything is staged, and the first change waits for this lock
            holder = stack.enter_context(psycopg.connect(shop.server.url("postgres", shop.database)))
            holder.execute("lock table journeys.agg_phases_daily in access exclusive mode")
        process = shop.start()
        wait_until(
            shop,
            "select count(*) > 0 from pg_stat_progress_copy where tuples_processed > 1000"
            if moment == "copying"
            else "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and "
            "application_name = 'journey-warehouse'",
        )
        process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        assert staged(shop) != []
        assert shop.generation() == 1
    shop.published()
    assert staged(shop) == [] and shop.generation() == 2
    assert shop.rows("select count(*) from core.fct_events") == [(150_002,)]


def test_ctrl_c_ends_a_publish_with_a_sentence(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    shop.line.release(2)
    with psycopg.connect(shop.server.url("postgres", shop.database)) as holder:
        holder.execute("lock table core.fct_events in access exclusive mode")
        process = shop.start()
        wait_until(
            shop,
            "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and "
            "application_name = 'journey-warehouse'",
        )
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Stopped; " in said and "Traceback" not in said
    assert shop.generation() == 1
    shop.published()


def test_a_server_that_goes_away_while_it_is_copied_to(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    publish(shop.line.write(2, event_count=150_000), shop.line.settings)
    process = shop.start()
    wait_until(shop, "select count(*) > 0 from pg_stat_progress_copy where tuples_processed > 1000")
    shop.rows("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'journey-warehouse'")
    said, _ = process.communicate(timeout=60)
    is_sentence(Said(process.returncode, said), "the connection was lost", "core.fct_events")
    assert shop.generation() == 1
    shop.published()


def test_a_lock_of_a_reader_is_waited_for_and_then_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "LOCK_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(publishing, "PAUSE_SECONDS", 0.1)
    shop.line.release(1)
    shop.published()
    shop.line.release(2)
    with psycopg.connect(shop.server.url("postgres", shop.database), application_name="a notebook") as holder:
        holder.execute("lock table journeys.agg_phases_daily in share mode")
        said = shop.publish(JOURNEYS_POSTGRES_LOCK_SECONDS="1")
        is_sentence(said, "somebody holds a lock", "of postgres (a notebook). ", "pg_terminate_backend")
        assert shop.generation() == 1 and staged(shop) == []
        # it is let go while a publish waits
        timer = threading.Timer(1.0, holder.rollback)
        timer.start()
        shop.published()
        timer.join()
    assert shop.generation() == 2


def test_a_reader_of_a_table_that_left_the_release_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "LOCK_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(publishing, "PAUSE_SECONDS", 0.1)
    shop.line.release(1)
    shop.published()
    publish(shop.line.write_as_it_is(2, tables=shop_tables()[1:]), shop.line.settings)
    with psycopg.connect(shop.server.url("postgres", shop.database), application_name="a notebook") as reader:
        reader.execute("select count(*) from core.fct_events")
        is_sentence(
            shop.publish(JOURNEYS_POSTGRES_LOCK_SECONDS="1"), "somebody holds a lock", "of postgres (a notebook)"
        )
    shop.published()
    assert shop.rows("select to_regclass('core.fct_events')") == [(None,)]


def test_what_fails_at_the_end_of_a_publish_says_that_the_tables_were_being_changed(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    with shop.connect() as connection:
        connection.execute(
            "create function public.refuse() returns event_trigger language plpgsql as "
            "$$ begin raise exception 'no comments today'; end $$"
        )
        connection.execute(
            "create event trigger refuse on ddl_command_start when tag in ('COMMENT') execute function public.refuse()"
        )
    shop.line.release(2)
    is_sentence(shop.publish(), ", changing the tables: no comments today")
    assert shop.generation() == 1


def test_a_server_that_vanishes_is_given_up_after_a_minute(shop: Shop) -> None:
    """No packet says that it is gone: the machine's own look at the connection does."""

    def options(url: str) -> list[int]:
        postgres = read_settings(shop.environment | {"JOURNEYS_POSTGRES_URL": url}).postgres
        with (
            server_module.connected(postgres) as connection,
            socket.socket(fileno=os.dup(connection.fileno())) as ours,
        ):
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            return [ours.getsockopt(socket.IPPROTO_TCP, name) for name in names]

    url = shop.environment["JOURNEYS_POSTGRES_URL"]
    assert options(url) == [30, 10, 3, 60_000]
    assert options(url + "?keepalives_idle=300&tcp_user_timeout=0") == [300, 10, 3, 0]


def test_two_publishers_take_turns(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.line.release(1)
    publish(shop.line.write(2, event_count=50_000), shop.line.settings)
    said = [process.communicate(timeout=120)[0] for process in [shop.start(), shop.start()]]
    assert sorted("Nothing to do" in text for text in said) == [False, True], said
    # one that does not end in time is waited for no longer
    monkeypatch.setattr(server_module, "WAIT_FOR_ANOTHER_SECONDS", 0.3)
    postgres = read_settings(shop.environment).postgres
    with (
        server_module.connected(postgres) as other,
        server_module.the_only_publisher(other, postgres),
    ):
        is_sentence(shop.publish(), "another publish to it is under way")


def test_a_full_disk_of_the_server_is_named(shop: Shop) -> None:
    """Only root can mount a small disk; elsewhere the test is skipped with a warning."""
    shop.line.release(1)
    name = f"small_{shop.server.count}"
    # other users may not look into the folders of a test
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, small_disk(Path(folder), free=24_000_000) as disk:
        give_to_server(disk.folder)
        shop.rows(f"create tablespace {name} location '{disk.folder}'")
        url = shop.server.url(database=shop.server.database(name, tablespace=name))
        shop.published(JOURNEYS_POSTGRES_URL=url)
        publish(shop.line.write(2, event_count=300_000), shop.line.settings)
        is_sentence(shop.publish(JOURNEYS_POSTGRES_URL=url), "The disk of the server is full", "Make room there")
        content = "select max(generation), count(*) from core.fct_events"
        assert shop.server.rows(content, database=name) == [(1, 501)]
        disk.grow()
        shop.published(JOURNEYS_POSTGRES_URL=url)
        assert shop.server.rows(content, database=name) == [(2, 300_002)]
        shop.rows(f"drop database {name} with (force)")
        shop.rows(f"drop tablespace {name}")


def test_no_password_is_printed_or_written_whatever_happens(shop: Shop, tmp_path: Path) -> None:
    """Neither by the command nor by Dagster: its records, its logs, the metadata of the asset."""
    shop.line.release(1)
    script = tmp_path / "job.py"
    script.write_text(
        """
import os
import sys
import dagster as dg
from orchestration.defs.automation.steps import publish_postgres

@dg.op(out=dg.Out(dg.Nothing))
def begin(context):
    yield dg.Output(None)

@dg.job(executor_def=dg.in_process_executor)
def job():
    publish_postgres(begin())

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    # the last time there is nothing to do
    for url in (os.environ["AWAY"], os.environ["THERE"], os.environ["THERE"]):
        os.environ["JOURNEYS_POSTGRES_URL"] = url
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        for event in result.get_asset_materialization_events():
            print("materialised", event.asset_key, event.materialization.metadata)
        for event in result.all_events:
            if event.is_step_failure:
                print("failed", event.step_failure_data.user_failure_data.description)
""",
        encoding="utf-8",
    )
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "dagster.yaml").write_text("", encoding="utf-8")
    away = shop.server.url(database=shop.database).replace(f":{shop.server.port}/", ":1/")
    urls = {"AWAY": away, "THERE": shop.environment["JOURNEYS_POSTGRES_URL"], "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "records")],
        cwd=PROJECT_ROOT,
        env=os.environ | shop.environment | urls,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "failed PostgreSQL at 127.0.0.1:1/" in said
    assert len(re.findall(r"^materialised", said, re.MULTILINE)) == 1
    assert f"127.0.0.1:{shop.server.port}/{shop.database}" in said
    shows_no_password(said)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in written)
    for path in written:
        shows_no_password(path.read_bytes().decode("utf-8", "replace"))
    [(bodies,)] = shop.rows("select string_agg(t::text, ' ') from journeys_release.release t")
    shows_no_password(bodies)


@pytest.mark.parametrize("password", ["x", "ea", "timed"])
def test_a_short_password_is_not_shown_by_what_is_left_of_other_words(password: str) -> None:
    url = f"postgresql://u:{password}@127.0.0.1:1/d"
    postgres = read_settings({"JOURNEYS_POSTGRES_URL": url}).postgres
    error = psycopg.errors.ConnectionTimeout("connection timeout expired, timed out while reading")
    said = str(of_connecting(error, postgres))
    assert "***" not in said
    assert said.startswith("PostgreSQL at 127.0.0.1:1/d can't be used: ConnectionTimeout. Readers")
    # the cure is that of what the server said
    full = psycopg.OperationalError("FATAL: sorry, too many clients already (timed, next)")
    said = str(of_connecting(full, postgres))
    assert "used: OperationalError. " in said and "Close some, or raise max_connections" in said
    with pytest.raises(PostgresError) as raised, explained(postgres, "looking at it"):
        raise psycopg.errors.UndefinedTable("relation extremely.timed.year does not exist")
    assert "UndefinedTable" in str(raised.value) and "***" not in str(raised.value)


def test_a_machine_without_postgresql_fails_these_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is skipped in silence shows nothing."""
    from tests import postgres_server

    monkeypatch.setattr(postgres_server.Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setattr(postgres_server.shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="apt-get install postgresql"):
        postgres_server.server_programs()


def test_the_command_of_make_is_listed() -> None:
    assert main(["publish-postgres", "--help"]) == 0
