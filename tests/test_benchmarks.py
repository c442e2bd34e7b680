"""The parts of `make bench` that could go wrong without anyone noticing: what is measured, and what is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.floor import EVENT_TABLES, write_floor
from benchmarks.measuring import Cost, MeasuredFailure, measured
from benchmarks.reporting import BEGIN, END, record, total
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT

CONTRACTS = {contract.name: contract for contract in read_contracts(PROJECT_ROOT / "models")}


def _fill_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20))


def _fail() -> None:
    print("the last words")
    raise ValueError("broken on purpose")


def test_a_measured_function_gives_its_result_and_its_own_memory(tmp_path: Path) -> None:
    value, large = measured(_fill_memory, 300, log=tmp_path / "log")
    _, small = measured(_fill_memory, 1, log=tmp_path / "log")
    assert value == 300 * 2**20
    assert large.peak_bytes - small.peak_bytes > 200 * 2**20
    assert large.seconds > 0


@pytest.mark.skipif(sys.platform != "linux", reason="a fork's children are only listed in /proc")
def test_memory_of_started_programs_is_counted(tmp_path: Path) -> None:
    program = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'len(bytearray(300 * 2**20))'])"
    _, cost = measured(exec, program, log=tmp_path / "log")
    assert cost.peak_bytes > 300 * 2**20


def test_a_failure_says_what_failed_and_what_was_printed(tmp_path: Path) -> None:
    with pytest.raises(MeasuredFailure, match=r"(?s)broken on purpose.*the last words"):
        measured(_fail, log=tmp_path / "log")


def test_a_refresh_adds_up_seconds_and_keeps_the_greatest_peak() -> None:
    assert total({"landing": Cost(2.0, 3.0, 500), "release": Cost(1.0, 1.5, 800)}) == Cost(3.0, 4.5, 800)


@pytest.mark.parametrize("name", EVENT_TABLES)
def test_the_floor_reads_columns_that_the_contracts_declare(name: str) -> None:
    rows = EVENT_TABLES[name]
    declared = {column.name for column in CONTRACTS[name].columns}
    assert {rows.occurred_at, *rows.customer} <= declared


def test_the_floor_holds_every_readable_row_in_order(tmp_path: Path) -> None:
    visits = tmp_path / "extracts" / "store" / "visits"
    mentions = tmp_path / "extracts" / "social" / "mentions"
    for folder in (visits, mentions):
        folder.mkdir(parents=True)
    with open_duckdb() as connection:
        connection.execute(
            "copy (select 'v1' as visit_id, 'zoe' as loyalty_card, null::varchar as device_id, "
            f"timestamp '2026-01-02' as arrived_at) to '{visits / 'visits.parquet'}' (format parquet)"
        )
    (mentions / "mentions.jsonl").write_text(
        '{"post_id": "p2", "author_handle": "ann", "posted_at": "2026-01-05T00:00:00Z"}\n'
        '{"post_id": "p1", "author_handle": "ann", "posted_at": "2026-01-01T00:00:00Z"}\n'
    )
    database = tmp_path / "floor.duckdb"
    assert write_floor(tmp_path / "extracts", database, CONTRACTS.values()) == 3
    with open_duckdb(database, read_only=True) as connection:
        rows = connection.execute("select coalesce(visit_id, post_id) from floor order by rowid").fetchall()
    assert rows == [("p1",), ("p2",), ("v1",)]


def test_recording_replaces_the_marked_block_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    record(page, "new")
    record(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_recording_refuses_a_page_without_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        record(page, "new")
    assert page.read_text() == "no marks\n"
