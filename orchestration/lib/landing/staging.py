"""Reads one file with DuckDB's own readers into a staged Parquet file of typed, judged rows.

Staged rows stand in the order of the file. Memory stays bounded whatever the file's size, and an error while
reading leaves the warehouse's transaction untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.landing import reasons
from orchestration.lib.landing.contracts import ColumnContract, TableContract
from orchestration.lib.landing.conversion import converted, judged, literal, name
from orchestration.lib.landing.files import (
    FoundFile,
    TextFile,
    bare_copy,
    check_columns,
    check_parquet,
    first_character,
    prepare_text,
    read_header,
    with_plain_line_ends,
)
from orchestration.lib.landing.lines import NO_DELIMITER, lines_at, number_all_lines, number_csv_records
from orchestration.lib.landing.reasons import FileRefused
from orchestration.lib.warehouse.connection import SESSION_SETTINGS

ROW_TEXT_LENGTH = 10_000

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
class StagedFile:
    """A file's rows, typed and judged, in `rows`, those that break the contract explained in `broken`; what
    the reader could not split into columns, in `rejects`.

    The line of the n-th row (from 0) is n + 1 + `line_offset`, or stands in `lines` when rows and lines
    differ.
    """

    rows: Path
    broken: Path | None
    rejects: Path | None
    lines: Path | None
    line_offset: int
    extra_columns: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """The rows of a file as they were read: all, the broken ones explained (None without any), and how many
    lines of a JSONL file hold no object."""

    path: Path
    broken: Path | None
    count: int
    no_object_count: int


@dataclass(frozen=True)
class _Source:
    """SQL about a file: its rows, and how to get a column's text, extra columns and the row's own text."""

    relation: str
    texts: dict[str, str]
    extra: str
    row_text: str
    is_blank: str = "false"
    structure: tuple[tuple[str, str, str], ...] = ()  # condition, reason, expected
    exact: dict[str, str] | None = None  # column → condition that must hold for its text to be exact


def stage_file(
    connection: duckdb.DuckDBPyConnection,
    file: FoundFile,
    contract: TableContract,
    *,
    kind: str,
    packed: bool,
    folder: Path,
) -> StagedFile:
    """Stages one file into `folder`. Raises FileRefused for a file that can't land as a whole."""
    cursor = connection.cursor()  # its own transaction: a broken file must not abort the landing
    try:
        for setting in SESSION_SETTINGS:
            cursor.execute(setting)
        if kind == "parquet":
            return _stage_parquet(cursor, file, contract, folder)
        text = prepare_text(file, contract, kind=kind, packed=packed, folder=folder)
        if kind == "csv":
            return _stage_csv(cursor, text, contract, folder)
        return _stage_jsonl(cursor, text, contract, folder)
    finally:
        cursor.close()


def _stage_csv(
    cursor: duckdb.DuckDBPyConnection, text: TextFile, contract: TableContract, folder: Path
) -> StagedFile:
    header = read_header(text, contract)
    dialect = contract.csv

    def source_of(path: Path) -> _Source:
        positions = {column: f"_c{number}" for number, column in enumerate(header.names)}
        columns = ", ".join(f"{literal(position)}: 'varchar'" for position in positions.values())
        reader = (
            f"read_csv({literal(str(path))}, columns = {{{columns}}}, header = true, skip = "
            f"{header.blank_lines}, "
            f"auto_detect = false, delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
            f"escape = {literal(dialect.escape if dialect.quote else '')}, nullstr = "
            f"{literal(dialect.null_text)}, "
            "strict_mode = true, hive_partitioning = false, store_rejects = true, rejects_limit = 0, "
            "rejects_table = 'reader_rejects', rejects_scan = 'reader_scans')"
        )
        declared = {c.name for c in contract.columns}
        extras = {column: position for column, position in positions.items() if column not in declared}
        return _Source(
            relation=f"select * from {reader}",
            texts={column: position for column, position in positions.items() if column in declared},
            extra=_extra_of_columns(extras),
            row_text=_csv_text(list(positions.values()), contract),
        )

    try:
        rows = _copy_rows(cursor, source_of(text.path), contract, folder)
    except duckdb.Error as error:
        _raise_unless_the_files_fault(error)
        if not text.has_mixed_line_ends:
            raise FileRefused(reasons.BROKEN_CSV, _first_line(error)) from error
        _drop_rejects(cursor)
        text = with_plain_line_ends(text, folder=folder)
        header = read_header(text, contract)
        try:
            rows = _copy_rows(cursor, source_of(text.path), contract, folder)
        except duckdb.Error as again:
            _raise_unless_the_files_fault(again)
            raise FileRefused(
                reasons.BROKEN_CSV,
                "the lines do not all end alike; a carriage return stands alone in a value without quotes: "
                "quote such "
                f"values, and end every line with LF or CRLF ({_first_line(again)})",
            ) from again
    rejects, _, longest_line = _write_rejects(cursor, text, folder)
    lines = None
    if rejects or text.line_count != header.line_count + rows.count:
        lines = folder / "lines.parquet"
        number_csv_records(
            cursor,
            bare_copy(text, folder=folder),
            dialect,
            header_lines=header.line_count,
            column_count=len(header.names),
            record_count=rows.count,
            longest_line=longest_line,
            rejects=rejects,
            target=lines,
        )
    declared = {c.name for c in contract.columns}
    return StagedFile(
        rows=rows.path,
        broken=rows.broken,
        rejects=rejects,
        lines=lines,
        line_offset=header.line_count,
        extra_columns=tuple(column for column in header.names if column not in declared),
    )


