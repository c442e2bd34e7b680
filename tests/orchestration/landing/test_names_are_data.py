"""What stands where names of columns should stand may be about a person: it is counted, not shown."""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing.land import land_table
from tests.orchestration.landing.conftest import NOW

PERSON = ("Anna Kowalska", "anna.kowalska@example.com", "+31 6 12345678", "1984-02-29")


def land(folder: Path, name: str, text: str) -> tuple[list[str], list[str]]:
    """What is said of a file of the feed's events, and which undeclared names are noted of it."""
    [events] = [contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == "feed.events"]
    file = folder / "extracts" / "feed" / "events" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    with open_duckdb(folder / "warehouse.duckdb") as connection:
        landed = land_table(connection, events, extracts=folder / "extracts", run_id="run", now=NOW, settle_seconds=0)
        noted = connection.execute("select extra_columns from landing.files").fetchall()
    return [refused.message for refused in landed.refused], [
        extra for (text,) in noted for extra in json.loads(text or "[]")
    ]


def test_a_file_without_a_header_shows_nobody(tmp_path: Path) -> None:
    said, _ = land(tmp_path, "people.csv", ",".join(PERSON) + "\n" + ",".join(PERSON) + "\n")
    [message] = said
    assert "the first line does not look like a header: none of its 4 values is the name of a column" in message
    assert "event_id" in message, "what to write instead"
    assert not [part for value in PERSON for part in (value, *value.split()) if part in message]


def test_a_file_with_other_names_still_shows_them(tmp_path: Path) -> None:
    said, _ = land(tmp_path, "other.csv", "Order No,Bought at,Naïve Größe (€)\n1,2026-01-01,3\n")
    [message] = said
    assert "found 'Order No', 'Bought at', 'Naïve Größe (€)'" in message


def test_keys_that_are_values_are_counted(tmp_path: Path) -> None:
    row = {
        "event_id": "1",
        "occurred_at": "2026-01-01T00:00:00Z",
        "event_name": "page_viewed",
        "source_system": "web",
        "Basket size": 3,
        "anna.kowalska@example.com": True,
        "+31 6 12345678": 1,
        "<b>bold</b>": 1,
    }
    said, noted = land(tmp_path, "keys.jsonl", json.dumps(row) + "\n")
    assert said == []
    assert noted == ["Basket size", "(3 that do not look like names)"]
