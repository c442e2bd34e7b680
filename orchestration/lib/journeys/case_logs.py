"""Reads a case log, CSV or XES, into a table of events: one row per event with its case, activity and time."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from orchestration.lib.config.faults import suggestion
from orchestration.lib.core.connection import one_row
from orchestration.lib.core.settings import SettingsError
from orchestration.lib.core.sql import literal, name
from orchestration.lib.journeys.xes import XesInvalid, read_xes

# What XES calls the three, and tools that write logs as CSV as well.
XES_NAMES: Mapping[str, str] = {
    "CASE": "case:concept:name",
    "ACTIVITY": "concept:name",
    "TIME": "time:timestamp",
}
# Times that no other reading fits. Of 05/06/2024 nobody knows which is the month: TIME_FORMAT says so.
TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d %H:%M:%S,%f",
)
# Reasons for which a row is left out, in the order in which they are looked for.
REASONS: Mapping[str, str] = {
    "broken": "with more or fewer values than columns, quotes that do not close, or text that is not UTF-8",
    "no_case": "without a case",
    "no_activity": "without an activity",
    "no_time": "without a time",
    "bad_time": "with a time that can't be read",
}
# Only the delimiter is found out; of quotes too few may be in the lines that are looked at.
DIALECT = "header = true, quote = '\"', escape = '\"', all_varchar = true, store_rejects = true"
# Landing quarantines times outside of these.
FIRST_DAY, LAST_DAY = "1990-01-01", "2100-01-01"
SHOWN = 5
# Above this share a log is taken for a wrong choice of columns, as the gate of a landing table does.
GREATEST_LEFT_OUT_SHARE = 0.2
SECONDS_BETWEEN_NEWS = 5.0
# Of one value in a log.
MAX_CHARACTERS = 100_000_000


class LogInvalid(ValueError):
    """A log that can't be imported; the message names file, line and fix."""


@dataclass(frozen=True)
class Columns:
    """The columns of a log that are asked for; None is the usual name, or for the last two none.

    `time_format` is one of strptime, `time_zone` that of times without an offset.
    """

    case: str | None = None
    activity: str | None = None
    time: str | None = None
    customer: str | None = None
    session: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True)
class LeftOut:
    """Rows that are left out for one reason, with the first lines and values."""

    reason: str
    count: int
    first: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class LogRead:
    """What was read: rows with the ones left out, and the columns that became case, activity, time, …

    `empty_cases` are the lines of traces in XES that have no event.
    """

    row_count: int
    left_out: tuple[LeftOut, ...]
    columns: Columns
    empty_cases: tuple[int, ...] = ()


def read_log(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns, *, say: Callable[[str], object]
) -> LogRead:
    """Reads a log into the temporary table `log_events`.

    Its columns: row_number, case_id, activity, occurred_at (UTC), customer, session_id, properties (JSON, with the
    other columns). Raises SettingsError for a file or a column that is not there, LogInvalid for a log that is no log.
    """
    if not path.is_file():
        raise SettingsError(f"FILE={path}: there is no such file. Give the path of a log in CSV or XES.")
    if path.stat().st_size == 0:
        raise LogInvalid(f"{path}: the file is empty. Export the log again.")
    is_xes = path.name.lower().endswith((".xes", ".xes.gz"))
    say(f"Reading {path} ({path.stat().st_size / 1e6:,.1f} MB)")
    broken: list[int] = []
    empty_cases: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        if is_xes:
            columns = _xes_rows(connection, path, columns, Path(folder) / "events.csv", empty_cases, say)
        else:
            columns, broken = _csv_rows(connection, path, columns)
    _parse(connection, columns)
    rows = connection.execute(
        """
        select reason, count(*), min((row_number, line, coalesce(time_text, '')), ?)
        from parsed_rows
        where reason is not null
        group by reason
        """,
        [SHOWN],
    ).fetchall()
    shown = {reason: first for reason, _, first in rows}
    lines = {number: line for first in shown.values() for number, line, _ in first}
    lines_of_broken: Sequence[int] = broken[:SHOWN]
    if not is_xes and (lines or broken):
        lines, lines_of_broken = _lines_of(connection, path, set(lines), broken)
    counts = {reason: count for reason, count, _ in rows} | ({"broken": len(broken)} if broken else {})
    left_out = [
        LeftOut(
            reason,
            counts[reason],
            tuple((line, "") for line in lines_of_broken)
            if reason == "broken"
            else tuple((lines[number], text if reason == "bad_time" else "") for number, _, text in shown[reason]),
        )
        for reason in REASONS
        if reason in counts
    ]
    [row_count] = one_row(connection, "select count(*) from parsed_rows")
    read = LogRead(row_count + len(broken), tuple(left_out), columns, tuple(empty_cases))
    _refuse_what_is_no_log(path, read)
    connection.execute("""
        create temp table log_events as
        select
            row_number, case_id, activity, customer, session_id, properties,
            cast(occurred_at at time zone 'UTC' as timestamp) as occurred_at
        from parsed_rows
        where reason is null
    """)
    connection.execute("drop table parsed_rows")
    return read


