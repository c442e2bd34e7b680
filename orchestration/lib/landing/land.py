"""Lands the files of one source table: each once, whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.times_in_names import time_in_name
from orchestration.lib.core.activity import doing
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import one_value, transaction
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import (
    FoundFile,
    content_hash,
    file_format,
    find_files,
    growing_files,
)
from orchestration.lib.landing.headers import array_of, published_names
from orchestration.lib.landing.missing_arrays import files_with_arrays, parts_without_arrays
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import (
    Place,
    RefusedFile,
    close_batch,
    ensure_tables,
    known_places,
    note_repeats,
    open_batch,
    quarantine_table,
    raw_table,
)
from orchestration.lib.landing.staging import (
    PartRows,
    ReadFile,
    ReadPart,
    StagedFile,
    StagedParquet,
    read_files,
    renamed_key,
    stage_file,
)
from orchestration.lib.landing.statuses import settle_statuses
from orchestration.lib.landing.suspicions import note_suspicions
from orchestration.lib.landing.warnings import LandingWarning, misspelt_columns, note_warnings

WORK_PREFIX = ".landing_"
# What is noted of a file that landed; where its staged rows name it and which lines they are on.
_FILE_ENTRY = {
    "path": "varchar", "line_shift": "bigint", "file_id": "varchar", "file_path": "varchar", "file_format": "varchar",
    "byte_count": "bigint", "delivered_at": "timestamp", "reason": "varchar", "rows_read": "bigint",
    "rows_accepted": "bigint", "rows_quarantined": "bigint", "extra_columns": "varchar",
    "delivered_in_name": "timestamp", "place_in_batch": "bigint",
}  # fmt: skip
# Staged files lie unpacked on the disk until they are read.
MOST_FILES_AT_ONCE = 1000
MOST_BYTES_AT_ONCE = 256 << 20


@dataclass(frozen=True)
class LandingResult:
    """What one landing of a table did.

    `rows_read` = current + superseded + duplicate + quarantined, for the rows
    of this landing's files as they are after it; `rows_accepted` is how many kept the contract. `parts` are the results
    of the tables that are part of it."""

    source: str
    table: str
    files_found: int
    files_loaded: int
    files_refused: int
    files_deferred: int
    rows_read: int
    rows_accepted: int
    rows_current: int
    rows_superseded: int
    rows_duplicate: int
    rows_quarantined: int
    bytes: int
    seconds: float
    changed: bool
    batch: int | None
    refused: tuple[RefusedFile, ...] = ()
    deferred: tuple[str, ...] = ()
    parts: tuple[LandingResult, ...] = ()


@dataclass
class _Delivery:
    """The files of one landing on their way in."""

    files: list[tuple[FoundFile, str]]  # with their ids, in the order of delivery
    refused: dict[str, tuple[FoundFile, str | None, FileRefused]] = field(default_factory=dict)  # by shown path
    deferred: list[FoundFile] = field(default_factory=list)
    repeats: list[tuple[FoundFile, str]] = field(default_factory=list)  # content that had landed, with its hash
    twins: list[tuple[FoundFile, str]] = field(default_factory=list)  # content of another of `files`


@dataclass(frozen=True)
class _Known:
    file_id: str
    content_hash: str | None
    path: str
    byte_count: int
    delivered_at: datetime
    status: str
    reason: str | None
    batch: int


def land_table(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    *,
    extracts: Path,
    run_id: str,
    now: datetime,
    progress: Callable[[str], None] = lambda message: None,
    settle_seconds: float = 0.3,
) -> LandingResult:
    """Lands every new file of the table and its parts in one transaction and settles which rows count.

    A file counts as known by its content: what was loaded or withdrawn before is passed over, wherever it lies now; a
    snapshot is new at another place, and after other content at its own. What was refused is tried again, so that a
    fixed contract or right of access lets it in. Files younger than two seconds get a second look after
    `settle_seconds`; those that still grow wait for the next run.
    """
    started = time.monotonic()
    ensure_tables(connection, contract)
    _sweep(connection)
    found = find_files(extracts, contract)
    known = _known_files(connection, contract)
    delivery = _new_files(found, contract, known, known_places(connection, contract), settle_seconds)
    batch: int | None = None
    counts = (0, 0)
    bytes_read = 0
    if delivery.files or delivery.refused:
        while True:
            try:
                batch, counts, bytes_read = _land_delivery(
                    connection,
                    contract,
                    delivery,
                    known,
                    run_id=run_id,
                    now=now,
                    started=started,
                    progress=progress,
                )
                break
            except _Changed as changed:
                # The file was written to while it was read. Everything was rolled back; land the others.
                delivery.deferred.append(changed.file)
                delivery.files = [entry for entry in delivery.files if entry[0] != changed.file]
                delivery.refused = {shown: refused for shown, refused in delivery.refused.items() if refused[1] is None}
    loaded = {digest for file, digest in delivery.files if file.shown not in delivery.refused} if batch else set()
    repeats = [*delivery.repeats, *(twin for twin in delivery.twins if twin[1] in loaded)]
    if repeats:
        note_repeats(connection, contract, repeats)
    refused = _refused_files(delivery, contract)
    statuses = _statuses_of_batch(connection, contract, batch)
    rows_read, rows_accepted = counts
    return LandingResult(
        source=contract.source,
        table=contract.table,
        files_found=len(found),
        files_loaded=len(loaded),
        files_refused=len(refused),
        files_deferred=len(delivery.deferred),
        rows_read=rows_read,
        rows_accepted=rows_accepted,
        rows_current=statuses["current"],
        rows_superseded=statuses["superseded"],
        rows_duplicate=statuses["duplicate"],
        rows_quarantined=statuses["quarantined"],
        bytes=bytes_read,
        seconds=round(time.monotonic() - started, 3),
        changed=batch is not None,
        batch=batch,
        refused=refused,
        deferred=tuple(sorted(file.shown for file in delivery.deferred)),
        parts=tuple(_result_of_part(connection, part, batch, len(loaded)) for part in contract.parts),
    )


def _result_of_part(
    connection: duckdb.DuckDBPyConnection, part: TableContract, batch: int | None, files_loaded: int
) -> LandingResult:
    """What a landing of the table that it is a part of did for a part."""
    statuses = _statuses_of_batch(connection, part, batch)
    accepted = statuses["current"] + statuses["superseded"] + statuses["duplicate"]
    return LandingResult(
        source=part.source,
        table=part.table,
        files_found=files_loaded,
        files_loaded=files_loaded,
        files_refused=0,
        files_deferred=0,
        rows_read=accepted + statuses["quarantined"],
        rows_accepted=accepted,
        rows_current=statuses["current"],
        rows_superseded=statuses["superseded"],
        rows_duplicate=statuses["duplicate"],
        rows_quarantined=statuses["quarantined"],
        bytes=0,
        seconds=0.0,
        changed=batch is not None,
        batch=batch,
    )


class _Changed(Exception):
    def __init__(self, file: FoundFile) -> None:
        super().__init__(file.shown)
        self.file = file


def _refused_files(delivery: _Delivery, contract: TableContract) -> tuple[RefusedFile, ...]:
    """What was refused, by path; a file with the content of a refused one is refused with it."""
    found = [(shown, refusal.reason, refusal.expected) for shown, (_, _, refusal) in delivery.refused.items()]
    for twin, digest in delivery.twins:
        for shown, (_, refused, refusal) in delivery.refused.items():
            if refused == digest:
                found.append((twin.shown, refusal.reason, f"{refusal.expected} (the same content as {shown})"))
    return tuple(RefusedFile(contract.source, contract.table, *entry) for entry in sorted(found))


class _Incomplete(Exception):
    """A snapshot delivery of which a part was refused."""


def _known_files(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> dict[str, _Known]:
    rows = connection.execute(
        "select file_id, content_hash, file_path, byte_count, delivered_at, status, reason, batch from landing.files "
        "where source_name = ? and table_name = ?",
        [contract.source, contract.table],
    ).fetchall()
    return {row[0]: _Known(*row) for row in rows}


def _new_files(
    found: tuple[FoundFile, ...],
    contract: TableContract,
    known: dict[str, _Known],
    places: frozenset[Place],
    settle_seconds: float,
) -> _Delivery:
    here = (contract.source, contract.table)
    unseen = [file for file in found if (*here, file.shown, file.byte_count, file.delivered_at) not in places]
    delivery = _Delivery(files=[])
    growing = growing_files(unseen, settle_seconds=settle_seconds)
    taken: set[str] = set()
    for file in unseen:
        if file in growing:
            delivery.deferred.append(file)
            continue
        try:
            digest = content_hash(file)
        except FileChanging:
            delivery.deferred.append(file)
        except FileRefused as refusal:
            delivery.refused[file.shown] = (file, None, refusal)
        else:
            if contract.delivery == "snapshot":
                repeated = _state_at(file, digest, known)
                if repeated:
                    delivery.repeats.append((file, repeated))
                    continue
                file_id = _id_of_state(digest, known, taken)
                taken.add(file_id)
                delivery.files.append((file, file_id))
                continue
            status = known[digest].status if digest in known else None
            if status in ("loaded", "withdrawn"):
                delivery.repeats.append((file, digest))
                continue
            if digest in taken:
                delivery.twins.append((file, digest))
                continue
            taken.add(digest)
            delivery.files.append((file, digest))
    delivery.files.sort(key=lambda entry: _order_of_delivery(entry[0], contract))
    return delivery


def _state_at(file: FoundFile, digest: str, known: dict[str, _Known]) -> str | None:
    """The id of the snapshot that this one repeats: the last content at its path is the same."""
    here = [one for one in known.values() if one.path == file.shown and one.status in ("loaded", "withdrawn")]
    last = max(here, key=lambda one: (one.batch, one.file_id), default=None)
    return last.file_id if last is not None and last.content_hash == digest else None


def _id_of_state(digest: str, known: dict[str, _Known], taken: set[str]) -> str:
    """An id for a snapshot: its content, and which time it came where it had been there before."""
    used = {one.file_id for one in known.values() if one.status in ("loaded", "withdrawn")} | taken
    ids = itertools.chain([digest], (f"{digest}:{number}" for number in itertools.count(2)))
    return next(file_id for file_id in ids if file_id not in used)


def _order_of_delivery(file: FoundFile, contract: TableContract) -> tuple:
    """Files of one run came in the order of the times in their names, else of their paths, numbers by their size."""
    return _time_in_name(file, contract) or datetime.min, natural_order(file.shown), file.shown


def natural_order(path: str) -> list[tuple[int, str]]:
    """What sorts paths as people number files: `e_9` before `e_10`."""
    # what is between digits comes first: texts are at even places, numbers at odd ones
    pieces = re.split(r"([0-9]+)", path)
    return [(int(piece), "") if place % 2 else (-1, piece) for place, piece in enumerate(pieces)]


def _land_delivery(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    delivery: _Delivery,
    known: dict[str, _Known],
    *,
    run_id: str,
    now: datetime,
    started: float,
    progress: Callable[[str], None],
) -> tuple[int | None, tuple[int, int], int]:
    """Lands the delivery; returns batch, (rows read, accepted) and bytes. No batch: nothing changed."""
    is_whole = contract.delivery == "snapshot"
    totals = _Totals()
    digests = {file.shown: digest for file, digest in delivery.files}
    places = {file.shown: number for number, (file, _) in enumerate(delivery.files, start=1)}
    try:
        with transaction(connection), _work_folder(connection) as work:
            batch = open_batch(connection, contract, run_id=run_id, now=now)

            def land_staged(staged: list[StagedFile], folder: Path) -> None:
                for part in read_files(connection, contract, staged, folder=folder):
                    if not isinstance(part, ReadPart):
                        file, refusal = part
                        if not file.file.is_unchanged():
                            raise _Changed(file.file) from refusal
                        delivery.refused[file.file.shown] = (file.file, digests[file.file.shown], refusal)
                        continue
                    for read in part.files:
                        if not read.staged.file.is_unchanged():
                            raise _Changed(read.staged.file)
                    _insert(
                        connection, contract, part, digests=digests, places=places, known=known, batch=batch, now=now,
                        totals=totals,
                    )  # fmt: skip

            staged: list[StagedFile] = []
            byte_count = 0
            for number, (file, digest) in enumerate(delivery.files, start=1):
                if not staged:
                    folder = work / str(number)
                    folder.mkdir()
                    if len(delivery.files) > 1:
                        progress(
                            f"{contract.name}: file {number} of {len(delivery.files)}, {totals.rows_read:,} rows so far"
                        )
                try:
                    promised = file_format(file, contract)
                    target = folder / f"{number}.{promised.kind}"
                    staged.append(stage_file(connection, file, contract, promised=promised, target=target))
                    byte_count += staged[-1].byte_count
                except FileRefused as refusal:
                    if not file.is_unchanged():
                        raise _Changed(file) from refusal
                    delivery.refused[file.shown] = (file, digest, refusal)
                except FileNotFoundError as gone:
                    if file.path.exists():
                        raise
                    raise _Changed(file) from gone
                is_last = number == len(delivery.files)
                if is_last or len(staged) >= MOST_FILES_AT_ONCE or byte_count >= MOST_BYTES_AT_ONCE:
                    land_staged(staged, folder)
                    shutil.rmtree(folder)
                    staged, byte_count = [], 0
            files_loaded = totals.files_loaded
            if is_whole and files_loaded and (delivery.refused or delivery.deferred):
                raise _Incomplete
            refusals = _record_refusals(connection, contract, delivery, known, batch=batch, now=now)
            if not files_loaded and not refusals:
                raise _NothingNew
            if files_loaded:
                raw = raw_table(contract)
                holds_others = one_value(connection, f"select count(*) from {raw} where _batch < {batch}")
                of_batch = f"select hash(_row_key) from {raw} where _batch = {batch}"
                has_repeats = settle_statuses(
                    connection, contract, batch=batch, now=now, changed=of_batch if holds_others else None
                )
                note_suspicions(connection, contract, batch=batch, now=now, has_repeats=has_repeats)
            finished = now + timedelta(seconds=time.monotonic() - started)
            close_batch(connection, batch, finished_at=finished)
    except _NothingNew:
        return None, (0, 0), 0
    except _Incomplete:
        # Half a snapshot would take the rows of the other half out of the count: all of it waits until
        # they are fixed.
        waiting = [file for file, _ in delivery.files if file.shown not in delivery.refused]
        delivery.deferred.extend(file for file in waiting if file not in delivery.deferred)
        delivery.files = []
        if not delivery.refused:
            return None, (0, 0), 0
        return _land_delivery(
            connection, contract, delivery, known, run_id=run_id, now=now, started=started, progress=progress
        )
    return batch, (totals.rows_read, totals.rows_accepted), totals.bytes_read


@dataclass
class _Totals:
    """What the files of a delivery add up to as they land."""

    files_loaded: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    bytes_read: int = 0


class _NothingNew(Exception):
    """Only refusals that are on record already."""


@contextlib.contextmanager
def _work_folder(connection: duckdb.DuckDBPyConnection) -> Iterator[Path]:
    """A folder to stage files in, gone afterwards. It is next to the warehouse file, since /tmp may be memory."""
    warehouse = _warehouse_file(connection)
    with tempfile.TemporaryDirectory(
        prefix=f"{WORK_PREFIX}{warehouse.name}_" if warehouse else WORK_PREFIX,
        dir=warehouse.parent if warehouse else None,
    ) as folder:
        yield Path(folder)


def _sweep(connection: duckdb.DuckDBPyConnection) -> None:
    """Removes what a killed process left: who holds the warehouse file is the only one to stage for it."""
    warehouse = _warehouse_file(connection)
    if warehouse:
        for folder in warehouse.parent.iterdir():
            # another warehouse in this folder may be landing at this moment
            if folder.name.startswith(f"{WORK_PREFIX}{warehouse.name}_"):
                shutil.rmtree(folder, ignore_errors=True)


def _warehouse_file(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """The warehouse file; None for one in memory."""
    path = one_value(connection, "select path from duckdb_databases() where database_name = current_database()")
    return Path(path) if path else None


def _insert(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    part: ReadPart,
    *,
    digests: dict[str, str],
    places: dict[str, int],
    known: dict[str, _Known],
    batch: int,
    now: datetime,
    totals: _Totals,
    changed_in: int | None = None,
) -> None:
    """Moves staged rows to raw and quarantine, registers their files and adds them to the totals.

    `changed_in` is the batch in which the rows came to be, where it is another than that of their delivery.
    """
    changed_in = changed_in or batch
    moment = plain_utc(now)
    loaded_at = f"{literal(moment.isoformat())}::timestamp"
    entries = []
    with_arrays = files_with_arrays(connection, contract, part)
    for read in part.files:
        file, digest = read.staged.file, digests[read.staged.file.shown]
        _forget_refusals(connection, contract, file, digest, known)
        broken = read.broken + part.reject_count
        count = read.accepted + broken
        named = _time_in_name(file, contract)
        entries.append(
            {
                "path": read.path, "line_shift": read.line_shift,
                "file_id": digest, "file_path": file.shown, "file_format": read.staged.kind,
                "byte_count": file.byte_count, "delivered_at": file.delivered_at.isoformat(),
                "reason": None if count else "no_rows", "rows_read": count, "rows_accepted": read.accepted,
                "rows_quarantined": broken,
                "extra_columns": json.dumps(published_names(read.extra_columns), ensure_ascii=False),
                "delivered_in_name": named.isoformat() if named else None, "place_in_batch": places[file.shown],
            }
        )  # fmt: skip
        warnings = [
            *_suspicions(read, contract),
            *misspelt_columns(connection, contract, part, read),
            *parts_without_arrays(connection, contract, read, with_arrays),
        ]
        note_warnings(connection, contract, file_id=digest, batch=batch, now=now, warnings=warnings)
        totals.files_loaded += 1
        totals.rows_read += count
        totals.rows_accepted += read.accepted
        totals.bytes_read += file.byte_count
    connection.execute(
        "create or replace temp table landing_files as select unnest(from_json(?, ?), recursive := true)",
        [json.dumps(entries), json.dumps([_FILE_ENTRY])],
    )
    connection.execute(f"""
        insert into landing.files by name
        select
            * exclude (path, line_shift), {literal(contract.source)} as source_name,
            {literal(contract.table)} as table_name, split_part(file_id, ':', 1) as content_hash, {batch} as batch,
            'loaded' as status,
            {loaded_at} as loaded_at, {literal(contract.reading_rules)} as reading_rules
        from landing_files
    """)
    lines = "read_csv({}, columns = {{'record': 'bigint', 'line': 'bigint'}}, header = false, auto_detect = false)"

    def located(staged: str, record: str) -> tuple[str, str]:
        """The line of a staged row, and the joins that tell it."""
        joins = f"inner join landing_files as files on files.path = {staged}._path"
        line = f"{record} + files.line_shift"
        if part.lines:
            joins += f" left join {lines.format(literal(str(part.lines)))} as numbered on numbered.record = {record}"
            line = f"coalesce(numbered.line, {line})"
        return line, joins

    if any(read.accepted for read in part.files):
        line, joins = located("staged", "staged.file_row_number")
        row_key = _row_key(contract, part.columns)
        is_wanted = "not _is_broken and not _is_blank and not _is_merged"
        values = {column: f"staged.{name(column)}" for column in part.columns}
        # what its parts hold is content of a row as well: an order of which only the lines changed has changed
        values |= {array_of(rows.contract): f"staged.{rows.array}" for rows in part.parts if rows.array}
        row_hash = _row_hash(values)
        for rows in part.parts:
            if not rows.contract.steps:
                joins += f" left join ({_lines_by_key(contract, rows)}) as lines_of_key"
                joins += f" on lines_of_key._path = staged._path and lines_of_key.key = {row_key}"
                row_hash = f"md5(concat_ws(chr(31), {row_hash}, lines_of_key.content))"
        if contract.key_lines == "lines":
            of_key = f"(partition by files.file_id, {row_key} order by {line}"
            whole = (
                f"string_agg({row_hash}, ',') filter (where not _is_broken) over {of_key} "
                "rows between unbounded preceding and unbounded following)"
            )
            # the line, and the whole that it is part of: it is the same row where both are the same
            row_hash = f"md5({whole}) || '-' || {row_hash}"
            row_key += f" || '#' || row_number() over {of_key})"
            # a line in quarantine has its number too, or letting it in would renumber those after it
            is_wanted = "not _is_blank and not _is_merged qualify not _is_broken"
        connection.execute(f"""
            insert into {raw_table(contract)} by name
            select
                {", ".join(f"staged.{name(column)}" for column in part.columns)},
                {row_key} as _row_key,
                {row_hash} as _row_hash,
                'current' as _row_status, _extra, files.file_id as _file_id, {line} as _line,
                {batch} as _batch, {changed_in} as _changed_in, {loaded_at} as _loaded_at
            from read_parquet({literal(str(part.rows))}, file_row_number = true) as staged
            {joins}
            where {is_wanted}
        """)
    into_quarantine = "insert into {} select files.file_id, files.file_path"
    if part.broken and any(read.broken for read in part.files):
        line, joins = located("explained", "explained._record")
        connection.execute(f"""
            {into_quarantine.format(quarantine_table(contract))},
                {line}, _column, _reason, _expected, _row_text, {batch}, {loaded_at}
            from read_parquet({literal(str(part.broken))}) as explained
            {joins}
        """)
    if part.rejects:
        connection.execute(f"""
            {into_quarantine.format(quarantine_table(contract))},
                line, null, rejected.reason, expected, row_text, {batch}, {loaded_at}
            from read_parquet({literal(str(part.rejects))}) as rejected cross join landing_files as files
        """)
    for rows in part.parts:
        line, joins = located("staged", "staged._record" if rows.contract.steps else "staged.file_row_number")
        _insert_part(
            connection, contract, rows, line=line, joins=joins, batch=batch, changed_in=changed_in, loaded_at=loaded_at
        )
        if rows.broken:
            line, joins = located("explained", "explained._record")
            connection.execute(f"""
                {into_quarantine.format(quarantine_table(rows.contract))},
                    {line}, _column, _reason, _expected, _row_text, {batch}, {loaded_at}
                from read_parquet({literal(str(rows.broken))}) as explained
                {joins}
            """)
        _register_part(connection, contract, rows.contract)
    connection.execute("drop table landing_files")


def _staged_keys(contract: TableContract) -> dict[str, str]:
    """The key columns of a table, by the names that they have among the staged lines of its parts."""
    return {column.name: renamed_key(column).name for column in contract.columns if column.name in contract.key}


def _lines_by_key(contract: TableContract, rows: PartRows) -> str:
    """The SQL of a hash of what the lines of each key of a file hold, in the order of the lines."""
    keys = _staged_keys(contract)
    values = {column: f"staged.{name(column)}" for column in rows.columns if column not in keys.values()}
    return (
        f"select _path, {_row_key(contract, rows.columns, keys)} as key, "
        f"md5(string_agg({_row_hash(values)}, ',' order by file_row_number)) as content "
        f"from read_parquet({literal(str(rows.rows))}, file_row_number = true) as staged "
        "where not _is_broken and not _is_blank group by all"
    )


def _register_part(connection: duckdb.DuckDBPyConnection, contract: TableContract, part: TableContract) -> None:
    """Enters the files that have just landed for a part of the table, with the rows that it has of them."""

    def rows_in(table: str, file_id: str) -> str:
        return f"(select count(*) from {table} where {file_id} = files.file_id)"

    accepted, broken = (
        rows_in(raw_table(part), "_file_id"),
        rows_in(quarantine_table(part), f"{part.identifier}.file_id"),
    )
    connection.execute(f"""
        insert into landing.files by name
        select
            files.* replace (
                {literal(part.table)} as table_name, {accepted} + {broken} as rows_read, {accepted} as rows_accepted,
                {broken} as rows_quarantined, '[]' as extra_columns, null as reason, 0 as byte_count
            )
        from landing.files as files
        where files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)}
            and files.file_id in (select file_id from landing_files)
    """)


def _insert_part(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    rows: PartRows,
    *,
    line: str,
    joins: str,
    batch: int,
    changed_in: int,
    loaded_at: str,
) -> None:
    """Moves the rows of a part to raw, each with the columns that it repeats of the row it belongs to.

    The row of an element is the one on its line; that of a line the one of its key in the same file. A line of which
    the key is in quarantine goes there too.
    """
    part = rows.contract
    if part.steps:
        whose = f"parents._line = {line}"
        place = "staged._place"
        own = rows.columns
    else:
        keys = _staged_keys(contract)
        whose = f"parents._row_key = {_row_key(contract, rows.columns, keys)}"
        place = f"row_number() over (partition by files.file_id, parents._row_key order by {line})"
        own = tuple(column for column in rows.columns if column not in keys.values())
    repeated = {column.name: column.parent_column for column in part.columns if column.parent_column}
    values = {column: f"staged.{name(column)}" for column in own}
    values |= {column: f"parents.{name(of)}" for column, of in repeated.items()}
    found = f"""
        from read_parquet({literal(str(rows.rows))}, file_row_number = true) as staged
        {joins}
        left join {raw_table(contract)} as parents
            on parents._batch = {batch} and parents._file_id = files.file_id and {whose}
        where not staged._is_blank
    """
    # a row in quarantine has its place too, or letting it in would move those after it
    connection.execute(f"""
        insert into {raw_table(part)} by name
        select * exclude (_is_broken) from (
            select
                {"".join(f"{value} as {name(column)}, " for column, value in values.items())}
                parents._row_key || '#' || {place} as _row_key,
                md5(concat(parents._row_hash, chr(31), {_row_hash(values)})) as _row_hash,
                'current' as _row_status, staged._extra, files.file_id as _file_id, {line} as _line,
                {batch} as _batch, {changed_in} as _changed_in, {loaded_at} as _loaded_at, staged._is_broken
            {found} and parents._row_key is not null
        )
        where not _is_broken
    """)
    if not part.steps:
        connection.execute(f"""
            insert into {quarantine_table(part)}
            select
                files.file_id, files.file_path, {line}, null, '{reasons.PARENT_QUARANTINED}',
                'the row of {contract.name} that it belongs to is in quarantine; correct that one', null, {batch},
                {loaded_at}
            {found} and not staged._is_broken and parents._row_key is null
        """)


def _time_in_name(file: FoundFile, contract: TableContract) -> datetime | None:
    """The time that the file's name says, where the contract says how."""
    return time_in_name(file.shown, contract.delivered_at_pattern) if contract.delivered_at_pattern else None