def _stage_jsonl(
    cursor: duckdb.DuckDBPyConnection, text: TextFile, contract: TableContract, folder: Path
) -> StagedFile:
    first = first_character(text)
    if not first:
        raise FileRefused(
            reasons.EMPTY_FILE,
            "the file holds nothing but blanks; deliver it again, or take it out of the folder",
        )
    if first == b"[":
        raise FileRefused(
            reasons.JSON_ARRAY,
            "expected one JSON object a line, found a JSON array; convert it (jq -c '.[]' file.json > "
            "file.jsonl)",
        )
    if text.has_mixed_line_ends:
        text = with_plain_line_ends(text, folder=folder, lone=b" ")
    paths = ", ".join(literal(_json_path(column.name)) for column in contract.columns)
    declared = ", ".join(literal(column.name) for column in contract.columns)
    emptied = "{" + ", ".join(f'"{column.name}":null' for column in contract.columns) + "}"
    reader = (
        f"read_csv({literal(str(text.path))}, columns = {{'_text': 'varchar'}}, header = false, "
        "auto_detect = false, "
        f"delim = {literal(NO_DELIMITER)}, quote = '', escape = '', nullstr = '', hive_partitioning = false, "
        "store_rejects = true, rejects_limit = 0, rejects_table = 'reader_rejects', rejects_scan = "
        "'reader_scans')"
    )
    source = _Source(
        relation=f"""
            select
                _text,
                case when is_object then json_extract_string(_text, [{paths}]) end as _fields,
                case when is_object then json_keys(_text) end as _keys
            from (
                select
                    _text, starts_with(ltrim(_text, ' ' || chr(9)), '{{') and json_valid(_text) as is_object
                from {reader}
            )
        """,
        texts={column.name: f"_fields[{number}]" for number, column in enumerate(contract.columns, start=1)},
        extra=(
            f"case when not list_has_all([{declared}], _keys) "
            f"then json_merge_patch('{{}}', json_merge_patch(_text, {literal(emptied)})) end"
        ),
        row_text="_text",
        is_blank="(_text is null or trim(_text) = '')",
        structure=(
            (
                "_keys is null",
                reasons.NOT_JSON,
                "the line is no JSON object; expected one whole object a line",
            ),
            (
                "len(_keys) > len(list_distinct(_keys))",
                reasons.DUPLICATE_COLUMN,
                "the object names a key twice; expected each key once",
            ),
        ),
        # The JSON reader holds a number with a fraction as a double, which is exact for 15 digits.
        exact={
            column.name: (
                f"case when length({{text}}) > 16 then json_type(_text, "
                f"{literal(_json_path(column.name))}) <> 'DOUBLE' "
                "else true end"
            )
            for column in contract.columns
            if column.decimal_size
        },
    )
    try:
        rows = _copy_rows(cursor, source, contract, folder)
    except duckdb.Error as error:
        _raise_unless_the_files_fault(error)
        raise FileRefused(reasons.NOT_JSON, f"the lines can't be read: {_first_line(error)}") from error
    rejects, reject_count, _ = _write_rejects(cursor, text, folder)
    if rows.count + reject_count != text.line_count:
        raise FileRefused(
            reasons.NOT_JSON,
            f"the file has {text.line_count} lines, but {rows.count + reject_count} can be told apart; "
            "end every line with LF or CRLF",
        )
    lines = None
    if rejects:
        lines = folder / "lines.parquet"
        number_all_lines(cursor, text, rejects=rejects, target=lines)
    if rows.no_object_count:
        objects, example = cursor.execute(f"""
            select
                count_if(not _is_blank and _structure is distinct from 0),
                min_by(left(_row_text, 60), file_row_number) filter (where _structure = 0)
            from read_parquet({literal(str(rows.path))}, file_row_number = true)
        """).fetchone()
        if not objects:
            raise FileRefused(
                reasons.NOT_JSON,
                f"no line is a JSON object (the first begins {example!r}); expected one whole object a line: "
                "convert it (jq -c . file.json > file.jsonl), or name a CSV file .csv",
            )
    extras = cursor.execute(f"""
        select distinct unnest(json_keys(_extra)) as key from read_parquet({literal(str(rows.path))})
        where _extra is not null order by key
    """).fetchall()
    extra_columns = tuple(key for (key,) in extras)
    _check_keys(cursor, reader, rows.path, contract, extra_columns)
    return StagedFile(rows.path, rows.broken, rejects, lines, 0, extra_columns)


