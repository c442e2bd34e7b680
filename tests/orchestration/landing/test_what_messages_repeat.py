"""A message repeats of a value what helps to correct it, and nothing that may be about a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing.land import land_table
from tests.orchestration.landing.conftest import NOW

# value, column, what the message shows of it
SHOWN = (
    ("01.01.2026", "occurred_at", "'01.01.2026'"),
    ("20/01/2026 10:09", "occurred_at", "'20/01/2026 10:09'"),
    ("yesterday", "occurred_at", "'yesterday'"),
    ("1.234,50", "amount", "'1.234,50'"),
    ("EUR 12", "amount", "'EUR 12'"),
    ("outgoing", "direction", "'outgoing'"),
    # a date of birth where a number belongs, a number where a time does
    ("1984-02-29", "amount", "a value like '9999-99-99'"),
    ("+31 6 12345678", "amount", "a value like '+99 9 99999999'"),
    ("612.345.678", "amount", "a value like '999.999.999'"),
    ("06,12345678", "amount", "a value like '99,99999999'"),
    ("0612345678", "occurred_at", "a value like '9999999999'"),
    ("ann.jansen@example.com", "occurred_at", "a value like 'aaa.aaaaaa@aaaaaaa.aaa'"),
    ("Anna Élodie Ŝmit", "direction", "a value like 'Aaaa Aaaaaa Aaaa'"),
    ("安娜", "direction", "a value like 'aa'"),
    ("NL91ABNA0417164300", "amount", "a value like 'AA99AAAA9999999999'"),
)


@pytest.mark.parametrize(("value", "column", "shown"), SHOWN)
def test_a_message_repeats(tmp_path: Path, value: str, column: str, shown: str) -> None:
    [events] = [contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == "feed.events"]
    row = {
        "event_id": "1", "occurred_at": "2026-01-01T00:00:00Z", "event_name": "seen", "source_system": "web",
        "amount": "1", "direction": "inbound",
    } | {column: value}  # fmt: skip
    file = tmp_path / "extracts" / "feed" / "events" / "one.csv"
    file.parent.mkdir(parents=True)
    file.write_text(",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n", encoding="utf-8")
    with open_duckdb(tmp_path / "warehouse.duckdb") as connection:
        land_table(connection, events, extracts=tmp_path / "extracts", run_id="run", now=NOW, settle_seconds=0)
        [(expected, text)] = connection.execute("select expected, row_text from quarantine.feed__events").fetchall()
    assert expected.startswith(f"{shown} is ")
    assert value in text, "the row itself remains in the warehouse"
