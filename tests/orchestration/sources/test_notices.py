"""What is left to settle in contracts and seeds is reported, once each, with count, example and the line to edit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.landing.overlooked import note_overlooked
from orchestration.lib.landing.registry import ensure_tables, open_batch
from orchestration.lib.sources.notices import (
    channels_to_settle,
    guesses_left,
    note_values_looked_for,
    values_never_seen,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)

SOURCES = """version: 2
sources:
  - name: desk
    schema: raw
    tables:
      - name: tickets  # guess: the name
        identifier: desk__tickets
        config:
          meta:
            formats: [csv]
            key: [ticket_id]  # guess: different in all rows
            events:
              - event_name: ticket_opened
                occurred_at: created_on
                channel: {column: intake, values: {web_form: web, fax: phone}}
              - event_name: ticket_solved
                occurred_at: created_on
                when:
                  status: [solved, closd]
                  is_test: {not: true}
                  price: {not: [7, 0.005]}
        columns:
          - {name: ticket_id, data_type: string, config: {meta: {required: true}}}
          - {name: intake, data_type: string}
          - {name: status, data_type: string}
          - {name: is_test, data_type: boolean}
          - {name: price, data_type: "decimal(18,2)"}
          - {name: created_on, data_type: date}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "_desk__sources.yml"
    path.write_text(SOURCES, encoding="utf-8")
    return path