def _check_keys(
    cursor: duckdb.DuckDBPyConnection, reader: str, rows: Path, contract: TableContract, extras: Sequence[str]
) -> None:
    """Refuses a JSONL file in which no line has a column that must be there; a line may leave one out."""
    wanted = [column.name for column in contract.columns if not column.optional_column]
    filled = cursor.execute(
        f"select {', '.join(f'count({name(c)})' for c in wanted)} from read_parquet({literal(str(rows))})"
    ).fetchone()
    doubtful = [column for column, count in zip(wanted, filled, strict=True) if count == 0]
    if not doubtful:
        return
    _drop_rejects(cursor)
    tests = ", ".join(
        f"coalesce(bool_or(case when json_valid(_text) then json_exists(_text, {literal(_json_path(c))}) "
        "end), false)"
        for c in doubtful
    )
    present = cursor.execute(f"select {tests} from {reader}").fetchone()
    absent = {column for column, there in zip(doubtful, present, strict=True) if not there}
    check_columns([*(c.name for c in contract.columns if c.name not in absent), *extras], contract)


def _stage_parquet(
    cursor: duckdb.DuckDBPyConnection, file: FoundFile, contract: TableContract, folder: Path
) -> StagedFile:
    check_parquet(file)
    link = folder / "input.parquet"
    link.symlink_to(file.path.resolve())
    reader = f"read_parquet({literal(str(link))}, hive_partitioning = false)"
    try:
        described = cursor.execute(f"describe select * from {reader}").fetchall()
    except duckdb.Error as error:
        _raise_unless_the_files_fault(error)
        raise _broken_parquet(error) from error
    types = {row[0]: row[1] for row in described}
    check_columns(list(types), contract)
    by_name = {column.name: column for column in contract.columns}
    folded = [column.lower() for column in types]
    twice = sorted({column for column in types if folded.count(column.lower()) > 1})
    if twice:
        raise FileRefused(
            reasons.DUPLICATE_COLUMN,
            f"the file has the columns {', '.join(twice)}; give every column its own name",
        )
    # Under names of their own, since a contract's column may be called as anything.
    held = {column: f"_c{number}" for number, column in enumerate(types)}
    selected = ", ".join(f"{name(c)} as {position}" for c, position in held.items())
    packed = ", ".join(f"{name(c)} := {position}" for c, position in held.items())
    source = _Source(
        relation=f"select {selected} from {reader}",
        texts={c: _parquet_text(held[c], types[c], by_name[c]) for c in types if c in by_name},
        extra=_extra_of_columns({c: position for c, position in held.items() if c not in by_name}),
        row_text=f"to_json(struct_pack({packed}))::varchar",
    )
    try:
        rows = _copy_rows(cursor, source, contract, folder)
    except duckdb.Error as error:
        _raise_unless_the_files_fault(error)
        raise _broken_parquet(error) from error
    return StagedFile(
        rows.path, rows.broken, None, None, 0, tuple(column for column in types if column not in by_name)
    )


