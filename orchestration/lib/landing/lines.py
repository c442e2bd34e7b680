"""Finds the physical line on which each record of a text file begins.

DuckDB's reader skips blank lines and lets quoted values run over several lines, so the n-th record need not
be on line n. A file whose lines and records agree in number needs no second look; any other is read once
more as bare lines, and a running state (inside or outside of quotes) shows which lines begin a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import CsvDialect
from orchestration.lib.core.connection import one_value
from orchestration.lib.core.sql import literal
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import CHUNK, TextFile
from orchestration.lib.landing.reasons import FileRefused

# No text holds this, so that the reader takes a whole line for one value.
NO_DELIMITER = "\x01\x02\x03"
LONGEST_LINE = 256 << 20


def lines_at(path: Path, positions: Iterator[int]) -> Iterator[tuple[int, int]]:
    """The physical line of each byte position, which must ascend.

    DuckDB names the end of the line before when blank lines precede a broken record: those are stepped over.
    """
    with path.open("rb") as stream:
        seen = 0
        line = 1
        for position in positions:
            while seen < position:
                chunk = stream.read(min(CHUNK, position - seen))
                if not chunk:
                    break
                seen += len(chunk)
                line += chunk.count(b"\n")
            start, at = line, seen
            while (byte := stream.read(1)) in (b"\n", b"\r"):
                start += byte == b"\n"
            stream.seek(at)
            yield position, start


def number_all_lines(connection: duckdb.DuckDBPyConnection, text: TextFile, *, rejects: Path, target: Path) -> None:
    """Writes (record, line), records from 0, for a file in which each line not rejected is a record."""
    connection.execute(f"""
        copy (
            select row_number() over (order by line) - 1 as _record, line as _physical_line
            from range(1, {text.line_count + 1}) as all_lines (line)
            where line not in (select line from read_parquet({literal(str(rejects))}))
        ) to {literal(str(target))} (format parquet)
    """)


def number_csv_records(
    connection: duckdb.DuckDBPyConnection,
    text: TextFile,
    dialect: CsvDialect,
    *,
    header_lines: int,
    column_count: int,
    record_count: int,
    longest_line: int,
    rejects: Path | None,
    target: Path,
) -> None:
    """Writes (record, line) for a CSV file, given its bare copy. Records count from 0.

    Raises FileRefused when the quotes give another number of records than DuckDB read: an open quote has then
    swallowed rows (DuckDB drops the rest of a long file without a word), and a part must not pass for the
    whole.
    """
    if longest_line > LONGEST_LINE:
        raise FileRefused(reasons.LINE_TOO_LONG, f"a line of {longest_line} bytes; is a quote left open?")
    is_opened, remains_open = _quote_patterns(dialect)
    rejected = f"select line from read_parquet({literal(str(rejects))})" if rejects else "select 0"
    has_quote = f"contains(text, {literal(dialect.quote)})" if dialect.quote else "false"
    # In a file of one column a blank line is a row without a value.
    starts = "true" if column_count == 1 else "text is not null"
    connection.execute(f"""
        copy (
            with physical_lines as (
                select row_number() over () as line, nullif(line, '') as text
                from read_csv(
                    {literal(str(text.path))}, columns = {{'line': 'varchar'}},
                    header = false, auto_detect = false,
                    delim = {literal(NO_DELIMITER)}, quote = '', escape = '',
                    max_line_size = {max(2_000_000, longest_line + 1000)}
                )
            ),

            -- where a line leads to when it begins outside of quotes, and when it begins inside
            moves as (
                select
                    line,
                    {starts} as is_filled,
                    coalesce(case when {has_quote} then regexp_matches(text, {literal(is_opened)}) end, false)
                        as from_outside,
                    coalesce(case when {has_quote} then regexp_matches(text, {literal(remains_open)}) end, true)
                        as from_inside
                from physical_lines
                where line > {header_lines}
            ),

            toggled as (
                select
                    *,
                    sum(case when from_outside and not from_inside then 1 else 0 end)
                        over (rows unbounded preceding) as toggles
                from moves
            ),

            -- the last line that leads to one state whatever went before, with the toggles up to it taken out
            settled as (
                select
                    *,
                    max(
                        case
                            when from_outside = from_inside
                                then line * 2 + (from_outside::bigint + toggles) % 2
                        end
                    ) over (rows unbounded preceding) as last_fixed
                from toggled
            ),

            ended as (
                select line, is_filled, (coalesce(last_fixed, 0) + toggles) % 2 = 1 as is_inside_at_end
                from settled
            ),

            begun as (
                select line, is_filled, lag(is_inside_at_end, 1, false) over () as is_inside_at_start
                from ended
            )

            select row_number() over (order by line) - 1 as _record, line as _physical_line
            from begun
            where is_filled
                and not is_inside_at_start
                and line not in ({rejected})
        ) to {literal(str(target))} (format parquet)
    """)
    found = one_value(connection, f"select count(*) from read_parquet({literal(str(target))})")
    if found != record_count:
        where = ""
        if rejects:
            first = one_value(connection, f"select min(line) from read_parquet({literal(str(rejects))})")
            where = f"near line {first} "
        raise FileRefused(
            reasons.BROKEN_QUOTES,
            f"{where}a quote is left open or not doubled, so the rows after it can't be separated "
            f"({found} rows by their "
            f"quotes, {record_count} read); write every quote inside a value twice and close every quoted "
            "value",
        )


def _quote_patterns(dialect: CsvDialect) -> tuple[str, str]:
    """Patterns of a line that ends inside quotes, given that it begins outside, and that it begins inside."""
    if not dialect.quote:
        return "$^", "$^"
    quote, escape, delimiter = (re.escape(c) for c in (dialect.quote, dialect.escape, dialect.delimiter))
    in_class = {c: re.escape(c) if c in "\\]^-[" else c for c in (dialect.quote, dialect.escape, dialect.delimiter)}
    q, e, d = (in_class[c] for c in (dialect.quote, dialect.escape, dialect.delimiter))
    if dialect.escape in ("", dialect.quote):
        content = f"(?:[^{q}]|{quote}{quote})*"
    else:
        content = f"(?:[^{q}{e}]|{escape}.)*"
    plain_or_quoted = f"(?:{quote}{content}{quote}|[^{q}{d}][^{d}]*)?"
    opened = f"(?:{plain_or_quoted}{delimiter})*{quote}{content}$"
    return f"^{opened}", f"^{content}$|^{content}{quote}{delimiter}{opened}"
