"""Makes a table of PostgreSQL what a staged one is: only rows that differ are written, and nobody is kept waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from psycopg import errors, sql

from orchestration.lib.postgres.faults import PostgresError
from orchestration.lib.postgres.server import Connection, one
from orchestration.lib.postgres.tables import Content, Table, short_name

# A table of which at least so many rows, and this share, differ is written again.
REPLACED_ROWS = 10_000
REPLACED_SHARE = 0.2

# What has the name of a table: its columns and their types.
Columns = Mapping[tuple[str, str], Mapping[str, str]]


@dataclass(frozen=True)
class Change:
    """A table that is to get the rows of another one, `staged`.

    `is_there` says whether PostgreSQL has it; `added` and `dropped` are columns, a retyped one is in both. `differing`
    is a table to be made, and dropped, for the places of rows that differ.
    """

    table: Table
    has_null_in_key: bool
    is_there: bool
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    staged: sql.Identifier
    differing: sql.Identifier


@dataclass(frozen=True)
class Counts:
    """How many rows were written."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


def existing_tables(server: Connection, schemas: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Whatever has a name in these schemas that a table could have, with its columns and their types."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in server.execute(
        """
        select nspname, relname, attname, format_type(atttypid, atttypmod)
        from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where nspname = any(%s) and relkind not in ('i', 'I', 't')
        """,
        [list(schemas)],
    ).fetchall():
        columns = found.setdefault((schema, table), {})
        if column is not None:
            columns[column] = kind
    return found


def prepare_change(
    table: Table, content: Content, existing: Mapping[str, str] | None, schema: str, staged: str
) -> Change:
    """What has to be done to a table; `existing` are the columns that it has in PostgreSQL.

    `schema` is the staging schema, and `staged` the name of the table there.
    """
    wanted = {column.name: column.type for column in table.columns}
    there = existing or {}
    return Change(
        table,
        has_null_in_key=content.has_null_in_key,
        is_there=existing is not None,
        added=tuple(column for column, kind in wanted.items() if there.get(column) != kind),
        dropped=tuple(column for column, kind in there.items() if wanted.get(column) != kind),
        staged=sql.Identifier(schema, staged),
        differing=sql.Identifier(schema, f"{staged}_differing"),
    )


def apply_change(server: Connection, change: Change) -> Counts:
    """Changes columns, key and rows of a table, within the caller's transaction. Returns how many rows it wrote."""
    table = change.table
    place = sql.Identifier(*table.place)
    staged = change.staged
    types = {column.name: column.type for column in table.columns}
    names = sql.SQL(", ").join(sql.Identifier(column) for column in types)
    if not change.is_there:
        columns = sql.SQL(", ").join(_column(name, kind) for name, kind in types.items())
        server.execute(sql.SQL("create table {} ({})").format(place, columns))
        inserted = server.execute(
            sql.SQL("insert into {} ({}) select {} from {}").format(place, names, names, staged)
        ).rowcount
        _constrain(server, change)
        return Counts(inserted=inserted)
    kept = _key_is_kept(server, change)
    if not kept:
        _free_of_key(server, change)
    for name in change.dropped:
        # without cascade: a view of others that needs the column is theirs, and the error names it
        server.execute(sql.SQL("alter table {} drop column {}").format(place, sql.Identifier(name)))
    for name in change.added:
        server.execute(sql.SQL("alter table {} add column {}").format(place, _column(name, types[name])))
    counts = _change_rows(server, change, place, staged, names)
    if not kept:
        _constrain(server, change)
    [found] = one(server, "select count(*) from " + place.as_string(server))
    if found != table.row_count:
        raise PostgresError(
            f"{table.label} would have {found:,} rows in PostgreSQL, and the release has {table.row_count:,}. Nothing "
            f"was changed there. If others write into the table, revoke their right; then type make publish-postgres."
        )
    return counts