def left_out_lines(path: Path, read: LogRead) -> Iterator[str]:
    """What to say of the rows that are left out."""
    for one in read.left_out:
        lines = ", ".join(f"{line}{f' ({text!r})' if text else ''}" for line, text in one.first)
        more = ", …" if one.count > len(one.first) else ""
        yield f"{one.count:,} left out {REASONS[one.reason]}: {path.name} line {lines}{more}"


def _refuse_what_is_no_log(path: Path, read: LogRead) -> None:
    count = sum(one.count for one in read.left_out)
    if read.row_count == 0:
        raise LogInvalid(f"{path}: there are no events in it. Export the log again.")
    if count <= read.row_count * GREATEST_LEFT_OUT_SHARE:
        return
    said = "\n  ".join(left_out_lines(path, read))
    raise LogInvalid(
        f"{path}: {count:,} of {read.row_count:,} rows can't be used, more than {GREATEST_LEFT_OUT_SHARE:.0%}, so "
        f"nothing was written:\n  {said}\nChoose other columns (CASE, ACTIVITY, TIME), give TIME_FORMAT (such as "
        "%d/%m/%Y %H:%M), or correct the file."
    )


def _column(path: Path, line: int, argument: str, asked: str | None, known: Sequence[str]) -> str:
    """The name of a column as the file writes it. Raises SettingsError."""
    wanted = asked or XES_NAMES.get(argument, "")
    found = [column for column in known if column == wanted] or [
        column for column in known if column.casefold() == wanted.casefold()
    ]
    if found:
        return found[0]
    listed = ", ".join(known)
    if asked is None:
        raise SettingsError(
            f"{path} line {line}: {argument} is not given, and there is no column {wanted}. The columns are: {listed}. "
            f"Say which one has the {argument.lower()}: {argument}=…"
        )
    raise SettingsError(
        f"{path} line {line}: {argument}={asked}, and there is no such column.{suggestion(asked, known)} The columns "
        f"are: {listed}. Correct {argument}."
    )


def _resolved(path: Path, line: int, columns: Columns, known: Sequence[str]) -> Columns:
    return replace(
        columns,
        case=_column(path, line, "CASE", columns.case, known),
        activity=_column(path, line, "ACTIVITY", columns.activity, known),
        time=_column(path, line, "TIME", columns.time, known),
        customer=columns.customer and _column(path, line, "CUSTOMER", columns.customer, known),
        session=columns.session and _column(path, line, "SESSION", columns.session, known),
    )


def _csv_rows(connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns) -> tuple[Columns, list[int]]:
    """Loads a CSV file into `raw_rows`; returns the columns found and the places of records that are no rows."""
    try:
        delimiter = literal(_delimiter(connection, path))
        reader = f"read_csv({literal(str(path))}, {DIALECT}, delim = {delimiter})"
        known = [row[0] for row in connection.execute(f"describe select * from {reader}").fetchall()]
        columns = _resolved(path, 1, columns, known)
        chosen = {columns.case, columns.activity, columns.time, columns.customer, columns.session}
        others = [column for column in known if column not in chosen]
        members = ", ".join(f"{literal(column)}: {name(column)}" for column in others)
        connection.execute(f"""
            create temp table raw_rows as
            select
                row_number() over () as row_number,
                cast(null as bigint) as line,
                {_text(columns.case)} as case_id,
                {_text(columns.activity)} as activity,
                {_text(columns.time)} as time_text,
                {_text(columns.customer)} as customer,
                {_text(columns.session)} as session_id,
                {f"to_json({{{members}}})" if others else "cast('{}' as json)"} as others
            from {reader}
        """)
    except duckdb.Error as error:
        raise LogInvalid(
            f"{path}: it can't be read as CSV in UTF-8: {_first_line(error)}. Save it again as CSV in UTF-8."
        ) from error
    # what it calls a line is a record, however many lines that takes; the header is the first
    broken = connection.execute("select distinct line - 1 from reject_errors order by all").fetchall()
    return columns, [place for (place,) in broken]


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].strip().rstrip(".")


