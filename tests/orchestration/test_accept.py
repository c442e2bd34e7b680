"""`make accept` lists what waits, accepts it with a note, takes that back, and has the next run publish it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.cli.app import main
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import read_settings
from orchestration.lib.release.ledgers import append_rows, create_ledgers
from orchestration.lib.warehouse.build import ensure_ledgers, last_complete_build

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published data set in which one state waits."""
    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path))
    monkeypatch.setenv("JOURNEYS_EXTRACTS", str(tmp_path / "extracts"))
    (tmp_path / "extracts").mkdir()
    path = read_settings().warehouse
    path.parent.mkdir(parents=True)
    with open_duckdb(path) as connection:
        ensure_ledgers(connection, "pepper")
        create_ledgers(connection)
        connection.execute(
            "insert into landing.builds values (1, 7, timestamp '2026-03-01', 'code', 'complete', 'release 1', "
            "null, null)"
        )
        append_rows(
            connection,
            "delivery_anomalies",
            [
                {
                    "anomaly_id": "1a2b3c4d",
                    "source_name": "shop",
                    "table_name": "orders",
                    "metric": "level",
                    "column_name": "total_price",
                    "message": "median number of total_price was 75 before and is 7,500",
                    "found_at": NOW,
                    "first_seen_at": NOW,
                }
            ],
        )
    return path


def test_a_kpi_is_accepted_as_a_delivery_is(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_duckdb(warehouse) as connection:
        row = {"anomaly_id": "5e6f7a8b", "kpi_id": "order_value", "message": "value was 75 before and is 7,500"}
        append_rows(connection, "kpi_anomalies", [{**row, "found_at": NOW, "first_seen_at": NOW}])
    assert main(["accept"]) == 0
    said = capsys.readouterr().out
    assert "5e6f7a8b  order_value: value was 75 before" in said and "2 wait." in said
    assert main(["accept", "5e6f7a8b", "--note", "dearer"]) == 0
    capsys.readouterr()
    assert main(["accept"]) == 0
    said = capsys.readouterr().out
    assert "5e6f7a8b" not in said and "1 wait." in said
    assert main(["accept", "5e6f7a8b", "--undo"]) == 0


def state(path: Path) -> tuple[object, ...]:
    with open_duckdb(path, read_only=True) as connection:
        build = last_complete_build(connection)
        assert build is not None
        row = connection.execute(
            "select accepted_at is not null, accepted_by is not null, accepted_note from hygiene.delivery_anomalies"
        ).fetchone()
    return (*row, build.release_id)


def test_what_waits_is_listed_accepted_and_taken_back(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accept"]) == 0
    said = capsys.readouterr().out
    assert "1a2b3c4d  shop.orders: median number of total_price was 75 before" in said and "1 wait." in said

    assert main(["accept", "1a2b3c4d", "--note", "prices in cents since March"]) == 0
    assert "Type make run to publish this." in capsys.readouterr().out
    assert state(warehouse) == (True, True, "prices in cents since March", None)
    assert main(["accept", ""]) == 0
    assert "0 wait." in capsys.readouterr().out

    assert main(["accept", "1a2b3c4d", "--undo"]) == 0
    assert state(warehouse) == (False, False, None, None)


def test_an_id_that_is_none_is_refused_with_those_there_are(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["accept", "nothing"]) == 1
    assert "No anomaly nothing is open. Is open: 1a2b3c4d (shop.orders)." in capsys.readouterr().err
    assert main(["accept", "1a2b3c4d", "--undo"]) == 1
    assert "No anomaly 1a2b3c4d was accepted. Was accepted: none." in capsys.readouterr().err
    assert state(warehouse) == (False, False, None, "release 1")
