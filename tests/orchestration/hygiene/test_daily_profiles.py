"""Days of a table are described some at a time, so that memory does not grow with the table."""

from __future__ import annotations

from dataclasses import replace
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


def test_quantiles_of_a_large_day_are_those_of_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows of a day were held in memory for each column of numbers; without a time column a landing is one day."""
    rows = "".join(f"{number},{number % 1000 + 1},{'ab'[number % 2]}\n" for number in range(20_000))
    path = tmp_path / "shop" / "readings" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"id,amount,kind\n{rows}", encoding="utf-8")
    contract = replace(READINGS, columns=tuple(c for c in READINGS.columns if c.data_type != "timestamp"))
    with open_duckdb() as connection:
        land_table(
            connection, contract, extracts=tmp_path, run_id="r", now=datetime(2026, 2, 1, tzinfo=UTC), settle_seconds=0
        )
        described = []
        for largest in (daily_profiles.LARGEST_SAMPLE, 5_000, 5_000):
            monkeypatch.setattr(daily_profiles, "LARGEST_SAMPLE", largest)
            connection.execute("delete from landing.profiled_tables")
            assert len(describe_days(connection, contract, batch=1)) == 1
            days = "select metric, column_name, value, row_count, figure from landing.daily_profiles order by all"
            described.append(connection.execute(days).fetchall())
    exact, sample, again = described
    assert sample == again
    # counts are of all rows
    assert [row[:4] for row in sample] == [row[:4] for row in exact]
    differences = {row[0]: abs(row[4] - other[4]) for row, other in zip(exact, sample, strict=True) if row[4]}
    assert set(differences) == {"level", "spread"}
    assert all(0 < difference < 0.1 for difference in differences.values()), differences


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
