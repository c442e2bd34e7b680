"""Days of a table are described some at a time, so that memory does not grow with the table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.hygiene import daily_profiles
from orchestration.lib.hygiene.daily_profiles import describe_days
from orchestration.lib.landing import ColumnContract, TableContract, land_table

READINGS = TableContract(
    source="shop",
    table="readings",
    description="",
    formats=("csv",),
    key=("id",),
    columns=(
        ColumnContract("id", "string", required=True),
        ColumnContract("at", "timestamp", required=True),
        ColumnContract("received_at", "timestamp", required=True),
        ColumnContract("amount", "double"),
        ColumnContract("kind", "string"),
    ),
)


@pytest.mark.parametrize("most_rows", [1, 25, 60])
def test_days_described_some_at_a_time_are_described_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    """Days of 0 to 19 rows, with a gap; at once they are one statement."""
    rows = [
        f"{day}-{hour},2026-01-{day:02d} {hour:02d}:00,2026-02-01,{(hour * 37 + day) % 11 - 2.5},{'ab'[hour % 2]}"
        for day in range(1, 20)
        if day != 7
        for hour in range(day)
    ]
    path = tmp_path / "shop" / "readings" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("id,at,received_at,amount,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    with open_duckdb() as connection:
        land_table(
            connection, READINGS, extracts=tmp_path, run_id="r", now=datetime(2026, 2, 1, tzinfo=UTC), settle_seconds=0
        )
        described = []
        for most in (daily_profiles.MOST_ROWS, most_rows):
            monkeypatch.setattr(daily_profiles, "MOST_ROWS", most)
            connection.execute("delete from landing.profiled_tables")
            assert len(describe_days(connection, READINGS, batch=1)) == 18
            described.append(connection.execute("from landing.daily_profiles order by all").fetchall())
    assert described[0] == described[1]
    assert sum(row[6] for row in described[0] if row[3] == "rows") == len(rows)
