"""Finds, in the rows that have just landed, damage that breaks no contract: the rows land, and a warning says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import duckdb

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.connection import one_value
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing.conversion import SPREADSHEET_NUMBER
from orchestration.lib.landing.reasons import SPREADSHEET_NUMBER as SPREADSHEET_NUMBER_REASON
from orchestration.lib.landing.registry import quarantine_table, raw_table
from orchestration.lib.landing.warnings import LandingWarning, note_warnings

# So many columns are looked at to say in which the lines of a key differ.
MOST_COLUMNS = 200
# So many files of a delivery get a warning of their own.
MOST_FILES = 20
SHOWN = 3
# Codes of fixed length: so many of all digits have it; so few, but not none, have a digit less.
FULL_LENGTH_SHARE = 0.8
SHORTENED_SHARE = (0.02, 0.2)
FEWEST_CODES = 30
SHORTEST_CODE = 5
# Where codes fill their range like this, they are numbers that count up, and the shorter ones came first.
DENSEST_CODES = 0.5
# Seconds until 2100 that are taken for milliseconds end before this day; what is taken for microseconds, long before.
LAST_OF_WRONG_UNITS = "1970-02-20"
# Seconds since 1970 of 1990 and of 2100: times that are likely.
FIRST_OF_LIKELY_TIMES, LAST_OF_LIKELY_TIMES = 631_152_000, 4_102_444_800


def note_suspicions(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    *,
    batch: int,
    now: datetime,
    only: Collection[str] | None = None,
    has_repeats: bool = True,
) -> None:
    """Looks at the rows of a batch and writes what is suspicious about their files, or about some of them.

    Where no key has several rows (`has_repeats`), none is looked for.
    """
    found: dict[str, list[LandingWarning]] = {}
    for file_id, warning in [
        *(_several_lines_of_a_key(connection, contract, batch) if has_repeats else ()),
        *(_order_that_decided(connection, contract, batch) if has_repeats else ()),
        *_spreadsheet_numbers(connection, contract, batch),
        *_lost_zeros(connection, contract, batch),
        *_times_in_1970(connection, contract, batch),
    ]:
        if only is None or file_id in only:
            found.setdefault(file_id, []).append(warning)
    for file_id, warnings in found.items():
        note_warnings(connection, contract, file_id=file_id, batch=batch, now=now, warnings=warnings)


def _version(contract: TableContract) -> str:
    return f"raw_rows.{name(contract.version_column)}" if contract.version_column else "null::bigint"


def _of_table(contract: TableContract) -> str:
    return f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)} and batch = "


def _of_batch(contract: TableContract, batch: int) -> str:
    return (
        f"{raw_table(contract)} as raw_rows inner join landing.files as files on files.file_id = raw_rows._file_id and "
        f"files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)} "
        f"where raw_rows._batch = {batch}"
    )


def _several_lines_of_a_key(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int
) -> Iterator[tuple[str, LandingWarning]]:
    """Lines of one key and version in one file that say different things: only the last of them counts."""
    if contract.key_lines is not None or contract.part_of is not None:
        return
    of_file = f"""
        select _file_id, files.file_path, _row_key, {_version(contract)} as version
        from {_of_batch(contract, batch)} group by all having min(_row_hash) <> max(_row_hash)
    """
    keys = ", ".join(contract.key)
    connection.execute(f"create or replace temp table landing_several_lines as {of_file}")
    files = connection.execute(
        "select _file_id, file_path, count(distinct _row_key) from landing_several_lines "
        "group by all order by file_path"
    ).fetchall()
    for file_id, path, count in files[:MOST_FILES]:
        columns = [column.name for column in contract.columns if column.name not in contract.key][:MOST_COLUMNS]
        differs = ", ".join(
            f"case when count(distinct coalesce(raw_rows.{name(c)}::varchar, chr(0))) > 1 then {literal(c)} end"
            for c in columns
        )
        differing = connection.execute(f"""
            select string_agg(distinct column_name, ', ' order by column_name) from (
                select unnest([{differs}]) as column_name
                from {raw_table(contract)} as raw_rows
                where _batch = {batch} and _file_id = {literal(file_id)}
                    and (_row_key, coalesce({_version(contract)}::varchar, ''))
                    in (
                        select (_row_key, coalesce(version::varchar, '')) from landing_several_lines
                        where _file_id = {literal(file_id)}
                    )
                group by _row_key, {_version(contract)}
            )
        """).fetchone()
        where = differing[0] if differing and differing[0] else "columns that the contract does not have"
        same = f" and the same {contract.version_column}" if contract.version_column else " and no version"
        said = (
            f"{count} value{'s' * (count > 1)} of {keys} have several lines with different {where}{same}: the last "
            "line counts. Where further lines complete the first, set key_lines: first_filled; where they are parts of "
            f"a whole (a basket), key_lines: lines, in {contract.declared_in}"
        )
        yield file_id, LandingWarning("several_lines_of_a_key", path, said, keys, count)


def _order_that_decided(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int
) -> Iterator[tuple[str, LandingWarning]]:
    """Files of one run of which the order of names decided which row, or which snapshot, counts."""
    if contract.part_of is not None or contract.delivered_at_pattern is not None:
        return
    if contract.delivery == "snapshot":
        files = connection.execute(
            "select file_id, file_path from landing.files where source_name = ? and table_name = ? and batch = ? "
            "and status = 'loaded' order by place_in_batch",
            [contract.source, contract.table, batch],
        ).fetchall()
        if len(files) > 1:
            said = f"{len(files)} snapshots came in one run; the order of their names says that this is the newest"
            yield files[-1][0], _order_warning(files[-1][1], said, contract)
        return
    if one_value(connection, f"select count(*) from landing.files as files where {_of_table(contract)}{batch}") < 2:
        return
    row = connection.execute(f"""
        select count(*), min_by(last_file, last_path), min(last_path) from (
            select max_by(_file_id, place_in_batch) as last_file, max_by(files.file_path, place_in_batch) as last_path
            from {_of_batch(contract, batch)}
            group by _row_key, {_version(contract)}
            having min(_row_hash) <> max(_row_hash) and min(_file_id) <> max(_file_id)
        )
    """).fetchone()
    if row and row[0]:
        count, file_id, path = row
        said = (
            f"{count} row{'s' * (count > 1)} came in several files of one run; the order of names decided which count"
        )
        yield file_id, _order_warning(path, said, contract, count)


def _order_warning(path: str, said: str, contract: TableContract, count: int | None = None) -> LandingWarning:
    cure = f"set delivered_at_pattern{'' if contract.delivery == 'snapshot' else ' or version_column'} in"
    return LandingWarning("order_decided", path, f"{said}. {cure} {contract.declared_in}", None, count)


def _codes(contract: TableContract) -> Sequence[ColumnContract]:
    """The text columns that name something: what a spreadsheet damages when it takes them for numbers."""
    return [
        column
        for column in contract.own_columns
        if column.data_type == "string" and (column.name in contract.key or column.identifier_type)
    ]


def _spreadsheet_numbers(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int
) -> Iterator[tuple[str, LandingWarning]]:
    """Identifiers that a spreadsheet has rounded: 1.23E+12. They identify nobody."""
    for column in _codes(contract):
        if column.name in contract.key:
            yield from _rounded_keys(connection, contract, batch, column)
            continue
        text = f"raw_rows.{name(column.name)}"
        yield from _counted(
            connection,
            contract,
            batch,
            column,
            kind="spreadsheet_number",
            condition=f"contains({text}, 'E+') and regexp_full_match({text}, '{SPREADSHEET_NUMBER}')",
            says="{count} values of {column} are numbers that a spreadsheet has rounded{examples}: they link nobody. "
            "Format the column as text before saving it",
        )


def _rounded_keys(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int, column: ColumnContract
) -> Iterator[tuple[str, LandingWarning]]:
    for file_id, path, count in connection.execute(
        f"select file_id, file_path, count(*) from {quarantine_table(contract)} where batch = ? and reason = ? "
        "and column_name = ? group by all order by file_path",
        [batch, SPREADSHEET_NUMBER_REASON, column.name],
    ).fetchall():
        said = f"{count:,} rows have a key that a spreadsheet has rounded; they are in quarantine"
        yield file_id, LandingWarning("spreadsheet_number", path, said, column.name, count)


def _lost_zeros(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int
) -> Iterator[tuple[str, LandingWarning]]:
    """Codes of digits of one length of which some have a digit less, and none begins with a zero."""
    for column in _codes(contract):
        text = name(column.name)
        counts = connection.execute(f"""
            with codes as (
                select distinct _file_id, {text} as code from {raw_table(contract)}
                where _batch = {batch} and regexp_full_match({text}, '[0-9]{{{SHORTEST_CODE - 1},18}}')
            ),

            lengths as (
                select _file_id, length(code) as code_length, count(*) as code_count,
                    count_if(starts_with(code, '0')) as zero_count,
                    min(code::bigint) as first_code, max(code::bigint) as last_code
                from codes group by all
            ),

            usual as (
                select _file_id, sum(code_count) as all_count, max_by(code_length, code_count) as usual_length,
                    max(code_count) as usual_count, sum(zero_count) as zero_count,
                    max_by(code_count / greatest(1, last_code - first_code + 1), code_count) as density
                from lengths group by _file_id
            )

            select _file_id, lengths.code_count, usual_length from usual
            inner join lengths using (_file_id)
            where lengths.code_length = usual_length - 1 and usual.zero_count = 0 and all_count >= {FEWEST_CODES}
                and usual_length >= {SHORTEST_CODE} and density < {DENSEST_CODES}
                and usual_count >= {FULL_LENGTH_SHARE} * all_count
                and lengths.code_count between {SHORTENED_SHARE[0]} * all_count and {SHORTENED_SHARE[1]} * all_count
        """).fetchall()
        for file_id, _, length in counts:
            yield from _counted(
                connection,
                contract,
                batch,
                column,
                kind="lost_zeros",
                condition=f"_file_id = {literal(file_id)} and regexp_full_match({text}, '[0-9]{{{length - 1}}}')",
                says=f"{{count}} values of {{column}} have {length - 1} digits, most have {length}, none begins with "
                "0{examples}: a spreadsheet may have cut leading zeros. Format the column as text before saving it",
            )


def _times_in_1970(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, batch: int
) -> Iterator[tuple[str, LandingWarning]]:
    """Times of the first weeks of 1970: numbers in another unit, or 0 for none. A date of birth may be one."""
    columns = [
        column
        for column in contract.own_columns
        if not column.personal and (column.data_type == "timestamp" or column.time_unit)
    ]
    if not columns:
        return
    counts = []
    for column in columns:
        time = f"raw_rows.{name(column.name)}"
        is_early = f"{time} >= timestamp '1970-01-01' and {time} < timestamp '{LAST_OF_WRONG_UNITS}'"
        counts.append(f"{{'count': count_if({is_early}), 'example': max({time}::timestamp) filter (where {is_early})}}")
    for file_id, path, found in connection.execute(f"""
        select _file_id, files.file_path, [{", ".join(counts)}]
        from {_of_batch(contract, batch)} group by all order by file_path
    """).fetchall():
        for column, one in zip(columns, found, strict=True):
            if one["count"]:
                said = f"{_rows(one['count'])} a {column.name} in the first weeks of 1970, such as {one['example']}: "
                said += f"{_likely_unit(column, one['example'])}, in {contract.declared_in}"
                yield file_id, LandingWarning("time_in_1970", path, said, column.name, one["count"])


def _rows(count: int) -> str:
    return f"{count:,} row{'s have' if count != 1 else ' has'}"


def _likely_unit(column: ColumnContract, example: datetime) -> str:
    """What makes a time of our days of one in 1970."""
    microseconds = (example - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    if not microseconds:
        return '0 is no time; where it means that there is none, add null_values: ["0"]'
    units = {"seconds": 1_000_000, "millis": 1_000, "micros": 1}
    if column.time_unit not in units:
        return "the program that wrote the file took a number for another unit; correct it there, or deliver the number"
    number = microseconds // units[column.time_unit]
    for unit, size in units.items():
        if FIRST_OF_LIKELY_TIMES <= number * size / 1_000_000 < LAST_OF_LIKELY_TIMES:
            return f"the numbers are {unit} rather than {column.time_unit}; set time_unit: {unit}"
    return f"are the numbers {column.time_unit}? Correct time_unit"


def _counted(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    batch: int,
    column: ColumnContract,
    *,
    kind: str,
    condition: str,
    says: str,
) -> Iterator[tuple[str, LandingWarning]]:
    """A warning for each file with rows that meet a condition, with examples unless the column names people."""
    text = f"raw_rows.{name(column.name)}"
    for file_id, path, count, examples in connection.execute(f"""
        select _file_id, files.file_path, count(*), list_sort(list(distinct {text}))[:{SHOWN}]
        from {_of_batch(contract, batch)} and {condition} group by all order by file_path
    """).fetchall():
        shown = "" if column.name in contract.columns_of_people else f" ({', '.join(examples)})"
        said = says.format(count=f"{count:,}", column=column.name, examples=shown)
        yield file_id, LandingWarning(kind, path, said, column.name, count)
