"""Makes feed rows and the seeds of a journey of a case log: `make import-log`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from orchestration.lib.config.faults import suggestion
from orchestration.lib.core.connection import one_row, open_duckdb
from orchestration.lib.core.settings import DATA_SET_NAME, EXAMPLES, PROJECT_ROOT, SettingsError, shown_path
from orchestration.lib.core.sql import literal
from orchestration.lib.journeys.case_logs import Columns, LogInvalid, LogRead, left_out_lines, read_log

# The identifier of an event that names no customer: its case, so that a case of one event can be followed, too.
CASE_TYPE = "case"
CUSTOMER_TYPE = "customer_number"
PHASE = "running"
# Where a Parquet file keeps the arguments that it was made with.
ARGUMENTS_KEY = "case_log"
HASH_LENGTH = 12
LISTED = 5

Row = dict[str, str]


@dataclass(frozen=True)
class Folders:
    """Where a log is written to; `are_set`: the settings name these folders, so that `make run` finds them."""

    extracts: Path
    seeds: Path
    are_set: bool


@dataclass(frozen=True)
class LogRequest:
    """What `make import-log` is asked for."""

    file: Path
    columns: Columns
    journey: str
    end: str | None
    folders: Folders


@dataclass(frozen=True)
class Summary:
    """What is in a log, over the rows that can be used."""

    events: int
    cases: int
    activities: Mapping[str, int]
    first_at: datetime
    last_at: datetime
    mixed_cases: int
    completed_cases: int
    last_activities: Mapping[str, int]


def journey_of(file: Path) -> str:
    """The id of a journey after a file's name: lower-case letters, digits and underscores."""
    stem = re.sub(r"\.(csv|xes|tsv|txt)(\.gz)?$", "", file.name.lower())
    return re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:40] or "log"


def import_log(request: LogRequest, *, say: Callable[[str], object]) -> Summary:
    """Writes a log's events into the feed and its journey into the seeds, and says what it did.

    The same file with the same arguments changes nothing. Nothing is overwritten: raises LogInvalid where the journey
    is defined in another way, or was imported with other arguments, and SettingsError for a wrong argument.
    """
    _check_arguments(request)
    with open_duckdb() as connection:
        read = read_log(connection, request.file, request.columns, say=say)
        _number_events(connection)
        activities = dict(
            connection.execute(
                "select activity, count(*) as events from case_events group by activity order by events desc, activity"
            ).fetchall()
        )
        ends = _ends(request.end, activities)
        target = _target(request)
        earlier = _earlier_arguments(connection, request)
        _refuse_other_arguments(request, read, earlier)
        _refuse_cases_of_people(connection, request, read)
        _refuse_parts_of_cases(connection, [path for path in earlier if path != target])
        if not earlier:
            _refuse_a_source_that_is_there(request)
        changes = _seed_changes(request, ends)
        if target.is_file():
            say(f"{shown_path(target)}: there already, from the same file and arguments")
        else:
            _write_events(connection, request, read, target)
            say(f"{shown_path(target)}: written")
        for path, content in changes.items():
            if path.is_file() and path.read_bytes() == content:
                say(f"{shown_path(path)}: has its rows already")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                say(f"{shown_path(path)}: written")
        summary = _summary(connection, activities, ends)
    for line in _report(request, read, summary, ends):
        say(line)
    return summary


def _check_arguments(request: LogRequest) -> None:
    if not DATA_SET_NAME.match(request.journey):
        raise SettingsError(
            f"JOURNEY={request.journey}: use lower-case letters, digits and underscores, beginning with a letter."
        )
    try:
        ZoneInfo(request.columns.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"ZONE={request.columns.time_zone}: give a name such as Europe/Berlin.") from error


def _ends(end: str | None, activities: Mapping[str, int]) -> list[str]:
    """The activities that end a case. A name may hold a comma, so the whole text is looked up first."""
    if end is None:
        return []
    names = [end] if end in activities else [one.strip() for one in end.split(",") if one.strip()]
    for one in names:
        if one not in activities:
            raise SettingsError(
                f"END={end}: no event is called {one}.{suggestion(one, activities)} The activities are: "
                f"{_listed(activities, 20)}. Correct END."
            )
    return sorted(set(names))


