"""No value about a person is in a release, and none in what runs write, print or show in the list of processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.release.privacy import find_in_bytes, search_files
from tests.orchestration.hostile import CANARIES, DataSet

pytestmark = pytest.mark.xdist_group("hostile")


def columns_about_people(contract: TableContract) -> list[str]:
    return [
        column.name
        for column in contract.columns
        if column.name in contract.columns_of_people or column.identifier_type_column
    ]


def values_about_people(data_set: DataSet) -> dict[str, set[str]]:
    """Every value of a column about people, and every key of a people record, with the columns that have it."""
    found: dict[str, set[str]] = {}
    contracts = read_contracts(PROJECT_ROOT / "models", data_set.folder / "own")
    with open_duckdb(data_set.home / "warehouse.duckdb", read_only=True) as connection:
        for contract in contracts:
            for column in columns_about_people(contract):
                for (value,) in connection.execute(
                    f'select distinct cast("{column}" as varchar) from raw."{contract.identifier}" '
                    f'where "{column}" is not null'
                ).fetchall():
                    is_object = contract.column(column).data_type == "json"
                    for text in _texts(json.loads(value)) if is_object else [value]:
                        found.setdefault(text, set()).add(f"{contract.name}.{column}")
        for source, key in connection.execute(
            "select distinct source_system, person_key from intermediate.int_people_versions"
        ).fetchall():
            found.setdefault(key, set()).add(f"person_key of {source}")
    return found


def _texts(value: Any) -> Iterator[str]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if members is None:
        yield str(value)
        return
    for member in members:
        yield from _texts(member)


# Values that say nothing where they are found, by column, with the reason.
COMMON = {
    "crm.contacts.country": "two letters, which are a language and a country of shops as well",
    "feed.people.country": "two letters, which are a language and a country of shops as well",
}


def test_no_value_about_a_person_is_in_a_release(hostile: DataSet) -> None:
    values = values_about_people(hostile)
    sought = {value for value, columns in values.items() if not columns <= set(COMMON)}
    assert {column.rpartition(".")[0] for value in sought for column in values[value]} >= {
        "crm.contacts", "loyalty.members", "email.subscribers", "web.events", "store.transaction_lines",
        "desk.contacts", "desk.letters", "feed.events", "feed.people",
    }, "the search is about all of them"  # fmt: skip
    found = find_in_bytes(hostile.served, sorted(sought | set(CANARIES.values())))
    assert [(one, sorted(values.get(one.needle, ()))) for one in found] == []


def test_ids_of_people_are_hashed_and_the_events_are_there(hostile: DataSet) -> None:
    """The search above would also be content with a release without these events."""
    with open_duckdb(hostile.served / "customer_journeys.duckdb", read_only=True) as connection:
        ids = connection.execute(
            "select source_system, event_name, count(distinct regexp_extract(event_id, ':[0-9a-f]{32}')), count(*) "
            "from core.fct_events where source_system in ('desk', 'loyalty', 'email', 'till', 'site') "
            "and event_name in ('contact_made', 'contact_called', 'letter_opened', 'loyalty_joined', "
            "'newsletter_subscribed') group by all order by all"
        ).fetchall()
    assert [(source, name) for source, name, hashed, count in ids if hashed] == [
        ("desk", "contact_called"), ("desk", "contact_made"), ("desk", "letter_opened"),
        ("email", "newsletter_subscribed"), ("loyalty", "loyalty_joined"),
    ]  # fmt: skip


def test_the_list_of_processes_shows_nobody(hostile: DataSet) -> None:
    lines = b"\n".join(hostile.command_lines).lower()
    assert b"orchestration" in lines
    assert [value for value in CANARIES.values() if value.lower().encode() in lines] == []


def test_nothing_that_runs_print_shows_anybody(hostile: DataSet) -> None:
    said = "\n".join(hostile.said).lower()
    assert "quarantined" in said
    assert [name for name, value in CANARIES.items() if value.lower() in said] == []


def test_nothing_that_runs_write_shows_anybody(hostile: DataSet) -> None:
    """Files of the data set apart from the warehouse and the extracts: logs, Dagster's and dbt's, releases."""
    places = [path for path in (hostile.folder / "var").rglob("*") if path.is_file()]
    places += [path for path in (hostile.folder / "tmp").rglob("*") if path.is_file()]
    written = [path for path in places if not path.name.startswith("warehouse.duckdb")]
    assert {"event.log", "runs.db"} & {path.name for path in written} or any("dagster" in str(p) for p in written)
    found = search_files(hostile.folder, written, CANARIES.values())
    assert [(one.needle, one.file, one.form) for one in found] == []
