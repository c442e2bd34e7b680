"""A connection to the PostgreSQL server, and what of it is ours: schemas with our comment, and two small tables."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from orchestration.lib.core.activity import step
from orchestration.lib.core.settings import Postgres
from orchestration.lib.postgres.faults import AGAIN, KEPT, PostgresError, explained, of_connecting
from orchestration.lib.postgres.tables import short_name

# `unique nulls not distinct` is as old as that; versions before it have no support any more.
OLDEST = 15
CONNECT_SECONDS = 10
# A server that gives no sign for about a minute is gone, such as one whose machine lost its network: no packet says so.
ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# A publish that was killed is not over for the server before it hears of it.
WAIT_FOR_ANOTHER_SECONDS = 20.0

_MARK = "Journey Warehouse, data set "
_MARKED = _MARK + "{}: made and changed by make publish-postgres; tables of others do not belong here."

Connection = psycopg.Connection[tuple[Any, ...]]

_SESSION: tuple[LiteralString, ...] = (
    "set client_encoding = 'UTF8'",
    "set datestyle = 'ISO, YMD'",
    "set intervalstyle = 'postgres'",
    "set timezone = 'UTC'",
    "set statement_timeout = 0",
    "set idle_in_transaction_session_timeout = 0",
    # if this process is killed, the server ends its statement as soon
    "set client_connection_check_interval = '1s'",
)


@dataclass(frozen=True)
class Published:
    """What the server has: a release of a data set, the role that may read it, and a fingerprint per table."""

    release_id: str
    role: str
    fingerprints: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Places:
    """The schemas that are ours besides those of the tables."""

    release: str
    staged: str

    @classmethod
    def of(cls, postgres: Postgres) -> Places:
        return cls(short_name(postgres.prefix + "journeys_release"), short_name(postgres.prefix + "journeys_staged"))


@contextmanager
def connected(postgres: Postgres) -> Iterator[Connection]:
    """A connection to the server for a `with` block, outside of transactions. Raises PostgresError."""
    given = conninfo_to_dict(postgres.url)
    ours: dict[str, Any] = {"application_name": "journey-warehouse", "connect_timeout": CONNECT_SECONDS, **ALIVE}
    try:
        connection = psycopg.connect(
            postgres.url, autocommit=True, **{key: value for key, value in ours.items() if key not in given}
        )
    except psycopg.Error as error:
        raise of_connecting(error, postgres) from None
    with connection, explained(postgres, "looking at the server"):
        for setting in _SESSION:
            connection.execute(setting)
        _refuse_unfit(connection, postgres)
        yield connection


def _refuse_unfit(connection: Connection, postgres: Postgres) -> None:
    encoding, is_replica = one(connection, "select current_setting('server_encoding'), pg_is_in_recovery()")
    version = connection.info.server_version // 10_000
    where = f"PostgreSQL at {postgres.place}"
    if version < OLDEST:
        raise PostgresError(f"{where} is version {version}; {OLDEST} or newer is needed. {KEPT}")
    if encoding != "UTF8":
        raise PostgresError(
            f"{where}: the database is in encoding {encoding}, which does not hold every text. {KEPT} Make one in UTF8 "
            "(createdb --encoding=UTF8 --template=template0) and name it in JOURNEYS_POSTGRES_URL."
        )
    if is_replica:
        raise PostgresError(f"{where} is a replica and read-only. {KEPT} Name the primary in the URL, {AGAIN}")


@contextmanager
def the_only_publisher(connection: Connection, postgres: Postgres) -> Iterator[None]:
    """Keeps other publishers of the same schemas out for a `with` block. Raises PostgresError where one is in."""
    digest = hashlib.sha256(f"journey warehouse {postgres.prefix}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    give_up_at = time.monotonic() + WAIT_FOR_ANOTHER_SECONDS
    with step("waiting for another publish to PostgreSQL"):
        while not one(connection, "select pg_try_advisory_lock(%s)", [key])[0]:
            if time.monotonic() >= give_up_at:
                raise PostgresError(
                    f"PostgreSQL at {postgres.place}: another publish to it is under way. {KEPT} Wait for it to end, "
                    f"{AGAIN}"
                )
            time.sleep(0.2)
    try:
        yield
    finally:
        # the server does so itself where the connection is lost
        with suppress(psycopg.Error):
            connection.execute("select pg_advisory_unlock(%s)", [key])


def read_published(connection: Connection, postgres: Postgres) -> Published | None:
    """What was published last; None before the first time."""
    schema = Places.of(postgres).release
    if one(connection, "select to_regclass(%s)", [sql.Identifier(schema, "release").as_string(connection)])[0] is None:
        return None
    row = connection.execute(
        sql.SQL("select release_id, reading_role from {}").format(sql.Identifier(schema, "release"))
    ).fetchone()
    if row is None:
        return None
    prints = connection.execute(
        sql.SQL("select schema_name, table_name, fingerprint from {}").format(sql.Identifier(schema, "tables"))
    ).fetchall()
    return Published(row[0], row[1], {(place, name): fingerprint for place, name, fingerprint in prints})


def refuse_schemas_of_others(
    connection: Connection, postgres: Postgres, schemas: Sequence[str], data_set: str
) -> list[str]:
    """Returns those of the schemas that don't exist or have no mark yet. Raises PostgresError for one of somebody else.

    An empty schema that belongs to the publisher is one that an administrator made for it.
    """
    found = {
        name: (comment or "", is_own, count)
        for name, comment, is_own, count in connection.execute(
            """
            select
                nspname, obj_description(pg_namespace.oid, 'pg_namespace'), pg_has_role(nspowner, 'usage'),
                (select count(*) from pg_class where relnamespace = pg_namespace.oid)
            from pg_namespace where nspname = any(%s)
            """,
            [list(schemas)],
        ).fetchall()
    }
    unmarked = []
    for schema in schemas:
        comment, is_own, count = found.get(schema, ("", True, 0))
        if comment.startswith(f"{_MARK}{data_set}:"):
            continue
        if comment.startswith(_MARK):
            other = comment.removeprefix(_MARK).partition(":")[0]
            raise PostgresError(
                f"PostgreSQL at {postgres.place}: the schema {schema} holds the data set {other}, and data sets do not "
                f"mix. {KEPT} Set JOURNEYS_POSTGRES_PREFIX to something like {data_set}_, or name another database, "
                f"{AGAIN}"
            )
        if count or not is_own:
            raise PostgresError(
                f"PostgreSQL at {postgres.place}: there is a schema {schema} that is not of Journey Warehouse, and "
                f"nothing in it is changed. {KEPT} Set JOURNEYS_POSTGRES_PREFIX, such as journeys_, or name another "
                f"database, {AGAIN}"
            )
        unmarked.append(schema)
    missing = [schema for schema in unmarked if schema not in found]
    if missing and not one(connection, "select has_database_privilege(current_database(), 'create')")[0]:
        database, user = one(connection, "select current_database(), current_user")
        raise PostgresError(
            f"PostgreSQL at {postgres.place}: user {user} may not make the schemas {', '.join(missing)}. {KEPT} Have "
            f"an administrator type: grant create on database {database} to {user}; {AGAIN}"
        )
    return unmarked


def refuse_missing_role(connection: Connection, postgres: Postgres) -> bool:
    """Whether the role that may read has to be made. Raises PostgresError where this user can't make it."""
    if one(connection, "select exists (select from pg_roles where rolname = %s)", [postgres.role])[0]:
        return False
    if not one(connection, "select bool_or(rolsuper or rolcreaterole) from pg_roles where rolname = current_user")[0]:
        raise PostgresError(
            f"PostgreSQL at {postgres.place}: there is no role {postgres.role}, and this user may not make one. {KEPT} "
            f"Have an administrator type: create role {postgres.role} nologin; {AGAIN}"
        )
    return True