def warehouse(*rows: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema raw")
    connection.execute(
        "create table raw.desk__tickets (ticket_id varchar, intake varchar, status varchar, is_test boolean, "
        "price decimal(18, 2), _row_status varchar)"
    )
    for row in rows:
        connection.execute(f"insert into raw.desk__tickets values {row}")
    return connection


def test_guesses_that_are_left_are_counted_by_file(file: Path) -> None:
    contracts = read_contracts(PROJECT_ROOT / "models", file.parent)
    assert [warning.shown for warning in guesses_left(contracts)] == [
        f"desk: 2 guesses are left in {file}, the first in line 6 (- name: tickets); correct each line marked "
        "`# guess:` and take out the mark"
    ]
    file.write_text(SOURCES.replace("# guess: ", "# "), encoding="utf-8")
    assert guesses_left(contracts) == []


def test_values_of_a_mapping_that_no_row_has_are_named_with_their_line(file: Path) -> None:
    contracts = read_contracts(PROJECT_ROOT / "models", file.parent)
    superseded = "('T-0', 'fax', 'closd', false, 7, 'superseded')"
    seen = "('T-1', 'web_form', 'solved', false, 8, 'current')"
    with warehouse(superseded, seen) as connection:
        found = [warning.shown for warning in values_never_seen(connection, contracts)]
    look = '; compare with select {0}, count(*) from raw."desk__tickets" group by all'
    assert found == [
        f"desk.tickets: none of 1 rows has `fax` in intake, which event 1 asks for in {file} line 15"
        + look.format("intake"),
        f"desk.tickets: none of 1 rows has `closd` in status, which event 2 asks for in {file} line 19"
        + look.format("status"),
        f"desk.tickets: none of 1 rows has `7`, `0.005` in price, which event 2 asks for in {file} line 21"
        + look.format("price"),
    ]
    # numbers are compared as numbers, and a table without rows that count says nothing
    with warehouse(superseded, seen, "('T-2', 'fax', 'closd', true, 7, 'current')") as connection:
        [left] = values_never_seen(connection, contracts)
    assert "none of 2 rows has `0.005` in price" in left.message
    with warehouse(superseded) as connection:
        assert values_never_seen(connection, contracts) == []
    # nor does a column that the contract has since, and the table not yet
    with warehouse(seen) as connection:
        connection.execute("alter table raw.desk__tickets drop column price")
        found = [warning.message for warning in values_never_seen(connection, contracts)]
        assert [" in intake, " in found[0], " in status, " in found[1], len(found)] == [True, True, 2]


def test_rows_are_read_again_only_when_they_or_the_contract_changed(file: Path) -> None:
    """Every landing step and the end of every run read all rows of all mapped tables."""

    def read() -> tuple[TableContract, ...]:
        return tuple(contract for contract in read_contracts(PROJECT_ROOT / "models", file.parent) if contract.is_own)

    def land(status: str) -> None:
        (contract,) = contracts
        batch = open_batch(connection, contract, run_id="r", now=NOW)
        connection.execute(
            f"insert into raw.desk__tickets by name select '{batch}' as ticket_id, 'web_form' as intake, "
            f"'{status}' as status, true as is_test, 7 as price, 'current' as _row_status"
        )

    def said() -> list[str]:
        found = values_never_seen(connection, contracts)
        note_overlooked(connection, contracts, found, now=NOW)
        note_values_looked_for(connection, contracts)
        assert [warning.shown for warning in values_never_seen(connection, contracts)] == sorted(
            warning.shown for warning in found
        )
        return [warning.message.partition(", which")[0] for warning in found if " in status" in warning.message]

    contracts = read()
    with open_duckdb() as connection:
        ensure_tables(connection, contracts[0])
        assert said() == []
        land("solved")
        assert said() == ["none of 1 rows has `closd` in status"]
        # behind the back of landing: rows are read when there is a batch
        connection.execute("update raw.desk__tickets set status = 'closd'")
        assert said() == ["none of 1 rows has `closd` in status"]
        land("other")
        assert said() == ["none of 2 rows has `solved` in status"]
        connection.execute("update raw.desk__tickets set status = 'solved'")
        file.write_text(SOURCES.replace("closd", "closed"), encoding="utf-8")
        contracts = read()
        assert said() == ["none of 2 rows has `closed` in status"]
        # a table of which nothing is named any more
        file.write_text(SOURCES.replace("status: [solved, closd]", "status: {is: filled}"), encoding="utf-8")
        contracts = read()
        assert said() == []


def test_words_of_a_number_are_compared_as_staging_does_and_as_rows_landed(file: Path) -> None:
    """Both ended in a conversion error: a word that is no number, and a column that was text when its rows landed."""
    text = SOURCES.replace("{name: intake, data_type: string}", "{name: intake, data_type: bigint}")
    text = text.replace("{name: status, data_type: string}", "{name: status, data_type: bigint}")
    text = text.replace("values: {web_form: web, fax: phone}", 'values: {x: web, "1": phone, "1.0": store}')
    file.write_text(text.replace("status: [solved, closd]", "status: [1, 2]"), encoding="utf-8")
    contracts = read_contracts(PROJECT_ROOT / "models", file.parent)
    for type_that_landed in ("varchar", "bigint"):
        rows = "('T-1', '1', '1', false, 7, 'current')", "('T-2', '3', '4', true, 7, 'current')"
        with warehouse(*rows) as connection:
            if type_that_landed == "varchar":
                connection.execute("update raw.desk__tickets set status = 'paid' where ticket_id = 'T-2'")
            for column in ("intake", "status"):
                connection.execute(f"alter table raw.desk__tickets alter {column} type {type_that_landed}")
            found = [warning.message.partition(", which")[0] for warning in values_never_seen(connection, contracts)]
        assert found == [
            "none of 2 rows has `x`, `1.0` in intake",
            "none of 2 rows has `2` in status",
            "none of 2 rows has `0.005` in price",
        ]


def test_channels_that_no_seed_lists_and_events_without_one_are_named_with_their_mapping(
    file: Path, tmp_path: Path
) -> None:
    contracts = read_contracts(PROJECT_ROOT / "models", file.parent)
    (tmp_path / "seeds").mkdir()
    settings = read_settings(
        {"JOURNEYS_EXTRACTS": str(tmp_path), "JOURNEYS_SEEDS": str(tmp_path / "seeds"), "JOURNEYS_DATA_SET": "tested"}
    )
    with duckdb.connect() as connection:
        connection.execute("""
            create schema core; create schema hygiene;
            create table core.fct_events as from (values
                ('desk:1', 'ticket_opened', 'desk', 'telex'), ('desk:2', 'ticket_opened', 'desk', 'telex'),
                ('web:1', 'visited', 'web', 'web'), ('feed:1', 'called', 'pbx', 'pigeon')
            ) as events(event_id, event_name, source_system, channel);
            create table core.dim_channels as from (values
                ('telex', false), ('web', true), ('pigeon', false), ('(none)', false)
            ) as channels(channel, is_declared);
            create table hygiene.unassigned_channels as from (values
                ('desk', 'ticket_solved', 4), ('desk', 'ticket_lost', 1), ('pbx', 'rang', 1)
            ) as events(source_system, event_name, event_count);
        """)
        found = list(channels_to_settle(connection, settings, contracts))
        rules = "or add a rule to channel_rules.csv (see hygiene.unassigned_channels)"
        assert found == [
            f"channel telex is not in channels.csv: 2 events, such as desk:1 (ticket_opened of desk); correct {file} "
            f"line 15, or add a row to channels.csv in {tmp_path / 'seeds'}",
            "channel pigeon is not in channels.csv: 1 event, such as feed:1 (called of pbx); add a row to channels.csv "
            f"in {tmp_path / 'seeds'}",
            "5 events of desk have no channel, such as ticket_solved and 1 other name; give `channel` at "
            f"{file} line 16, {rules}",
            f"1 event of pbx has no channel, such as rang; give the events a channel, {rules}",
        ]
        with duckdb.connect() as older:
            assert list(channels_to_settle(older, settings, contracts)) == []
        # who lists no channels at all has nothing to compare with
        connection.execute("update core.dim_channels set is_declared = false")
        assert [line for line in channels_to_settle(connection, settings, contracts) if "channels.csv:" in line] == []