def _number_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives each event its place in its case; at one instant the order of the file counts."""
    connection.execute("""
        create temp table case_events as
        select
            *,
            row_number() over of_case as place,
            count(customer) over (partition by case_id) > 0 as is_case_named
        from log_events
        window of_case as (partition by case_id order by occurred_at, row_number)
    """)
    connection.execute("drop table log_events")


def _target(request: LogRequest) -> Path:
    with request.file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = request.folders.extracts / "feed" / "events"
    return folder / f"{request.journey}-{digest[:HASH_LENGTH]}.parquet"


def _arguments(request: LogRequest, columns: Columns) -> Row:
    return {
        "CASE": columns.case or "",
        "ACTIVITY": columns.activity or "",
        "TIME": columns.time or "",
        "CUSTOMER": columns.customer or "",
        "SESSION": columns.session or "",
        "TIME_FORMAT": columns.time_format or "",
        "ZONE": columns.time_zone,
    }


def _earlier_arguments(connection: duckdb.DuckDBPyConnection, request: LogRequest) -> dict[Path, Row]:
    """The arguments with which files of the journey were imported before."""
    found = {}
    folder = request.folders.extracts / "feed" / "events"
    for path in sorted(folder.glob(f"{request.journey}-*.parquet")):
        row = connection.execute(
            f"select decode(value) from parquet_kv_metadata({literal(str(path))}) where decode(key) = ?",
            [ARGUMENTS_KEY],
        ).fetchone()
        if row is not None:
            found[path] = json.loads(row[0])
    return found


def _refuse_other_arguments(request: LogRequest, read: LogRead, earlier: Mapping[Path, Row]) -> None:
    now = _arguments(request, read.columns)
    for path, before in earlier.items():
        differing = [
            f"{name} was {before.get(name) or 'empty'}, is now {value or 'empty'}"
            for name, value in now.items()
            if before.get(name, "") != value
        ]
        if differing:
            raise LogInvalid(
                f"{shown_path(path)}: journey {request.journey} was imported with other arguments: "
                f"{'; '.join(differing)}. Nothing was written. Give the same arguments, or another JOURNEY, or remove "
                f"that file (and type make withdraw FILE=feed/events/{path.name} if it has landed)."
            )


def _refuse_cases_of_people(connection: duckdb.DuckDBPyConnection, request: LogRequest, read: LogRead) -> None:
    """The case is part of published ids."""
    found = connection.execute(
        r"""
        select case_id from case_events
        where regexp_matches(case_id, '[^@\s]+@[^@\s]+[.][^@\s]+')
        order by case_id limit 1
        """
    ).fetchone()
    if found is not None:
        raise SettingsError(
            f"CASE={read.columns.case}: {request.file} has the case {found[0]}, an e-mail address, and cases are "
            "published. Choose a column that names no person, and give this one as CUSTOMER."
        )


def _refuse_parts_of_cases(connection: duckdb.DuckDBPyConnection, earlier: Sequence[Path]) -> None:
    """An event's id is its place in its case, so a case that comes again has to come whole."""
    for path in earlier:
        row = connection.execute(
            f"""
            with earlier as (
                select record_id as case_id, event_name as activity, occurred_at from read_parquet({literal(str(path))})
            ),

            lacking as (
                select * from earlier where case_id in (select case_id from case_events)
                except all
                select case_id, activity, occurred_at from case_events
            )

            select count(distinct case_id), count(*), min((case_id, activity, occurred_at)) from lacking
            """
        ).fetchone()
        assert row is not None
        cases, events, first = row
        if events:
            case, activity, at = first
            raise LogInvalid(
                f"{shown_path(path)}: {cases:,} cases of this log were imported before with {events:,} events that it "
                f"lacks, such as {activity} of {case} at {at:%Y-%m-%d %H:%M:%S}. Nothing was written. A case comes "
                f"with all its events: export whole cases, or, if those events were wrong, type make withdraw "
                f"FILE=feed/events/{path.name}, remove that file, and import again."
            )


def _refuse_a_source_that_is_there(request: LogRequest) -> None:
    """The journey's rules cover all events of its source system, so this has to be the log's alone."""
    journey = request.journey
    sources = request.folders.seeds / "sources.csv"
    lines = [line for line, row in _read_seed(sources)[1] if row.get("source_system") == journey]
    there = f"{shown_path(sources)} line {lines[0]}" if lines else None
    if there is None and (request.folders.extracts / journey).is_dir():
        there = str(shown_path(request.folders.extracts / journey))
    if there is not None:
        raise SettingsError(
            f"{there}: {journey} is a source system of this data set, and the journey would take all its events. Give "
            "the log another JOURNEY."
        )


