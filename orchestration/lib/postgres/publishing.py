"""Brings the current release into a PostgreSQL server: rows are staged, then all tables change in one transaction.

The tables stay the same tables, and a reader's statement sees the rows of one release, old or new. Why they are
neither renamed nor swapped: docs/decisions/0024-tables-of-postgresql-stay-the-same-tables.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import duckdb
import psycopg
from psycopg import sql

from orchestration.lib.core.activity import doing, step
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Postgres, Settings
from orchestration.lib.postgres.changing import (
    Change,
    Columns,
    Counts,
    apply_change,
    describe,
    existing_tables,
    lacks_key,
    prepare_change,
)
from orchestration.lib.postgres.copying import stage
from orchestration.lib.postgres.faults import AGAIN, KEPT, LOCKED, PostgresError, explained
from orchestration.lib.postgres.server import (
    Connection,
    Places,
    Published,
    connected,
    make_schema,
    one,
    read_published,
    refuse_missing_role,
    refuse_schemas_of_others,
    the_only_publisher,
    who_holds,
)
from orchestration.lib.postgres.tables import LONGEST_KEY, Content, Table, look_into, prepare, read_tables
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.publish import Release, current_release

# So long one statement waits for a lock. Who asks for a table meanwhile waits behind it.
LOCK_WAIT_SECONDS = 2
PAUSE_SECONDS = 1.0
# What the server may use to compare one table: with its default of 4MB a large one goes to its disk again and again.
WORK_MEMORY = "64MB"


@dataclass(frozen=True)
class Publication:
    """What a publish did. `is_new` is False where the server had the release already; `notes` are for people."""

    release_id: str
    place: str
    is_new: bool
    table_count: int = 0
    changed: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        if not self.is_new:
            return f"Nothing to do: PostgreSQL at {self.place} has release {self.release_id}."
        return (
            f"PostgreSQL at {self.place} has release {self.release_id}: {self.table_count} tables, of which "
            f"{len(self.changed)} changed ({self.counts.inserted:,} rows new, "
            f"{self.counts.updated:,} changed, {self.counts.deleted:,} gone), in {self.seconds:.1f} s."
        )


def publish_to_postgres(settings: Settings, postgres: Postgres, *, anyway: bool = False) -> Publication:
    """Brings the data set's current release into the server, whole or not at all.

    Nothing is done where the server has it; with `anyway` all tables are compared with the release again. Raises
    PostgresError, with readers on what they had.
    """
    release = current_release(settings)
    if release is None:
        raise PostgresError(f"{settings.data_set} has no release yet. Type make run first.")
    started = time.monotonic()
    with connected(postgres) as server, the_only_publisher(server, postgres):
        published = read_published(server, postgres)
        tables = read_tables(read_manifest(release.directory), postgres.prefix)
        places = Places.of(postgres)
        schemas = sorted({table.schema for table in tables} | {places.release, places.staged})
        unmarked = refuse_schemas_of_others(server, postgres, schemas, settings.data_set)
        if _has(published, release, postgres) and not anyway:
            return Publication(release.release_id, postgres.place, is_new=False)
        makes_role = refuse_missing_role(server, postgres)
        existing = existing_tables(server, [schema for schema in schemas if schema != places.staged])
        _refuse_tables_of_others(postgres, tables, published, existing, unmarked)
        # a publish that was killed has left it
        _drop_staged(server, places)
        try:
            with open_duckdb(release.database, read_only=True) as source:
                contents = _contents(source, tables)
                tables = list(contents)
                changed = [
                    table
                    for table in tables
                    if anyway or _differs(table, contents[table], published, existing) or lacks_key(server, table)
                ]
                changes = _staged(
                    server, source, postgres, settings.data_set, places.staged in unmarked, changed, contents, existing
                )
            plan = _Plan(
                release, settings.data_set, tables, contents, changes, published, unmarked, makes_role, existing
            )
            with step("changing the tables of PostgreSQL"):
                done = _changed(server, postgres, plan)
        finally:
            # what can't be removed now, such as after a lost connection, is removed by the next publish
            with suppress(psycopg.Error):
                _drop_staged(server, places)
        notes = [
            f"{table.label}: NUL, which PostgreSQL refuses, is omitted from {contents[table].nul_count:,} texts."
            for table in tables
            if contents[table].nul_count
        ]
        notes += [
            f"{table.label}: a key of {contents[table].longest_key:,} bytes is more than an index of PostgreSQL takes, "
            "so the table has no key there."
            for table in tables
            if contents[table].longest_key > LONGEST_KEY
        ]
        notes += [
            f"{table.label} gets its key with the next release: a row that had one too long for an index is just gone."
            for table in changed
            if lacks_key(server, table)
        ]
        notes += _tidied(server, changed)
    return replace(done, seconds=time.monotonic() - started, notes=tuple(notes))


def is_behind(settings: Settings, postgres: Postgres) -> bool:
    """Whether the server lacks the data set's current release, or another role reads it. Raises PostgresError."""
    release = current_release(settings)
    if release is None:
        return False
    with connected(postgres) as server, explained(postgres, "looking at what it has"):
        published = read_published(server, postgres)
    return not _has(published, release, postgres)


