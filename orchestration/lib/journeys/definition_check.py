"""Holds the definitions of journeys against the data before they are used: `make journey-check`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.lib.config.seeds import (
    VALIDITY_ENDS,
    SeedRow,
    is_true,
    journey_warnings,
    overruled_rules,
    read_seeds,
)
from orchestration.lib.core.activity import step
from orchestration.lib.core.connection import one_row, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, shown_path
from orchestration.lib.core.sql import literal
from orchestration.lib.dbt.compiled import expression, models_on
from orchestration.lib.release.publish import current_release

# How many names or values a hint lists.
SHOWN = 5
PLACE = {"source_system": "from", "channel": "on channel", "touchpoint": "at touchpoint"}
PLACED = {"source_system": "from", "channel": "on", "touchpoint": "on"}
PHASE_COLUMNS = {
    "journey_id": "varchar",
    "journey_version": "bigint",
    "phase_id": "varchar",
    "phase_order": "bigint",
    "window_days": "double",
    "is_terminal": "boolean",
}
RULE_COLUMNS = {
    "critical_event_id": "varchar",
    "journey_id": "varchar",
    "journey_version": "bigint",
    "phase_id": "varchar",
    "event_name": "varchar",
    "channel": "varchar",
    "touchpoint": "varchar",
    "property_name": "varchar",
    "property_value": "varchar",
    "case_property": "varchar",
    "occurrence": "varchar",
    "ends_case": "boolean",
    "source_system": "varchar",
}
JOURNEY_COLUMNS = {
    "journey_id": "varchar",
    "journey_version": "bigint",
    "case_key": "varchar",
    "valid_from": "date",
    "valid_to": "date",
}


@dataclass(frozen=True)
class Rule:
    """A critical event and its matches. Matches that count before it on the same event make it `overruled`.

    `unused` matches belong to no instance: none was open, and none could begin on that day, or with a single event that
    names nobody.
    """

    row: SeedRow
    matches: int
    customers: int
    overruled: int
    unused: int
    first_at: datetime | None
    last_at: datetime | None
    hints: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.row.values["critical_event_id"]


@dataclass(frozen=True)
class Phase:
    """A phase, the intervals and customers that come to it, and why there are none."""

    row: SeedRow
    intervals: int
    customers: int
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """A version of a journey compared with the data. `is_as_if_valid`: no match falls on its days, so
    it is walked without them."""

    row: SeedRow
    rules: tuple[Rule, ...]
    phases: tuple[Phase, ...]
    instances: int
    customers: int
    finished: int
    heard: int
    outside_validity: int
    is_as_if_valid: bool
    is_case_key_unused: bool

    @property
    def has_faults(self) -> bool:
        return (
            self.is_case_key_unused
            or any(not rule.matches for rule in self.rules)
            or any(not phase.intervals for phase in self.phases)
        )


@dataclass(frozen=True)
class Data:
    """The data that the definitions are compared with. Bots and events after the clock are omitted."""

    database: Path
    events: int
    customers: int
    first_on: date | None
    last_on: date | None


def run_journey_check(settings: Settings, journey: str | None, *, today: date, say: Callable[[str], object]) -> int:
    """Checks the seeds in force and prints what their journeys would find in the data. Changes nothing.

    Returns 1 when a critical event matches nothing or nobody comes to a phase, else 0; of the shipped journeys on own
    extracts only those that match something are shown, and it is 0. Raises SeedsInvalid for errors
    in the seeds, and SettingsError where there is no such journey or no data yet.
    """
    seeds = read_seeds(settings.seeds, PROJECT_ROOT / "seeds", today=today)
    chosen = _chosen(seeds["journeys"], journey)
    database = settings.warehouse
    if not _has_events(database) and (release := current_release(settings)) is not None:
        # the data set's own: what is served may be of another one
        database = release.database
    if not _has_events(database):
        raise SettingsError(f"{settings.data_set} has no events yet. Type make run first.")
    say(f"{settings.data_set}: journeys of {shown_path(settings.seeds)}, compared with {shown_path(database)}")
    # what the shipped journeys, a retailer's, lack is nothing that the owner of other data can settle
    is_of_another = settings.has_seeds_of_another and journey is None
    for warning in () if is_of_another else journey_warnings(seeds):
        say(f"warning: {warning}")
    with step("comparing journeys with the data"), open_duckdb(database.resolve(), read_only=True) as connection:
        data, versions = check_definitions(connection, database, seeds, chosen, settings.reporting_time_zone)
    if is_of_another:
        met = [version for version in versions if any(rule.matches for rule in version.rules)]
        say(
            f"These {len(versions)} journeys are the shipped ones, of a retailer; {len(met)} of them match something. "
            "Write your own into JOURNEYS_SEEDS=my/seeds (docs/bring_your_own_data.md, 3)."
        )
        for line in (line for version in met for line in version_lines(version)):
            say(line)
        return 0
    for line in report_lines(data, versions):
        say(line)
    return int(any(version.has_faults for version in versions))


def _chosen(journeys: Sequence[SeedRow], journey: str | None) -> list[SeedRow]:
    found = [row for row in journeys if journey in (None, row.get("journey_id"))]
    if not found:
        known = sorted({row.values["journey_id"] for row in journeys})
        listed = f"journeys.csv has {', '.join(known)}." if known else "journeys.csv has none."
        raise SettingsError(f"There is no journey {journey or 'to check'}: {listed}")
    return found


def _has_events(database: Path) -> bool:
    if not database.exists():
        return False
    with open_duckdb(database.resolve(), read_only=True) as connection:
        row = connection.execute(
            "select count(*) from information_schema.tables where table_schema = 'core' and table_name = 'fct_events'"
        ).fetchone()
    return bool(row and row[0])


def check_definitions(
    connection: duckdb.DuckDBPyConnection,
    database: Path,
    seeds: Mapping[str, Sequence[SeedRow]],
    journeys: Sequence[SeedRow],
    time_zone: str,
) -> tuple[Data, list[Version]]:
    """Holds versions of journeys against `core.fct_events`. Writes temporary tables only."""
    relations = {
        "critical_events": "given_critical_events",
        "phases": "given_phases",
        "int_timeline_events": "counted_events",
        "int_matched_events": "given_matches",
        "int_match_cases": "given_cases",
        "journeys": "given_journeys",
    }
    models = models_on(
        ("int_matched_events", "int_match_cases", "int_phase_intervals"),
        relations,
        as_of="(select max(occurred_at) from counted_events)",
        time_zone=time_zone,
    )
    local_day = expression("local_date", time_zone=time_zone)
    # a release has the events and not their records: each is one of its own there
    events, record_key = "core.fct_events", "event_id"
    if connection.execute("from duckdb_tables() where table_name = 'int_timeline_events'").fetchone():
        events, record_key = "intermediate.int_timeline_events", "record_key"
    connection.execute(f"""
        create temp table counted_events as
        select
            event_id, customer_id, event_number, {record_key} as record_key, is_linkable, false as is_bot,
            false as is_after_as_of, event_name, source_system, channel, touchpoint, properties,
            {local_day} as occurred_on, occurred_at
        from {events}
        where not is_bot and not is_after_as_of
    """)
    totals = connection.execute(
        "select count(*), count(distinct customer_id), min(occurred_on), max(occurred_on) from counted_events"
    ).fetchone()
    assert totals is not None
    data = Data(database, *totals)
    _load(connection, "given_phases", PHASE_COLUMNS, seeds["phases"])
    _load(connection, "given_critical_events", RULE_COLUMNS, seeds["critical_events"])
    connection.execute(f"create temp table given_matches as {models['int_matched_events']}")
    ids = {row.values["journey_id"] for row in journeys}
    of_journeys = [row for row in seeds["journeys"] if row.values["journey_id"] in ids]
    as_if_valid = [row for row in of_journeys if not _matches(connection, row, time_zone).inside]
    connection.execute(f"create temp table given_journeys ({', '.join(map(' '.join, JOURNEY_COLUMNS.items()))})")
    connection.execute(f"create temp table given_cases as select * from ({models['int_match_cases']}) limit 0")
    connection.execute("create temp table case_values (journey_id varchar, case_count bigint)")
    connection.execute(f"create temp table walked_intervals as select * from ({models['int_phase_intervals']}) limit 0")
    walks = [[row for row in of_journeys if row not in as_if_valid], *([_timeless(row)] for row in as_if_valid)]
    for walk in walks:
        connection.execute("delete from given_journeys")
        _insert(connection, "given_journeys", JOURNEY_COLUMNS, walk)
        connection.execute(f"create or replace temp table given_cases as {models['int_match_cases']}")
        connection.execute(
            "insert into case_values select journey_id, count(case_value) from given_cases group by journey_id"
        )
        connection.execute(f"insert into walked_intervals {models['int_phase_intervals']}")
    return data, [_version(connection, row, seeds, row in as_if_valid, time_zone) for row in journeys]


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Iterable[SeedRow]
) -> None:
    connection.execute(f"create temp table {table} ({', '.join(map(' '.join, columns.items()))})")
    _insert(connection, table, columns, rows)


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Iterable[SeedRow]
) -> None:
    values = [[row.get(name) for name in columns] for row in rows]
    if values:
        connection.executemany(f"insert into {table} values ({', '.join('?' * len(columns))})", values)


def _timeless(row: SeedRow) -> SeedRow:
    return SeedRow(row.line, {name: value for name, value in row.values.items() if name not in VALIDITY_ENDS})


@dataclass(frozen=True)
class Matches:
    """Matches of a version on days on which it is valid, and on others."""

    inside: int
    outside: int


def _matches(connection: duckdb.DuckDBPyConnection, journey: SeedRow, time_zone: str) -> Matches:
    day = expression("local_date", time_zone=time_zone)
    row = connection.execute(
        f"""
        select count_if(is_valid), count_if(not is_valid)
        from (
            select coalesce({day} >= ?::date, true) and coalesce({day} < ?::date, true) as is_valid
            from given_matches
            where is_counted and journey_id = ? and journey_version = ?
        )
        """,
        [journey.get("valid_from"), journey.get("valid_to"), *_key(journey)],
    ).fetchone()
    assert row is not None
    return Matches(*(count or 0 for count in row))


def _key(journey: SeedRow) -> list[str]:
    return [journey.values["journey_id"], journey.values["journey_version"]]


def _version(
    connection: duckdb.DuckDBPyConnection,
    journey: SeedRow,
    seeds: Mapping[str, Sequence[SeedRow]],
    is_as_if_valid: bool,
    time_zone: str,
) -> Version:
    key = _key(journey)

    def own(seed: str) -> list[SeedRow]:
        return [row for row in seeds[seed] if [row.get("journey_id"), row.get("journey_version")] == key]

    of_version = "journey_id = ? and journey_version = ?"
    found = connection.execute(
        f"""
        select count(distinct journey_instance_id), count(distinct customer_id),
            count(distinct journey_instance_id) filter (where outcome = 'completed'),
            coalesce(sum(matched_event_count), 0)
        from walked_intervals where {of_version}
        """,
        key,
    ).fetchone()
    assert found is not None
    instances, customers, finished, heard = found
    rules = tuple(_rules(connection, key, own("critical_events")))
    phases = tuple(_phases(connection, key, own("phases"), rules))
    return Version(
        journey,
        _with_overrulers(rules, own("phases")),
        phases,
        instances,
        customers,
        finished,
        heard,
        _matches(connection, journey, time_zone).outside,
        is_as_if_valid,
        # without any match the rules say why
        journey.get("case_key") is not None
        and one_row(connection, "select sum(case_count) from case_values where journey_id = ?", key[:1])[0] == 0,
    )


def _rules(connection: duckdb.DuckDBPyConnection, key: list[str], rows: Sequence[SeedRow]) -> Iterator[Rule]:
    found = {
        row[0]: row[1:]
        for row in connection.execute(
            """
            with heard as (
                select matches.critical_event_id, matches.event_id
                from given_matches as matches
                inner join walked_intervals as intervals
                    on
                        intervals.journey_id = matches.journey_id
                        and intervals.journey_version = matches.journey_version
                        and intervals.customer_id = matches.customer_id
                        and intervals.phase_id = matches.phase_id
                        and matches.occurred_at >= intervals.entered_at
                        and matches.occurred_at <= intervals.last_matched_at
                where matches.is_counted
                group by matches.critical_event_id, matches.event_id
            )

            select
                matches.critical_event_id,
                count(*),
                count(distinct matches.customer_id),
                count_if(not matches.is_preferred),
                count_if(matches.is_preferred and heard.event_id is null),
                min(matches.occurred_at),
                max(matches.occurred_at)
            from given_matches as matches
            left join heard
                on heard.critical_event_id = matches.critical_event_id and heard.event_id = matches.event_id
            where matches.journey_id = ? and matches.journey_version = ?
            group by matches.critical_event_id
            """,
            key,
        ).fetchall()
    }
    for row in rows:
        numbers = found.get(row.values["critical_event_id"])
        if numbers is None:
            yield Rule(row, 0, 0, 0, 0, None, None, (why_nothing_matches(connection, row),))
        else:
            matches, customers, overruled, unused, first_at, last_at = numbers
            yield Rule(row, matches, customers, overruled, unused, first_at, last_at, ())


def _with_overrulers(rules: Sequence[Rule], phases: Sequence[SeedRow]) -> tuple[Rule, ...]:
    """The rules, each with a note where all it matches is taken by others, and by which if one takes it always."""
    order_of = {phase.get("phase_id"): Decimal(phase.values["phase_order"]) for phase in phases}
    by = {
        rule.values["critical_event_id"]: f"{other.values['critical_event_id']} (line {other.line})"
        for rule, other in overruled_rules([rule.row for rule in rules], order_of)
    }
    reported = []
    for rule in rules:
        if rule.matches and rule.overruled == rule.matches:
            taker = by.get(rule.name, "another rule")
            note = (
                f"never counts: each of its events is {taker}'s as well, which has a more exact name or is of the "
                "same or a higher phase"
            )
            rule = replace(rule, hints=(note,))
        reported.append(rule)
    return tuple(reported)


def _phases(
    connection: duckdb.DuckDBPyConnection, key: list[str], rows: Sequence[SeedRow], rules: Sequence[Rule]
) -> Iterator[Phase]:
    found = {
        row[0]: row[1:]
        for row in connection.execute(
            """
            select phase_id, count(*), count(distinct customer_id)
            from walked_intervals where journey_id = ? and journey_version = ? group by phase_id
            """,
            key,
        ).fetchall()
    }
    for row in sorted(rows, key=lambda row: Decimal(row.values["phase_order"])):
        intervals, customers = found.get(row.values["phase_id"], (0, 0))
        into = [rule for rule in rules if rule.row.get("phase_id") == row.get("phase_id")]
        yield Phase(row, intervals, customers, () if intervals else (_why_nobody_comes(into),))


def _why_nobody_comes(rules: Sequence[Rule]) -> str:
    matches = sum(rule.matches for rule in rules)
    if not rules:
        return "no critical event leads into it"
    if not matches:
        return "none of its critical events matches anything"
    if matches == sum(rule.overruled for rule in rules):
        return f"all {matches:,} matches are taken by other rules, with more exact names or of a higher phase"
    return f"none of its {matches:,} matches fell on a day on which an instance was open or could begin"


def why_nothing_matches(connection: duckdb.DuckDBPyConnection, rule: SeedRow) -> str:
    """The nearest that the data have to what a rule asks for."""
    name = rule.values["event_name"]
    names = dict(
        connection.execute(
            "select event_name, count(*) as events from counted_events where event_name is not null "
            "group by event_name order by events desc, event_name"
        ).fetchall()
    )
    connection.execute(f"""
        create or replace temp view named_events as
        select * from (select *, {literal(name)} as rule_name from counted_events)
        where {expression("is_name_matched")}
    """)
    [events] = one_row(connection, "select count(*) from named_events")
    if not events:
        called, near = f"no event is called {name}", _near(name, names)
        if name.endswith("*"):
            beginnings = {known[: len(name) - 1]: known for known in reversed(names)}
            called, near = f"no event's name begins so: {name}", beginnings.get(_near(name[:-1], beginnings) or "")
        if near is not None:
            return f"{called}; did you mean {near} ({names[near]:,})?"
        return f"{called}; there are {_listed(names)}"
    for column, place in PLACE.items():
        wanted = rule.get(column)
        values = dict(
            connection.execute(
                f"select coalesce({column}, '(none)') as found, count(*) as events from named_events "
                "group by found order by events desc, found"
            ).fetchall()
        )
        if wanted is not None and wanted not in values:
            return f"{events:,} events of that name, none {place} {wanted}: they are {PLACED[column]} {_listed(values)}"
    if rule.get("property_name") is not None:
        return _why_no_property(connection, rule, events)
    return f"{events:,} events of that name meet one or other of its filters, none meets all of them"


def _why_no_property(connection: duckdb.DuckDBPyConnection, rule: SeedRow, events: int) -> str:
    property_name, wanted = rule.values["property_name"], rule.values["property_value"]
    keys = dict(
        connection.execute(
            "select key, count(*) as events from (select unnest(json_keys(properties)) as key from named_events) "
            "group by key order by events desc, key"
        ).fetchall()
    )
    if property_name not in keys:
        had = f"they have {_listed(keys)}" if keys else "they publish none"
        return f"{events:,} events of that name, none with a published property {property_name}: {had}"
    value = expression("json_member")
    values = dict(
        connection.execute(
            f"select coalesce({value}, 'null') as found, count(*) as events from (select properties as json, ? as name "
            "from named_events) group by found order by events desc, found",
            [property_name],
        ).fetchall()
    )
    if wanted not in values:
        return f"{events:,} events of that name, none whose {property_name} is {wanted}: it is {_listed(values)}"
    return f"{events:,} events of that name meet one or other of its filters, none meets all of them"


def _near(word: str, known: Iterable[str]) -> str | None:
    by_lower_case = {name.lower(): name for name in reversed(list(known))}
    close = difflib.get_close_matches(word.lower().replace(" ", "_"), by_lower_case, n=1)
    return by_lower_case[close[0]] if close else None


def _listed(counts: Mapping[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def report_lines(data: Data, versions: Sequence[Version]) -> Iterator[str]:
    """The report, line by line."""
    days = "" if data.first_on is None else f" from {data.first_on} to {data.last_on}"
    yield f"{data.events:,} events of {data.customers:,} customers{days} count: no bots, nothing after the clock"
    for version in versions:
        yield from version_lines(version)
    silent = [rule.name for version in versions for rule in version.rules if not rule.matches]
    empty = [
        f"{phase.row.get('phase_id')} of {phase.row.get('journey_id')} version {phase.row.get('journey_version')}"
        for version in versions
        for phase in version.phases
        if not phase.intervals
    ]
    yield ""
    if silent:
        yield f"Critical events that match nothing: {', '.join(silent)}."
    if empty:
        yield f"Phases that no customer reaches: {', '.join(empty)}."
    without = sorted({str(version.row.get("journey_id")) for version in versions if version.is_case_key_unused})
    if without:
        yield f"Journeys without a case: {', '.join(without)}."
    if not silent and not empty and not without:
        yield "Every critical event matches something, and every phase is reached."


def version_lines(version: Version) -> Iterator[str]:
    """What is said of one version of a journey, line by line."""
    row = version.row
    ends = {"valid_from": "from", "valid_to": "up to before"}
    valid = " ".join(f"{word} {row.get(name)}" for name, word in ends.items() if row.get(name)) or "on all days"
    yield ""
    yield f"{row.get('journey_id')} version {row.get('journey_version')} (journeys.csv line {row.line}), valid {valid}"
    if version.is_as_if_valid:
        yield "  no match on a day on which it is valid: checked alone, as if it had always been valid"
    yield (
        f"  {version.instances:,} instances of {version.customers:,} customers, {version.finished:,} completed"
        + (f", {version.heard / version.instances:.1f} matches each" if version.instances else "")
        + (f"; {version.outside_validity:,} matches on days when it is not valid" if version.outside_validity else "")
    )
    if version.is_case_key_unused:
        yield (
            f"  ✗ no matched event has a value for its case_key {row.get('case_key')}, so a customer has one case at a "
            "time. Name a published property that these events have, or record."
        )
    yield ""
    heads = " ".join(f"{head:>9}" for head in ("matches", "customers", "overruled", "unused"))
    yield f"  {'line':>4}  {'critical event':<34} {'phase':<16} {heads}  first and last match"
    for rule in version.rules:
        between = "" if rule.first_at is None else f"{rule.first_at:%Y-%m-%d} {rule.last_at:%Y-%m-%d}"
        yield (
            f"  {rule.row.line:>4}  {rule.name:<34} {rule.row.values['phase_id']:<16} {rule.matches:>9,} "
            f"{rule.customers:>9,} {rule.overruled:>9,} {rule.unused:>9,}  {between}".rstrip()
        )
        for hint in rule.hints:
            yield f"        {'' if rule.matches else '✗ '}{hint}"
    yield ""
    yield f"  {'line':>4}  {'phase':<34} {'window':<16} {'intervals':>9} {'customers':>9}"
    for phase in version.phases:
        if is_true(phase.row.get("is_terminal")):
            window = "ends it"
        else:
            window = f"{phase.row.get('window_days')} days" if phase.row.get("window_days") else "for ever"
        yield (
            f"  {phase.row.line:>4}  {phase.row.values['phase_id']:<34} {window:<16} {phase.intervals:>9,} "
            f"{phase.customers:>9,}"
        )
        for hint in phase.hints:
            yield f"        ✗ {hint}"