def _write_events(connection: duckdb.DuckDBPyConnection, request: LogRequest, read: LogRead, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # a landing run leaves out a file with this ending, so it never sees half of one
    unfinished = target.with_name(f"{target.name}.part")
    journey = literal(request.journey)
    session = "session_id," if request.columns.session else ""
    arguments = json.dumps(_arguments(request, read.columns), ensure_ascii=False)
    connection.execute(f"""
        copy (
            select
                {journey} || ':' || case_id || ':' || place as event_id,
                occurred_at,
                activity as event_name,
                {journey} as source_system,
                case_id as record_id,
                {session}
                place as sequence_number,
                cast(case
                    when customer is not null then json_object('{CUSTOMER_TYPE}', customer)
                    when not is_case_named then json_object('{CASE_TYPE}', {journey} || ':' || case_id)
                end as varchar) as identifiers,
                cast(properties as varchar) as properties
            from case_events
            order by row_number
        ) to {literal(str(unfinished))} (
            format parquet, compression zstd, kv_metadata {{{ARGUMENTS_KEY}: {literal(arguments)}}}
        )
    """)
    unfinished.replace(target)


def _seed_rows(request: LogRequest, ends: Sequence[str]) -> dict[str, list[Row]]:
    """The journey as rows of seeds: one phase, entered by any event of the log, ended by those that end a case."""
    journey = request.journey
    version = {"journey_id": journey, "journey_version": "1"}
    rule = {**version, "phase_id": PHASE, "source_system": journey}
    return {
        "journeys": [{**version, "journey_name": f"Cases of {journey}", "case_key": "case_id"}],
        "phases": [
            {
                **version,
                "phase_id": PHASE,
                "phase_order": "1",
                "phase_name": "Running",
                "is_terminal": "false",
                "is_required": "true",
            }
        ],
        "critical_events": [
            {"critical_event_id": f"{journey}_any", **rule, "event_name": "*"},
            *(
                {"critical_event_id": f"{journey}_end_{number}", **rule, "event_name": end, "ends_case": "true"}
                for number, end in enumerate(ends, start=1)
            ),
        ],
    }


def _seed_changes(request: LogRequest, ends: Sequence[str]) -> dict[Path, bytes]:
    """The content of each seed with the journey in it. Raises LogInvalid where it is defined in another way."""
    changes = {}
    differing: list[str] = []
    for seed, wanted in _seed_rows(request, ends).items():
        path = request.folders.seeds / f"{seed}.csv"
        header, rows = _read_seed(path)
        own = {line: row for line, row in rows if row.get("journey_id") == request.journey}
        # a file's name and what people wrote about the journey are theirs
        free = {"journey_name", "description", "owner", "validated_on", "phase_name"}
        asked = [{name: value for name, value in row.items() if name not in free} for row in wanted]
        found = {
            line: {name: value for name, value in row.items() if value and name not in free}
            for line, row in own.items()
        }
        if own:
            differing.extend(
                f"{path.name} line {line}: {_as_text(row)}" for line, row in found.items() if row not in asked
            )
            differing.extend(f"{path.name} has no row: {_as_text(row)}" for row in asked if row not in found.values())
            changes[path] = path.read_bytes()
        else:
            changes[path] = _as_csv(header, [row for _, row in rows], wanted)
    if differing:
        raise LogInvalid(
            f"{shown_path(request.folders.seeds)}: journey {request.journey} is defined in another way than these "
            "arguments say:\n  "
            + "\n  ".join(differing)
            + "\nNothing was written. Give the same arguments, or another JOURNEY, or change these rows by hand."
        )
    changes |= _identifier_type(request.folders.seeds)
    return changes


def _identifier_type(seeds: Path) -> dict[Path, bytes]:
    """The identifier types with that of cases; without own ones, the shipped ones are among them."""
    path = seeds / "identifier_types.csv"
    header, rows = _read_seed(path if path.is_file() else PROJECT_ROOT / "seeds" / path.name)
    known = [row for _, row in rows]
    if any(row.get("identifier_type") == CASE_TYPE for row in known):
        return {path: path.read_bytes()}
    priority = max((int(row["priority"]) for row in known if row.get("priority", "").isdecimal()), default=0) + 1
    own = {
        "identifier_type": CASE_TYPE,
        "kind": "device",
        "priority": str(priority),
        "is_unique_per_person": "false",
        "normalisation": "exact",
        "description": "The case of an event log, where an event names no customer",
    }
    return {path: _as_csv(header, known, [own])}


def _read_seed(path: Path) -> tuple[list[str], list[tuple[int, Row]]]:
    """The header of a seed and its rows with their lines; empty where there is no such file."""
    if not path.is_file():
        return [], []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = [
            (reader.line_num, {name: (value or "").strip() for name, value in row.items() if name}) for row in reader
        ]
        return list(reader.fieldnames or []), rows


def _as_csv(header: Sequence[str], rows: Sequence[Row], added: Sequence[Row]) -> bytes:
    """A seed with rows added, and the columns that these need."""
    names = [*header, *dict.fromkeys(name for row in added for name in row if name not in header)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, *added])
    return text.getvalue().encode()