def _has(published: Published | None, release: Release, postgres: Postgres) -> bool:
    """Whether the server has the release, for the role that the settings name."""
    return published is not None and published.release_id == release.release_id and published.role == postgres.role


def _differs(
    table: Table,
    content: Content,
    published: Published | None,
    existing: Columns,
) -> bool:
    columns = {column.name: column.type for column in table.columns}
    known = published.fingerprints.get(table.place) if published is not None else None
    return known != content.fingerprint or existing.get(table.place) != columns


def _refuse_tables_of_others(
    postgres: Postgres,
    tables: Sequence[Table],
    published: Published | None,
    existing: Columns,
    unmarked: Sequence[str],
) -> None:
    ours = published.fingerprints if published is not None else {}
    foreign = [table.label for table in tables if table.place in existing and table.place not in ours]
    marked = sorted({table.schema for table in tables if table.place in existing} - set(unmarked))
    if published is None and marked:
        schemas = ", ".join(marked)
        raise PostgresError(
            f"PostgreSQL at {postgres.place}: {Places.of(postgres).release} is gone, and with it the list of the "
            f"tables that a publish made in {schemas}. {KEPT} Drop these schemas (drop schema {schemas} cascade; "
            f"views of others over them are dropped too), {AGAIN}"
        )
    if foreign:
        raise PostgresError(
            f"PostgreSQL at {postgres.place}: {', '.join(foreign)} is of somebody else and has the name of a table of "
            f"the release. {KEPT} Have it renamed, {AGAIN}"
        )


