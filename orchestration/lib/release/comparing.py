"""Compares two releases of a data set: rows of each table, columns, figures of KPIs, and why they differ.

Rows are compared by hashes inside DuckDB, which writes what exceeds the memory limit to disk: a table of a million rows
costs two hashes a row. Equal tables are seen by their Parquet files, which releases share, or by one aggregate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.activity import doing
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.sql import literal, name
from orchestration.lib.release.folders import DATABASE, ReleaseError
from orchestration.lib.release.journal import (
    is_whole,
    ledger_rows,
    read_line,
    read_manifest,
    read_served,
)
from orchestration.lib.release.previous import CONTENT, damage_of
from orchestration.lib.release.restatements import RELATIVE_TOLERANCE
from orchestration.lib.warehouse.definitions import BATCH, changed_scopes

OLD, NEW = "old", "new"
# So many columns of a table are named in which changed rows differ.
COLUMNS_NAMED = 3


@dataclass(frozen=True)
class Side:
    """One of the two releases. `status` is published or rolled_back."""

    release_id: str
    folder: Path
    manifest: Mapping[str, Any]
    status: str

    @property
    def tables(self) -> dict[str, Mapping[str, Any]]:
        """What the manifest says of each table; manifests of older versions say less."""
        return {f"{table['schema']}.{table['name']}": table for table in self.manifest["tables"]}

    @property
    def names_keys(self) -> bool:
        return all("key" in table for table in self.manifest["tables"])

    @property
    def commit(self) -> str:
        return str((self.manifest.get("git") or {}).get("commit") or "")


@dataclass(frozen=True)
class TableChange:
    """A table of which rows differ, or that only one side has (`only_in`).

    `changed` is None where no key says which row is which. `columns` are those in which changed rows differ most, with
    the number of these rows.
    """

    table: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int | None
    only_in: str = ""
    columns: tuple[tuple[str, int], ...] = ()

    @property
    def size(self) -> int:
        return self.added + self.removed + (self.changed or 0)


@dataclass(frozen=True)
class ColumnChange:
    """What differs in a contract: a column that was added or removed, another type, another description."""

    table: str
    column: str
    what: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class KpiChange:
    """A KPI whose figure on the scorecard is another one. `reasons` are those of its restated daily figures."""

    kpi_id: str
    kpi_name: str
    unit: str
    direction: str
    before: float | None
    after: float | None
    status_before: str | None
    status_after: str | None
    period_before: str | None
    period_after: str | None
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """What differs between two releases, the largest first. `notes` say what could not be compared, and why.

    `kpi_count` is None where KPIs could not be.
    """

    old: Side
    new: Side
    same_count: int
    tables: tuple[TableChange, ...]
    columns: tuple[ColumnChange, ...]
    kpis: tuple[KpiChange, ...]
    kpi_count: int | None
    definitions: tuple[str, ...]
    restated: tuple[tuple[str, int, Mapping[str, int]], ...]
    notes: tuple[str, ...]


def find_sides(settings: Settings, before: str | None, after: str | None) -> tuple[Side, Side]:
    """The two releases that are meant: without names the current one, and the one before it.

    Raises ReleaseError that says why one can't be compared, and which can.
    """
    line = read_line(settings.releases, served=read_served(settings.serving))
    statuses = {row["release_id"]: row["status"] for row in ledger_rows(line.switches)}
    there = sorted(one for one in line.published if is_whole(settings.releases / one))
    listed = f"Releases of {settings.data_set} that can be compared: {', '.join(reversed(there)) or 'none'}."
    chosen_after = after or line.current
    if chosen_after is None:
        raise ReleaseError(f"{settings.data_set} has no release yet. Type make run first.")
    chosen_before = before or line.predecessor(chosen_after)
    if chosen_before is None:
        raise ReleaseError(f"There is no release before {chosen_after} to compare it with. {listed}")
    if chosen_before == chosen_after:
        raise ReleaseError(f"{chosen_after} is given twice: a release is equal to itself. Name another. {listed}")
    sides = []
    for one in (chosen_before, chosen_after):
        if one not in line.published:
            raise ReleaseError(f"{one} is no release of {settings.data_set}. {listed}")
        if one not in there:
            raise ReleaseError(
                f"{one} was published and is gone: the newest {settings.releases_kept} releases are kept "
                f"(JOURNEYS_RELEASES_KEPT). {listed}"
            )
        folder = settings.releases / one
        sides.append(Side(one, folder, read_manifest(folder), statuses.get(one, "published")))
    return sides[0], sides[1]


def compare(old: Side, new: Side, *, noted: Mapping[str, Mapping[str, str]] | None = None) -> Comparison:
    """What differs. `noted` are the definitions by scope that the warehouse noted of each release; None: unknown.

    Raises ReleaseError naming the file that is damaged.
    """
    with _attached(old, new) as connection:
        tables, same_count, notes = _tables(connection, old, new)
        kpis, kpi_count, of_kpis = _kpis(connection, old, new)
        restated = _restated(connection, old, new)
    columns = tuple(_columns(old, new))
    notes = [
        *of_kpis,
        *(
            f"{side.release_id} of an older version names no keys: rows that changed are counted as added and removed."
            for side in (old, new)
            if not side.names_keys
        ),
        *notes,
    ]
    definitions: list[str] = []
    if old.commit != new.commit:
        definitions.append(f"code {old.commit[:10] or 'unknown'} → {new.commit[:10] or 'unknown'}")
    if noted is None:
        notes.append("The warehouse is in use or not there, so definitions of journeys and KPIs are not compared.")
    elif not noted.get(old.release_id) or not noted.get(new.release_id):
        notes.append("No definitions were noted of one of the releases, so they are not compared.")
    else:
        scopes = changed_scopes(*({k: v for k, v in noted[s.release_id].items() if k != BATCH} for s in (old, new)))
        definitions += sorted(scopes)
    return Comparison(
        old=old,
        new=new,
        same_count=same_count,
        # what runs write about themselves grows with every one
        tables=tuple(sorted(tables, key=lambda one: (one.table.startswith("hygiene."), -one.size, one.table))),
        columns=columns,
        kpis=tuple(sorted(kpis, key=_moved_most)),
        kpi_count=kpi_count,
        definitions=tuple(definitions),
        restated=restated,
        notes=tuple(notes),
    )


def read_noted(warehouse: Path, releases: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """The definitions that the warehouse noted of releases, by scope; None where it can't be read now."""
    if not warehouse.is_file():
        return None
    try:
        with open_duckdb(warehouse, read_only=True, wait_seconds=0) as connection:
            rows = connection.execute(
                "select release_id, scope, definition from landing.definitions where list_contains(?, release_id)",
                [list(releases)],
            ).fetchall()
    except (duckdb.Error, RuntimeError):
        return None
    found: dict[str, dict[str, str]] = {release: {} for release in releases}
    for release, scope, definition in rows:
        found[release][scope] = definition
    return found


