"""Reads files with DuckDB's own readers into staged Parquet files of typed, checked rows.

Small files of one format and header are read together: a statement over them costs little more than one over a
single file. Whatever is irregular about a file of such a group (a row the reader rejects, lines that do not explain
its rows, a doubtful column) has it read again alone, so that one path decides what becomes of it.

Staged rows are in the order of the files. Memory use is bounded whatever their size, and an error while reading
leaves the warehouse's transaction untouched.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import duckdb

from orchestration.lib.config.contracts import ColumnContract, CsvDialect, TableContract
from orchestration.lib.config.json_paths import Step
from orchestration.lib.core.connection import SESSION_SETTINGS, one_row, one_value
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing import reasons
from orchestration.lib.landing.conversion import column_check, converted, is_all_blanks, is_noise_of_a_double, is_number
from orchestration.lib.landing.files import FileFormat, FoundFile, check_parquet, plain_path
from orchestration.lib.landing.headers import (
    Header,
    array_of,
    check_columns,
    columns_in_file,
    read_header,
    spellings,
    undeclared,
)
from orchestration.lib.landing.json_files import Sample, sample_keys, with_an_object_a_line
from orchestration.lib.landing.json_values import json_at, key_path, text_at
from orchestration.lib.landing.lines import (
    LONGEST_LINE,
    NO_DELIMITER,
    lines_at,
    lines_of_records,
    records_with_plain_ends,
    without,
    write_lines,
)
from orchestration.lib.landing.reasons import FileRefused, raise_unless_the_files_fault
from orchestration.lib.landing.text_files import CHUNK, TextFile, prepare_text, with_plain_line_ends

ROW_TEXT_LENGTH = 10_000

# Files up to this size are read together. A greater one gains nothing by it.
SMALL_FILE = 16 << 20
# How many sets of keys of JSONL lines are recognised by comparison; rarer ones are parsed.
SHAPES = 12

_READER_SETTINGS = (
    "hive_partitioning = false, filename = '_path', store_rejects = true, rejects_limit = 0, "
    "rejects_table = 'reader_rejects', rejects_scan = 'reader_scans'"
)

# DuckDB's names for what it rejects, and ours.
_REJECTIONS = {
    "MISSING COLUMNS": (reasons.TOO_FEW_COLUMNS, "a value for each column of the header"),
    "TOO MANY COLUMNS": (
        reasons.TOO_MANY_COLUMNS,
        "one value for each column of the header; put values that hold the delimiter in quotes",
    ),
    "UNQUOTED VALUE": (
        reasons.BROKEN_QUOTES,
        "quotes around whole values, each closed, and every quote inside a value written twice",
    ),
    "LINE SIZE OVER MAXIMUM": (
        reasons.LINE_TOO_LONG,
        "a row of at most 2,000,000 bytes; is a line end missing?",
    ),
    "INVALID ENCODING": (
        reasons.INVALID_ENCODING,
        "UTF-8; convert the file (iconv -f cp1252 -t utf-8) or state csv.encoding in the contract",
    ),
}


@dataclass(frozen=True)
class _StagedText:
    """A text file ready to be read: what files of lines share, whatever their format."""

    file: FoundFile
    text: TextFile

    @property
    def path(self) -> Path:
        return self.text.path

    @property
    def byte_count(self) -> int:
        return self.text.byte_count


@dataclass(frozen=True)
class StagedCsv(_StagedText):
    """A CSV file made ready to be read, its header checked against the contract."""

    header: Header
    kind: ClassVar = "csv"

    @property
    def group(self) -> tuple | None:
        """What files have in common that one statement can read; None for one to be read alone."""
        if not _is_small_and_regular(self.text):
            return None
        return self.kind, self.header.names, self.header.skipped_lines, self.header.dialect, bool(self.text.crlfs)


@dataclass(frozen=True)
class StagedJsonl(_StagedText):
    """A JSONL file made ready to be read, with the keys of its first lines."""

    sample: Sample
    columns: tuple[tuple[str, tuple[str, ...]], ...]  # the keys of each column of the contract
    kind: ClassVar = "jsonl"

    @property
    def group(self) -> tuple | None:
        """What files have in common that one statement can read; None for one to be read alone."""
        return (self.kind, self.columns, bool(self.text.crlfs)) if _is_small_and_regular(self.text) else None


@dataclass(frozen=True)
class StagedParquet:
    """A Parquet file made ready to be read, its columns and their types as it has them."""

    file: FoundFile
    path: Path
    types: tuple[tuple[str, str], ...]
    kind: ClassVar = "parquet"

    @property
    def byte_count(self) -> int:
        return self.file.byte_count

    @property
    def group(self) -> tuple | None:
        """What files have in common that one statement can read; None for one to be read alone."""
        return (self.kind, self.types) if self.byte_count <= SMALL_FILE else None


StagedFile = StagedCsv | StagedJsonl | StagedParquet


def _is_small_and_regular(text: TextFile) -> bool:
    return text.byte_count <= SMALL_FILE and not text.has_mixed_line_ends


@dataclass(frozen=True)
class ReadFile:
    """What was read of one file. Its rows are those that name `path`, and row n of all is on line n +
    `line_shift`, unless the part's `lines` say otherwise.

    `accepted` and `broken` count the staged rows, without those that the reader rejected; `differing` are the lines of
    a key that say something else than its first one, into which they were merged.
    """

    staged: StagedFile
    path: str
    line_shift: int
    accepted: int
    broken: int
    extra_columns: tuple[str, ...]
    differing: int = 0


@dataclass(frozen=True)
class ReadPart:
    """Rows of one or several files, typed and checked, in `rows`, with the `columns` that the files have; those that
    break the contract explained in `broken`; what the reader could not split into columns in `rejects`; the lines of
    the rows of files in which rows and lines differ in `lines`.

    Rows of other files may be in it too: they count where they were read again. Rejects come with a single file only.
    `parts` are the rows of the tables that are part of this one, of the same files.
    """

    files: tuple[ReadFile, ...]
    columns: tuple[str, ...]
    rows: Path
    broken: Path | None
    rejects: Path | None = None
    reject_count: int = 0
    lines: Path | None = None
    parts: tuple[PartRows, ...] = ()


@dataclass(frozen=True)
class PartRows:
    """Rows of a table that is part of another: in `rows`, those that break the contract explained in `broken`.

    `_record` is the row of the table it is part of, or with `key_lines` the row of the part itself, by its place in the
    staged rows. `array` is the column with the array's text among the staged rows of that table.
    """

    contract: TableContract
    columns: tuple[str, ...]
    rows: Path
    broken: Path | None
    array: str | None = None


@dataclass(frozen=True)
class _Tally:
    """Counts over one file's staged rows; `filled` counts the values of the columns asked for."""

    first_row: int = 0
    count: int = 0
    is_in_one_piece: bool = True
    blank: int = 0
    broken: int = 0
    no_object: int = 0
    objects: int = 0
    with_extra: int = 0
    merged: int = 0
    differing: int = 0
    filled: Sequence[int] = ()

    @property
    def accepted(self) -> int:
        return self.count - self.blank - self.broken - self.merged