def _change_rows(
    server: Connection, change: Change, place: sql.Identifier, staged: sql.Identifier, names: sql.Composable
) -> Counts:
    key = change.table.key
    if not key:
        return _change_rows_without_key(server, change, place, staged, names)
    if set(key) & set(change.added):
        deleted = server.execute(sql.SQL("delete from {}").format(place)).rowcount
        inserted = server.execute(
            sql.SQL("insert into {} ({}) select {} from {}").format(place, names, names, staged)
        ).rowcount
        return Counts(inserted, 0, deleted)
    sides = [_row("t", key), _row("s", key)]
    if change.has_null_in_key or not _has_primary_key(server, change):
        # as text, null is something that can be looked up
        sides = [sql.SQL("{}::text").format(side) for side in sides]
    others = [column.name for column in change.table.columns if column.name not in key]
    differs = sql.SQL("{} is distinct from {}").format(_row("t", others), _row("s", others))
    # Both tables are read once; what follows looks rows up by where they lie. A temporary table would need a right that
    # many administrators take from everybody; nobody else sees this one before it is dropped.
    differing = change.differing
    server.execute(
        sql.SQL(
            "create unlogged table {} as select t.ctid as there, s.ctid as here "
            "from {} as t full join {} as s on {} = {} where t.ctid is null or s.ctid is null or {}"
        ).format(differing, place, staged, *sides, differs if others else sql.SQL("false"))
    )
    server.execute(sql.SQL("analyze {}").format(differing))
    found = Counts(
        *one(
            server,
            sql.SQL(
                "select count(*) filter (where there is null), count(there) + count(here) - count(*), "
                "count(*) filter (where here is null) from {}"
            ).format(differing),
        )
    )
    if _is_replaced(server, change, found):
        server.execute(sql.SQL("delete from {}").format(place))
        server.execute(sql.SQL("insert into {} ({}) select {} from {}").format(place, names, names, staged))
    else:
        server.execute(
            sql.SQL("delete from {} where ctid in (select there from {} where here is null)").format(place, differing)
        )
        if others:
            server.execute(
                sql.SQL(
                    "update {} as t set ({}) = {} from {} join {} as s on s.ctid = here where t.ctid = there"
                ).format(
                    place,
                    sql.SQL(", ").join(sql.Identifier(name) for name in others),
                    _row("s", others),
                    differing,
                    staged,
                )
            )
        server.execute(
            sql.SQL(
                "insert into {} ({}) select {} from {} where ctid in (select here from {} where there is null)"
            ).format(place, names, names, staged, differing)
        )
    server.execute(sql.SQL("drop table {}").format(differing))
    return found


def _is_replaced(server: Connection, change: Change, found: Counts) -> bool:
    """Whether all rows are written again: where many differ that is quicker than to look each of them up.

    Not where a table of others refers to this one: to remove a row for a moment could remove theirs.
    """
    count = found.inserted + found.updated + found.deleted
    if count < REPLACED_ROWS or count < REPLACED_SHARE * change.table.row_count:
        return False
    place = sql.Identifier(*change.table.place).as_string(server)
    return not one(server, "select exists (select from pg_constraint where confrelid = to_regclass(%s))", [place])[0]


def _change_rows_without_key(
    server: Connection, change: Change, place: sql.Identifier, staged: sql.Identifier, names: sql.Composable
) -> Counts:
    """Rows that are equal are paired off, as often as each occurs; the others are removed, or added."""

    def unpaired(these: sql.Identifier, those: sql.Identifier) -> sql.Composed:
        numbered = "select ctid as place, {row}::text as said, row_number() over (partition by {row}::text) as number "
        row = sql.SQL("row({})").format(names)
        both = [sql.SQL(numbered + "from {}").format(side, row=row) for side in (these, those)]
        return sql.SQL(
            "select these.place from ({}) as these left join ({}) as those using (said, number) "
            "where those.place is null"
        ).format(*both)

    deleted = server.execute(
        sql.SQL("delete from {} where ctid in ({})").format(place, unpaired(place, staged))
    ).rowcount
    inserted = server.execute(
        sql.SQL("insert into {} ({}) select {} from {} where ctid in ({})").format(
            place, names, names, staged, unpaired(staged, place)
        )
    ).rowcount
    return Counts(inserted, 0, deleted)


