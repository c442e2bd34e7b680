"""Delivers people records as files of the feed and builds who is who."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping

from tests.conftest import Warehouse
from tests.scenarios.load import FEED_COLUMNS


def deliver_people(
    warehouse: Warehouse, name: str, records: Iterable[Mapping[str, object]], *, identifiers: Iterable[str]
) -> None:
    """Writes a file of records, lands it and builds. A record has a person_key, columns of the feed and identifiers."""
    names = set(identifiers)
    path = warehouse.settings.extracts / "feed" / "people" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FEED_COLUMNS["people"], restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for record in records:
            said = {key: str(value) for key, value in record.items() if value is not None}
            carried = json.dumps({key: value for key, value in said.items() if key in names})
            writer.writerow(
                {"source_system": "crm", "updated_at": "2026-01-01T00:00:00Z", "identifiers": carried, **said}
            )
    warehouse.land()
    assert not any(result.refused or result.rows_quarantined for result in warehouse.landed)
    warehouse.build(select=["+bridge_customer_records", "+fct_identifier_links"])
