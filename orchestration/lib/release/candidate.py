"""Writes a candidate: a whole release in a folder that no reader knows of yet."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.activity import doing, step
from orchestration.lib.core.clock import iso_text
from orchestration.lib.core.connection import open_duckdb, transaction
from orchestration.lib.core.files import remove_unfinished
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.sql import literal, name
from orchestration.lib.dbt.project import read_variable
from orchestration.lib.release.dictionary import first_published
from orchestration.lib.release.folders import (
    DATABASE,
    MANIFEST,
    PARQUET,
    REMOVING,
    WRITING,
    ReleaseError,
    check_folders,
    check_free_space,
    folder_bytes,
    held,
    link_or_copy,
    remove,
    unpublished,
)
from orchestration.lib.release.journal import (
    Line,
    is_whole,
    ledger_rows,
    published_switch,
    publishing,
    read_line,
    read_manifest,
    read_served,
)
from orchestration.lib.release.kpi_definitions import hashes_in
from orchestration.lib.release.ledgers import append_rows
from orchestration.lib.release.previous import (
    NOTHING,
    PREVIOUS,
    Reusable,
    find_reusable,
    previous_attached,
    read_every_row,
)

# The storage that every DuckDB from 1.0 on reads, and the number that its file header carries.
STORAGE_VERSION = "v1.0.0"
STORAGE_HEADER = 64

# Room asked for beyond the estimate: a small warehouse still needs its blocks, manifest and Parquet footers.
SPARE_BYTES = 16 * 2**20

# Writing a table of so many rows takes seconds and is worth a line in the log; a line costs ten milliseconds.
LARGE_ROWS = 1_000_000

# zstd's lowest level takes two thirds of the CPU of its default, and its files are a few per cent larger.
PARQUET_FORMAT = "format parquet, compression zstd, compression_level 1"

# Table macros that a release has in addition to its tables.
MACROS = Path(__file__).with_name("macros")
TIME_FORMAT = "%Y%m%dT%H%M%S_%f"
RELEASE_TIME = re.compile(r"^(\d{8}T\d{6}_\d{6})Z_")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class PublishedTable:
    """A table of the release. `key` orders its rows, so that the same rows give the same Parquet bytes.

    The descriptions become comments; without one, the comment that the warehouse has is copied.
    """

    schema: str
    name: str
    key: tuple[str, ...] = ()
    description: str = field(default="", compare=False)
    column_descriptions: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class GitState:
    """The code's commit, and whether the code differed from it."""

    commit: str
    is_dirty: bool


@dataclass(frozen=True)
class Candidate:
    """A written and verified release that isn't published. Files may be put into `directory` until it is."""

    release_id: str
    previous_release_id: str | None
    directory: Path
    manifest: Mapping[str, Any]

    @property
    def row_counts(self) -> dict[str, int]:
        return {f"{t['schema']}.{t['name']}": t["row_count"] for t in self.manifest["tables"]}


@dataclass(frozen=True)
class _Column:
    name: str
    type: str
    comment: str | None


@dataclass(frozen=True)
class _Shape:
    """What the catalog says of a table or view."""

    comment: str | None
    columns: tuple[_Column, ...]


def make_release_id(settings: Settings, now: datetime) -> str:
    """A name for the release written at `now` unique in its line and sorting after all before it.

    Such as `20260701T060000_123456Z_omnichannel`. A clock that was set back gets the moment after the newest.
    """
    names = set(_line(settings).published)
    if settings.releases.is_dir():
        names |= {path.name.removeprefix(WRITING).removeprefix(REMOVING) for path in settings.releases.iterdir()}
    moment = now.astimezone(UTC)
    newest = max((matched[1] for matched in map(RELEASE_TIME.match, names) if matched), default=None)
    if newest is not None and f"{moment:{TIME_FORMAT}}" <= newest:
        moment = datetime.strptime(newest, TIME_FORMAT).replace(tzinfo=UTC) + timedelta(microseconds=1)
    return f"{moment:{TIME_FORMAT}}Z_{settings.data_set}"


