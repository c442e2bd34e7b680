"""Says how figures are defined, and how they were when a release was published: hashes, by what they are of.

`landing.definitions` has a row per release and scope. A scope is a published table (`table core.fct_events`: the code
of its models, the seeds that they read, the settings), a journey (`journey purchase`: its phases and rules), or
a part of a KPI (`kpi purchase_order_value numerator`: its measure, of intervals with the journey, of money with the
exchange rates, of costs with the prices, of conversions and credits with the rules for them, of churn with its rule).
Rates, prices and versions of journeys count from the day on which they are valid: what is entered for later changes no
figure before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import name as quoted

# A scope of its own: the last landing batch of the release's build.
BATCH = "batch"
# Seeds whose rows are each of one KPI or journey, or of money or costs.
SEEDS_BY_ROW = (
    "kpis",
    "measures",
    "journeys",
    "phases",
    "critical_events",
    "exchange_rates",
    "unit_costs",
    "churn_rules",
)
# Seeds that say what is a conversion and who is credited.
SEEDS_OF_CREDITS = ("conversion_types", "touch_rules", "attribution_rules", "channel_calibrations", "channels")
# Seeds that decide who is who, and what a change of does to customers is seen there; or by what figures are split.
SEEDS_OF_PEOPLE = ("identity_decisions", "blocked_identifiers", "segments")
# Columns that only name or explain.
WORDS = ("journey_name", "phase_name", "measure_name", "kpi_name", "description", "validated_on", "reason", "owner")
# Columns of phases that say when a customer waits too long, which no daily figure that is compared counts.
PATIENCE = ("stalled_after_days", "contact_within_days", "hand_over_within_hours")


def definitions(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], tables: Mapping[str, str], *, day: date
) -> dict[str, str]:
    """A hash by scope of how figures up to `day` are defined in the last complete build. `tables` has dbt's name by
    label.

    Hashes of one day are comparable, whichever builds they are of.
    """
    fingerprints = dict(connection.execute("select node, fingerprint from landing.nodes").fetchall())
    settings = connection.execute(
        "select split_part(fingerprint, '-', 1) from landing.builds where status = 'complete' order by build desc "
        "limit 1"
    ).fetchone()
    seeds = {
        node: found["name"]
        for node, found in manifest["nodes"].items()
        if found["resource_type"] == "seed" and found["name"] not in (*SEEDS_BY_ROW, *SEEDS_OF_PEOPLE)
    }
    rows_of: dict[str, str] = {}
    found = {}
    for label, node in tables.items():
        behind = sorted(_behind(manifest, node))
        parts: list[object] = [settings]
        for one in behind:
            if one in seeds:
                rows_of[one] = rows_of.get(one) or _hash(_rows(connection, seeds[one]))
                parts.append((one, rows_of[one]))
            elif one.startswith("model."):
                parts.append((one, fingerprints.get(one)))
        found[f"table {label}"] = _hash(parts)
    return {**found, **_of_rows(connection, day)}


def _behind(manifest: Mapping[str, Any], node: str) -> set[str]:
    """A node and all that it is made of."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += manifest["parent_map"].get(one, ())
    return found


def _of_rows(connection: duckdb.DuckDBPyConnection, day: date) -> dict[str, str]:
    """Hashes of journeys, and of the parts of KPIs."""
    kpis, measures, versions, phases, rules = (_rows(connection, seed) for seed in SEEDS_BY_ROW[:5])
    rates = _hash(row for row in _rows(connection, "exchange_rates") if row["valid_from"] <= day)
    churn_rules = _rows(connection, "churn_rules")
    prices = _hash(
        {**row, "valid_to": row["valid_to"] if row["valid_to"] is not None and row["valid_to"] <= day else None}
        for row in _rows(connection, "unit_costs")
        if row["valid_from"] is None or row["valid_from"] <= day
    )
    versions = [
        # the last day of a version that still lies ahead bounds nothing yet
        {**row, "valid_to": row["valid_to"] if row["valid_to"] is not None and row["valid_to"] <= day else None}
        for row in versions
        if row["valid_from"] is None or row["valid_from"] <= day
    ]
    valid = {(row["journey_id"], row["journey_version"]) for row in versions}
    of_versions = [
        versions,
        *([row for row in rows if (row["journey_id"], row["journey_version"]) in valid] for rows in (phases, rules)),
    ]
    journeys = {
        str(journey): _hash([[row for row in rows if row["journey_id"] == journey] for rows in of_versions])
        for journey, _ in valid
    }
    by_id = {row["measure_id"]: row for row in measures}
    found = {f"journey {journey}": text for journey, text in journeys.items()}
    for kpi in kpis:
        for part in ("numerator", "denominator"):
            measure = by_id.get(kpi[f"{part}_measure_id"])
            if measure is not None:
                is_of_journey = measure["subject"] in ("intervals", "costs")
                journey = journeys.get(str(measure["journey_id"])) if is_of_journey else None
                of_money = rates if measure["value_column"] in ("amount", "spend") else None
                of_money = prices if measure["subject"] == "costs" else of_money
                if measure["subject"] in ("conversions", "credits"):
                    of_money = _hash([rates, [_rows(connection, seed) for seed in SEEDS_OF_CREDITS]])
                of_churn = [rule for rule in churn_rules if rule["churn_rule_id"] == measure.get("churn_rule_id")]
                found[f"kpi {kpi['kpi_id']} {part}"] = _hash([measure, journey, of_money, *of_churn])
    return found


def _rows(connection: duckdb.DuckDBPyConnection, seed: str) -> list[dict[str, Any]]:
    """The rows of a seed as they were built, without the columns that change no figure."""
    cursor = connection.execute(f"select * from {quoted('config', seed)} order by all")
    columns = [column[0] for column in cursor.description or ()]
    return [
        {column: value for column, value in zip(columns, row, strict=True) if column not in (*WORDS, *PATIENCE)}
        for row in cursor.fetchall()
    ]


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts), default=str, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Noted:
    """What was noted of a release: its definitions by scope, and the last landing batch of its build.

    Of a release of before there were these notes there are none.
    """

    scopes: Mapping[str, str]
    batch: int | None


def note_definitions(
    connection: duckdb.DuckDBPyConnection,
    release_id: str,
    found: Mapping[str, str],
    *,
    batch: int,
    published: Collection[str],
) -> None:
    """Notes how the figures of a release are defined, and forgets the notes of releases that never were."""
    with transaction(connection):
        _ensure(connection)
        kept = sorted(set(published) - {release_id})
        connection.execute("delete from landing.definitions where not list_contains(?, release_id)", [kept])
        scopes = {**found, BATCH: str(batch)}
        connection.execute(
            "insert into landing.definitions select ?, unnest(cast(? as varchar[])), unnest(cast(? as varchar[]))",
            [release_id, list(scopes), list(scopes.values())],
        )


def read_definitions(connection: duckdb.DuckDBPyConnection, release_id: str) -> Noted:
    """How the figures of a release were defined."""
    _ensure(connection)
    scopes = dict(
        connection.execute(
            "select scope, definition from landing.definitions where release_id = ?", [release_id]
        ).fetchall()
    )
    batch = scopes.pop(BATCH, None)
    return Noted(scopes, None if batch is None else int(batch))


def changed_scopes(before: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    """The scopes that are defined otherwise, or on one side only; none where nothing was noted."""
    return {scope for scope in before.keys() | now.keys() if before.get(scope) != now.get(scope)} if before else set()


def _ensure(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table if not exists landing.definitions (release_id varchar, scope varchar, definition varchar)"
    )