def _suspicions(read: ReadFile, contract: TableContract) -> list[LandingWarning]:
    """What the file itself gives reason to look at."""
    file, found = read.staged.file, []
    encoding = None if isinstance(read.staged, StagedParquet) else read.staged.text.guessed_encoding
    if encoding is not None:
        said = f"read as {encoding}, a guess; if names look wrong, state csv.encoding in {contract.declared_in}"
        found.append(LandingWarning("encoding_guessed", file.shown, said))
    if read.differing:
        said = f"{read.differing:,} lines say something else than the first line of their key, which counts"
        found.append(LandingWarning("lines_of_a_key_differ", file.shown, said, row_count=read.differing))
    if contract.delivered_at_pattern and _time_in_name(file, contract) is None:
        said = f"the name says no time as {contract.delivered_at_pattern}; it counts as delivered before all that do"
        found.append(LandingWarning("no_time_in_name", file.shown, said))
    return found


def _row_key(contract: TableContract, columns: Sequence[str], staged_as: Mapping[str, str] | None = None) -> str:
    staged = staged_as or {column: column for column in contract.key}
    values = [
        f"staged.{name(staged[column])}::varchar" if staged[column] in columns else "null::varchar"
        for column in contract.key
    ]
    if len(values) == 1:
        return values[0]
    # A bar inside a value is escaped, otherwise ('a|b', 'c') and ('a', 'b|c') were one key.
    parts = [f"replace(replace(coalesce({v}, ''), '\\', '\\\\'), '|', '\\|')" for v in values]
    return " || '|' || ".join(parts)