def _delimiter(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    [delimiter] = one_row(connection, f"select Delimiter from sniff_csv({literal(str(path))}, {DIALECT})")
    return delimiter


def _text(column: str | None) -> str:
    return "cast(null as varchar)" if column is None else f"nullif(trim({name(column)}), '')"


def _xes_rows(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    columns: Columns,
    passed_on: Path,
    empty_cases: list[int],
    say: Callable[[str], object],
) -> Columns:
    """Loads a log in XES into `raw_rows`, by way of a file, event by event, and notes traces without any."""
    wanted = replace(
        columns,
        case=columns.case or XES_NAMES["CASE"],
        activity=columns.activity or XES_NAMES["ACTIVITY"],
        time=columns.time or XES_NAMES["TIME"],
    )
    chosen = {"CASE": wanted.case, "ACTIVITY": wanted.activity, "TIME": wanted.time}
    chosen |= {
        argument: column
        for argument, column in (("CUSTOMER", wanted.customer), ("SESSION", wanted.session))
        if column is not None
    }
    known: dict[str, None] = {}
    last_news, events, first_line = time.monotonic(), 0, 0
    try:
        with passed_on.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for events, event in enumerate(read_xes(path, empty_traces=empty_cases), start=1):
                first_line = first_line or event.line
                known |= dict.fromkeys(event.attributes)
                found = {argument: event.attributes.get(column or "", "") for argument, column in chosen.items()}
                others = {key: text for key, text in event.attributes.items() if key not in chosen.values()}
                writer.writerow(
                    [
                        event.line,
                        found["CASE"] if event.has_trace else "",
                        found["ACTIVITY"],
                        found["TIME"],
                        found.get("CUSTOMER", ""),
                        found.get("SESSION", ""),
                        json.dumps(others, ensure_ascii=False),
                    ]
                )
                if time.monotonic() - last_news > SECONDS_BETWEEN_NEWS:
                    last_news = time.monotonic()
                    say(f"  {events:,} events read")
    except XesInvalid as error:
        raise LogInvalid(f"{path} {error}") from error
    for argument, column in chosen.items():
        if events and column not in known:
            _column(path, first_line, argument, column, list(known))
    connection.execute(f"""
        create temp table raw_rows as
        select
            row_number() over () as row_number,
            cast(line as bigint) as line,
            {", ".join(f"nullif(trim({one}), '') as {one}" for one in PASSED[1:-1])},
            cast(others as json) as others
        from read_csv(
            {literal(str(passed_on))}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"',
            max_line_size = {MAX_CHARACTERS}, columns = {{{", ".join(f"{literal(one)}: 'varchar'" for one in PASSED)}}}
        )
    """)
    return wanted


PASSED = ("line", "case_id", "activity", "time_text", "customer", "session_id", "others")


def _parse(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Makes `parsed_rows` of `raw_rows`: the time as an instant, and why a row can't be used."""
    if columns.time_format:
        parsed = f"cast(try_strptime(time_text, {literal(columns.time_format)}) as timestamptz)"
    else:
        listed = ", ".join(literal(one) for one in TIME_FORMATS)
        parsed = (
            f"coalesce(try_cast(time_text as timestamptz), cast(try_strptime(time_text, [{listed}]) as timestamptz))"
        )
    try:
        # times without an offset are those of this zone
        connection.execute(f"set TimeZone = {literal(columns.time_zone)}")
        connection.execute(f"""
            create temp table parsed_rows as
            select
                *,
                case
                    when case_id is null then 'no_case'
                    when activity is null then 'no_activity'
                    when time_text is null then 'no_time'
                    -- what landing takes for no time: a year of two digits, a placeholder
                    when occurred_at is null or not isfinite(occurred_at) then 'bad_time'
                    when occurred_at < {literal(FIRST_DAY)} or occurred_at >= {literal(LAST_DAY)} then 'bad_time'
                end as reason
            from (
                select
                    row_number, line, case_id, activity, time_text, customer, session_id,
                    json_merge_patch(
                        others,
                        case
                            when json_extract_string(others, '$.case_id') <> case_id then json_object(
                                'case_id', case_id, 'case_id_of_log', json_extract_string(others, '$.case_id')
                            )
                            else json_object('case_id', case_id)
                        end
                    ) as properties,
                    {parsed} as occurred_at
                from raw_rows
            )
        """)
    except duckdb.Error as error:
        if columns.time_format and "strptime" in str(error).lower():
            raise SettingsError(
                f"TIME_FORMAT={columns.time_format}: {_first_line(error)}. Give one such as %d/%m/%Y %H:%M:%S."
            ) from error
        raise
    finally:
        connection.execute("set TimeZone = 'UTC'")
    connection.execute("drop table raw_rows")


def _lines_of(
    connection: duckdb.DuckDBPyConnection, path: Path, numbers: set[int], broken: Sequence[int]
) -> tuple[dict[int, int], list[int]]:
    """The lines on which rows of a CSV file begin, by their numbers, and those of the first broken records.

    Quoted values may run over several lines, and broken records have no number.
    """
    lines, lines_of_broken, without_number = {}, [], set(broken)
    last_number, last_broken = max(numbers, default=0), max(broken[:SHOWN], default=0)
    # DuckDB reads longer values than this reader does by itself
    csv.field_size_limit(MAX_CHARACTERS)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=_delimiter(connection, path), quotechar='"')
        next(reader, None)
        begins, place, number = reader.line_num + 1, 0, 0
        for cells in reader:
            if cells:
                place += 1
                if place in without_number:
                    lines_of_broken.append(begins)
                else:
                    number += 1
                    if number in numbers:
                        lines[number] = begins
                if number >= last_number and place >= last_broken:
                    break
            begins = reader.line_num + 1
    # where the two read a file differently, the place among the rows is all that is known
    return {number: lines.get(number, number + 1) for number in numbers}, lines_of_broken[:SHOWN]