def _copy_rows(
    cursor: duckdb.DuckDBPyConnection, source: _Source, contract: TableContract, folder: Path
) -> _Rows:
    """Reads and types the whole file; judges each row with the least that tells good from broken."""
    target = folder / "rows.parquet"
    columns = contract.columns
    texts = {c.name: f"_t{number}" for number, c in enumerate(columns)}
    values = {c.name: f"_v{number}" for number, c in enumerate(columns)}
    # An empty text is no value, in every format alike.
    read = ", ".join(
        f"nullif({source.texts[c.name]}, '') as {texts[c.name]}"
        if c.name in source.texts
        else f"null::varchar as {texts[c.name]}"
        for c in columns
    )
    typed = ", ".join(f"{_exact(source, c, texts[c.name], contract)} as {values[c.name]}" for c in columns)
    structure = [condition for condition, _, _ in source.structure]
    numbered = " ".join(f"when {condition} then {number}" for number, condition in enumerate(structure))
    structure_number = f"case when _is_broken then case {numbered} end end" if numbered else "null::integer"
    is_broken = " or ".join(
        [
            *structure,
            *(
                judged(c, texts[c.name], values[c.name], time_zone=contract.time_zone).is_broken
                for c in columns
            ),
        ]
    )
    hashed = ", ".join(
        f"{literal(c.name + '=')} || {values[c.name]}::varchar" for c in sorted(columns, key=lambda c: c.name)
    )
    cursor.execute(f"""
        copy (
            with source as ({source.relation}),

            read as (select *, {read} from source),

            typed as (select *, {typed}, {source.extra} as _extra_json, {source.is_blank} as _is_blank from
            read),

            marked as (select *, not _is_blank and ({is_broken}) as _is_broken from typed)

            select
                {", ".join(f"{values[c.name]} as {name(c.name)}" for c in columns)},
                {_key_text([values[column] for column in contract.key])} as _row_key,
                md5(concat_ws(chr(31), {hashed}, '=' || nullif(_extra_json::varchar, '{{}}'))) as _row_hash,
                nullif(_extra_json::varchar, '{{}}') as _extra,
                _is_blank,
                _is_broken,
                {structure_number} as _structure,
                case when _is_broken then [{", ".join(texts.values())}] end as _texts,
                case when _is_broken then {_cut(source.row_text)} end as _row_text
            from marked
        ) to {literal(str(target))} (format parquet, compression lz4_raw)
    """)
    count, broken_count, no_object_count = cursor.execute(f"""
        select count(*), count_if(_is_broken), count_if(_structure = 0)
        from read_parquet({literal(str(target))})
    """).fetchone()
    broken = None
    if broken_count:
        broken = folder / "broken.parquet"
        _explain_broken_rows(cursor, source, contract, rows=target, target=broken)
    return _Rows(target, broken, count, no_object_count)


def _explain_broken_rows(
    cursor: duckdb.DuckDBPyConnection, source: _Source, contract: TableContract, *, rows: Path, target: Path
) -> None:
    """Writes column, reason and expectation of each broken row. Apart from reading, because most files have
    none and the planning of these many cases is what a small file would cost."""
    columns = contract.columns
    texts = {c.name: f"_t{number}" for number, c in enumerate(columns)}
    values = {c.name: f"_v{number}" for number, c in enumerate(columns)}
    problems = []
    for column in columns:
        j = judged(column, texts[column.name], values[column.name], time_zone=contract.time_zone)
        problem = f"{{'c': {literal(column.name)}, 'r': {j.reason}, 'e': {j.expected}}}"
        problems.append(f"case when {j.is_broken} then {problem} end")
    whole_row = " ".join(
        f"when {number} then [{{'c': null::varchar, 'r': {literal(reason)}, 'e': {literal(expected)}}}]"
        for number, (_, reason, expected) in enumerate(source.structure)
    )
    explained = f"list_filter([{', '.join(problems)}], lambda problem: problem is not null)"
    if whole_row:
        explained = f"case _structure {whole_row} else {explained} end"
    cursor.execute(f"""
        copy (
            with broken as (
                select
                    {", ".join(f"_texts[{n}] as {texts[c.name]}" for n, c in enumerate(columns, start=1))},
                    {", ".join(f"{name(c.name)} as {values[c.name]}" for c in columns)},
                    _structure, _row_text, file_row_number as _record
                from read_parquet({literal(str(rows))}, file_row_number = true)
                where _is_broken
            ),

            explained as (select _record, _row_text, {explained} as _problems from broken)

            select
                _record,
                _problems[1].c as _column,
                _problems[1].r as _reason,
                _problems[1].e || case
                    when len(_problems) > 1 then '; also ' || array_to_string(
                        list_transform(_problems[2:], lambda p: 'column ' || p.c || ': ' || p.e), '; '
                    )
                    else ''
                end as _expected,
                _row_text
            from explained
        ) to {literal(str(target))} (format parquet)
    """)