@contextmanager
def _attached(old: Side, new: Side) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both files on one connection. What DuckDB says of a damaged one becomes a sentence that names it."""
    with open_duckdb() as connection:
        try:
            for alias, side in ((OLD, old), (NEW, new)):
                connection.execute(f"attach {literal(side.folder / DATABASE)} as {alias} (read_only)")
            yield connection
        except duckdb.Error as error:
            for side in (old, new):
                if damage := damage_of(side.folder / DATABASE):
                    raise ReleaseError(f"{side.release_id} can't be compared: {damage}") from error
            raise


def _tables(connection: duckdb.DuckDBPyConnection, old: Side, new: Side) -> tuple[list[TableChange], int, list[str]]:
    """Tables whose rows differ, how many have the same rows, and what could be compared only in part."""
    found: list[TableChange] = []
    notes: list[str] = []
    same = 0
    labels = sorted(old.tables.keys() | new.tables.keys())
    for number, label in enumerate(labels, start=1):
        doing("comparing", number=number, of=len(labels), name=label)
        before, after = old.tables.get(label), new.tables.get(label)
        if before is None or after is None:
            if after is not None:
                rows = after["row_count"]
                found.append(TableChange(label, 0, rows, added=rows, removed=0, changed=0, only_in=new.release_id))
            elif before is not None:
                rows = before["row_count"]
                found.append(TableChange(label, rows, 0, added=0, removed=rows, changed=0, only_in=old.release_id))
            continue
        types = [{column["name"]: column["type"] for column in table["columns"]} for table in (before, after)]
        common = [column for column in types[1] if column in types[0]]
        if types[0].keys() != types[1].keys():
            columns = "column" if len(common) == 1 else "columns"
            notes.append(f"{label} is compared by the {len(common)} {columns} that both have.")
        if types[0] == types[1] and _is_same_file(old, before, new, after):
            same += 1
            continue
        change = _rows(connection, label, before, after, common, types)
        if change is None:
            same += 1
        else:
            found.append(change)
    return found, same, notes


def _is_same_file(old: Side, before: Mapping[str, Any], new: Side, after: Mapping[str, Any]) -> bool:
    if not before.get("parquet") or not after.get("parquet"):
        return False
    try:
        return (old.folder / before["parquet"]).samefile(new.folder / after["parquet"])
    except OSError:
        return False


def _rows(
    connection: duckdb.DuckDBPyConnection,
    label: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    common: Sequence[str],
    types: Sequence[Mapping[str, str]],
) -> TableChange | None:
    """How the rows of a table differ in the columns that both sides have; None where they don't."""
    place = name(*label.split(".", 1))
    key = [column for column in after.get("key", ()) if column in common]
    has_key = bool(key) and key == list(after.get("key", ())) == list(before.get("key", ()))

    def of(side: str, column: str) -> str:
        """The value of a column as both sides write it: of another type, the old one's in the type of the new one."""
        before_type, after_type = types[0][column], types[1][column]
        if before_type == after_type:
            return name(column)
        text = f"cast({name(column)} as varchar)"
        if side == NEW:
            return text
        cast = f"try_cast({name(column)} as {after_type})"
        if before_type.upper() == "VARCHAR":
            return f"coalesce(cast({cast} as varchar), {text})"
        # 1.4 as a whole number is another value; a cast that loses something does not lead back
        kept = f"try_cast({cast} as {before_type}) = {name(column)}"
        return f"case when {kept} then cast({cast} as varchar) else {text} end"

    def hashed(side: str, columns: Sequence[str]) -> str:
        return f"hash({', '.join(of(side, column) for column in columns)})" if columns else "0"

    if types[0] == types[1]:
        contents = [
            connection.execute(f"select {CONTENT} from {side}.{place} as whole_row").fetchall() for side in (OLD, NEW)
        ]
        if contents[0] == contents[1] and before["row_count"] == after["row_count"]:
            return None
    added = removed = 0
    changed: int | None = 0
    if has_key:
        [(added, removed, changed)] = connection.execute(
            f"""
            with old_rows as (
                select {hashed(OLD, key)} as row_key, {hashed(OLD, common)} as content from {OLD}.{place}
            ),
            new_rows as (
                select {hashed(NEW, key)} as row_key, {hashed(NEW, common)} as content from {NEW}.{place}
            )
            select
                coalesce(count_if(old_rows.row_key is null), 0),
                coalesce(count_if(new_rows.row_key is null), 0),
                coalesce(count_if(old_rows.content <> new_rows.content), 0)
            from old_rows full join new_rows on old_rows.row_key = new_rows.row_key
            """
        ).fetchall()
    if not added and not removed and not changed:
        # without a key, or with one that names several rows
        [(added, removed)] = connection.execute(
            f"""
            with both_sides as (
                select {hashed(OLD, common)} as content, -1 as side from {OLD}.{place}
                union all
                select {hashed(NEW, common)}, 1 from {NEW}.{place}
            ),
            differing as (select sum(side) as surplus from both_sides group by content having sum(side) <> 0)
            select
                coalesce(sum(surplus) filter (where surplus > 0), 0),
                coalesce(-sum(surplus) filter (where surplus < 0), 0)
            from differing
            """
        ).fetchall()
        changed = None
        if not added and not removed:
            return None
    columns = _columns_differing(connection, place, key, common, of) if changed else ()
    return TableChange(
        label, before["row_count"], after["row_count"], int(added), int(removed), changed, columns=columns
    )


