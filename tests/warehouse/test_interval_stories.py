"""Phase intervals and steps are made by chains of models, so their stories run through the whole chain.

dbt's unit tests give rows to one model alone. Here the chain's SQL, as dbt compiles it, reads the story's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.compiled import models_on

STORIES = yaml.safe_load(Path(__file__).with_name("interval_stories.yml").read_text(encoding="utf-8"))
CHAINS = ("int_phase_intervals", "int_steps")

# What the chains read: a column that a story does not give is null.
TABLES: Mapping[str, Mapping[str, str]] = {
    "journeys": {
        "journey_id": "varchar", "journey_version": "bigint", "case_key": "varchar", "valid_from": "date",
        "valid_to": "date",
    },
    "int_match_cases": {
        "journey_id": "varchar", "journey_version": "bigint", "customer_id": "varchar", "event_id": "varchar",
        "case_id": "varchar", "case_value": "varchar", "is_terminal": "boolean", "is_walked": "boolean",
    },
    "int_matched_events": {
        "journey_id": "varchar", "customer_id": "varchar", "event_id": "varchar", "event_number": "bigint",
        "phase_id": "varchar", "channel": "varchar", "journey_version": "bigint", "phase_order": "bigint",
        "window_seconds": "double", "is_terminal": "boolean", "ends_case": "boolean", "is_counted": "boolean",
        "occurred_on": "date",
        "occurred_at": "timestamp",
    },
    "int_instance_bounds": {
        "journey_instance_id": "varchar", "journey_id": "varchar", "customer_id": "varchar",
        "first_event_id": "varchar", "first_phase_id": "varchar", "case_value": "varchar", "outcome": "varchar",
        "last_matched_event_number": "bigint", "started_at": "timestamp", "ended_at": "timestamp",
    },
    "int_phase_intervals": {
        "interval_id": "varchar", "journey_instance_id": "varchar", "journey_id": "varchar",
        "customer_id": "varchar", "phase_id": "varchar", "entry_event_id": "varchar", "outcome": "varchar",
        "last_matched_event_number": "bigint",
    },
    "int_timeline_events": {
        "event_id": "varchar", "customer_id": "varchar", "event_number": "bigint", "event_name": "varchar",
        "channel": "varchar", "touchpoint": "varchar", "department": "varchar", "direction": "varchar",
        "device_type": "varchar", "properties": "varchar", "record_key": "varchar",
        "is_bot": "boolean", "is_after_as_of": "boolean", "occurred_at": "timestamp",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled() -> dict[str, str]:
    return models_on(CHAINS, {name: f"given_{name}" for name in TABLES}, as_of="(select moment from given_clock)")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["name"])
def test_a_story_comes_out_as_expected(story: Mapping[str, Any], compiled: Mapping[str, str]) -> None:
    with open_duckdb() as connection:
        connection.execute("create table given_clock as select cast(? as timestamp) as moment", [str(story["as_of"])])
        for name in TABLES:
            give(connection, name, story["given"].get(name, ()))
        found = connection.execute(f"select * from ({compiled[story['model']]})")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    expected = story["expect"]
    asked = list(expected[0])
    assert sorted(shown(row, asked) for row in rows) == sorted(shown(row, asked) for row in expected)


def give(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = TABLES[name]
    declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create table given_{name} ({declared})")
    for row in rows:
        assert row.keys() <= columns.keys(), row
        values = [value_of(row, column) for column in columns]
        connection.execute(f"insert into given_{name} values ({', '.join('?' for _ in values)})", values)


def value_of(row: Mapping[str, Any], column: str) -> Any:
    if column == "occurred_on":
        return str(row["occurred_at"])[:10]
    return row.get(column, False if column == "is_after_as_of" else None)


def shown(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    """The row as texts, so that rows sort and a moment equals how the story writes it."""
    return tuple(
        str(row[column])
        if not isinstance(row[column], date | datetime)
        else row[column].isoformat(" ")[:19]
        if isinstance(row[column], datetime)
        else row[column].isoformat()
        for column in columns
    )