@dataclass(frozen=True)
class _Rows:
    """Staged rows: all, with the declared columns that they have, and the broken ones explained (None without any)."""

    path: Path
    columns: tuple[str, ...]
    broken: Path | None
    tallies: Mapping[str, _Tally]
    parts: tuple[PartRows, ...] = ()

    def tally(self, path: Path) -> _Tally:
        return self.tallies.get(str(path)) or _Tally()


@dataclass(frozen=True)
class _Source:
    """SQL about files: their rows with `_path`, and how to get a column's text and extra columns.

    A row's own text is made of its `parts`, which are kept of broken rows alone and are then called `_p0`, `_p1` ….
    """

    relation: str
    texts: dict[str, str]
    extra: str
    parts: Sequence[str]
    row_text: str
    is_blank: str = "false"
    structure: tuple[tuple[str, str, str], ...] = ()  # condition, reason, expected
    exact: Mapping[str, str] = field(default_factory=dict)  # column → condition that a long number of it is exact
    wanted: tuple[str, ...] = ()  # columns whose values are to be counted
    arrays: Mapping[str, str] = field(default_factory=dict)  # table that is a part → the text of its array
    record: str = "file_row_number"  # names a row to its explanation
    typed: frozenset[str] = frozenset()  # columns that the file itself has as numbers or times
    numbers: Mapping[str, str] = field(default_factory=dict)  # column → condition that the file has it as a number


def stage_file(
    connection: duckdb.DuckDBPyConnection,
    file: FoundFile,
    contract: TableContract,
    *,
    promised: FileFormat,
    target: Path,
) -> StagedFile:
    """Makes one file ready, if need be under the name `target`. Raises FileRefused for one that can't land whole."""
    if promised.kind == "parquet":
        with _own_cursor(connection) as cursor:
            return _stage_parquet(cursor, file, contract, target)
    text = prepare_text(file, contract, promised, target=target)
    if promised.kind == "csv":
        return StagedCsv(file, text, read_header(text, contract, promised))
    with _own_cursor(connection) as cursor:
        text = with_an_object_a_line(cursor, text, contract, target.with_name(f"lines_{target.name}"))
    if text.has_mixed_line_ends:
        text = with_plain_line_ends(text, target.with_name(f"plain_{target.name}"), lone=b" ")
    sample = sample_keys(text)
    return StagedJsonl(file, text, sample, _keys_of_columns(sorted(sample.keys), contract))


