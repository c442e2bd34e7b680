"""The hash of one identifier, computed by the models' own macros."""

from __future__ import annotations

import csv

from orchestration.lib.settings import Settings, SettingsError
from orchestration.lib.warehouse.connection import open_duckdb

# The macros `normalised_identifier` and `identifier_hash` in DuckDB's words; a test holds the two together.
NORMALISE = {
    "email": "case when $value like '%@%' then lower(regexp_replace($value, '\\s+', '', 'g')) end",
    "phone": (
        "nullif(regexp_replace(regexp_replace(regexp_replace($value, '[^0-9+]', '', 'g'), '^00', '+', 'g'), "
        "'(.)[+]', '\\1', 'g'), '')"
    ),
    "digits": "nullif(regexp_replace($value, '[^0-9]', '', 'g'), '')",
    "lower": "nullif(lower(trim($value)), '')",
    "exact": "nullif(trim($value), '')",
}


def hash_identifier(settings: Settings, pepper: str, identifier_type: str, value: str) -> str:
    """The keyed hash of an identifier, 32 hexadecimal digits, as `identifier_hash` in the marts.

    Raises SettingsError for a type that identifier_types.csv doesn't know and for a value of which normalisation
    leaves nothing.
    """
    with (settings.resolved_seeds / "identifier_types.csv").open(encoding="utf-8", newline="") as file:
        rules = {row["identifier_type"]: row["normalisation"] for row in csv.DictReader(file)}
    if identifier_type not in rules:
        raise SettingsError(
            f"TYPE={identifier_type}: not in identifier_types.csv. Known: {', '.join(sorted(rules))}."
        )
    with open_duckdb() as connection:
        row = connection.execute(
            f"select left(sha256($pepper || '|' || $type || '|' || {NORMALISE[rules[identifier_type]]}), 32)",
            {"pepper": pepper, "type": identifier_type, "value": value},
        ).fetchone()
    if row is None or row[0] is None:
        raise SettingsError(f"VALUE={value}: nothing is left of it as {identifier_type}.")
    return row[0]
