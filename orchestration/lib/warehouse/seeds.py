"""Brings a data set's configuration together: its own seeds, completed with defaults, checked line by line."""

from __future__ import annotations

import csv
import difflib
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import yaml

from orchestration.lib.core.settings import CONTROL_CHARACTER, MAIL_ADDRESS

SEED_PROPERTIES = "_seeds.yml"
# A map older than this is read with care: a warning says so.
MAP_IS_FRESH_FOR = timedelta(days=365)
# What an empty end of a validity stands for.
VALIDITY_ENDS = {"valid_from": date.min, "valid_to": date.max}
# The columns of critical_events.csv that say which events a rule matches.
RULE_FILTERS = ("event_name", "channel", "touchpoint", "property_name", "property_value")
HASH = re.compile(r"[0-9a-f]{32}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# What a segment may look at, and the kind of value it is compared with.
SEGMENT_ATTRIBUTES = {
    "is_anonymous": "truth",
    "event_count": "number",
    "first_seen_at": "day",
    "last_seen_at": "day",
    "birth_date": "day",
    "city": "text",
    "postcode": "text",
    "country": "text",
    "record_source": "text",
}
SEGMENT_COMPARISONS = {
    "truth": ("equals", "not_equals"),
    "number": ("equals", "not_equals", "at_least", "below"),
    "day": ("equals", "not_equals", "at_least", "below"),
    "text": ("equals", "not_equals", "one_of", "at_least", "below"),
}
# Figures bear these names where they are not cut, and where a name is missing.
RESERVED_NAMES = ("all", "(none)")


@dataclass(frozen=True)
class SeedColumn:
    """One column of a seed as `_seeds.yml` declares it. `references` is `<seed>.<column>`."""

    name: str
    data_type: str
    is_required: bool
    accepted_values: tuple[str, ...]
    minimum: float | None
    references: str | None


@dataclass(frozen=True)
class SeedDefinition:
    """One seed. `when_missing` says what stands in for an absent file: nothing, or the shipped rows."""

    name: str
    key: tuple[str, ...]
    when_missing: str
    columns: tuple[SeedColumn, ...]


@dataclass(frozen=True)
class Problem:
    """Something wrong in a seed: where, what, and how to mend it."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class SeedReport:
    """What the check of a seeds folder found. Errors stop a run; warnings are shown."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


class SeedsInvalid(ValueError):
    """The configuration contradicts itself; the message lists every error with file, line and fix."""

    def __init__(self, report: SeedReport) -> None:
        self.report = report
        super().__init__("\n".join(["The configuration has errors:", *(f"  {error}" for error in report.errors)]))


@dataclass(frozen=True)
class SeedRow:
    """One row of a seed: its line in the file and its filled values by column; empty values are left out.

    `surplus` counts filled cells beyond the header's last column: a comma that was not quoted.
    """

    line: int
    values: Mapping[str, str]
    surplus: int = 0

    def get(self, column: str) -> str | None:
        return self.values.get(column)


# A people record is an identifier of its own, whatever types a business declares.
PEOPLE_RECORD = SeedRow(
    0,
    {
        "identifier_type": "record",
        "kind": "person",
        "priority": "1000",
        "is_unique_per_person": "false",
        "normalisation": "exact",
        "description": "A people record, by source system and person key.",
    },
)


def read_definitions(properties: Path) -> tuple[SeedDefinition, ...]:
    """The seeds that `_seeds.yml` declares, in its order."""
    return _definitions(properties.read_text(encoding="utf-8"))


@functools.cache
def _definitions(text: str) -> tuple[SeedDefinition, ...]:
    # every step of a run asks, and reading YAML takes longer than the rest of the answer
    declared = yaml.safe_load(text)["seeds"]
    return tuple(
        SeedDefinition(
            name=seed["name"],
            key=tuple(seed["config"]["meta"]["key"]),
            when_missing=seed["config"]["meta"]["when_missing"],
            columns=tuple(_column(column) for column in seed["columns"]),
        )
        for seed in declared
    )


def _column(declared: Mapping) -> SeedColumn:
    meta = declared.get("config", {}).get("meta", {})
    return SeedColumn(
        name=declared["name"],
        data_type=declared["data_type"],
        is_required=meta.get("required", False),
        accepted_values=tuple(meta.get("accepted_values", ())),
        minimum=meta.get("minimum"),
        references=meta.get("references"),
    )


def resolve_seeds(seeds: Path, shipped: Path, resolved: Path, *, today: date) -> SeedReport:
    """Writes the complete seeds folder that dbt reads and returns the warnings.

    `seeds` holds the data set's own files, any subset; `shipped` the project's, with `_seeds.yml`; `resolved` is
    written. A missing seed is empty, or the shipped one where it is not about one business. Raises SeedsInvalid.
    """
    definitions, sources, report = _checked(seeds, shipped, today)
    resolved.mkdir(parents=True, exist_ok=True)
    _write_if_changed(resolved / SEED_PROPERTIES, (shipped / SEED_PROPERTIES).read_bytes())
    for definition in definitions:
        source = sources[definition.name]
        rows = _with_people_record(definition, _read_rows(source)[1] if source else [])
        _write_if_changed(resolved / f"{definition.name}.csv", _as_csv(definition, rows))
    return report


def read_seeds(seeds: Path, shipped: Path, *, today: date) -> dict[str, list[SeedRow]]:
    """The rows of all seeds as the next run would take them, and their lines; nothing is written.

    Raises SeedsInvalid.
    """
    definitions, sources, _ = _checked(seeds, shipped, today)
    found = {name: _read_rows(source)[1] if source else [] for name, source in sources.items()}
    return {definition.name: _with_people_record(definition, found[definition.name]) for definition in definitions}


def _checked(
    seeds: Path, shipped: Path, today: date
) -> tuple[tuple[SeedDefinition, ...], dict[str, Path | None], SeedReport]:
    definitions = read_definitions(shipped / SEED_PROPERTIES)
    sources = {definition.name: _source_of(definition, seeds, shipped) for definition in definitions}
    report = check_seeds(definitions, sources, unknown=_unknown_files(definitions, seeds), today=today)
    if report.errors:
        raise SeedsInvalid(report)
    return definitions, sources, report


def resolve_matching(seeds: Path, shipped: Path, resolved: Path) -> None:
    """Checks how people records are matched and writes it into the folder of resolved seeds.

    `seeds` may hold a matching.toml, else the shipped one counts, and a match_parameters.json that was saved for it.
    Raises SeedsInvalid.
    """
    from orchestration.lib.config.match_parameters import PARAMETERS_FILE, read_parameters
    from orchestration.lib.config.matching import (
        SETTINGS_FILE,
        MatchingSettingsError,
        read_matching_settings,
    )

    own, saved = seeds / SETTINGS_FILE, seeds / PARAMETERS_FILE
    source = own if own.is_file() else shipped / SETTINGS_FILE
    try:
        read = read_matching_settings(source)
        if saved.is_file():
            read_parameters(saved, read)
    except MatchingSettingsError as error:
        file, _, message = str(error).partition(": ")
        raise SeedsInvalid(SeedReport((Problem(file, None, message),), ())) from error
    _write_if_changed(resolved / SETTINGS_FILE, source.read_bytes())
    if saved.is_file():
        _write_if_changed(resolved / PARAMETERS_FILE, saved.read_bytes())
    else:
        (resolved / PARAMETERS_FILE).unlink(missing_ok=True)


def check_seeds(
    definitions: Sequence[SeedDefinition],
    sources: Mapping[str, Path | None],
    *,
    unknown: Sequence[Path] = (),
    today: date,
) -> SeedReport:
    """Checks values, keys and references of all seeds and the rules that hold between them."""
    errors: list[Problem] = [
        Problem(path.name, None, f"no seed has this name.{_suggestion(path.stem, [d.name for d in definitions])}")
        for path in unknown
    ]
    rows: dict[str, list[SeedRow]] = {}
    for definition in definitions:
        source = sources[definition.name]
        header, rows[definition.name] = _read_rows(source) if source else ([], [])
        if source:
            errors.extend(_check_header(definition, header))
            errors.extend(_check_values(definition, rows[definition.name]))
        rows[definition.name] = _with_people_record(definition, rows[definition.name])
    errors.extend(_check_references(definitions, rows))
    errors.extend(_check_journeys(rows))
    errors.extend(_check_decisions(rows))
    errors.extend(_check_kpis(rows))
    errors.extend(_check_target_dates(rows))
    errors.extend(_check_channels(rows))
    errors.extend(_check_segments(rows))
    warnings = tuple(_warnings(rows, today)) if not errors else ()
    return SeedReport(tuple(errors), warnings)


def _with_people_record(definition: SeedDefinition, rows: list[SeedRow]) -> list[SeedRow]:
    declared = {row.get("identifier_type") for row in rows}
    is_lacking = definition.name == "identifier_types" and "record" not in declared
    return [*rows, PEOPLE_RECORD] if is_lacking else rows


def _source_of(definition: SeedDefinition, seeds: Path, shipped: Path) -> Path | None:
    own = seeds / f"{definition.name}.csv"
    if own.is_file():
        return own
    default = shipped / f"{definition.name}.csv"
    return default if definition.when_missing == "shipped" and default.is_file() else None


def _unknown_files(definitions: Iterable[SeedDefinition], seeds: Path) -> list[Path]:
    known = {f"{definition.name}.csv" for definition in definitions}
    return sorted(path for path in seeds.glob("*.csv") if path.name not in known)


def _read_rows(path: Path) -> tuple[list[str], list[SeedRow]]:
    try:
        return _parsed_rows(path)
    except UnicodeDecodeError as error:
        message = "the file is not UTF-8. Save it anew as CSV in UTF-8."
        raise SeedsInvalid(SeedReport((Problem(path.name, None, message),), ())) from error


def _parsed_rows(path: Path) -> tuple[list[str], list[SeedRow]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                filled = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
                surplus = sum(1 for cell in cells[len(header) :] if cell.strip())
                rows.append(SeedRow(reader.line_num, filled, surplus))
        return header, rows


def _as_csv(definition: SeedDefinition, rows: Iterable[SeedRow]) -> bytes:
    names = [column.name for column in definition.columns]
    lines = [",".join(names)]
    lines.extend(",".join(_quoted(row.get(name)) for name in names) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def _write_if_changed(path: Path, content: bytes) -> None:
    # dbt parses a project anew when a file's time changes
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _check_header(definition: SeedDefinition, header: Sequence[str]) -> Iterator[Problem]:
    file, known = f"{definition.name}.csv", [column.name for column in definition.columns]
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield Problem(file, 1, f"column {name} stands twice in the header. Keep one.")
    for name in header:
        if name not in known:
            yield Problem(file, 1, f"there is no column {name}.{_suggestion(name, known)} Known: {', '.join(known)}.")
    for column in definition.columns:
        if column.is_required and column.name not in header:
            yield Problem(file, 1, f"column {column.name} is missing. Add it to the header.")


def _check_values(definition: SeedDefinition, rows: Sequence[SeedRow]) -> Iterator[Problem]:
    file = f"{definition.name}.csv"
    line_of_key: dict[tuple[str | None, ...], int] = {}
    for row in rows:
        if row.surplus:
            yield Problem(
                file,
                row.line,
                f"the row has {row.surplus} value(s) more than the header has columns. Put a value that holds a comma "
                "into double quotes.",
            )
        for column in definition.columns:
            value = row.get(column.name)
            if value is None:
                if column.is_required:
                    yield Problem(file, row.line, f"{column.name} is empty. Fill it in.")
            elif (wrong := _wrong_value(column, value)) is not None:
                yield Problem(file, row.line, f"{column.name} = {value}: {wrong}")
        key = tuple(row.get(name) for name in definition.key)
        if key in line_of_key:
            named = ", ".join(f"{name} = {value}" for name, value in zip(definition.key, key, strict=True))
            yield Problem(file, row.line, f"{named} stands in line {line_of_key[key]} already. Keep one of the two.")
        line_of_key.setdefault(key, row.line)


def _wrong_value(column: SeedColumn, value: str) -> str | None:
    if column.accepted_values and value not in column.accepted_values:
        return f"expected one of {', '.join(column.accepted_values)}.{_suggestion(value, column.accepted_values)}"
    if column.data_type == "boolean":
        return None if value.lower() in ("true", "false") else "expected true or false."
    if column.data_type == "date":
        try:
            date.fromisoformat(value)
        except ValueError:
            return "expected a date such as 2026-01-31."
        return None
    if column.data_type == "string":
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "expected a number with a decimal point and no thousands separator, such as 0.25."
    if not number.is_finite():
        return "expected a finite number."
    if column.data_type == "bigint" and number != number.to_integral_value():
        return "expected a whole number."
    if column.minimum is not None and number < Decimal(str(column.minimum)):
        return f"expected at least {column.minimum}."
    return None


def _check_references(
    definitions: Iterable[SeedDefinition], rows: Mapping[str, Sequence[SeedRow]]
) -> Iterator[Problem]:
    for definition in definitions:
        for column in definition.columns:
            if column.references is None:
                continue
            seed, name = column.references.split(".")
            known = {row.get(name) for row in rows[seed]} - {None}
            for row in rows[definition.name]:
                value = row.get(column.name)
                if value is not None and value not in known:
                    yield Problem(
                        f"{definition.name}.csv",
                        row.line,
                        f"{column.name} = {value} is not in {seed}.csv."
                        f"{_suggestion(value, known)} Add it there or correct it here.",
                    )


def _check_decisions(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    file = "identity_decisions.csv"
    kind_of = {row.get("identifier_type"): row.get("kind") for row in rows["identifier_types"]}
    line_of_pair: dict[tuple[str | None, frozenset[tuple[str | None, str | None]]], int] = {}
    for row in rows["identity_decisions"]:
        ends = [(row.get(f"type_{end}"), row.get(f"identifier_{end}")) for end in "ab"]
        kinds = [kind_of.get(name) for name, _ in ends]
        if None not in kinds and kinds[0] != kinds[1]:
            yield Problem(
                file,
                row.line,
                f"{ends[0][0]} identifies a {kinds[0]} and {ends[1][0]} a {kinds[1]}. Decide on two identifiers of "
                "people, or on two of devices.",
            )
        if ends[0] == ends[1]:
            yield Problem(file, row.line, "both identifiers are the same. Name two.")
        for _, identifier in ends:
            if identifier and identifier.startswith("hash:") and not HASH.fullmatch(identifier.removeprefix("hash:")):
                yield Problem(
                    file,
                    row.line,
                    f"{identifier}: after hash: come the 32 hexadecimal digits of an identifier_hash. Copy it from "
                    "the mart, or write the identifier itself.",
                )
        pair = (row.get("decision"), frozenset(ends))
        # the same way round, the key's own check has told already
        earlier = line_of_pair.setdefault(pair, row.line)
        if earlier != row.line and ends != sorted(ends):
            yield Problem(file, row.line, f"line {earlier} says the same the other way round. Keep one of the two.")


def _check_journeys(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    def version(row: SeedRow) -> tuple[str | None, str | None]:
        return row.get("journey_id"), row.get("journey_version")

    journeys = {version(row): row for row in rows["journeys"]}
    phases = {(*version(row), row.get("phase_id")) for row in rows["phases"]}
    journey_ids = {journey_id for journey_id, _ in journeys}
    phase_ids = {(journey_id, phase_id) for journey_id, _, phase_id in phases}

    for row in rows["journeys"]:
        if version(row) not in {phase[:2] for phase in phases}:
            yield Problem(
                "journeys.csv",
                row.line,
                f"version {row.get('journey_version')} of journey {row.get('journey_id')} has no phase. Add its phases "
                "to phases.csv.",
            )
    yield from _check_versions(rows["journeys"])
    for row in rows["phases"]:
        if version(row) not in journeys:
            yield _unknown(
                "phases.csv", row, "journey", " version ".join(str(part) for part in version(row)), "journeys"
            )
    order_of: dict[tuple[str | None, ...], SeedRow] = {}
    for row in rows["phases"]:
        place = (*version(row), row.get("phase_order"))
        if place in order_of:
            yield Problem(
                "phases.csv",
                row.line,
                f"phase_order {row.get('phase_order')} of journey {row.get('journey_id')} is taken by line "
                f"{order_of[place].line}. Give each phase its own place.",
            )
        order_of.setdefault(place, row)
    for row in rows["critical_events"]:
        if version(row) not in journeys:
            yield _unknown("critical_events.csv", row, "journey", row.get("journey_id"), "journeys")
        elif (*version(row), row.get("phase_id")) not in phases:
            yield _unknown("critical_events.csv", row, "phase", row.get("phase_id"), "phases")
        if (row.get("property_name") is None) != (row.get("property_value") is None):
            yield Problem(
                "critical_events.csv",
                row.line,
                "property_name and property_value go together. Fill in both, or none.",
            )
        if set(row.get("property_name") or "") & {'"', "\\"}:
            yield Problem(
                "critical_events.csv",
                row.line,
                f"property_name = {row.get('property_name')}: a name with a quotation mark or a backslash can't be "
                "looked up. Rename the property where it is made.",
            )
    for seed in ("measures", "kpis"):
        for row in rows[seed]:
            journey_id, phase_id = row.get("journey_id"), row.get("phase_id")
            if journey_id is not None and journey_id not in journey_ids:
                yield _unknown(f"{seed}.csv", row, "journey", journey_id, "journeys")
            elif phase_id is not None and (journey_id, phase_id) not in phase_ids:
                yield _unknown(f"{seed}.csv", row, "phase", phase_id, "phases")


def _check_versions(journeys: Iterable[SeedRow]) -> Iterator[Problem]:
    """Errors of versions that are valid on no day, or on a day on which another one is."""
    for of_journey in _versions_in_time(journeys).values():
        for version in of_journey:
            if version.valid_to <= version.valid_from:
                yield Problem(
                    "journeys.csv",
                    version.row.line,
                    f"{version} is valid on no day: valid_to {version.valid_to} is not after valid_from "
                    f"{version.valid_from}. valid_to is the first day on which none may begin any more: set a later "
                    "one, or leave it empty.",
                )
        valid = [version for version in of_journey if version.valid_from < version.valid_to]
        for earlier, later in itertools.combinations(valid, 2):
            if later.valid_from < earlier.valid_to:
                last = min(earlier.valid_to, later.valid_to)
                yield Problem(
                    "journeys.csv",
                    later.row.line,
                    f"{later} and version {earlier.row.get('journey_version')} in line {earlier.row.line} are both "
                    f"valid {_days(later.valid_from, last)}. One version may be valid on a day: let valid_to of the "
                    "earlier be valid_from of the later.",
                )


@dataclass(frozen=True)
class _Version:
    """A row of journeys.csv with its days; empty ends are the first and the last day that can be."""

    row: SeedRow
    valid_from: date
    valid_to: date

    def __str__(self) -> str:
        return f"version {self.row.get('journey_version')} of journey {self.row.get('journey_id')}"


def _versions_in_time(journeys: Iterable[SeedRow]) -> dict[str | None, list[_Version]]:
    """The versions of each journey in the order of their days; rows whose days are none are left out."""
    versions: dict[str | None, list[_Version]] = {}
    for row in journeys:
        try:
            days = [date.fromisoformat(row.get(name) or str(day)) for name, day in VALIDITY_ENDS.items()]
        except ValueError:
            continue  # told already, as a wrong value
        versions.setdefault(row.get("journey_id"), []).append(_Version(row, *days))
    return {
        journey_id: sorted(found, key=lambda version: (version.valid_from, version.row.line))
        for journey_id, found in versions.items()
    }


def _days(first: date, after: date) -> str:
    """The days from the first up to, not including, another, as a sentence says them."""
    if first == date.min and after == date.max:
        return "on all days"
    if first == date.min:
        return f"up to {after - timedelta(days=1)}"
    if after == date.max:
        return f"from {first} on"
    if after - first == timedelta(days=1):
        return f"on {first}"
    return f"from {first} to {after - timedelta(days=1)}"


def _unknown(file: str, row: SeedRow, kind: str, value: str | None, seed: str) -> Problem:
    return Problem(file, row.line, f"{kind} {value} is not in {seed}.csv. Add it there or correct it here.")


def _check_kpis(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    outcomes = {"fell_through", "regressed", "completed", "fell_out", "pending"}
    for row in rows["measures"]:
        if row.get("aggregation") == "sum" and row.get("value_column") is None:
            yield Problem("measures.csv", row.line, "a sum needs a value_column. Name what it adds up.")
        if row.get("subject") == "intervals" and row.get("journey_id") is None:
            yield Problem("measures.csv", row.line, "a measure of stays needs a journey_id. Name the journey.")
        if row.get("subject") == "events" and row.get("level") is not None:
            yield Problem(
                "measures.csv",
                row.line,
                f"level = {row.get('level')}: journeys have a level, events have none. "
                "Leave it empty or count intervals.",
            )
        for outcome in (row.get("outcome") or "").split("|"):
            if outcome and outcome not in outcomes:
                yield Problem(
                    "measures.csv",
                    row.line,
                    f"outcome {outcome}: expected {', '.join(sorted(outcomes))}, joined by |.",
                )
    for row in rows["kpis"]:
        accountable = [
            role.line
            for role in rows["kpi_roles"]
            if role.get("kpi_id") == row.get("kpi_id") and role.get("role") == "accountable"
        ]
        if not accountable:
            yield Problem(
                "kpis.csv",
                row.line,
                f"nobody is accountable for {row.get('kpi_id')}. Add one row to kpi_roles.csv.",
            )
        elif len(accountable) > 1:
            yield Problem(
                "kpi_roles.csv",
                accountable[1],
                f"{row.get('kpi_id')} has {len(accountable)} accountable persons (line {accountable[0]} names one). "
                "Exactly one answers for a KPI: make the others responsible or consulted.",
            )
    for row in rows["kpi_roles"]:
        email = row.get("email")
        held = {
            column: found
            for column in ("person", "email")
            if (found := CONTROL_CHARACTER.search(row.get(column) or "")) is not None
        }
        for column, found in held.items():
            shown = CONTROL_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", row.values[column])
            yield Problem(
                "kpi_roles.csv",
                row.line,
                f"{column} = {shown}: holds the control character U+{ord(found.group()):04X} at place "
                f"{found.start() + 1}, which no mail may carry in its head. Type it anew without.",
            )
        if email is not None and "email" not in held and not MAIL_ADDRESS.fullmatch(email):
            yield Problem(
                "kpi_roles.csv",
                row.line,
                f"email = {email}: expected one address such as ann@example.com. Correct it or leave it empty.",
            )
    directions = {row.get("kpi_id"): row.get("direction") for row in rows["kpis"]}
    for row in rows["kpi_targets"]:
        bounds = [row.get(name) for name in ("target", "amber_bound", "red_bound")]
        try:
            numbers = [Decimal(bound) for bound in bounds if bound is not None]
        except InvalidOperation:
            continue  # told already, as a wrong value
        falling = directions.get(row.get("kpi_id")) == "up"
        if numbers != sorted(numbers, reverse=falling):
            order = (
                "target, amber_bound, red_bound must not rise" if falling else "must not fall from target to red_bound"
            )
            yield Problem("kpi_targets.csv", row.line, f"the bounds of {row.get('kpi_id')} are out of order: {order}.")


def _check_target_dates(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    dated: dict[str | None, list[tuple[date, date, SeedRow]]] = {}
    for row in rows["kpi_targets"]:
        try:
            begins = date.fromisoformat(row.get("valid_from") or "")
            ends = date.fromisoformat(row.get("valid_to") or "9999-12-31")
        except ValueError:
            continue  # told already, as a wrong or missing value
        if ends <= begins:
            yield Problem(
                "kpi_targets.csv",
                row.line,
                f"valid_to = {ends}: the target of {row.get('kpi_id')} ends before its first day {begins}. valid_to is "
                "the first day on which it holds no more.",
            )
            continue
        dated.setdefault(row.get("kpi_id"), []).append((begins, ends, row))
    for kpi_id, targets in dated.items():
        by_day = sorted(targets, key=lambda target: (target[0], target[2].line))
        for (_, ends, earlier), (begins, _, later) in itertools.pairwise(by_day):
            # two rows of one first day are told as one key that stands twice
            if begins < ends and earlier.get("valid_from") != later.get("valid_from"):
                yield Problem(
                    "kpi_targets.csv",
                    later.line,
                    f"on {begins} the target of {kpi_id} in line {earlier.line} still holds. Let that one end: "
                    f"valid_to = {begins}.",
                )


def _check_channels(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    for row in rows["channels"]:
        if (channel := row.get("channel")) in RESERVED_NAMES:
            yield Problem(
                "channels.csv",
                row.line,
                f"channel = {channel}: figures that are not cut, or of no channel, bear this name. Choose another one.",
            )


def _check_segments(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    file = "segments.csv"
    named: dict[str | None, SeedRow] = {}
    for row in rows["segments"]:
        segment, attribute, comparison, value = (
            row.get(name) for name in ("segment", "attribute", "comparison", "value")
        )
        if segment is not None and segment.lower() in RESERVED_NAMES:
            yield Problem(
                file, row.line, f"segment = {segment}: figures that are not cut bear this name. Choose another one."
            )
        if row.get("segment_name") is not None:
            earlier = named.setdefault(segment, row)
            if earlier.get("segment_name") != row.get("segment_name"):
                yield Problem(
                    file,
                    row.line,
                    f"segment {segment} has another segment_name in line {earlier.line}. Give it one name.",
                )
        kind = SEGMENT_ATTRIBUTES.get(attribute or "")
        if kind is None or value is None or comparison is None:
            continue  # told already, as a wrong or missing value
        accepted = SEGMENT_COMPARISONS[kind]
        if comparison not in accepted:
            if any(comparison in of_kind for of_kind in SEGMENT_COMPARISONS.values()):
                yield Problem(
                    file,
                    row.line,
                    f"comparison = {comparison}: {attribute} is a {kind}. Compare it by {', '.join(accepted)}.",
                )
        elif (wrong := _wrong_segment_value(kind, comparison, value)) is not None:
            yield Problem(file, row.line, f"value = {value}: {attribute} is a {kind}, {wrong}")


def _wrong_segment_value(kind: str, comparison: str, value: str) -> str | None:
    if kind == "truth":
        return None if value.lower() in ("true", "false") else "expected true or false."
    if kind == "number":
        return None if re.fullmatch(r"-?\d{1,18}", value) else "expected a whole number such as 10."
    if kind == "day":
        try:
            date.fromisoformat(value)
        except ValueError:
            return "expected a day such as 2026-01-31."
        return None if DAY.fullmatch(value) else "expected a day such as 2026-01-31."
    parts = value.split("|") if comparison == "one_of" else [value]
    if any(not part or part != part.strip() for part in parts):
        return "expected texts joined by | without blanks around it, such as NL|BE."
    return None


def _warnings(rows: Mapping[str, Sequence[SeedRow]], today: date) -> Iterator[Problem]:
    yield from journey_warnings(rows)
    kinds: dict[tuple[str | None, str | None], set[str | None]] = {}
    for row in rows["kpis"]:
        kinds.setdefault((row.get("journey_id"), row.get("phase_id")), set()).add(row.get("kind"))
    # KPIs are those of a phase whatever the version, so one line of it is enough
    first_rows = {(row.get("journey_id"), row.get("phase_id")): row for row in reversed(rows["phases"])}
    for row in sorted(first_rows.values(), key=lambda row: row.line):
        place = (row.get("journey_id"), row.get("phase_id"))
        missing = sorted({"progress", "feeling", "money"} - kinds.get(place, set()))
        if missing and rows["kpis"]:
            yield Problem(
                "phases.csv",
                row.line,
                f"phase {row.get('phase_id')} of {row.get('journey_id')} has no KPI of the kind {', '.join(missing)}. "
                "Add one to kpis.csv.",
            )
    for row in rows["journeys"]:
        validated = row.get("validated_on")
        ended = row.get("valid_to")
        if ended is not None and date.fromisoformat(ended) <= today:
            continue  # nobody sets out by an old map
        if validated is None or today - date.fromisoformat(validated) > MAP_IS_FRESH_FOR:
            yield Problem(
                "journeys.csv",
                row.line,
                f"the map of {row.get('journey_id')} was "
                + ("never validated" if validated is None else f"last validated on {validated}")
                + ". Hold it against what customers do and set validated_on.",
            )


def journey_warnings(rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    """What a definition of journeys would leave out without a word: days, phases and rules that never count."""
    for versions in _versions_in_time(rows["journeys"]).values():
        for earlier, later in itertools.pairwise(versions):
            if earlier.valid_to < later.valid_from:
                yield Problem(
                    "journeys.csv",
                    later.row.line,
                    f"no version of journey {later.row.get('journey_id')} is valid "
                    f"{_days(earlier.valid_to, later.valid_from)}, between line {earlier.row.line} and this one: hits "
                    "on those days begin nothing. Let valid_to of the one be valid_from of the other if that is not "
                    "meant.",
                )
    for journey in rows["journeys"]:
        yield from _warnings_of_version(journey, rows)


def _warnings_of_version(journey: SeedRow, rows: Mapping[str, Sequence[SeedRow]]) -> Iterator[Problem]:
    def own(seed: str) -> list[SeedRow]:
        version = ("journey_id", "journey_version")
        return [row for row in rows[seed] if all(row.get(name) == journey.get(name) for name in version)]

    name = f"{journey.get('journey_id')} version {journey.get('journey_version')}"
    phases = sorted(own("phases"), key=lambda row: Decimal(row.get("phase_order") or 0))
    rules = own("critical_events")
    for phase in phases:
        if phase.get("phase_id") not in {rule.get("phase_id") for rule in rules}:
            yield Problem(
                "phases.csv",
                phase.line,
                f"no critical event leads into phase {phase.get('phase_id')} of {name}: nobody can reach it. Add one "
                "to critical_events.csv.",
            )
    required = [phase for phase in phases if is_true(phase.get("is_required"))]
    for phase, following in itertools.pairwise(required):
        if is_true(phase.get("is_terminal")):
            yield Problem(
                "phases.csv",
                following.line,
                f"phase {following.get('phase_id')} of {name} lies behind {phase.get('phase_id')} (line {phase.line}), "
                "which is required and ends the journey: nobody comes through. Let the last phase be the terminal one.",
            )
    order_of = {phase.get("phase_id"): Decimal(phase.get("phase_order") or 0) for phase in phases}
    for rule, other in overruled_rules(rules, order_of):
        yield Problem(
            "critical_events.csv",
            rule.line,
            f"{rule.get('critical_event_id')} never counts: whatever it matches, {other.get('critical_event_id')} in "
            f"line {other.line} matches too, "
            + (
                "for the same phase. Remove one of the two."
                if order_of[rule.get("phase_id")] == order_of[other.get("phase_id")]
                else f"and its phase {other.get('phase_id')} is higher. Narrow that one, or remove this."
            ),
        )


def overruled_rules(
    rules: Sequence[SeedRow], order_of: Mapping[str | None, Decimal]
) -> Iterator[tuple[SeedRow, SeedRow]]:
    """Critical events of one version that another one always overrules, each with the first that does.

    One overrules another when all its filters are among the other's and its phase is higher; of two with the same
    filters and phase the one of the earlier line stands.
    """

    def filters(rule: SeedRow) -> set[tuple[str, str]]:
        return {(name, rule.values[name]) for name in RULE_FILTERS if name in rule.values}

    for rule in rules:
        for other in rules:
            if other is rule or not filters(other) <= filters(rule):
                continue
            higher = order_of[other.get("phase_id")] - order_of[rule.get("phase_id")]
            if higher > 0 or (higher == 0 and filters(other) == filters(rule) and other.line < rule.line):
                yield rule, other
                break


def is_true(value: str | None) -> bool:
    """Whether a seed's boolean is true."""
    return (value or "").lower() == "true"