def read_git_state(folder: Path) -> GitState | None:
    """The commit that `folder` is a checkout of; None outside one, in one without commits, or without git."""
    questions = (
        ["rev-parse", "--show-toplevel"],
        ["rev-parse", "--verify", "HEAD"],
        ["status", "--porcelain"],
    )
    answers = []
    for question in questions:
        command = ["git", "-C", str(folder), *question]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode != 0:
            return None
        answers.append(done.stdout.strip())
    top, commit, changes = answers
    # A copy of the project inside somebody else's checkout is not at that checkout's commit.
    return GitState(commit, bool(changes)) if Path(top).resolve() == folder.resolve() else None


def write_candidate(
    warehouse: Path,
    *,
    settings: Settings,
    release_id: str,
    tables: Sequence[PublishedTable],
    as_of: datetime,
    created_at: datetime,
    run_id: str,
    checks_summary: Mapping[str, int],
    git: GitState | None = None,
    takes_over: bool = True,
    progress: Progress = lambda message: None,
) -> Candidate:
    """Writes the tables as a release in a hidden folder next to the releases, then reads it back and compares.

    `checks_summary` counts the run's checks by verdict: pass, fail, error. `takes_over` is False where nothing may be
    taken from the current release, as it is damaged. What `serving/` shows is
    untouched. Raises ReleaseError, and leaves nothing behind, when a table is missing or undocumented, a
    folder can't be written, the disk is full, or what was written isn't what the warehouse holds.
    """
    _refuse_ambiguous_names(tables, (Path(DATABASE).stem, warehouse.stem))
    check_folders(settings)
    with held(settings.releases):
        line = _line(settings)
        directory = settings.releases / (WRITING + release_id)
        if is_whole(settings.releases / release_id):
            raise ReleaseError(f"There is a release {release_id} already: take its id from make_release_id().")
        with _all_or_nothing(directory, line.current), open_duckdb(warehouse, read_only=True) as connection:
            sweep(settings.releases, line)
            shapes = _read_shapes(connection, "current_database()", tables)
            _refuse_undocumented(shapes)
            needed = _bytes_needed(connection, settings.releases, line.current)
            check_free_space(settings.releases, needed=needed, current=line.current)
            directory.mkdir()
            manifest: dict[str, Any] = {
                "release_id": release_id,
                "data_set": settings.data_set,
                "previous_release_id": line.current,
                "run_id": run_id,
                "created_at": iso_text(created_at),
                "as_of": iso_text(as_of),
                # what a reader needs to count as the marts do
                "reporting_time_zone": settings.reporting_time_zone,
                "reporting_currency": settings.reporting_currency,
                "min_cell_size": read_variable("min_cell_size"),
                "git": vars(git) if git else None,
                "duckdb": {"version": duckdb.__version__, "storage_version": STORAGE_VERSION},
                "checks": {verdict: checks_summary.get(verdict, 0) for verdict in ("pass", "fail", "error")},
            }
            kpis = hashes_in(connection)
            if kpis is not None:
                # what metrics are compared with that are made from the data set's configuration
                manifest["kpi_definitions"] = kpis
            counts = _count_rows(connection, {table.label: name(table.schema, table.name) for table in tables})
            own_rows = _own_ledger_rows(line, manifest, counts)
            if own_rows:
                counts["hygiene.releases"] = len(own_rows)
            described = [_described(table, shapes[table], counts[table.label]) for table in tables]
            with ExitStack() as stack:
                reusable = NOTHING
                if takes_over and line.current and is_whole(settings.releases / line.current):
                    previous = settings.releases / line.current
                    stack.enter_context(previous_attached(connection, previous / DATABASE))
                    reusable = find_reusable(connection, described, previous)
                _write_database(connection, directory, tables, shapes, own_rows, reusable, counts, progress)
            # the release before may be damaged, and says nothing then
            before = None
            with suppress(ReleaseError):
                before = read_manifest(settings.releases / line.current) if line.current else None
            manifest["since"] = first_published(described, release_id, before)
            manifest["tables"] = [
                said | {"parquet_bytes": (directory / said["parquet"]).stat().st_size} for said in described
            ]
            manifest["database_bytes"] = (directory / DATABASE).stat().st_size
            (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            with step("verifying the release"):
                _verify(directory, tables, shapes, counts)
    return Candidate(release_id, line.current, directory, manifest)


def discard(candidate: Candidate) -> None:
    """Removes a candidate that won't be published."""
    if candidate.directory.is_dir():
        remove(candidate.directory)


def sweep(releases: Path, line: Line, *, but: Path | None = None) -> None:
    """Removes what a crash left: unfinished folders and files, and the finished folder that never became current."""
    unswitched = publishing(releases)
    remove_unfinished(releases)
    for path in releases.iterdir():
        if path == but or not path.is_dir():
            continue
        is_leftover = path.name.startswith((WRITING, REMOVING))
        # only that one: a whole release that the journal does not name says that the journal was damaged
        is_orphan = path.name == unswitched and path.name not in line.published
        if is_leftover or is_orphan:
            remove(path)


def _line(settings: Settings) -> Line:
    return read_line(settings.releases, served=read_served(settings.serving))


def _refuse_ambiguous_names(tables: Sequence[PublishedTable], databases: Sequence[str]) -> None:
    if not tables:
        raise ReleaseError("No table was named for the release; it would be empty.")
    for database in databases:
        if database.lower() in {table.schema.lower() for table in tables}:
            raise ReleaseError(
                f"A schema and a database file are both named {database}, and DuckDB calls "
                f"{database}.<table> ambiguous then. Rename the schema."
            )


@contextmanager
def _all_or_nothing(directory: Path, current: str | None) -> Iterator[None]:
    """Removes the candidate's folder when writing it fails, and says in a person's words why it did."""
    try:
        yield
    except BaseException as error:
        if directory.is_dir():
            # What can't be removed now is swept away by the next release; why this one failed matters more.
            with suppress(OSError):
                remove(directory)
        if isinstance(error, (OSError, duckdb.Error)):
            raise ReleaseError(_explain(error, directory.parent, current)) from error
        raise


def _explain(error: Exception, folder: Path, current: str | None) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    is_full = "No space left" in str(error) or "Disk quota exceeded" in str(error)
    fix = (
        "Make room on that disk, or set JOURNEYS_VAR to a folder on a larger one; then run again."
        if is_full
        else "Fix that and run again."
    )
    what = f"The disk of {folder} is full" if is_full else f"Writing a release in {folder} failed"
    return f"{what}: {reason}. {unpublished(current)} {fix}"


def _read_shapes(
    connection: duckdb.DuckDBPyConnection, database: str, tables: Sequence[PublishedTable]
) -> dict[PublishedTable, _Shape]:
    """Reads types and comments of the tables; `database` is an SQL expression that names it.

    A description takes the place of the comment.
    """
    comments = {
        (schema, relation): comment
        for kind in ("table", "view")
        for schema, relation, comment in connection.execute(
            f"select schema_name, {kind}_name, comment from duckdb_{kind}s() where database_name = {database}"
        ).fetchall()
    }
    missing = [table.label for table in tables if (table.schema, table.name) not in comments]
    if missing:
        raise ReleaseError(
            f"The warehouse has no {', '.join(missing)}, and the release should. Run the whole job (make "
            "run): it builds every published table."
        )
    columns: dict[tuple[str, str], list[_Column]] = {}
    for schema, table, column, data_type, comment in connection.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() "
        f"where database_name = {database} order by schema_name, table_name, column_index"
    ).fetchall():
        columns.setdefault((schema, table), []).append(_Column(column, data_type, comment))
    places = {table: (table.schema, table.name) for table in tables}
    return {
        table: _Shape(
            table.description or comments[place],
            tuple(
                replace(column, comment=table.column_descriptions.get(column.name) or column.comment)
                for column in columns[place]
            ),
        )
        for table, place in places.items()
    }


