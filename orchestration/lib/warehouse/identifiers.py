"""The hash of one identifier, computed by the models' own expressions."""

from __future__ import annotations

import csv

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings, SettingsError
from orchestration.lib.dbt.compiled import expressions
from orchestration.lib.identity.phones import PHONE_RULE, canonical_phone

WHY = {
    "empty": "nothing is left of it",
    "too_long": "it is longer than any identifier may be (max_identifier_length in dbt_project.yml)",
    "malformed": "it can be no value of that type",
}


def hash_identifier(settings: Settings, pepper: str, identifier_type: str, value: str) -> str:
    """The keyed hash of an identifier, 32 hexadecimal digits, as `identifier_hash` in the marts.

    Raises SettingsError for a type that identifier_types.csv doesn't know and for an unusable value.
    """
    with (settings.resolved_seeds / "identifier_types.csv").open(encoding="utf-8", newline="") as file:
        rules = {row["identifier_type"]: row["normalisation"] for row in csv.DictReader(file)}
    if identifier_type not in rules:
        raise SettingsError(f"TYPE={identifier_type}: not in identifier_types.csv. Known: {', '.join(sorted(rules))}.")
    rule = rules[identifier_type]
    trimmed, normalised, reason, hashed = expressions(
        "trimmed_identifier", "normalised_by_rule", "unusable_because", "identifier_hash"
    )
    with open_duckdb() as connection:
        row = connection.execute(
            f"select normalised_value, {reason} from (select *, {normalised} as normalised_value from "
            f"(select $rule as rule, {trimmed} as trimmed_value from (select $value as value)))",
            {"rule": rule, "value": value},
        ).fetchone()
        assert row is not None
        normalised_value, unusable_because = row
        if rule == PHONE_RULE and normalised_value is not None:
            normalised_value = canonical_phone(normalised_value, settings.country)
            unusable_because = "malformed" if normalised_value is None else None
        if unusable_because is not None:
            raise SettingsError(f"The value is unusable as {identifier_type}: {WHY[unusable_because]}.")
        row = connection.execute(
            f"select {hashed} from (select $pepper as pepper, $type as type, $value as normalised_value)",
            {"pepper": pepper, "type": identifier_type, "value": normalised_value},
        ).fetchone()
    assert row is not None
    return row[0]
