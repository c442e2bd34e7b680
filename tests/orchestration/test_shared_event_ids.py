"""An event id that rows of several tables claim is explained: which tables, files and lines, and what to change."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from orchestration.lib.config.contracts import ContractError, read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.building import NodeResult
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.warehouse.shared_event_ids import TEST, is_about_event_ids, shared_event_ids
from tests.contract_files import read_own

SOURCES = """version: 2
sources:
  - name: pay
    schema: raw
    tables:
      - name: charges
        identifier: pay__charges
        config: {meta: {formats: [csv], key: [id], events: [{event_name: paid, occurred_at: at_}]}}
        columns:
          - {name: id, data_type: string, config: {meta: {required: true}}}
          - {name: at_, data_type: timestamp}
"""


def test_rows_that_share_an_id_are_named_with_file_line_and_fix(tmp_path: Path) -> None:
    contracts = tuple(read_own(tmp_path, SOURCES).values())
    with duckdb.connect() as connection:
        connection.execute("create schema raw; create schema landing; create schema intermediate")
        for table in ("pay__charges", "feed__events"):
            connection.execute(
                f"create table raw.{table} (_row_key varchar, _row_hash varchar, _row_status varchar, "
                "_file_id varchar, _line bigint)"
            )
        connection.execute("""
            insert into raw.pay__charges values ('1', 'a', 'current', 'f', 2), ('2', 'b', 'current', 'f', 3);
            insert into raw.feed__events values
                ('pay:1:paid', 'c', 'current', 'g', 7), ('pay:2:paid', 'd', 'current', 'g', 8);
            create table landing.files as from (values
                ('f', 'pay', 'charges', 'pay/charges/a.csv'), ('g', 'feed', 'events', 'feed/events/b.csv')
            ) as files(file_id, source_name, table_name, file_path);
            create table intermediate.int_event_versions as from (values
                ('pay:1:paid', 'pay', 'pay.charges:1#a', true), ('pay:1:paid', 'pay', 'feed.events:pay:1:paid#c', true),
                ('pay:2:paid', 'pay', 'pay.charges:2#b', true), ('pay:2:paid', 'pay', 'feed.events:pay:2:paid#d', true),
                ('pay:3:paid', 'pay', 'pay.charges:3#e', true), ('pay:3:paid', 'pay', 'pay.charges:3#f', false)
            ) as versions(event_id, source_system, version_key, is_current);
        """)
        assert shared_event_ids(connection, contracts) == [
            "2 event ids are that of several rows of feed.events, pay.charges, such as pay:1:paid: pay of feed.events "
            "(feed/events/b.csv line 7) and pay of pay.charges (pay/charges/a.csv line 2). Give an event of "
            f"pay.charges another `moment` or `event_id` in {tmp_path}/own/_pay__sources.yml line 6, or take a "
            "file out with make withdraw."
        ]


def test_it_is_said_where_the_test_of_ids_failed() -> None:
    [test] = [node for node in read_dbt_manifest()["nodes"] if TEST in node]
    failed = NodeResult(test, "fail", "", 2, 0.1, 1, 1)
    assert is_about_event_ids([failed])
    assert not is_about_event_ids([NodeResult(test, "pass", "", 0, 0.1, 1, 1)])


def test_two_files_of_a_source_cannot_end_their_ids_alike(tmp_path: Path) -> None:
    (tmp_path / "_pay__sources.yml").write_text(SOURCES, encoding="utf-8")
    other = tmp_path / "_pay__refunds__sources.yml"
    other.write_text(SOURCES.replace("charges", "refunds"), encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        read_contracts(PROJECT_ROOT / "models", tmp_path)
    assert str(raised.value) == (
        f"{tmp_path / '_pay__sources.yml'} line 6: event 1 of table pay.charges ends its ids with `paid`, as an event "
        f"of pay.refunds does ({other} line 6): rows with one key would have one id. Give one of them another `moment`."
    )