def describe(server: Connection, table: Table) -> None:
    """Has the table and its columns say what the release says of them; what they say already is not written again."""
    wanted = {0: table.description}
    places = {0: sql.SQL("table {}").format(sql.Identifier(*table.place))}
    said = {}
    for number, name, comment in server.execute(
        """
        select coalesce(attnum, 0), attname, coalesce(description, '')
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        cross join lateral (
            select 0::smallint as attnum, null as attname
            union all
            select attnum, attname from pg_attribute where attrelid = pg_class.oid and attnum > 0 and not attisdropped
        ) as parts
        left join pg_description on objoid = pg_class.oid and classoid = 'pg_class'::regclass and objsubid = attnum
        where nspname = %s and relname = %s
        """,
        [table.schema, table.name],
    ).fetchall():
        said[number] = comment
        if number:
            meaning = next((column.description for column in table.columns if column.name == name), "")
            wanted[number] = meaning
            places[number] = sql.SQL("column {}").format(sql.Identifier(table.schema, table.name, name))
    statements = [
        sql.SQL("comment on {} is {}").format(places[number], sql.Literal(text))
        for number, text in wanted.items()
        if said.get(number) != text
    ]
    if statements:
        server.execute(sql.SQL("; ").join(statements))


def _column(name: str, kind: str) -> sql.Composed:
    # a type is of our own table, never of a file
    return sql.SQL("{} " + kind).format(sql.Identifier(name))


def _row(side: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL("row({})").format(sql.SQL(", ").join(sql.Identifier(side, name) for name in names))


def _constraint(table: Table) -> str:
    return short_name(f"{table.name}_pkey")


def _current_key(server: Connection, table: Table) -> tuple[str, tuple[str, ...]] | None:
    """The kind of our constraint, p for a primary key and u for a unique one, and its columns."""
    row = server.execute(
        """
        select contype::text, array(
            select attname::text from unnest(conkey) with ordinality as keys (number, place)
            join pg_attribute on attrelid = conrelid and attnum = number order by place
        )
        from pg_constraint where conrelid = to_regclass(%s) and conname = %s
        """,
        [sql.Identifier(*table.place).as_string(server), _constraint(table)],
    ).fetchone()
    return (row[0], tuple(row[1])) if row is not None else None


def lacks_key(server: Connection, table: Table) -> bool:
    """Whether a table that has a key in the release has none in PostgreSQL."""
    return bool(table.key) and _current_key(server, table) is None


def _has_primary_key(server: Connection, change: Change) -> bool:
    return _current_key(server, change.table) == ("p", change.table.key)


def _key_is_kept(server: Connection, change: Change) -> bool:
    """Whether the constraint holds for the new rows as well: one that allows null remains where none is null."""
    current = _current_key(server, change.table)
    if not change.table.key:
        return current is None
    if current is None or current[1] != change.table.key or set(change.table.key) & set(change.dropped):
        return False
    return current[0] == "u" or not change.has_null_in_key


def _free_of_key(server: Connection, change: Change) -> None:
    current = _current_key(server, change.table)
    if current is None:
        return
    place = sql.Identifier(*change.table.place)
    server.execute(
        sql.SQL("alter table {} drop constraint {}").format(place, sql.Identifier(_constraint(change.table)))
    )
    if current[0] == "p":
        for name in current[1]:
            server.execute(sql.SQL("alter table {} alter column {} drop not null").format(place, sql.Identifier(name)))


def _constrain(server: Connection, change: Change) -> None:
    """Gives a table its key: a primary key, or, where a column of it may be null, a unique one that counts null in.

    A table that had none because of a long text gets it later, while the row with that text is in its file still.
    """
    if not change.table.key:
        return
    kind = "unique nulls not distinct" if change.has_null_in_key else "primary key"
    with suppress(errors.ProgramLimitExceeded), server.transaction():
        server.execute(
            sql.SQL("alter table {} add constraint {} " + kind + " ({})").format(
                sql.Identifier(*change.table.place),
                sql.Identifier(_constraint(change.table)),
                sql.SQL(", ").join(sql.Identifier(name) for name in change.table.key),
            )
        )
