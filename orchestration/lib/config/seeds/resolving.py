"""Brings a data set's configuration together: its own seeds, completed with defaults, and how people are matched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from orchestration.lib.config.faults import suggestion
from orchestration.lib.config.match_parameters import PARAMETERS_FILE, read_parameters
from orchestration.lib.config.matching import (
    SETTINGS_FILE,
    MatchingSettingsError,
    read_compared_types,
    read_matching_settings,
)
from orchestration.lib.config.seeds.definitions import SEED_PROPERTIES, SeedDefinition, read_definitions
from orchestration.lib.config.seeds.problems import Problem, SeedReport, SeedsInvalid
from orchestration.lib.config.seeds.rows import SeedRow, as_csv, check_header, check_values, read_rows
from orchestration.lib.config.seeds.rules import check_references, check_rules
from orchestration.lib.config.seeds.warnings import find_warnings
from orchestration.lib.core.settings import Settings

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


@dataclass(frozen=True)
class Checked:
    """A configuration without errors."""

    definitions: tuple[SeedDefinition, ...]
    rows: dict[str, list[SeedRow]]
    report: SeedReport


def resolve_seeds(
    seeds: Path, shipped: Path, resolved: Path, *, today: date, without_people: bool = False
) -> SeedReport:
    """Writes the complete seeds folder that dbt reads and returns the warnings.

    `seeds` holds the data set's own files, any subset; `shipped` the project's, with `_seeds.yml`; `resolved` is
    written. A missing seed is empty, or the shipped one where it is not about one business. With `without_people`
    nobody has a role or owns a journey. Raises SeedsInvalid.
    """
    checked = check_seeds(seeds, shipped, today=today)
    if without_people:
        checked.rows["kpi_roles"] = []
        checked.rows["journeys"] = [
            replace(row, values={column: value for column, value in row.values.items() if column != "owner"})
            for row in checked.rows["journeys"]
        ]
    resolved.mkdir(parents=True, exist_ok=True)
    _write_if_changed(resolved / SEED_PROPERTIES, (shipped / SEED_PROPERTIES).read_bytes())
    for definition in checked.definitions:
        _write_if_changed(resolved / f"{definition.name}.csv", as_csv(definition, checked.rows[definition.name]))
    return checked.report


def read_resolved(settings: Settings, seed: str) -> list[SeedRow]:
    """The rows of a seed as the last run resolved it: what the models have."""
    definitions = {one.name: one for one in read_definitions(settings.resolved_seeds / SEED_PROPERTIES)}
    return read_rows(definitions[seed], settings.resolved_seeds / f"{seed}.csv")[1]


def read_seeds(seeds: Path, shipped: Path, *, today: date) -> dict[str, list[SeedRow]]:
    """The rows of all seeds as the next run would take them, and their lines; nothing is written.

    Raises SeedsInvalid.
    """
    return check_seeds(seeds, shipped, today=today).rows


def check_seeds(seeds: Path, shipped: Path, *, today: date) -> Checked:
    """Checks values, keys and references of all seeds and the rules that hold between them. Raises SeedsInvalid."""
    definitions = read_definitions(shipped / SEED_PROPERTIES)
    names = [definition.name for definition in definitions]
    errors = [
        Problem(path.name, None, f"no seed has this name.{suggestion(path.stem, names)}")
        for path in sorted(seeds.glob("*.csv"))
        if path.stem not in names
    ]
    rows: dict[str, list[SeedRow]] = {}
    for definition in definitions:
        source = _source_of(definition, seeds, shipped)
        header, found = read_rows(definition, source) if source else ([], [])
        if source:
            errors.extend(check_header(definition, header))
            errors.extend(check_values(definition, found))
        if definition.name == "identifier_types" and all(row.get("identifier_type") != "record" for row in found):
            found.append(PEOPLE_RECORD)
        rows[definition.name] = found
    errors.extend(check_references(definitions, rows))
    errors.extend(check_rules(rows))
    if errors:
        raise SeedsInvalid(SeedReport(tuple(errors), ()))
    return Checked(definitions, rows, SeedReport((), tuple(find_warnings(rows, today))))


def resolve_matching(seeds: Path, shipped: Path, resolved: Path) -> None:
    """Checks how people records are matched and writes it into the folder of resolved seeds.

    `seeds` may hold a matching.toml, else the shipped one counts, and a match_parameters.json that was saved for it.
    Which types of identifiers are compared is read from the resolved seeds. Raises SeedsInvalid.
    """
    own, saved = seeds / SETTINGS_FILE, seeds / PARAMETERS_FILE
    source = own if own.is_file() else shipped / SETTINGS_FILE
    try:
        read = read_matching_settings(source, read_compared_types(resolved / "identifier_types.csv"))
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


def _source_of(definition: SeedDefinition, seeds: Path, shipped: Path) -> Path | None:
    own, default = (folder / f"{definition.name}.csv" for folder in (seeds, shipped))
    if own.is_file():
        return own
    return default if definition.when_missing == "shipped" and default.is_file() else None


def _write_if_changed(path: Path, content: bytes) -> None:
    # dbt parses a project again when a file's time changes
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)
