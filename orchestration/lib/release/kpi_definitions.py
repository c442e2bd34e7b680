"""What the figures of a KPI are counted from, as a hash: whether a release has a KPI as it is defined now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

PARTS = ("numerator_measure_id", "denominator_measure_id")
# Columns of measures.csv that say nothing about what is counted.
WORDS = frozenset({"measure_name", "description"})

Values = Mapping[str, Any]


def hashes_of(kpis: Iterable[Values], measures: Iterable[Values]) -> dict[str, str]:
    """A hash of each KPI's measures, by the KPI's id; a null and a missing value are the same."""
    known = {str(measure["measure_id"]): _counted(measure) for measure in measures}
    found = {}
    for kpi in kpis:
        counted = [(part, kpi.get(part), known.get(str(kpi.get(part)))) for part in PARTS]
        found[str(kpi["kpi_id"])] = hashlib.sha256(json.dumps(counted).encode()).hexdigest()
    return found


def hashes_in(warehouse: duckdb.DuckDBPyConnection) -> dict[str, str] | None:
    """The same of what the models of a warehouse had; None where it has no KPIs."""
    try:
        kpis, measures = (_rows(warehouse, table) for table in ("config.kpis", "config.measures"))
    except duckdb.CatalogException:
        return None
    return hashes_of(kpis, measures)


def _rows(warehouse: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    found = warehouse.execute(f"from {table}")
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _counted(measure: Values) -> list[tuple[str, str]]:
    return sorted(
        (column, str(value)) for column, value in measure.items() if value is not None and column not in WORDS
    )