def _columns_differing(
    connection: duckdb.DuckDBPyConnection, place: str, key: Sequence[str], common: Sequence[str], of: Any
) -> tuple[tuple[str, int], ...]:
    """The columns in which rows of one key differ, most first."""
    others = [column for column in common if column not in key]

    def selected(side: str) -> str:
        keyed = f"hash({', '.join(of(side, column) for column in key)}) as row_key"
        values = (f"{of(side, column)} as c{number}" for number, column in enumerate(others))
        return f"select {', '.join((keyed, *values))} from {side}.{place}"

    counts = ", ".join(f"count_if(o.c{number} is distinct from n.c{number})" for number in range(len(others)))
    [row] = connection.execute(
        f"select {counts} from ({selected(OLD)}) as o inner join ({selected(NEW)}) as n on o.row_key = n.row_key"
    ).fetchall()
    ordered = sorted(zip(others, map(int, row), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return tuple(pair for pair in ordered if pair[1])


def _columns(old: Side, new: Side) -> Iterator[ColumnChange]:
    """What differs between the contracts of tables that both have."""
    for label in sorted(old.tables.keys() & new.tables.keys()):
        before, after = old.tables[label], new.tables[label]
        if _is_described_otherwise(before, after):
            yield ColumnChange(label, "", "described", before["description"], after["description"])
        if "key" in before and "key" in after and list(before["key"]) != list(after["key"]):
            yield ColumnChange(label, "", "key", ", ".join(before["key"]), ", ".join(after["key"]))
        sides = [{column["name"]: column for column in table["columns"]} for table in (before, after)]
        for column in [*sides[1], *(one for one in sides[0] if one not in sides[1])]:
            here, there = sides[0].get(column), sides[1].get(column)
            if here is None and there is not None:
                yield ColumnChange(label, column, "added", "", there["type"])
            elif there is None and here is not None:
                yield ColumnChange(label, column, "removed", here["type"], "")
            elif here is not None and there is not None:
                if here["type"] != there["type"]:
                    yield ColumnChange(label, column, "type", here["type"], there["type"])
                if _is_described_otherwise(here, there):
                    yield ColumnChange(label, column, "described", here["description"], there["description"])


def _is_described_otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether both have a description, and not the same one."""
    return "description" in before and "description" in after and before["description"] != after["description"]


SCORECARD = "kpis.kpi_scorecard"
OF_THE_SCORECARD = ("kpi_id", "kpi_name", "unit", "direction", "value", "status", "period_start", "period_end")


def _kpis(
    connection: duckdb.DuckDBPyConnection, old: Side, new: Side
) -> tuple[list[KpiChange], int | None, tuple[str, ...]]:
    """KPIs of the scorecard whose figure, status or period is another one, and how many KPIs there are.

    The last is a note about why they can't be compared; then the number is None. A figure that is not finite is none.
    """
    for side in (old, new):
        table = side.tables.get(SCORECARD)
        columns = {column["name"] for column in table["columns"]} if table else set()
        missing = [column for column in OF_THE_SCORECARD if column not in columns]
        if missing:
            lacks = f"no {SCORECARD}" + (f" with {', '.join(missing)}" if table else "")
            return [], None, (f"KPIs are not compared: {side.release_id} has {lacks}.",)

    def scorecard(side: str) -> str:
        value = "case when isfinite(cast(value as double)) then cast(value as double) end"
        return f"(select * replace ({value} as value) from {side}.{SCORECARD})"

    rows = connection.execute(
        f"""
        select
            coalesce(n.kpi_id, o.kpi_id), coalesce(n.kpi_name, o.kpi_name), coalesce(n.unit, o.unit),
            coalesce(n.direction, o.direction), o.value, n.value, o.status, n.status,
            strftime(o.period_start, '%Y-%m-%d') || '…' || strftime(o.period_end, '%Y-%m-%d'),
            strftime(n.period_start, '%Y-%m-%d') || '…' || strftime(n.period_end, '%Y-%m-%d'),
            o.value is distinct from n.value
                and coalesce(abs(o.value - n.value) > {RELATIVE_TOLERANCE} * greatest(abs(o.value), abs(n.value)), true)
                or o.status is distinct from n.status or (o.kpi_id is null) <> (n.kpi_id is null)
        from {scorecard(OLD)} as o full join {scorecard(NEW)} as n on o.kpi_id = n.kpi_id
        order by all
        """
    ).fetchall()
    reasons = _reasons_by_kpi(connection, old, new)
    found = []
    for *said, differs in rows:
        if differs:
            found.append(replace(KpiChange(*said), reasons=reasons.get(said[0], {})))
    return found, len(rows), ()


def _moved_most(change: KpiChange) -> tuple[int, float, str]:
    """By how much relative to what it was; what appeared or vanished first."""
    if change.difference is None:
        return (0 if change.before != change.after else 2, 0.0, change.kpi_id)
    return 1, -abs(change.difference) / max(abs(change.before or 0.0), 1e-9), change.kpi_id


RESTATEMENTS = "hygiene.restatements"


@dataclass(frozen=True)
class _Between:
    """The restatements of the releases between two, as SQL: their rows, and each of their reasons."""

    rows: str
    reason: str


def _since(old: Side, new: Side) -> _Between | None:
    """What the later release has of those after the earlier one; None where it has no such table."""
    later, alias = (new, NEW) if new.release_id > old.release_id else (old, OLD)
    earlier = old if later is new else new
    table = later.tables.get(RESTATEMENTS)
    if table is None:
        return None
    # a release of before there were reasons has no such column
    has_reasons = "reasons" in (column["name"] for column in table["columns"])
    reason = "unnest(string_split(coalesce(nullif(reasons, ''), 'unexplained'), ', '))"
    return _Between(
        f"{alias}.{RESTATEMENTS} where release_id > {literal(earlier.release_id)} "
        f"and release_id <= {literal(later.release_id)}",
        reason if has_reasons else "'unexplained'",
    )


def _reasons_by_kpi(connection: duckdb.DuckDBPyConnection, old: Side, new: Side) -> dict[str, dict[str, int]]:
    between = _since(old, new)
    if between is None:
        return {}
    rows = connection.execute(
        f"""
        select kpi_id, reason, count(*)
        from (select key ->> '$.kpi_id' as kpi_id, {between.reason} as reason from {between.rows})
        where kpi_id is not null
        group by all order by 3 desc, 2
        """
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for kpi_id, reason, count in rows:
        found.setdefault(kpi_id, {})[reason] = count
    return found


def _restated(
    connection: duckdb.DuckDBPyConnection, old: Side, new: Side
) -> tuple[tuple[str, int, Mapping[str, int]], ...]:
    """By table the published daily figures that changed in between, and why; a figure may have several reasons."""
    between = _since(old, new)
    if between is None:
        return ()
    label = "table_schema || '.' || table_name"
    counts = dict(
        connection.execute(f"select {label}, count(*) from {between.rows} group by 1 order by 2 desc, 1").fetchall()
    )
    reasons: dict[str, dict[str, int]] = {table: {} for table in counts}
    for table, reason, count in connection.execute(
        f"select label, reason, count(*) from (select {label} as label, {between.reason} as reason "
        f"from {between.rows}) group by all order by 3 desc, 2"
    ).fetchall():
        reasons[table][reason] = count
    return tuple((table, count, reasons[table]) for table, count in counts.items())