def _refuse_undocumented(shapes: Mapping[PublishedTable, _Shape]) -> None:
    bare = [table.label for table, shape in shapes.items() if not shape.comment]
    bare += [
        f"{table.label}.{column.name}"
        for table, shape in shapes.items()
        for column in shape.columns
        if not column.comment
    ]
    if bare:
        shown = ", ".join(bare[:10]) + (f" and {len(bare) - 10} more" if len(bare) > 10 else "")
        raise ReleaseError(
            f"Published tables and columns carry a description, and these have none: {shown}. Describe them "
            "in the YAML file of the model and run again."
        )


def _bytes_needed(connection: duckdb.DuckDBPyConnection, releases: Path, current: str | None) -> int:
    """An estimate of a release's size: from the warehouse's used blocks and from the release before.

    A release holds its rows twice (database and Parquet), the warehouse also what is not published.
    """
    used = _only(
        connection.execute(
            "select coalesce(sum(used_blocks * block_size), 0) from pragma_database_size() "
            "where database_name = current_database()"
        )
    )
    before = folder_bytes(releases / current) if current and (releases / current).is_dir() else 0
    return int(max(1.5 * int(used), 1.2 * before)) + SPARE_BYTES


def _count_rows(connection: duckdb.DuckDBPyConnection, relations: Mapping[str, str]) -> dict[str, int]:
    """Rows by label; all of them in one statement, as one for each costs more than counting does."""
    counting = " union all ".join(
        f"select {literal(label)}, count(*) from {relation}" for label, relation in relations.items()
    )
    return dict(connection.execute(counting).fetchall())