def _row_hash(values: Mapping[str, str]) -> str:
    """The hash of a row's content: its values by the names of their columns, and its extra columns.

    As md5(concat_ws(chr(31), 'a=' || a, 'b=' || b, …)) would give it, but without a text of its own for each value.
    """
    named = {f"{column}=": values[column] for column in sorted(values)} | {"=": "staged._extra"}
    parts = [f"case when {v} is not null then chr(31) || {literal(label)} end, {v}" for label, v in named.items()]
    return f"md5(ltrim(concat({', '.join(parts)}), chr(31)))"


def _forget_refusals(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    file: FoundFile,
    digest: str | None,
    known: dict[str, _Known],
) -> None:
    """Strikes an earlier refusal of this content, or of this path while unreadable, off the books."""
    ids = [_unreadable_id(file.shown), digest or ""]
    if not any(file_id in known for file_id in ids):
        return
    connection.execute(
        "delete from landing.files where source_name = ? and table_name = ? and status = 'refused' and "
        "file_id in (?, ?)",
        [contract.source, contract.table, *ids],
    )
    connection.execute(f"delete from {quarantine_table(contract)} where line is null and file_id in (?, ?)", ids)


def _record_refusals(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    delivery: _Delivery,
    known: dict[str, _Known],
    *,
    batch: int,
    now: datetime,
) -> int:
    """Enters the refusals that are new; returns how many were."""
    moment = plain_utc(now)
    changes = 0
    for shown, (file, digest, refusal) in sorted(delivery.refused.items()):
        file_id = digest or _unreadable_id(shown)
        before = known.get(file_id)
        if before and before.reason == refusal.reason and before.path == shown:
            continue
        _forget_refusals(connection, contract, file, digest, known)
        twins = ", ".join(twin.shown for twin, of in delivery.twins if of == digest)
        expected = f"{refusal.expected}; the same content is in {twins}" if twins else refusal.expected
        suffix = file.path.suffix.lstrip(".").lower() or None
        connection.execute(
            "insert into landing.files "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'refused', ?, 0, 0, 0, '[]', ?, null, null, null)",
            [
                file_id, contract.source, contract.table, shown, digest, suffix, file.byte_count,
                file.delivered_at, batch, refusal.reason, moment,
            ],
        )  # fmt: skip
        connection.execute(
            f"insert into {quarantine_table(contract)} values (?, ?, null, null, ?, ?, null, ?, ?)",
            [file_id, shown, refusal.reason, expected, batch, moment],
        )
        changes += 1
    return changes