def make_schema(connection: Connection, schema: str, data_set: str) -> None:
    """Makes a schema, where an administrator has not, and marks it as ours."""
    # who may make no schema may not say `if not exists` either
    if not one(connection, "select exists (select from pg_namespace where nspname = %s)", [schema])[0]:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    connection.execute(
        sql.SQL("comment on schema {} is {}").format(sql.Identifier(schema), sql.Literal(_MARKED.format(data_set)))
    )


def who_holds(connection: Connection, tables: Sequence[str]) -> str:
    """The sessions that hold locks on tables, as the end of a sentence; nothing where there are none any more."""
    rows = connection.execute(
        """
        select distinct pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), '?'), state,
            extract(epoch from now() - xact_start)::bigint
        from pg_locks join pg_stat_activity using (pid)
        where granted and pid <> pg_backend_pid() and relation = any(
            select to_regclass(place) from unnest(%s::text[]) as places (place)
        )
        order by pid limit 3
        """,
        [list(tables)],
    ).fetchall()
    return "; ".join(
        f"process {pid} of {user} ({program})"
        # what another user does is shown to those alone who have the role pg_read_all_stats
        + (f", {state}" if state else "")
        + (f", in a transaction for {seconds:,} s" if seconds is not None else "")
        for pid, user, program, state, seconds in rows
    )


def one(
    connection: Connection, query: LiteralString | sql.Composed, parameters: Sequence[object] = ()
) -> tuple[Any, ...]:
    """The first row of a query that always has one."""
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError(f"The query returned no row: {str(query)[:200]}")
    return row