def _as_text(row: Row) -> str:
    return ", ".join(
        f"{name} = {value}" for name, value in row.items() if name not in {"journey_id", "journey_version"}
    )


def _summary(connection: duckdb.DuckDBPyConnection, activities: Mapping[str, int], ends: Sequence[str]) -> Summary:
    events, cases, first_at, last_at = one_row(
        connection, "select count(*), count(distinct case_id), min(occurred_at), max(occurred_at) from case_events"
    )
    [mixed] = one_row(
        connection,
        "select count(*) from (select case_id from case_events group by case_id having count(distinct customer) > 1)",
    )
    last = dict(
        connection.execute(
            """
            select activity, count(*) as cases
            from (select max_by(activity, place) as activity from case_events group by case_id)
            group by activity order by cases desc, activity
            """
        ).fetchall()
    )
    completed = sum(count for activity, count in last.items() if activity in ends)
    return Summary(events, cases, activities, first_at, last_at, mixed, completed, last)


def _report(request: LogRequest, read: LogRead, summary: Summary, ends: Sequence[str]) -> Iterator[str]:
    yield (
        f"{summary.events:,} events of {summary.cases:,} cases, {len(summary.activities):,} activities, from "
        f"{summary.first_at:%Y-%m-%d %H:%M} to {summary.last_at:%Y-%m-%d %H:%M} UTC"
    )
    if read.left_out or read.empty_cases:
        if read.empty_cases:
            lines = ", ".join(str(line) for line in read.empty_cases[:LISTED])
            more = ", …" if len(read.empty_cases) > LISTED else ""
            count = len(read.empty_cases)
            yield f"  {count:,} left out, cases without any event: {request.file.name} line {lines}{more}"
        yield from (f"  {line}" for line in left_out_lines(request.file, read))
    else:
        yield "  nothing left out"
    if ends:
        share = summary.completed_cases / summary.cases
        yield f"  {summary.completed_cases:,} cases ({share:.0%}) end with {' or '.join(ends)}: they are completed"
    else:
        yield (
            "  without END every case stays open. The last activities of cases are: "
            f"{_listed(summary.last_activities, LISTED)}"
        )
    if summary.mixed_cases:
        yield (
            f"  {summary.mixed_cases:,} cases name several customers: each of them has a row in fct_journeys, for the "
            "events that name this one"
        )
    is_alone = request.folders.are_set or not _has_other_sources(request)
    if not is_alone and not _has_other_journeys(request):
        yield (
            f"  {shown_path(request.folders.seeds)} defines this journey alone, and replaces the shipped seeds: to "
            "keep the journeys and KPIs of the other sources, copy theirs into it, and import again"
        )
    yield "Next:"
    yield f"  {_next_command(request, summary, is_alone=is_alone)}"
    if not is_alone:
        yield "  with the JOURNEYS_DATA_SET, and the JOURNEYS_AS_OF if any, of the folder's other sources"


def _has_other_sources(request: LogRequest) -> bool:
    """Whether the log was imported next to other extracts: their data set and clock are not those of the log."""
    own = request.folders.extracts / "feed" / "events"
    return any(
        path.is_file() and not (path.parent == own and path.name.startswith(f"{request.journey}-"))
        for path in request.folders.extracts.rglob("*")
    )


def _has_other_journeys(request: LogRequest) -> bool:
    _, rows = _read_seed(request.folders.seeds / "journeys.csv")
    return any(row.get("journey_id") != request.journey for _, row in rows)


def _next_command(request: LogRequest, summary: Summary, *, is_alone: bool) -> str:
    """What to type to build it, with the settings that are not set already."""
    clock = (summary.last_at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    data_set = request.journey if request.journey not in EXAMPLES else f"{request.journey}_log"
    wanted = {
        "JOURNEYS_EXTRACTS": str(shown_path(request.folders.extracts)),
        "JOURNEYS_SEEDS": str(shown_path(request.folders.seeds)),
    }
    if is_alone:
        wanted |= {"JOURNEYS_DATA_SET": data_set, "JOURNEYS_AS_OF": f"{clock:%Y-%m-%d}"}
    given = (
        ""
        if request.folders.are_set
        else " ".join(f"{name}={shlex.quote(value)}" for name, value in wanted.items()) + " "
    )
    return f"{given}make run"


def _listed(counts: Mapping[str, int], shown: int) -> str:
    more = len(counts) - shown
    return ", ".join(f"{name} ({count:,})" for name, count in list(counts.items())[:shown]) + (
        f" and {more:,} more" if more > 0 else ""
    )