def _unreadable_id(shown: str) -> str:
    return f"{reasons.UNREADABLE_FILE}:{shown}"


def _statuses_of_batch(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int | None
) -> dict[str, int]:
    counts = {"current": 0, "superseded": 0, "duplicate": 0, "quarantined": 0}
    if batch is None:
        return counts
    rows = connection.execute(
        f"select _row_status, count(*) from {raw_table(contract)} where _batch = ? group by _row_status",
        [batch],
    ).fetchall()
    counts |= {status: count for status, count in rows if status in counts}
    counts["quarantined"] = one_value(
        connection, f"select count(*) from {quarantine_table(contract)} where batch = ? and line is not null", [batch]
    )
    return counts


@dataclass(frozen=True)
class LandedFile:
    """A file of one delivery that landed, as it lies in the extracts folder now under the path that it landed from."""

    file: FoundFile
    file_id: str
    delivery: int
    place: int


def read_again(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    files: Sequence[LandedFile],
    *,
    batch: int,
    now: datetime,
    set_aside: Callable[[Sequence[str]], None],
) -> dict[str, FileRefused]:
    """Reads files of one delivery into raw and quarantine, inside the caller's transaction; settles nothing.

    The rows are of the delivery, and came to be in `batch`. What was read of files before is out of the way once
    `set_aside` was called with their ids; of a file that can't land under its contract it is not, and the refusal is
    returned by the file's id. Raises FileChanging when a file changed meanwhile.
    """
    refused: dict[str, FileRefused] = {}
    ids = {landed.file.shown: landed.file_id for landed in files}
    places = {landed.file.shown: landed.place for landed in files}
    with _work_folder(connection) as work:
        for staged, folder in _staged_groups(connection, contract, files, refused, work):
            for part in read_files(connection, contract, staged, folder=folder):
                if not isinstance(part, ReadPart):
                    refused[ids[part[0].file.shown]] = part[1]
                    continue
                set_aside([ids[read.staged.file.shown] for read in part.files])
                _insert(
                    connection, contract, part, digests=ids, places=places, known={}, batch=files[0].delivery, now=now,
                    totals=_Totals(), changed_in=batch,
                )  # fmt: skip
    if not all(landed.file.is_unchanged() for landed in files):
        raise FileChanging
    return refused


def _staged_groups(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    files: Sequence[LandedFile],
    refused: dict[str, FileRefused],
    work: Path,
) -> Iterator[tuple[list[StagedFile], Path]]:
    """As many files at a time as lie unpacked on the disk together; each group is gone before the next is made."""
    staged: list[StagedFile] = []
    for number, landed in enumerate(files, start=1):
        if not staged:
            folder = work / str(number)
            folder.mkdir()
        doing(f"{contract.name} is read again", number=number, of=len(files), name=landed.file.shown)
        try:
            promised = file_format(landed.file, contract)
            target = folder / f"{number}.{promised.kind}"
            staged.append(stage_file(connection, landed.file, contract, promised=promised, target=target))
        except FileRefused as refusal:
            refused[landed.file_id] = refusal
        except FileNotFoundError as gone:
            raise FileChanging from gone
        byte_count = sum(one.byte_count for one in staged)
        if len(staged) >= MOST_FILES_AT_ONCE or byte_count >= MOST_BYTES_AT_ONCE:
            yield staged, folder
            shutil.rmtree(folder)
            staged = []
    if staged:
        yield staged, folder
