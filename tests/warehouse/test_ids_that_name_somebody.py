"""An id that has an identifier of its row in it is published as its hash, however its rows were delivered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, make_warehouse

KEY = "a key for all tests"
HEADER = "event_id,record_id,occurred_at,event_name,source_system,identifiers,updated_at\n"


def row(event_id: str, identifiers: dict[str, object], *, version: int = 1, record: str = "") -> str:
    quoted = json.dumps(identifiers).replace('"', '""')
    return f'{event_id},{record},2026-01-05T09:00:00Z,joined,crm,"{quoted}",2026-01-0{version}T00:00:00Z\n'


FIRST = [
    row("crm:L-7:joined", {"loyalty_card": "L-7"}),
    row("crm:l-7:left", {"loyalty_card": " L-7 "}),
    row("crm:ann.jansen@example.com", {"email": ["other@example.com", "Ann.Jansen@example.com"]}),
    row("crm:0123456789ab99", {"cookie": "0123456789ab"}),
    # a part of a word is no word, another row's identifier is none of this one, and some words name nobody
    row("crm:L-77:joined", {"loyalty_card": "L-7"}),
    row("crm:null:1", {"customer_number": "null"}),
    row("crm:plain", {}),
    # an address names somebody whatever the row says: an answer without identifiers names its invitation by it
    row("crm:bo@example.com:asked", {}),
    row("crm:corrected:L-8", {"loyalty_card": "L-8"}),
    row("crm:named:L-9", {"loyalty_card": "L-10"}),
]
SECOND = [
    row("crm:corrected:L-8", {"loyalty_card": "L-11"}, version=2),
    row("crm:named:L-9", {"loyalty_card": "L-9"}, version=2),
]
AS_THEY_ARE = {"crm:L-77:joined", "crm:null:1", "crm:plain", "crm:corrected:L-8"}
HASHED = {
    "crm:L-7:joined",
    "crm:l-7:left",
    "crm:ann.jansen@example.com",
    "crm:0123456789ab99",
    "crm:named:L-9",
    "crm:bo@example.com:asked",
}


def test_events_of_one_instant_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    """A hash has digits of its own; so has the hash with another key."""
    names = [f"web:c-17:{number}" for number in (2, 9, 10, 11)]
    warehouse = built(tmp_path, [row(name, {"cookie": "c-17"}) for name in reversed(names)])
    hashed = [f"crm:{hashlib.sha256(f'{KEY}|key|{name}'.encode()).hexdigest()[:32]}" for name in names]
    ordered = warehouse.query("select event_id from intermediate.int_events_stitched order by event_order")
    assert [event["event_id"] for event in ordered] == hashed


def test_rows_of_one_record_stay_together_whether_they_name_somebody_or_not(tmp_path: Path) -> None:
    """The answer names nobody and belongs to whom the question is from."""
    asked = row("t:1", {"email": "ann.jansen@example.com"}, record="ann.jansen@example.com/7")
    warehouse = built(tmp_path, [asked, row("t:2", {}, record="ann.jansen@example.com/7")])
    assert len({event["customer_id"] for event in published(warehouse)}) == 1


def built(folder: Path, *deliveries: list[str]) -> Warehouse:
    warehouse = make_warehouse(folder, seeds=PROJECT_ROOT / "seeds", as_of="2026-02-01", JOURNEYS_PEPPER=KEY)
    for number, rows in enumerate(deliveries):
        file = warehouse.settings.extracts / "feed" / "events" / f"{number}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + "".join(rows), encoding="utf-8")
        warehouse.land()
        warehouse.build(select=["+int_events_stitched"])
    return warehouse


def published(warehouse: Warehouse) -> list[dict[str, object]]:
    return warehouse.query("select event_id, customer_id from intermediate.int_events_stitched order by event_id")


def test_ids_are_hashed_with_the_key_in_one_delivery_in_two_and_the_other_way_round(tmp_path: Path) -> None:
    at_once = built(tmp_path / "one", FIRST + SECOND)
    in_two = built(tmp_path / "two", FIRST, SECOND)
    shuffled = built(tmp_path / "shuffled", SECOND, FIRST)
    hashed = {f"crm:{hashlib.sha256(f'{KEY}|key|{one}'.encode()).hexdigest()[:32]}" for one in HASHED}
    assert {event["event_id"] for event in published(at_once)} == AS_THEY_ARE | hashed
    assert published(at_once) == published(in_two) == published(shuffled)