def _own_ledger_rows(line: Line, manifest: Mapping[str, Any], counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """What hygiene.releases says inside the release: the line so far, then the release itself.

    The warehouse can't know it before the switch, and readers of a release ask it of the release they are in.
    """
    if "hygiene.releases" not in counts:
        return []
    own = published_switch({**manifest, "tables": []}, left=line.current)
    rows = ledger_rows([*line.switches, own])
    others = sum(count for label, count in counts.items() if label != "hygiene.releases")
    rows[-1] |= {"table_count": len(counts), "row_count": others + len(rows)}
    return rows


def _described(table: PublishedTable, shape: _Shape, row_count: int) -> dict[str, Any]:
    """What the manifest says of a table."""
    return {
        "schema": table.schema,
        "name": table.name,
        "key": list(table.key),
        "row_count": row_count,
        "parquet": str(_parquet_path(Path(), table)),
        "description": shape.comment,
        "columns": [
            {"name": column.name, "type": column.type, "description": column.comment} for column in shape.columns
        ],
    }


def _write_database(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    tables: Sequence[PublishedTable],
    shapes: Mapping[PublishedTable, _Shape],
    own_rows: Sequence[Mapping[str, Any]],
    reusable: Reusable,
    counts: Mapping[str, int],
    progress: Progress,
) -> None:
    # A sort that outgrows the memory spills next to the candidate, and goes with it when the run dies.
    spill = directory / ".spill"
    connection.execute(f"set temp_directory = {literal(spill)}")
    connection.execute("set preserve_insertion_order = true")
    source = _only(connection.execute("select current_database()"))
    connection.execute(
        f"attach {literal(directory / DATABASE)} as candidate (read_write, storage_version {literal(STORAGE_VERSION)})"
    )
    if reusable.has_definitions:
        _copy_definitions(connection)
    else:
        for table in tables:
            _define_table(connection, source, table, shapes[table])
    for number, table in enumerate(tables, start=1):
        doing("writing the release", number=number, of=len(tables), name=table.label)
        if counts[table.label] >= LARGE_ROWS:
            progress(f"writing {table.label}: {counts[table.label]:,} rows ({number} of {len(tables)} tables)")
        path = _parquet_path(directory, table)
        path.parent.mkdir(parents=True, exist_ok=True)
        if table.label in reusable.parquet:
            # the rows of the release before are in order already, which makes the sort cheap
            _write_table(connection, PREVIOUS, table, shapes[table], own_rows=[])
            link_or_copy(reusable.parquet[table.label], path)
        else:
            _write_table(connection, source, table, shapes[table], own_rows)
            _write_parquet(connection, table, path)
    connection.execute("use candidate")
    write_macros(connection, {table.label for table in tables})
    connection.execute(f"use {name(source)}")
    connection.execute("checkpoint candidate")
    connection.execute("detach candidate")
    if spill.is_dir():
        remove(spill)


def write_macros(connection: duckdb.DuckDBPyConnection, published: Collection[str]) -> None:
    """Gives the current database the questions that no query on one table answers, where it has what they read."""
    for path in sorted(MACROS.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        if _tables_read(connection, text) <= set(published):
            # where they are not the columns that it reads, the question has no answer there
            with suppress(duckdb.BinderException):
                connection.execute(text)


def _tables_read(connection: duckdb.DuckDBPyConnection, macro: str) -> set[str]:
    """The tables that a table macro reads, as DuckDB's parser finds them."""
    query = macro.partition(" as table")[2]
    return {table.partition(" AS ")[0] for table in connection.get_table_names(query, qualified=True)}


def _copy_definitions(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables as the release before has them: its six hundred comments in one statement, and no macro."""
    connection.execute(f"copy from database {PREVIOUS} to candidate (schema)")
    macros = connection.execute(
        "select distinct schema_name, function_name from duckdb_functions() "
        "where database_name = 'candidate' and not internal"
    ).fetchall()
    for place in macros:
        connection.execute(f"drop macro table {name('candidate', *place)}")


def _define_table(connection: duckdb.DuckDBPyConnection, source: str, table: PublishedTable, shape: _Shape) -> None:
    """Makes a table without rows, and its comments."""
    target = name("candidate", table.schema, table.name)
    columns = ", ".join(name(column.name) for column in shape.columns)
    connection.execute(f"create schema if not exists {name('candidate', table.schema)}")
    # One transaction: each comment on its own would wait for the disk.
    with transaction(connection):
        connection.execute(
            f"create table {target} as select {columns} from {name(source, table.schema, table.name)} where false"
        )
        connection.execute(f"comment on table {target} is {literal(shape.comment)}")
        for column in shape.columns:
            connection.execute(f"comment on column {target}.{name(column.name)} is {literal(column.comment)}")


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    table: PublishedTable,
    shape: _Shape,
    own_rows: Sequence[Mapping[str, Any]],
) -> None:
    if table.label == "hygiene.releases" and own_rows:
        connection.execute("use candidate")
        append_rows(connection, table.name, own_rows)
        connection.execute(f"use {name(source)}")
        return
    columns = ", ".join(name(column.name) for column in shape.columns)
    order = f" order by {', '.join(name(column) for column in table.key)}" if table.key else ""
    connection.execute(
        f"insert into {name('candidate', table.schema, table.name)} ({columns}) "
        f"select {columns} from {name(source, table.schema, table.name)}{order}"
    )


def _write_parquet(connection: duckdb.DuckDBPyConnection, table: PublishedTable, path: Path) -> None:
    connection.execute(f"copy {name('candidate', table.schema, table.name)} to {literal(path)} ({PARQUET_FORMAT})")


def _parquet_path(directory: Path, table: PublishedTable) -> Path:
    return directory / PARQUET / table.schema / f"{table.name}.parquet"


def _verify(
    directory: Path,
    tables: Sequence[PublishedTable],
    shapes: Mapping[PublishedTable, _Shape],
    counts: Mapping[str, int],
) -> None:
    """Reads a written release back. Raises ReleaseError for anything that isn't as the warehouse has it."""
    wrong: list[str] = []
    with (directory / DATABASE).open("rb") as file:
        header = file.read(20)
    if header[8:12] != b"DUCK" or int.from_bytes(header[12:20], "little") != STORAGE_HEADER:
        wrong.append(f"the file isn't in storage {STORAGE_VERSION}, which DuckDB 1.x reads")
    with open_duckdb(directory / DATABASE, read_only=True) as connection:
        if _only(connection.execute("select count(*) from duckdb_views() where not internal")):
            wrong.append("the file holds a view")
        # as they are in the file, whatever the descriptions say
        written = _read_shapes(
            connection,
            "current_database()",
            [replace(table, description="", column_descriptions={}) for table in tables],
        )
        read_every_row(connection)
        found = _count_rows(connection, {table.label: name(table.schema, table.name) for table in tables})
        exported = _count_rows(
            connection, {table.label: f"read_parquet({literal(_parquet_path(directory, table))})" for table in tables}
        )
        for table in tables:
            if written[table] != shapes[table]:
                wrong.append(f"columns, types or comments of {table.label} differ")
            expected, in_database, in_parquet = (rows[table.label] for rows in (counts, found, exported))
            if not in_database == in_parquet == expected:
                wrong.append(
                    f"{table.label} has {expected:,} rows in the warehouse, {in_database:,} in the release "
                    f"and {in_parquet:,} in Parquet"
                )
    if wrong:
        raise ReleaseError(
            f"The written release isn't what the warehouse holds: {'; '.join(wrong)}. Nothing was "
            "published; run again, and look at the disk if it happens twice."
        )


def _only(result: duckdb.DuckDBPyConnection) -> Any:
    row = result.fetchone()
    assert row is not None
    return row[0]
