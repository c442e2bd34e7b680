"""Every value, comment and key of a release is in PostgreSQL as it is in the release."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.postgres.tables import short_name
from orchestration.lib.release.candidate import PublishedTable
from orchestration.lib.release.publish import publish
from tests.orchestration.release.lines import TABLES
from tests.postgres.conftest import Shop

pytestmark = pytest.mark.xdist_group("postgres")

LONG = "a_name_that_is_longer_than_what_postgresql_keeps_of_it_and_then_some_more"
# What each is in DuckDB, the type that PostgreSQL gives it, and the value that arrives.
VALUES = {
    "texts": ("'tab\t line\n return\r slash\\ quote\" \\N ' || chr(0) || '🛒 é'", "text", None),
    "empty": ("''", "text", ""),
    "no_text": ("null::varchar", "text", None),
    "named_null": (r"'\N'", "text", r"\N"),
    "end_of_copy": (r"'\.'", "text", r"\."),
    "truth": ("true", "boolean", True),
    "tiny": ("(-128)::tinyint", "smallint", -128),
    "large": ("'-9223372036854775808'::bigint", "bigint", -(2**63)),
    "unsigned": ("18446744073709551615::ubigint", "numeric(20,0)", Decimal(2**64 - 1)),
    "huge": ("'-170141183460469231731687303715884105727'::hugeint", "numeric(39,0)", Decimal(-(2**127) + 1)),
    "money": ("'-1234567890123456.78'::decimal(18, 2)", "numeric(18,2)", Decimal("-1234567890123456.78")),
    "exact": ("0.1::double + 0.2::double", "double precision", 0.1 + 0.2),
    "small": ("1e-300::double", "double precision", 1e-300),
    "not_a_number": ("'nan'::double", "double precision", math.nan),
    "endless": ("'-inf'::double", "double precision", -math.inf),
    "single": ("0.1::float", "real", 0.1),
    "day": ("date '2024-02-29'", "date", date(2024, 2, 29)),
    "moment": (
        "timestamp '2026-03-01 23:59:59.123456'",
        "timestamp without time zone",
        datetime(2026, 3, 1, 23, 59, 59, 123456),
    ),
    "of_day": ("time '23:59:59.5'", "time without time zone", time(23, 59, 59, 500000)),
    "span": ("interval '40 days 3 hours'", "interval", timedelta(days=40, hours=3)),
    "bytes": ("'\\x00\\xFFa\\x5C'::blob", "bytea", b"\x00\xffa\\"),
    "uuid": ("'12345678-1234-5678-1234-567812345678'::uuid", "uuid", UUID("12345678-1234-5678-1234-567812345678")),
    "kind": ("'b'::enum('a', 'b')", "text", "b"),
    "list": ("['a\tb', null, 'c']", "jsonb", ["a\tb", None, "c"]),
    "struct": ("{'x': 'nan'::double, 'y': [1.5], 'z': 'é'}", "jsonb", {"x": "NaN", "y": [1.5], "z": "é"}),
    "map": ("map {'k': 1}", "jsonb", {"k": 1}),
    "json": (r"""'{"a": "x\u0000y", "b": "\u00e9\\"}'::json""", "jsonb", {"a": "xy", "b": "é\\"}),
    "ctid": ("1", "integer", 1),
    LONG: ("7", "integer", 7),
}


def test_values_of_every_type_arrive(shop: Shop) -> None:
    shop.line.build(1)
    columns = ", ".join(f'{value} as "{name}"' for name, (value, _, _) in VALUES.items())
    with open_duckdb(shop.line.settings.warehouse) as connection:
        connection.execute(f"create table core.{LONG} as select {columns}")
        connection.execute(f"insert into core.{LONG} (tiny) values (1)")
        connection.execute(f"comment on table core.{LONG} is 'One row per it''s a test'")
        for name in VALUES:
            connection.execute(f"comment on column core.{LONG}.\"{name}\" is 'Of {name}'")
    table = PublishedTable("core", LONG, key=("tiny",))
    publish(shop.line.write_as_it_is(1, tables=(*TABLES, table)), shop.line.settings)

    said = shop.published()

    arrived = short_name(LONG)
    assert len(arrived) == 63 and "omitted from 1 texts" in said
    names = {"ctid": "ctid_", LONG: arrived}
    with shop.connect() as connection:
        types = dict(
            connection.execute(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute "
                f"where attrelid = 'core.{arrived}'::regclass and attnum > 0"
            ).fetchall()
        )
        assert types == {names.get(name, name): kind for name, (_, kind, _) in VALUES.items()}
        cursor = connection.execute(f"select * from core.{arrived} where tiny = -128")
        found = dict(zip((column.name for column in cursor.description), cursor.fetchone(), strict=True))
        empty = connection.execute(f"select * from core.{arrived} where tiny = 1").fetchone()
    assert [value for value in empty if value is not None] == [1]
    assert found["texts"] == 'tab\t line\n return\r slash\\ quote" \\N 🛒 é'
    for name, (_, _, value) in VALUES.items():
        if name == "texts":
            continue
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=1e-6 if name == "single" else 0, nan_ok=True), name
        else:
            assert found[names.get(name, name)] == value, name


def test_days_before_christ_and_without_end_arrive(shop: Shop) -> None:
    shop.line.build(1)
    with open_duckdb(shop.line.settings.warehouse) as connection:
        connection.execute(
            "update core.fct_events set occurred_at = case event_id when 'event_1' then '0044-03-15 (BC) 12:00:00' "
            "when 'event_2' then 'infinity' when 'event_3' then '12026-01-01' else occurred_at end::timestamp"
        )
    publish(shop.line.write_as_it_is(1), shop.line.settings)
    shop.published()
    assert shop.rows(
        "select occurred_at::text from core.fct_events where event_id in ('event_1', 'event_2', 'event_3') "
        "order by event_id"
    ) == [("0044-03-15 12:00:00 BC",), ("infinity",), ("12026-01-01 00:00:00",)]


def test_tables_columns_and_keys_are_described(shop: Shop) -> None:
    release = shop.line.release(1)
    shop.published()
    manifest = json.loads((release.directory / "manifest.json").read_text(encoding="utf-8"))
    for table in manifest["tables"]:
        place = f"{table['schema']}.{table['name']}"
        [(comment,)] = shop.rows(f"select obj_description('{place}'::regclass, 'pg_class')")
        assert comment == table["description"]
        columns = shop.rows(
            f"select attname, col_description(attrelid, attnum) from pg_attribute "
            f"where attrelid = '{place}'::regclass and attnum > 0 order by attnum"
        )
        assert columns == [(column["name"], column["description"]) for column in table["columns"]]
        key = shop.rows(
            "select column_name from information_schema.key_column_usage join information_schema.table_constraints "
            "using (constraint_schema, constraint_name, table_name) where constraint_type = 'PRIMARY KEY' "
            f"and constraint_schema = '{table['schema']}' and table_name = '{table['name']}' order by ordinal_position"
        )
        assert [name for (name,) in key] == table["key"]
    assert shop.rows("select release_id, data_set from journeys_release.release") == [(release.release_id, "shop")]


def test_the_role_reads_and_writes_nothing(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    role = shop.environment["JOURNEYS_POSTGRES_ROLE"]
    with shop.connect() as connection:
        connection.execute(f"set role {role}")
        assert connection.execute("select count(*) from core.fct_events").fetchone() == (501,)
        assert connection.execute("select count(*) from journeys_release.release").fetchone() == (1,)
        for statement in (
            "delete from core.fct_events",
            "insert into core.fct_events (event_id) values ('x')",
            "update hygiene.releases set status = 'x'",
            "truncate journeys.agg_phases_daily",
            "create table core.mine (a int)",
            "drop table core.fct_events",
            "delete from journeys_release.release",
        ):
            with pytest.raises(Exception, match=r"permission denied|must be owner"):
                connection.execute(statement)


def test_a_key_with_null_and_a_table_without_a_key_follow_the_release(shop: Shop) -> None:
    """Null is a value of some keys, such as that of all channels; equal rows are counted where there is no key."""
    shop.line.build(1)
    tables = (
        *TABLES,
        PublishedTable("core", "by_channel", key=("day", "channel")),
        PublishedTable("core", "ledger"),
    )

    def release(day: int, by_channel: str, ledger: str) -> None:
        with open_duckdb(shop.line.settings.warehouse) as connection:
            for name, columns, rows in (
                ("core.by_channel", ("day", "channel", "n"), by_channel),
                ("core.ledger", ("said", "n"), ledger),
            ):
                connection.execute(
                    f"create or replace table {name} as select * from (values {rows}) as rows ({', '.join(columns)})"
                )
                connection.execute(f"comment on table {name} is 'One row per it'")
                for column in columns:
                    connection.execute(f"comment on column {name}.{column} is 'It'")
        publish(shop.line.write_as_it_is(day, tables=tables), shop.line.settings)

    release(1, "(1, null, 5), (1, 'web', 3), (2, '', 1)", "('a', 1), ('a', 1), (null, 2)")
    shop.published()
    [(tuples,)] = shop.rows("select array_agg(ctid::text order by n) from core.ledger")
    release(2, "(1, null, 6), (1, 'web', 3), (3, null, 1)", "('a', 1), ('a', 1), ('a', 1), (null, 3)")
    said = shop.published()
    assert shop.rows("select day, channel, n from core.by_channel order by day, n") == [
        (1, "web", 3), (1, None, 6), (3, None, 1),
    ]  # fmt: skip
    assert shop.rows("select said, n from core.ledger order by n") == [("a", 1), ("a", 1), ("a", 1), (None, 3)]
    assert shop.rows("select array_agg(ctid::text order by ctid) from core.ledger where n = 1")[0][0][:2] == tuples[:2]
    # by_channel: one of each; ledger: two new, one gone; the release's own row in its ledger
    assert "(4 rows new, 1 changed, 2 gone)" in said
    with shop.connect() as connection, pytest.raises(Exception, match="duplicate key"):
        connection.execute("insert into core.by_channel values (3, null, 9)")
    # no null is left: the key holds as it is
    release(3, "(1, 'web', 3), (4, 'app', 1)", "('a', 1)")
    shop.published()
    assert shop.rows("select day, channel, n from core.by_channel order by day") == [(1, "web", 3), (4, "app", 1)]


def test_only_rows_that_differ_are_written(shop: Shop) -> None:
    shop.line.release(1)
    shop.published()
    before = dict(shop.rows("select event_id, ctid::text from core.fct_events"))
    # two events are added, and nothing else is new
    with open_duckdb(shop.line.settings.warehouse) as connection:
        connection.execute(
            "insert into core.fct_events values ('new_1', 1, 1, '2026-06-01'), ('new_2', 1, 1, '2026-06-01')"
        )
        connection.execute("update core.fct_events set amount = 99 where event_id = 'event_7'")
        connection.execute("delete from core.fct_events where event_id = 'event_8'")
    publish(shop.line.write_as_it_is(2), shop.line.settings)
    said = shop.published()
    # the third new row is the release's own, in its ledger
    assert "3 tables, of which 2 changed (3 rows new, 1 changed, 1 gone)" in said
    after = dict(shop.rows("select event_id, ctid::text from core.fct_events"))
    assert {event for event in before if before[event] != after.get(event)} == {"event_7", "event_8"}
    assert set(after) - set(before) == {"new_1", "new_2"}


def test_a_key_that_is_too_long_for_an_index_arrives_in_a_table_without_a_key(shop: Shop) -> None:
    """Keys hold texts from outside, such as what a file is called or a channel that nobody knows."""
    shop.line.release(1)
    shop.published()
    # what can't be compressed
    long = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(125))
    assert len(long) == 8_000

    def release(day: int, *statements: str) -> str:
        with open_duckdb(shop.line.settings.warehouse) as connection:
            for statement in statements:
                connection.execute(statement)
        publish(shop.line.write_as_it_is(day), shop.line.settings)
        return shop.published()

    def keys() -> int:
        [(count,)] = shop.rows("select count(*) from pg_constraint where conrelid = 'core.fct_events'::regclass")
        return count

    assert keys() == 1
    said = release(2, f"update core.fct_events set event_id = '{long}' where event_id = 'event_1'")
    assert "core.fct_events: a key of 8,000 bytes is more than an index of PostgreSQL takes" in said
    assert shop.rows(f"select amount from core.fct_events where event_id = '{long}'") == [(1,)]
    assert keys() == 0
    said = release(3, "update core.fct_events set amount = 99 where event_id in ('event_7', 'event_8')")
    assert shop.rows("select count(*), count(*) filter (where amount = 99) from core.fct_events") == [(501, 3)]
    said = release(4, f"update core.fct_events set event_id = 'event_1' where event_id = '{long}'")
    assert "core.fct_events gets its key with the next release" in said and keys() == 0
    assert shop.rows("select amount from core.fct_events where event_id = 'event_1'") == [(1,)]
    said = release(5)
    assert "key" not in said and keys() == 1 and "(1 rows new, 0 changed, 0 gone)" in said


def test_names_that_differ_after_63_bytes_remain_apart() -> None:
    names = {short_name("x" * 70 + ending) for ending in ("a", "b", "é")}
    assert len(names) == 3 and all(len(name.encode()) <= 63 for name in names)
    assert short_name("é" * 40).encode()[:-9].decode() == "é" * 27


# What a process needs at most in memory, in MB, to publish.
MEASURED = """
import resource, sys
from orchestration.__main__ import main
code = main(["publish-postgres"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
sys.exit(code)
"""


def test_many_rows_need_no_more_memory_than_few(shop: Shop) -> None:
    peaks = []
    for generation, count in ((1, 1_000), (2, 400_000)):
        publish(shop.line.write(generation, event_count=count), shop.line.settings)
        done = subprocess.run(
            [sys.executable, "-c", MEASURED],
            cwd=PROJECT_ROOT,
            env=os.environ | shop.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(float(done.stdout.split()[-1]))
    assert shop.rows("select count(*) from core.fct_events") == [(400_002,)]
    assert peaks[1] - peaks[0] < 60, peaks