def _keys_of_columns(
    keys: Iterable[str], contract: TableContract, before: Sequence[tuple[str, tuple[str, ...]]] = ()
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The keys from which each column is read: its own name and, where objects spell it in another way, those too."""
    known = itertools.chain(*(found for _, found in before))
    return tuple(spellings([*known, *keys], contract).items())


def read_files(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, staged: Sequence[StagedFile], *, folder: Path
) -> Iterator[ReadPart | tuple[StagedFile, FileRefused]]:
    """Reads staged files, in groups where they allow it; gives their rows, or a file and why it is refused."""
    groups: dict[tuple, list[StagedFile]] = {}
    alone = [file for file in staged if file.group is None]
    for file in staged:
        if file.group is not None:
            groups.setdefault(file.group, []).append(file)
    for number, group in enumerate(groups.values()):
        if len(group) == 1:
            alone.extend(group)
            continue
        with _own_cursor(connection) as cursor, _folder(folder / f"group_{number}") as place:
            part, irregular = _read_together(cursor, group, contract, place)
            alone.extend(irregular)
            if part:
                yield part
    for number, file in enumerate(alone):
        with _own_cursor(connection) as cursor, _folder(folder / f"alone_{number}") as place:
            try:
                alone_part = _read_alone(cursor, file, contract, place)
            except FileRefused as refusal:
                yield file, refusal
            else:
                yield alone_part


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder for staged rows, gone afterwards."""
    path.mkdir()
    yield path
    shutil.rmtree(path)


@contextlib.contextmanager
def _own_cursor(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor whose errors do not abort the landing, and whose tables of rejects are its own."""
    cursor = connection.cursor()
    try:
        for setting in SESSION_SETTINGS:
            cursor.execute(setting)
        yield cursor
    finally:
        cursor.close()


def _read_together(
    cursor: duckdb.DuckDBPyConnection, group: Sequence[StagedFile], contract: TableContract, folder: Path
) -> tuple[ReadPart | None, list[StagedFile]]:
    """Reads files of one group; gives the rows of the regular ones, and the files that must be read alone."""
    kind = group[0].kind
    try:
        source, by_line = _sources(group, contract)
        rows = _copy_rows(cursor, source, contract, folder, by_line=by_line)
    except (FileRefused, duckdb.OutOfMemoryException):
        return None, list(group)
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        return None, list(group)
    rejected: set[str] = set()
    if kind != "parquet":
        rejected = {
            path
            for (path,) in cursor.execute(
                "select distinct file_path from reader_rejects inner join reader_scans using (scan_id, file_id)"
            ).fetchall()
        }
    read, irregular = [], []
    lines = folder / "lines.csv"
    extras = _extra_keys(cursor, rows) if kind == "jsonl" else {}
    for file in group:
        tally = rows.tally(file.path)
        offset = file.header.line_count if isinstance(file, StagedCsv) else 0
        is_regular = tally.is_in_one_piece and str(file.path) not in rejected
        if not isinstance(file, StagedJsonl):
            is_regular = is_regular and not _paths_without_a_value(source, tally)
        if is_regular and isinstance(file, StagedJsonl):
            is_regular = file.text.line_count == tally.count
        if is_regular and isinstance(file, StagedCsv) and not _is_row_per_line(file.text, file.header, tally.count):
            begun = list(lines_of_records(file.text, file.header))
            is_regular = len(begun) == tally.count
            if is_regular:
                write_lines(lines, begun, first_record=tally.first_row)
        if isinstance(file, StagedJsonl):
            is_regular = (
                is_regular
                and bool(tally.objects)
                and not _doubtful(file, tally, source, contract)
                and not _misspelt(file, extras.get(str(file.path), ()), contract)
            )
        if not is_regular:
            irregular.append(file)
            continue
        read.append(
            ReadFile(
                file,
                str(file.path),
                line_shift=offset + 1 - tally.first_row,
                accepted=tally.accepted,
                broken=tally.broken,
                differing=tally.differing,
                extra_columns=(
                    extras.get(str(file.path), ()) if isinstance(file, StagedJsonl) else _extra_columns(file, contract)
                ),
            )
        )
    if not read:
        return None, irregular
    part = ReadPart(tuple(read), rows.columns, rows.path, rows.broken, lines=_if_there(lines), parts=rows.parts)
    return part, irregular


def _sources(group: Sequence[StagedFile], contract: TableContract) -> tuple[_Source, dict[str, _Source]]:
    """The rows of files that can be read in one statement, and those of the parts that have a row per line of them."""
    paths = [file.path for file in group]

    def source_of(table: TableContract) -> _Source:
        match group[0]:
            case StagedCsv(header=header):
                return _csv_source(paths, header, table)
            case StagedJsonl(columns=columns, sample=sample):
                samples = [file.sample for file in group if isinstance(file, StagedJsonl)]
                keys = columns if table is contract else _keys_of_columns(sorted(sample.keys), table)
                return _jsonl_source(paths, samples, keys, table)
            case StagedParquet(types=types):
                return _parquet_source(paths, dict(types), table)

    by_line = {part.table: source_of(_as_table(part, contract)) for part in contract.parts if not part.steps}
    return source_of(contract), by_line


def _is_row_per_line(text: TextFile, header: Header, row_count: int) -> bool:
    """Says whether each line after the header is a row, or blank and at the end, where it moves no other."""
    others = text.line_count - header.line_count - row_count
    # in a file of one column a blank line is a row, and quoted line ends could be taken for it
    return others == 0 or (others == text.blank_lines_at_end and len(header.names) > 1)


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _extra_columns(file: StagedCsv | StagedParquet, contract: TableContract) -> tuple[str, ...]:
    names = file.header.names if isinstance(file, StagedCsv) else tuple(column for column, _ in file.types)
    return undeclared(names, columns_in_file(names, contract))


def _part_of(
    file: StagedFile,
    rows: _Rows,
    *,
    offset: int,
    extra_columns: tuple[str, ...],
    rejects: Path | None = None,
    reject_count: int = 0,
    lines: Path | None = None,
) -> ReadPart:
    """The part that a file read alone makes up."""
    ((path, tally),) = rows.tallies.items() or ((str(file.path), _Tally()),)
    read = ReadFile(
        file, path, offset + 1, tally.accepted, tally.broken, extra_columns, tally.differing
    )  # fmt: skip
    return ReadPart((read,), rows.columns, rows.path, rows.broken, rejects, reject_count, lines, rows.parts)


def _csv_source(paths: Sequence[Path], header: Header, contract: TableContract) -> _Source:
    dialect = header.dialect
    positions = {name: f"_c{number}" for number, name in enumerate(header.names)}
    columns = ", ".join(f"{literal(position)}: 'varchar'" for position in positions.values())
    reader = (
        f"read_csv({_listed(paths)}, columns = {{{columns}}}, header = true, skip = {header.skipped_lines}, "
        f"auto_detect = false, delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
        f"escape = {literal(dialect.escape if dialect.quote else '')}, nullstr = '', strict_mode = true, "
        f"{_READER_SETTINGS})"
    )
    held = columns_in_file(header.names, contract)
    return _Source(
        relation=f"select * from {reader}",
        texts={c.name: _inside(c, positions[held[c.name]]) for c in contract.columns if c.name in held},
        extra=_extra_of_columns({other: positions[other] for other in undeclared(header.names, held)}),
        structure=tuple(
            (
                f"({positions[held[c.name]]} is not null and not json_valid({positions[held[c.name]]}))",
                reasons.NOT_JSON,
                f"the column {held[c.name]!r}, in which {c.path} is looked for, holds no JSON",
            )
            for c in contract.columns
            if c.name in held and len(c.steps) > 1
        ),
        wanted=_paths(contract, held),
        parts=list(positions.values()),
        row_text=_csv_text([f"_p{number}" for number in range(len(positions))], dialect),
        arrays=_arrays(contract, {column: [positions[name]] for column, name in held.items()}),
    )


def _arrays(contract: TableContract, texts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The SQL of the array of each part of the table, as JSON text, given those of the file's columns or keys."""
    found = {}
    for part in contract.parts:
        # a text that is no JSON is kept, so that its row in quarantine says that there was something
        inside = [
            f"case when {text} is null or {text} = '' then null when json_valid({text}) "
            f"then {json_at(text, part.steps[1:])}::varchar else to_json({text})::varchar end"
            for text in texts.get(array_of(part), ())
        ]
        if inside:
            found[part.table] = _first_filled(inside)
    return found


def _paths(contract: TableContract, held: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that must have a value somewhere: their column of the file is there, and not optional."""
    return tuple(c.name for c in contract.columns if c.name in held and len(c.steps) > 1 and not c.optional_column)


def _paths_without_a_value(source: _Source, tally: _Tally) -> list[str]:
    if not tally.accepted:
        return []
    return [column for column, count in zip(source.wanted, tally.filled, strict=True) if not count]


def _refuse_empty_paths(source: _Source, tally: _Tally, contract: TableContract) -> None:
    """Refuses a file with a header in which no row has a value at the path of a column."""
    for column in _paths_without_a_value(source, tally):
        raise _nothing_at_path(contract, column)


def _nothing_at_path(contract: TableContract, column: str) -> FileRefused:
    return FileRefused(
        reasons.MISSING_COLUMN,
        f"no row has a value at {contract.column(column).path} for column {column}; correct its path, or mark it as "
        f"optional_column in {contract.declared_in}",
    )


def _inside(column: ColumnContract, text: str) -> str:
    """The text of a column, given that of the column of the file: what its path leads to in there, if it has one."""
    rest = column.steps[1:]
    return f"case when json_valid({text}) then {text_at(text, rest)} end" if rest else text


def _read_csv(cursor: duckdb.DuckDBPyConnection, file: StagedCsv, contract: TableContract, folder: Path) -> ReadPart:
    text, header = file.text, file.header
    try:
        source, by_line = _sources([file], contract)
        rows = _copy_rows(cursor, source, contract, folder, by_line=by_line)
        is_whole = not one_value(cursor, "select count(*) from reader_rejects")
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        if not text.has_mixed_line_ends:
            raise FileRefused(reasons.BROKEN_CSV, _first_line(error)) from error
        is_whole = False
    if text.has_mixed_line_ends and not is_whole:
        _refuse_endless_line(text.longest_line)
        _drop_rejects(cursor)
        shutil.rmtree(folder)
        folder.mkdir()
        text = records_with_plain_ends(text, header, folder / "plain.csv")
        try:
            source, by_line = _sources([dataclasses.replace(file, text=text)], contract)
            rows = _copy_rows(cursor, source, contract, folder, by_line=by_line)
        except duckdb.Error as again:
            raise_unless_the_files_fault(again)
            raise FileRefused(
                reasons.BROKEN_CSV,
                "the lines do not all end alike; a carriage return is alone in a value without quotes: "
                "quote such "
                f"values, and end every line with LF or CRLF ({_first_line(again)})",
            ) from again
    _refuse_empty_paths(source, rows.tally(text.path), contract)
    rejects, reject_count, longest_line = _write_rejects(cursor, text, folder)
    lines = None
    count = rows.tally(text.path).count
    if rejects or not _is_row_per_line(text, header, count):
        _refuse_endless_line(max(longest_line, text.longest_line))
        lines = folder / "lines.csv"
        begun = lines_of_records(text, header)
        found = write_lines(lines, without(begun, _rejected_lines(cursor, rejects)))
        if found != count:
            # DuckDB drops the rest of a long file after an open quote without a word, and a part must not pass
            # for the whole.
            first = next(_rejected_lines(cursor, rejects), None)
            where = f"near line {first} " if first else ""
            raise FileRefused(
                reasons.BROKEN_QUOTES,
                f"{where}a quote is left open or not doubled, so the rows after it can't be separated "
                f"({found} rows by their quotes, {count} read); write every quote inside a value twice and close "
                "every quoted value",
            )
    return _part_of(
        file,
        rows,
        offset=header.line_count,
        extra_columns=_extra_columns(file, contract),
        rejects=rejects,
        reject_count=reject_count,
        lines=lines,
    )


def _refuse_endless_line(byte_count: int) -> None:
    if byte_count > LONGEST_LINE:
        raise FileRefused(
            reasons.LINE_TOO_LONG,
            f"the file has a line of {byte_count:,} bytes, so its rows can't be told apart; expected rows of at most "
            "2,000,000 bytes: is a line end missing, or a quote left open?",
        )


def _jsonl_reader(paths: Sequence[Path]) -> str:
    return (
        f"read_csv({_listed(paths)}, columns = {{'_text': 'varchar'}}, header = false, auto_detect = false, "
        f"delim = {literal(NO_DELIMITER)}, quote = '', escape = '', nullstr = '', {_READER_SETTINGS})"
    )


def _jsonl_source(
    paths: Sequence[Path],
    samples: Sequence[Sample],
    keys_of_columns: Sequence[tuple[str, tuple[str, ...]]],
    contract: TableContract,
) -> _Source:
    columns, keys = contract.columns, dict(keys_of_columns)
    places = {key: number for number, key in enumerate(dict.fromkeys(itertools.chain(*keys.values())), start=1)}
    fields = ", ".join(literal(key_path(key)) for key in places)
    declared = ", ".join(literal(key) for key in places)
    emptied = json.dumps(dict.fromkeys(places), ensure_ascii=False)
    # Most lines have the keys of the first lines: comparing lists is several times quicker than looking into them.
    names = set(places)
    shapes = Counter(shape for sample in samples for shape in sample.shapes if names.issuperset(shape))
    common = [shape for shape, _ in shapes.most_common(SHAPES)]
    plain = " ".join(
        f"when _keys = [{', '.join(literal(key) for key in shape)}]::varchar[] then true" for shape in common
    )
    return _Source(
        relation=f"""
            select *, {f"case {plain} else false end" if plain else "false"} as _is_plain
            from (
                select
                    _path,
                    _text,
                    case when is_object then json_extract_string(_text, [{fields}]) end as _fields,
                    case when is_object then json_keys(_text) end as _keys
                from (
                    select
                        _path,
                        _text,
                        -- few lines are indented, and trimming each costs more than the rest of the test
                        (starts_with(_text, '{{') or starts_with(ltrim(_text, ' ' || chr(9)), '{{'))
                        and json_valid(_text) as is_object
                    from {_jsonl_reader(paths)}
                )
            )
        """,
        texts={
            c.name: _whole(
                c, keys[c.name], _of_first_key([(key, _inside(c, f"_fields[{places[key]}]")) for key in keys[c.name]])
            )
            for c in columns
        },
        arrays=_arrays(contract, {name: [f"_fields[{places[key]}]" for key in found] for name, found in keys.items()}),
        extra=(
            f"case when _is_plain then null when not list_has_all([{declared}]::varchar[], _keys) "
            f"then json_merge_patch('{{}}', json_merge_patch(_text, {literal(emptied)})) end"
        ),
        parts=["_text"],
        row_text="_p0",
        is_blank=f"(_text is null or {is_all_blanks('_text')})",
        structure=(
            (
                "_keys is null",
                reasons.NOT_JSON,
                "the line is no JSON object; expected one whole object a line",
            ),
            (
                "case when _is_plain then false else len(_keys) > len(list_distinct(_keys)) end",
                reasons.DUPLICATE_COLUMN,
                "the object names a key twice; expected each key once",
            ),
        ),
        # The JSON reader holds a number with a fraction as a double, which is exact for 15 digits.
        exact={
            c.name: f"{_kind_of_number(c, keys[c.name])} <> 'DOUBLE'"
            for c in columns
            if c.decimal_size or c.data_type == "bigint"
        },
        numbers={
            c.name: f"{_kind_of_number(c, keys[c.name])} <> 'VARCHAR'"
            for c in columns
            if is_number(c) and c.has_number_format
        },
        wanted=tuple(column.name for column in columns if not column.optional_column),
    )


def _of_first_key(texts: Sequence[tuple[str, str]]) -> str:
    """The text under the first of several keys that a row has: its own spelling counts before any other."""
    *others, last = texts
    cases = "".join(f"when list_contains(_keys, {literal(key)}) then {text} " for key, text in others)
    return f"case {cases}else {last[1]} end" if others else last[1]


def _whole(column: ColumnContract, keys: Sequence[str], text: str) -> str:
    """A number in a column of text without the `.0` that a program gives whole numbers where some are missing."""
    if column.data_type != "string":
        return text
    is_number = f"{_kind_of_number(column, keys)} = 'DOUBLE'"
    is_whole = f"case when ends_with({text}, '.0') then {is_number} else false end"
    return f"case when {is_whole} then left({text}, -2) else {text} end"


def _first_filled(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def _kind_of_number(column: ColumnContract, keys: Sequence[str]) -> str:
    rest = column.steps[1:]
    return _first_filled([f"json_type({json_at('_text', [Step(key=key), *rest])})" for key in keys])


def _read_jsonl(
    cursor: duckdb.DuckDBPyConnection, file: StagedJsonl, contract: TableContract, folder: Path
) -> ReadPart:
    text = file.text
    source, by_line = _sources([file], contract)
    try:
        rows = _copy_rows(cursor, source, contract, folder, by_line=by_line)
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        raise FileRefused(reasons.NOT_JSON, f"the lines can't be read: {_first_line(error)}") from error
    extra_columns = _extra_keys(cursor, rows).get(str(text.path), ())
    if _misspelt(file, extra_columns, contract):
        # A spelling that the first lines do not have: the whole file is read with it, and with those known.
        _drop_rejects(cursor)
        shutil.rmtree(folder)
        folder.mkdir()
        columns = _keys_of_columns(extra_columns, contract, file.columns)
        return _read_jsonl(cursor, dataclasses.replace(file, columns=columns), contract, folder)
    tally = rows.tally(text.path)
    rejects, reject_count, _ = _write_rejects(cursor, text, folder)
    if tally.count + reject_count != text.line_count:
        _refuse_endless_line(text.longest_line)
        raise FileRefused(
            reasons.NOT_JSON,
            f"the file has {text.line_count} lines, but {tally.count + reject_count} can be separated; "
            "end every line with LF or CRLF",
        )
    lines = None
    if rejects:
        lines = folder / "lines.csv"
        write_lines(lines, without(range(1, text.line_count + 1), _rejected_lines(cursor, rejects)))
    if tally.no_object and not tally.objects:
        example = one_value(
            cursor,
            f"""
            select min_by(left(_parts[1], 60), file_row_number)
            from read_parquet({literal(str(rows.path))}, file_row_number = true) where _structure = 0
            """,
        )
        raise FileRefused(
            reasons.NOT_JSON,
            f"no line is a JSON object (the first begins {example!r}); expected one whole object a line: "
            "convert it (jq -c . file.json > file.jsonl), or name a CSV file .csv",
        )
    doubtful = _doubtful(file, tally, source, contract)
    if doubtful:
        _check_keys(cursor, file, contract, doubtful=doubtful, extras=extra_columns)
    return _part_of(
        file, rows, offset=0, extra_columns=extra_columns, rejects=rejects, reject_count=reject_count, lines=lines
    )


def _extra_keys(cursor: duckdb.DuckDBPyConnection, rows: _Rows) -> dict[str, tuple[str, ...]]:
    """The undeclared keys of each JSONL file that has any."""
    if not any(tally.with_extra for tally in rows.tallies.values()):
        return {}
    found: dict[str, list[str]] = {}
    for path, key in cursor.execute(f"""
        select distinct _path, unnest(json_keys(_extra)) as key from read_parquet({literal(str(rows.path))})
        where _extra is not null order by key
    """).fetchall():
        found.setdefault(path, []).append(key)
    return {path: tuple(keys) for path, keys in found.items()}


def _misspelt(file: StagedJsonl, extra_columns: Sequence[str], contract: TableContract) -> bool:
    """Whether a key that no column is read from is a column of the contract in another spelling."""
    known = {key for _, keys in file.columns for key in keys}
    return any(len(keys) > 1 and not known.issuperset(keys) for keys in spellings(extra_columns, contract).values())


def _doubtful(file: StagedJsonl, tally: _Tally, source: _Source, contract: TableContract) -> list[str]:
    """The columns that must be there and of which neither a value nor, in the first lines, a key was met."""
    filled = tally.filled or (0,) * len(source.wanted)
    keys = dict(file.columns)
    return [
        column
        for column, count in zip(source.wanted, filled, strict=True)
        if not count and (contract.column(column).path or file.sample.keys.isdisjoint(keys[column]))
    ]


def _check_keys(
    cursor: duckdb.DuckDBPyConnection,
    file: StagedJsonl,
    contract: TableContract,
    *,
    doubtful: Sequence[str],
    extras: Sequence[str],
) -> None:
    """Refuses a JSONL file in which no line has a column that must be there; a line may leave one out."""
    _drop_rejects(cursor)
    keys = dict(file.columns)
    tests = []
    for column in doubtful:
        steps = contract.column(column).steps[1:]
        values = _first_filled([json_at("_text", [Step(key=key), *steps]) for key in keys[column]])
        tests.append(f"coalesce(bool_or(case when json_valid(_text) then {values} is not null end), false)")
    present = one_row(cursor, f"select {', '.join(tests)} from {_jsonl_reader([file.path])}")
    absent = {column for column, there in zip(doubtful, present, strict=True) if not there}
    for column in absent:
        if contract.column(column).path and not file.sample.keys.isdisjoint(keys[column]):
            raise _nothing_at_path(contract, column)
    there = [keys[c.name][0] for c in contract.columns if c.name not in absent]
    check_columns([*dict.fromkeys(there), *extras], contract)


def _stage_parquet(
    cursor: duckdb.DuckDBPyConnection, file: FoundFile, contract: TableContract, target: Path
) -> StagedFile:
    check_parquet(file)
    path = plain_path(file, link=target)
    try:
        described = cursor.execute(
            f"describe select * from read_parquet({literal(str(path))}, hive_partitioning = false)"
        ).fetchall()
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        raise _broken_parquet(error) from error
    types = {row[0]: row[1] for row in described}
    check_columns(list(types), contract)
    counts = Counter(column.lower() for column in types)
    twice = sorted(column for column in types if counts[column.lower()] > 1)
    if twice:
        raise FileRefused(
            reasons.DUPLICATE_COLUMN,
            f"the file has the columns {', '.join(twice)}; give every column its own name",
        )
    return StagedParquet(file, path, tuple(types.items()))


def _parquet_source(paths: Sequence[Path], types: Mapping[str, str], contract: TableContract) -> _Source:
    of_column = columns_in_file(list(types), contract)
    # Under names of their own, since a contract's column may be called as anything.
    held = {column: f"_c{number}" for number, column in enumerate(types)}
    selected = ", ".join(f"{name(c)} as {position}" for c, position in held.items())
    packed = ", ".join(f"{name(c)} := {position}" for c, position in held.items())
    path = "_path"
    while path in {column.lower() for column in types}:
        path += "_"
    reader = f"read_parquet({_listed(paths)}, hive_partitioning = false, filename = {literal(path)})"
    return _Source(
        relation=f"select {path} as _path, {selected} from {reader}",
        texts={
            c.name: _inside(c, _parquet_text(held[of_column[c.name]], types[of_column[c.name]], c))
            for c in contract.columns
            if c.name in of_column
        },
        extra=_extra_of_columns({other: held[other] for other in undeclared(list(types), of_column)}),
        arrays=_arrays(
            contract,
            {
                array_of(part): [f"to_json({held[of_column[array_of(part)]]})::varchar"]
                for part in contract.parts
                if array_of(part) in of_column
            },
        ),
        parts=[f"to_json(struct_pack({packed}))::varchar"],
        row_text="_p0",
        wanted=_paths(contract, of_column),
        typed=frozenset(
            c.name
            for c in contract.columns
            if c.name in of_column and not c.steps and _is_typed(types[of_column[c.name]], c)
        ),
    )


def _read_parquet(
    cursor: duckdb.DuckDBPyConnection, file: StagedParquet, contract: TableContract, folder: Path
) -> ReadPart:
    try:
        source, by_line = _sources([file], contract)
        rows = _copy_rows(cursor, source, contract, folder, by_line=by_line)
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        raise _broken_parquet(error) from error
    _refuse_empty_paths(source, rows.tally(file.path), contract)
    return _part_of(file, rows, offset=0, extra_columns=_extra_columns(file, contract))


def _read_alone(cursor: duckdb.DuckDBPyConnection, file: StagedFile, contract: TableContract, folder: Path) -> ReadPart:
    match file:
        case StagedCsv():
            return _read_csv(cursor, file, contract, folder)
        case StagedJsonl(text=text):
            try:
                return _read_jsonl(cursor, file, contract, folder)
            except duckdb.OutOfMemoryException as error:
                # of lines of a usual length it is the machine that has too little
                if text.longest_line < CHUNK:
                    raise
                raise FileRefused(
                    reasons.LINE_TOO_LONG,
                    f"the file has a line of {text.longest_line:,} bytes, which takes more memory than JOURNEYS_MEMORY "
                    "allows, as a deeply nested object does; raise it, or take that line out of the file",
                ) from error
        case StagedParquet():
            return _read_parquet(cursor, file, contract, folder)


def _copy_rows(
    cursor: duckdb.DuckDBPyConnection,
    source: _Source,
    contract: TableContract,
    folder: Path,
    *,
    by_line: Mapping[str, _Source] | None = None,
) -> _Rows:
    """Reads and types the whole file; checks each row with the least SQL that finds broken ones.

    The statement is short on purpose: what takes an expression a moment, it takes again for each small file.
    `by_line` are sources of the same files for the parts that have a row per line.
    """
    target = folder / f"{contract.table}.parquet"
    # What no file of these has is null in every row: it needs no text and no check.
    columns = [c for c in contract.columns if c.name in source.texts]
    texts = {c.name: f"_t{number}" for number, c in enumerate(columns)}
    values = {c.name: f"_v{number}" for number, c in enumerate(columns)}
    read = [f"{_without_nulls(source.texts[c.name], c)} as {texts[c.name]}" for c in columns]
    typed = [f"{_exact(source, c, texts[c.name], contract)} as {values[c.name]}" for c in columns]
    structure = [condition for condition, _, _ in source.structure]
    numbered = " ".join(f"when {condition} then {number}" for number, condition in enumerate(structure))
    structure_number = f"case when _is_broken then case {numbered} end end" if numbered else "null::integer"
    checks = [
        column_check(c, texts[c.name], values[c.name], time_zone=contract.time_zone, is_key=c.name in contract.key)
        for c in columns
    ]
    is_broken = _any_of([*structure, *(check.is_broken for check in checks)])
    arrays = {part.table: f"_a{number}" for number, part in enumerate(contract.parts) if part.table in source.arrays}
    kept = [f"{source.arrays[table]} as {array}" for table, array in arrays.items()]
    lines, order = "select *, false as _is_merged, false as _differs from read", ""
    if contract.key_lines == "first_filled":
        lines, order = _merged_lines(texts, contract), "order by _number"
    read_items = ["*", *kept, *read, *(["row_number() over () as _number"] if order else [])]
    typed_items = ["*", *typed, f"{source.extra} as _extra_json", f"{source.is_blank} as _is_blank"]
    selected = [
        *(f"{values[c.name]} as {name(c.name)}" for c in columns),
        *arrays.values(),
        "nullif(_extra_json::varchar, '{}') as _extra",
        "_path",
        *(["_record", "_place"] if source.record == "_record" else []),
        "_is_blank",
        "_is_merged",
        "_differs",
        "_is_broken",
        f"{structure_number} as _structure",
        f"case when _is_broken then [{', '.join(texts.values())}]::varchar[] end as _texts",
        f"case when _is_broken then [{', '.join(source.parts)}]::varchar[] end as _parts",
    ]
    cursor.execute(f"""
        copy (
            with source as ({source.relation}),

            read as (select {", ".join(read_items)} from source),

            lines as ({lines}),

            typed as (select {", ".join(typed_items)} from lines),

            marked as (select *, not _is_blank and not _is_merged and ({is_broken}) as _is_broken from typed)

            select {", ".join(selected)} from marked {order}
        ) to {literal(str(target))} (format parquet, compression lz4_raw)
    """)
    tallies = _tallies(cursor, target, source.wanted)
    broken = None
    if any(tally.broken for tally in tallies.values()):
        broken = folder / f"{contract.table}_broken.parquet"
        _explain_broken_rows(cursor, source, columns, contract, rows=target, target=broken)
    parts = []
    for part in contract.parts:
        inner = _elements(cursor, part, target, arrays[part.table]) if part.table in arrays else None
        inner = inner or (by_line or {}).get(part.table)
        if inner is not None:
            rows = _copy_rows(cursor, inner, _as_table(part, contract), folder)
            parts.append(PartRows(part, rows.columns, rows.path, rows.broken, arrays.get(part.table)))
    return _Rows(target, tuple(c.name for c in columns), broken, tallies, tuple(parts))


def _as_table(part: TableContract, parent: TableContract) -> TableContract:
    """A part as its rows are read: its own columns, and with `key_lines` the key that says whose they are."""
    if part.steps:
        return dataclasses.replace(part, columns=part.own_columns)
    keys = tuple(column for column in parent.columns if column.name in parent.key)
    return dataclasses.replace(part, columns=(*(renamed_key(column) for column in keys), *part.own_columns))


def renamed_key(column: ColumnContract) -> ColumnContract:
    """A key column of a table, as its parts have it among their staged columns."""
    return dataclasses.replace(column, name=f"_key_{column.name}", source_name=column.name_in_files)


def _merged_lines(texts: Mapping[str, str], contract: TableContract) -> str:
    """The SQL that gives the first line of each key the first value that any of its lines has in each column."""
    keys = [texts[column] for column in contract.key if column in texts]
    # a line without a key is nobody's
    keyless = _any_of([f"{text} is null" for text in keys])
    whose = ", ".join(["_path", *keys, f"case when {keyless} then _number end"])
    window = f"over (partition by {whose} order by _number rows between unbounded preceding and unbounded following)"
    others = [text for text in texts.values() if text not in keys]
    first = ", ".join(f"first_value({text} ignore nulls) {window} as {text}" for text in others)
    differs = _any_of([f"{text} <> first_value({text} ignore nulls) {window}" for text in others])
    return f"""
        select
            * {f"replace ({first})" if others else ""},
            row_number() over (partition by {whose} order by _number) > 1 as _is_merged,
            coalesce({differs}, false) as _differs
        from read
    """


def _elements(cursor: duckdb.DuckDBPyConnection, part: TableContract, rows: Path, array: str) -> _Source:
    """The elements of an array in the staged rows of a table, as rows of a part of it."""
    own = part.own_columns
    relation = f"""
        select
            _path, _record, _element, _place, json_type(_element) as _kind, _is_array,
            case when json_type(_element) = 'OBJECT' then json_keys(_element) end as _keys
        from (
            select
                _path, file_row_number as _record, json_type({array}) = 'ARRAY' as _is_array,
                unnest(
                    case json_type({array}) when 'ARRAY' then from_json({array}, '["json"]') else [{array}::json] end
                ) as _element,
                unnest(case json_type({array}) when 'ARRAY' then range(1, json_array_length({array})::bigint + 1)
                    else [1] end) as _place
            from read_parquet({literal(str(rows))}, file_row_number = true)
            where {array} is not null and json_type({array}) <> 'NULL' and not _is_broken and not _is_blank
                and not _is_merged
        )
    """
    found = [
        key for (key,) in cursor.execute(f"select distinct unnest(_keys) from ({relation}) order by all").fetchall()
    ]
    held = {
        column: [key for key in keys if key in found]
        for column, keys in spellings(found, dataclasses.replace(part, parts=())).items()
    }
    texts = {}
    for column in own:
        if column.path == "$":
            texts[column.name] = "json_extract_string(_element, '$')"
        elif keys := held[column.name]:
            texts[column.name] = _of_first_key(
                [(key, text_at("_element", [Step(key=key), *column.steps[1:]])) for key in keys]
            )
    structure = [
        (
            "not _is_array",
            reasons.NOT_A_JSON_ARRAY,
            f"the value at {part.path} is no array; expected one such as [{{...}}, {{...}}]",
        )
    ]
    if not any(column.path == "$" for column in own):
        structure.append(("_kind <> 'OBJECT'", reasons.NOT_JSON, "the element is no JSON object"))
    read = list(dict.fromkeys(itertools.chain(*held.values())))
    emptied = json.dumps(dict.fromkeys(read), ensure_ascii=False)
    declared = ", ".join(literal(key) for key in read)
    return _Source(
        relation=relation,
        texts=texts,
        extra=(
            f"case when not list_has_all([{declared}]::varchar[], _keys) "
            f"then json_merge_patch('{{}}', json_merge_patch(_element, {literal(emptied)})) end"
        ),
        parts=["_element"],
        row_text="_p0",
        structure=tuple(structure),
        record="_record",
    )


def _without_nulls(text: str, column: ColumnContract) -> str:
    """An empty text is no value, in every format alike, nor is one that the contract calls so."""
    if not column.null_values:
        return f"nullif({text}, '')"
    return f"case when {text} not in ({', '.join(literal(none) for none in ('', *column.null_values))}) then {text} end"


def _any_of(conditions: Sequence[str]) -> str:
    """The conditions joined by `or`, in brackets: one after the other they are nested as deep as there are of them."""
    groups = list(conditions) or ["false"]
    while len(groups) > 1:
        groups = [f"({' or '.join(groups[n : n + 50])})" for n in range(0, len(groups), 50)]
    return groups[0]


def _tallies(cursor: duckdb.DuckDBPyConnection, rows: Path, wanted: Sequence[str]) -> dict[str, _Tally]:
    """What was read, by path. A file without rows has no entry."""
    filled = ", ".join(f"count({name(column)})" for column in wanted)
    found = cursor.execute(f"""
        select
            _path, min(file_row_number), count(*), max(file_row_number) - min(file_row_number) + 1 = count(*),
            count_if(_is_blank), count_if(_is_broken), count_if(_structure = 0),
            count_if(not _is_blank and _structure is distinct from 0), count(_extra),
            count_if(_is_merged), count_if(_differs), [{filled}]
        from read_parquet({literal(str(rows))}, file_row_number = true)
        group by _path
    """).fetchall()
    # the counts are in the order of _Tally's fields
    return {path: _Tally(*counts) for path, *counts in found}


def _explain_broken_rows(
    cursor: duckdb.DuckDBPyConnection,
    source: _Source,
    columns: Sequence[ColumnContract],
    contract: TableContract,
    *,
    rows: Path,
    target: Path,
) -> None:
    """Writes column, reason, expectation and text of each broken row. Apart from reading, because most files have
    none and the planning of these many cases is what a small file would cost."""
    texts = {c.name: f"_t{number}" for number, c in enumerate(columns)}
    values = {c.name: f"_v{number}" for number, c in enumerate(columns)}
    problems = []
    for column in columns:
        j = column_check(
            column, texts[column.name], values[column.name], time_zone=contract.time_zone,
            is_key=column.name in contract.key,
        )  # fmt: skip
        problem = f"{{'c': {literal(column.name)}, 'r': {j.reason}, 'e': {j.expected}}}"
        problems.append(f"case when {j.is_broken} then {problem} end")
    whole_row = " ".join(
        f"when {number} then [{{'c': null::varchar, 'r': {literal(reason)}, 'e': {literal(expected)}}}]"
        for number, (_, reason, expected) in enumerate(source.structure)
    )
    kind_of_problem = "struct(c varchar, r varchar, e varchar)[]"
    explained = f"list_filter([{', '.join(problems)}]::{kind_of_problem}, lambda problem: problem is not null)"
    if whole_row:
        explained = f"case _structure {whole_row} else {explained} end"
    cursor.execute(f"""
        copy (
            with broken as (
                select
                    {"".join(f"_texts[{n}] as {texts[c.name]}, " for n, c in enumerate(columns, start=1))}
                    {"".join(f"{name(c.name)} as {values[c.name]}, " for c in columns)}
                    {"".join(f"_parts[{n + 1}] as _p{n}, " for n in range(len(source.parts)))}
                    _structure, _path, {source.record} as _record
                from read_parquet({literal(str(rows))}, file_row_number = true)
                where _is_broken
            ),

            explained as (
                select _record, _path, {source.row_text} as _row_text, {explained} as _problems from broken
            )

            select
                _record,
                _path,
                _problems[1].c as _column,
                _problems[1].r as _reason,
                _problems[1].e || case
                    when len(_problems) > 1 then '; also ' || array_to_string(
                        list_transform(_problems[2:], lambda p: 'column ' || p.c || ': ' || p.e), '; '
                    )
                    else ''
                end as _expected,
                {_cut("_row_text")} as _row_text
            from explained
        ) to {literal(str(target))} (format parquet)
    """)


def _exact(source: _Source, column: ColumnContract, text: str, contract: TableContract) -> str:
    """The SQL of the typed value of a column, given its text."""
    as_written = converted(column, text, time_zone=contract.time_zone)
    plain = dataclasses.replace(column, decimal=None, thousands=None, currency_symbol=None, time_format=())
    value = as_written
    if column.name in source.typed:
        value = converted(plain, text, time_zone=contract.time_zone)
    elif column.name in source.numbers:
        as_number = converted(plain, text, time_zone=contract.time_zone)
        # a look into a line that is no JSON is an error: only those that have a value are looked into
        is_number_there = f"case when {text} is not null then {source.numbers[column.name]} else false end"
        value = f"case when {is_number_there} then {as_number} else {as_written} end"
    if column.name in source.exact:
        is_exact = f"{source.exact[column.name]} or {is_noise_of_a_double(column, text)}"
        return f"case when case when length({text}) > 16 then {is_exact} else true end then {value} end"
    return value


def _extra_of_columns(columns: dict[str, str]) -> str:
    if not columns:
        return "null::varchar"
    pairs = ", ".join(f"{literal(column)}, {expression}" for column, expression in columns.items())
    return f"json_merge_patch('{{}}', json_object({pairs}))"  # the patch drops nulls


def _csv_text(columns: Sequence[str], dialect: CsvDialect) -> str:
    """The row as CSV again: the reader hands over values, not lines."""
    if not dialect.quote:
        shown = [f"coalesce({c}, '')" for c in columns]
    else:
        quote, escape = literal(dialect.quote), literal((dialect.escape or dialect.quote) + dialect.quote)
        special = literal("[" + re.escape(dialect.delimiter + dialect.quote) + "\r\n]")
        shown = [
            f"coalesce(case when regexp_matches({c}, {special}) "
            f"then {quote} || replace({c}, {quote}, {escape}) || {quote} else {c} end, '')"
            for c in columns
        ]
    # one operator after the other would be nested as deep as there are columns
    return f"concat_ws({literal(dialect.delimiter)}, {', '.join(shown)})"


def _is_typed(file_type: str, column: ColumnContract) -> bool:
    """Whether the file holds numbers, or times, by its own type: how such a thing is written in text says nothing."""
    upper = file_type.upper()
    if is_number(column):
        return upper.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or upper.endswith("INT") or upper.endswith("INTEGER")
    return not column.time_unit and upper.startswith(("TIMESTAMP", "DATE"))


def _parquet_text(value: str, file_type: str, declared: ColumnContract) -> str:
    upper = file_type.upper()
    if upper.endswith("]") or upper.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({value})::varchar"
    if declared.data_type == "date" and upper.startswith("TIMESTAMP"):
        is_midnight = f"{value} = date_trunc('day', {value})"
        return f"case when {is_midnight} then {value}::date::varchar else {value}::varchar end"
    if declared.data_type == "string" and upper in ("DOUBLE", "FLOAT"):
        # a program gives whole numbers decimals where some are missing; beyond 2^53 they are none it could tell apart
        is_whole = f"{value} = trunc({value}) and abs({value}) < 9e15"
        return f"case when {is_whole} then {value}::bigint::varchar else {value}::varchar end"
    return f"{value}::varchar"


def _write_rejects(cursor: duckdb.DuckDBPyConnection, text: TextFile, folder: Path) -> tuple[Path | None, int, int]:
    """Writes the rejected records with their physical lines; returns the file (None without any), how many
    they are, and the longest line DuckDB met."""
    reject_count = one_value(cursor, "select count(distinct line_byte_position) from reader_rejects")
    if not reject_count:
        return None, 0, 0
    target, positions = folder / "rejects.parquet", folder / "positions.csv"
    longest = one_value(
        cursor,
        "select max(regexp_extract(error_message, 'Actual Size: ?([0-9]+)', 1)::bigint) from reader_rejects "
        "where error_type::varchar = 'LINE SIZE OVER MAXIMUM'",
    )
    swallowed = one_value(
        cursor,
        f"""
        select min(line_byte_position) from reader_rejects
        where case error_type::varchar
            when 'UNQUOTED VALUE' then csv_line = '' or length(csv_line) >= {ROW_TEXT_LENGTH}
            when 'LINE SIZE OVER MAXIMUM' then contains(trim(csv_line, chr(10) || chr(13)), chr(10))
        end
        """,
    )
    if swallowed is not None:
        ((_, line),) = lines_at(text.path, iter([swallowed]))
        raise FileRefused(
            reasons.BROKEN_QUOTES,
            f"from line {line} on a quote is left open and takes in the rows after it; close every quoted "
            "value and "
            "write every quote inside a value twice",
        )
    ordered = cursor.execute("select distinct line_byte_position from reader_rejects order by line_byte_position")
    # Only broken records pass here, in batches; the lines between them are counted, not parsed.
    with positions.open("w", encoding="ascii") as output:
        output.writelines(
            f"{position},{line}\n" for position, line in lines_at(text.path, (p for (p,) in _fetched(ordered)))
        )
    known = " ".join(f"when {literal(k)} then {literal(code)}" for k, (code, _) in _REJECTIONS.items())
    wanted = " ".join(f"when {literal(k)} then {literal(words)}" for k, (_, words) in _REJECTIONS.items())
    cursor.execute(f"""
        copy (
            with firsts as (
                select
                    line_byte_position as position,
                    min_by(
                        struct_pack(kind := error_type::varchar, message := error_message, text := csv_line),
                        (coalesce(column_idx, 0), error_type::varchar)
                    ) as first
                from reader_rejects
                group by line_byte_position
            )

            select
                line,
                case first.kind {known} else {literal(reasons.UNREADABLE_ROW)} end as reason,
                first.message || '; expected ' || case first.kind {wanted} else 'a row that fits the header'
                end as expected, {_cut("trim(first.text, chr(10) || chr(13))")} as row_text
            from firsts
            inner join read_csv(
                {literal(str(positions))}, columns = {{'position': 'bigint', 'line': 'bigint'}},
                header = false, auto_detect = false, delim = ','
            ) using (position)
        ) to {literal(str(target))} (format parquet)
    """)
    return target, reject_count, longest or 0


def _rejected_lines(cursor: duckdb.DuckDBPyConnection, rejects: Path | None) -> Iterator[int]:
    """The physical lines of rejected records, in their order."""
    if rejects:
        found = cursor.execute(f"select line from read_parquet({literal(str(rejects))}) order by line")
        for (line,) in _fetched(found):
            yield line


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple]:
    while rows := cursor.fetchmany(10_000):
        yield from rows


def _drop_rejects(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("drop table if exists reader_rejects")
    cursor.execute("drop table if exists reader_scans")


def _cut(text: str) -> str:
    return (
        f"case when length({text}) > {ROW_TEXT_LENGTH} "
        f"then left({text}, {ROW_TEXT_LENGTH}) || ' … (' || length({text}) || ' characters)' else {text} end"
    )


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _broken_parquet(error: Exception) -> FileRefused:
    return FileRefused(
        reasons.BROKEN_PARQUET, f"the Parquet file can't be read ({_first_line(error)}); deliver it again"
    )