def _exact(source: _Source, column: ColumnContract, text: str, contract: TableContract) -> str:
    value = converted(column, text, time_zone=contract.time_zone)
    if source.exact and column.name in source.exact:
        return f"case when {source.exact[column.name].format(text=text)} then {value} end"
    return value


def _key_text(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{values[0]}::varchar"
    # A bar inside a value is escaped, else ('a|b', 'c') and ('a', 'b|c') were one key.
    parts = [f"replace(replace(coalesce({v}::varchar, ''), '\\', '\\\\'), '|', '\\|')" for v in values]
    return " || '|' || ".join(parts)


def _extra_of_columns(columns: dict[str, str]) -> str:
    if not columns:
        return "null::varchar"
    pairs = ", ".join(f"{literal(column)}, {expression}" for column, expression in columns.items())
    return f"json_merge_patch('{{}}', json_object({pairs}))"  # the patch drops nulls


def _csv_text(columns: Sequence[str], contract: TableContract) -> str:
    """The row as CSV again: the reader hands over values, not lines."""
    dialect = contract.csv
    if not dialect.quote:
        shown = [f"coalesce({c}, {literal(dialect.null_text)})" for c in columns]
    else:
        quote, escape = literal(dialect.quote), literal((dialect.escape or dialect.quote) + dialect.quote)
        special = literal("[" + re.escape(dialect.delimiter + dialect.quote) + "\r\n]")
        shown = [
            f"coalesce(case when regexp_matches({c}, {special}) "
            f"then {quote} || replace({c}, {quote}, {escape}) || {quote} else {c} end, "
            f"{literal(dialect.null_text)})"
            for c in columns
        ]
    return f" || {literal(dialect.delimiter)} || ".join(shown)


def _parquet_text(value: str, file_type: str, declared: ColumnContract) -> str:
    upper = file_type.upper()
    if upper.endswith("]") or upper.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({value})::varchar"
    if declared.data_type == "date" and upper.startswith("TIMESTAMP"):
        is_midnight = f"{value} = date_trunc('day', {value})"
        return f"case when {is_midnight} then {value}::date::varchar else {value}::varchar end"
    return f"{value}::varchar"


def _write_rejects(
    cursor: duckdb.DuckDBPyConnection, text: TextFile, folder: Path
) -> tuple[Path | None, int, int]:
    """Writes the rejected records with their physical lines; returns the file (None without any), how many
    they are, and the longest line DuckDB met."""
    reject_count = cursor.execute("select count(distinct line_byte_position) from reader_rejects").fetchone()[
        0
    ]
    if not reject_count:
        return None, 0, 0
    target, positions = folder / "rejects.parquet", folder / "positions.csv"
    longest = cursor.execute(
        "select max(regexp_extract(error_message, 'Actual Size: ?([0-9]+)', 1)::bigint) from reader_rejects "
        "where error_type::varchar = 'LINE SIZE OVER MAXIMUM'"
    ).fetchone()[0]
    swallowed = cursor.execute(f"""
        select min(line_byte_position) from reader_rejects
        where case error_type::varchar
            when 'UNQUOTED VALUE' then csv_line = '' or length(csv_line) >= {ROW_TEXT_LENGTH}
            when 'LINE SIZE OVER MAXIMUM' then contains(trim(csv_line, chr(10) || chr(13)), chr(10))
        end
    """).fetchone()[0]
    if swallowed is not None:
        ((_, line),) = lines_at(text.path, iter([swallowed]))
        raise FileRefused(
            reasons.BROKEN_QUOTES,
            f"from line {line} on a quote is left open and takes in the rows after it; close every quoted "
            "value and "
            "write every quote inside a value twice",
        )
    ordered = cursor.execute(
        "select distinct line_byte_position from reader_rejects order by line_byte_position"
    )
    # Only broken records pass here, in batches; the lines between them are counted, not parsed.
    with positions.open("w", encoding="ascii") as output:
        output.writelines(
            f"{position},{line}\n"
            for position, line in lines_at(text.path, (p for (p,) in _fetched(ordered)))
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


def _json_path(column: str) -> str:
    return f'$."{column}"'


def _raise_unless_the_files_fault(error: duckdb.Error) -> None:
    """Raises what the machine is to blame for: no memory, no disk, a stopped run. It refuses no file."""
    text = str(error).lower()
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.InterruptException)) or any(
        sign in text for sign in ("no space left", "disk quota", "could not write", "too many open files")
    ):
        raise error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _broken_parquet(error: Exception) -> FileRefused:
    return FileRefused(
        reasons.BROKEN_PARQUET, f"the Parquet file can't be read ({_first_line(error)}); deliver it again"
    )