def _contents(source: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> dict[Table, Content]:
    """What is in each table; one whose keys are too long for an index is in it as a table without a key."""
    prepare(source)
    contents = {}
    for number, table in enumerate(tables, start=1):
        doing("comparing with PostgreSQL", number=number, of=len(tables), name=table.label)
        content = look_into(source, table)
        contents[replace(table, key=()) if content.longest_key > LONGEST_KEY else table] = content
    return contents


def _staged(
    server: Connection,
    source: duckdb.DuckDBPyConnection,
    postgres: Postgres,
    data_set: str,
    is_new: bool,
    changed: Sequence[Table],
    contents: Mapping[Table, Content],
    existing: Columns,
) -> list[Change]:
    """Copies the rows of tables into the staging schema; readers see nothing of it."""
    schema = Places.of(postgres).staged
    if is_new:
        with explained(postgres, "making the staging schema"):
            make_schema(server, schema, data_set)
    changes = []
    for number, table in enumerate(changed, start=1):
        staged = f"t{number:03}"
        with explained(postgres, f"copying {table.label}"):
            stage(server, source, table, sql.Identifier(schema, staged), number=number, of=len(changed))
        columns = existing.get((table.schema, table.name))
        changes.append(prepare_change(table, contents[table], columns, schema, staged))
    return changes


def _drop_staged(server: Connection, places: Places) -> None:
    """Empties the staging schema; who may make no schema can't remove it, as there would be none the next time."""
    for schema, table in existing_tables(server, [places.staged]):
        _run(server, "drop table if exists {}", (schema, table))


@dataclass(frozen=True)
class _Plan:
    """What a publish is about to do. `unmarked` are schemas that it makes, or marks as ours."""

    release: Release
    data_set: str
    tables: Sequence[Table]
    contents: Mapping[Table, Content]
    changes: Sequence[Change]
    published: Published | None
    unmarked: Sequence[str]
    makes_role: bool
    existing: Columns

    @property
    def gone(self) -> list[tuple[str, str]]:
        """The tables of the release before that this one lacks."""
        before = set(self.published.fingerprints if self.published is not None else ())
        return sorted(before - {table.place for table in self.tables})


def _changed(server: Connection, postgres: Postgres, plan: _Plan) -> Publication:
    """Changes all tables in one transaction; while somebody holds a lock, again and again, but not for ever."""
    give_up_at = time.monotonic() + postgres.lock_seconds
    while True:
        try:
            with (
                _locks_explained(server, postgres, plan, give_up_at),
                explained(postgres, "changing the tables", locks_too=False),
                server.transaction(),
            ):
                server.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{LOCK_WAIT_SECONDS}s")))
                server.execute(sql.SQL("set local work_mem = {}").format(sql.Literal(WORK_MEMORY)))
                return _change_all(server, postgres, plan)
        except _TryAgain:
            doing("waiting for a lock in PostgreSQL")
            time.sleep(PAUSE_SECONDS)


def _change_all(server: Connection, postgres: Postgres, plan: _Plan) -> Publication:
    places = Places.of(postgres)
    published = plan.published
    role_is_new = published is None or published.role != postgres.role
    if plan.makes_role:
        _run(server, "create role {} nologin", (postgres.role,))
    for schema in sorted({table.schema for table in plan.tables} | {places.release}):
        is_new = schema in plan.unmarked
        if is_new:
            make_schema(server, schema, plan.data_set)
        # not again: a right that was taken from the role by hand remains taken
        if is_new or role_is_new:
            _run(server, "grant usage on schema {} to {}", (schema,), (postgres.role,))
    if published is not None and role_is_new:
        _take_rights(server, published, places)
    for place in plan.gone:
        # without cascade: what others made of it is theirs
        _run(server, "drop table if exists {}", place)
    counts = Counts()
    for number, change in enumerate(plan.changes, start=1):
        doing("changing the tables of PostgreSQL", number=number, of=len(plan.changes), name=change.table.label)
        with explained(postgres, f"changing {change.table.label}", locks_too=False):
            counts += apply_change(server, change)
    for table in plan.tables:
        describe(server, table)
        if role_is_new or table.place not in plan.existing:
            _run(server, "grant select on {} to {}", table.place, (postgres.role,))
    _note(server, postgres, plan)
    return Publication(
        plan.release.release_id,
        postgres.place,
        is_new=True,
        table_count=len(plan.tables),
        changed=tuple(change.table.label for change in plan.changes),
        counts=counts,
    )


def _take_rights(server: Connection, published: Published, places: Places) -> None:
    """Takes from the role of the settings before what publishes gave it; rights that others granted it remain."""
    if not one(server, "select exists (select from pg_roles where rolname = %s)", [published.role])[0]:
        return
    ours = {*published.fingerprints, (places.release, "release"), (places.release, "tables")}
    schemas = sorted({schema for schema, _ in ours})
    for place in sorted(ours & existing_tables(server, schemas).keys()):
        _run(server, "revoke select on {} from {}", place, (published.role,))
    there = server.execute("select nspname from pg_namespace where nspname = any(%s)", [schemas]).fetchall()
    for (schema,) in there:
        _run(server, "revoke usage on schema {} from {}", (schema,), (published.role,))


class _TryAgain(Exception):
    """Somebody holds a lock, and there is time to wait."""


@contextmanager
def _locks_explained(server: Connection, postgres: Postgres, plan: _Plan, give_up_at: float) -> Iterator[None]:
    """Turns a lock of somebody else into another try, and into a sentence that names them when the time is over."""
    try:
        yield
    except LOCKED:
        if time.monotonic() < give_up_at:
            raise _TryAgain from None
        places = [*(table.place for table in plan.tables), *plan.gone]
        holders = who_holds(server, [sql.Identifier(*place).as_string(server) for place in places])
        raise PostgresError(
            f"PostgreSQL at {postgres.place}: somebody holds a lock that keeps the tables from being changed, for "
            f"{postgres.lock_seconds} s and longer{': ' + holders if holders else ''}. {KEPT} End that session "
            f"(select pg_terminate_backend(process)), or raise JOURNEYS_POSTGRES_LOCK_SECONDS, {AGAIN}"
        ) from None


def _note(server: Connection, postgres: Postgres, plan: _Plan) -> None:
    """Writes down, where readers can see it, which release the tables are of."""
    place = Places.of(postgres).release
    _run(
        server,
        "create table if not exists {} (release_id text not null, data_set text not null, reading_role text not null, "
        "as_of timestamp not null, published_at timestamptz not null)",
        (place, "release"),
    )
    _run(
        server,
        "create table if not exists {} (schema_name text, table_name text, source text not null, "
        "row_count bigint not null, fingerprint text not null, primary key (schema_name, table_name))",
        (place, "tables"),
    )
    for table, comment in (
        ("release", "One row: the release that the tables are of, and when they got it."),
        ("tables", "One row per table of the release: its name in the release, its rows, a fingerprint of them."),
    ):
        server.execute(sql.SQL("comment on table {} is {}").format(sql.Identifier(place, table), sql.Literal(comment)))
        _run(server, "grant select on {} to {}", (place, table), (postgres.role,))
        _run(server, "delete from {}", (place, table))
    server.execute(
        sql.SQL("insert into {} values (%s, %s, %s, %s, now())").format(sql.Identifier(place, "release")),
        [plan.release.release_id, plan.data_set, postgres.role, plain_utc(plan.release.as_of)],
    )
    with server.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {} values (%s, %s, %s, %s, %s)").format(sql.Identifier(place, "tables")),
            [
                [
                    table.schema,
                    table.name,
                    f"{table.source_schema}.{table.source_name}",
                    table.row_count,
                    plan.contents[table].fingerprint,
                ]
                for table in plan.tables
            ],
        )


def _tidied(server: Connection, changed: Sequence[Table]) -> list[str]:
    """Has the room of old rows used again and statistics made; readers are never kept waiting for it."""
    notes = []
    for number, table in enumerate(changed, start=1):
        doing("tidying up PostgreSQL", number=number, of=len(changed), name=table.label)
        try:
            server.execute(sql.SQL("vacuum (analyze, truncate false) {}").format(sql.Identifier(*table.place)))
        except psycopg.Error as error:
            notes.append(
                f"{table.label} was not tidied up ({type(error).__name__}); autovacuum or the next publish does it."
            )
            if server.broken:
                break
    return notes


def _run(server: Connection, statement: str, *names: tuple[str, ...]) -> None:
    """Runs a statement with names in its places."""
    server.execute(sql.SQL(statement).format(*(sql.Identifier(*name) for name in names)))
