"""The parts of `make bench` that could go wrong without anyone noticing: what is measured, and what is counted."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import make_world
from benchmarks.floor import EVENT_TABLES, write_floor
from benchmarks.measuring import Cost, MeasuredFailure, Sample, measured, measured_program
from benchmarks.refreshing import MACRO, Refresh, change_macro, split
from benchmarks.reporting import BEGIN, END, FULL, SizeFigures, growth_table, record, size_report
from benchmarks.world import DELIVERIES, NEWEST, STREAMS, deliver, hold_back
from examples.omnichannel import GenerationReport
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


@pytest.mark.skipif(sys.platform != "linux", reason="a process's use is only seen in /proc")
def test_a_program_is_watched_while_it_runs(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    program = [sys.executable, "-c", f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {busy!r}])"]
    cost, samples = measured_program(program, folder=tmp_path, environment=os.environ, log=tmp_path / "log")
    assert cost.cpu_seconds >= 0.5
    assert 0.2 < max(sample.cpu_seconds for sample in samples[:-1]) <= samples[-1].cpu_seconds == cost.cpu_seconds
    assert samples[-1].at - samples[0].at == pytest.approx(cost.seconds)
    with pytest.raises(MeasuredFailure, match=r"(?s)code 3.*the last words"):
        measured_program(
            [sys.executable, "-c", "print('the last words'); raise SystemExit(3)"],
            folder=tmp_path, environment=os.environ, log=tmp_path / "log",
        )  # fmt: skip


def test_a_stage_lasts_until_the_next_begins() -> None:
    samples = [Sample(0, 0, 0), Sample(1, 1, 10), Sample(2, 3, 70), Sample(3, 2.9, 20), Sample(4, 5, 30)]
    assert split(samples, {"land": 1.0, "publish": 2.0, "end": 3.5}) == {
        "start": Cost(1.0, 1.0, 0),
        "land": Cost(1.0, 2.0, 10),
        "publish": Cost(1.5, 1.0, 70),
        "end": Cost(0.5, 1.0, 0),
    }
    assert split(samples, {}) == {"start": Cost(4, 5, 70)}


def test_the_macro_that_is_changed_says_something_else_with_the_same_result(tmp_path: Path) -> None:
    copy = tmp_path / MACRO[0]
    copy.parent.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / MACRO[0], copy)
    before = copy.read_text()
    change_macro(tmp_path)
    results = []
    for text in (before, copy.read_text()):
        body = text.partition("macro duckdb__")[2].partition("-%}")[2].partition("{%-")[0]
        earlier, later = "timestamp '2026-01-01 00:00:00.5'", "timestamp '2026-01-01 00:00:03'"
        with open_duckdb() as connection:
            sql = body.replace("{{ earlier }}", earlier).replace("{{ later }}", later)
            results.append(connection.execute(f"select {sql}, typeof({sql})").fetchall())
    assert before != copy.read_text()
    assert results[0] == results[1] == [(2, "BIGINT")]
    copy.write_text("something else")
    with pytest.raises(MeasuredFailure, match="could be changed"):
        change_macro(tmp_path)


def _rows(folder: Path) -> Iterator[str]:
    for path in folder.glob("*/*/*"):
        yield from (
            (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode().splitlines()
        )


def test_rows_held_back_are_spread_over_the_year_or_the_newest_and_all_come_again(tmp_path: Path) -> None:
    world = make_world(tmp_path, 4_000)
    streams, aside = tmp_path / "streams", tmp_path / "aside"
    for table in STREAMS:
        shutil.copytree(tmp_path / "extracts" / table, streams / table)
    everything = sorted(_rows(streams))
    held = hold_back(streams, aside, world.event_count)
    for name, share in DELIVERIES.items():
        assert held[name] == len(list(_rows(aside / name)))
        assert held[name] == pytest.approx(share * world.event_count, abs=4, rel=0.1)
    times = {name: [_moment(row) for row in _rows(aside / name)] for name in DELIVERIES}
    kept = [_moment(row) for row in _rows(streams)]
    assert min(times[NEWEST]) > sorted(kept)[-len(kept) // 50]
    assert len({time[:7] for time in times["1 % late"]}) > 8
    for name in DELIVERIES:
        deliver(aside / name, streams)
    assert sorted(_rows(streams)) == everything


def _moment(row: str) -> str:
    return next(json.loads(row)[column] for column in STREAMS.values() if column in json.loads(row))


def test_growth_is_told_from_the_fixed_cost() -> None:
    """Ten times the events: the floor costs ten times as much, the build ten times what it costs above an empty one."""
    fixed, small, large = (
        _figures(*given) for given in (("1k", 1, 0.1, 20.0), ("100k", 100, 2.0, 21.0), ("1m", 1000, 20.0, 30.0))
    )
    lines = growth_table([fixed, small, large]).splitlines()
    assert "| | 100k → 1m |" in lines
    assert "| floor | 1.00 |" in lines
    assert "| full, build_warehouse, what follows from rows | 1.00 |" in lines
    assert "| full | 0.15 |" in lines
    assert growth_table([fixed, small]) == ""
    report = size_report(large, fixed=fixed)
    assert "| full |  | 30.0 | 30.0 | 1.000 | 1.5 | 500 |" in report
    assert "hot models 2.00 s (1.000 of theirs when full); slowest: dim_dates 3.0, int_steps 2.0" in report


def _figures(size: str, thousands: int, floor: float, full: float) -> SizeFigures:
    world = GenerationReport({}, thousands * 1000, 1, 1, {}, 1.0)
    cost = Cost(full, full, 500_000_000)
    refresh = Refresh(cost, {"build_warehouse": cost}, {"int_steps": 2.0, "dim_dates": 3.0})
    return SizeFigures(size, world, {}, cost, Cost(floor, floor, 1), thousands * 1000, {FULL: refresh})


@pytest.mark.parametrize("name", EVENT_TABLES)
def test_the_floor_reads_columns_that_the_contracts_declare(name: str) -> None:
    rows = EVENT_TABLES[name]
    declared = {column.name for column in CONTRACTS[name].columns}
    assert {rows.occurred_at, *rows.customer, rows.name} - {None} <= declared


def test_the_floor_holds_every_readable_event_in_order(tmp_path: Path) -> None:
    calls = tmp_path / "extracts" / "loyalty" / "point_transactions"
    mentions = tmp_path / "extracts" / "social" / "mentions"
    for folder in (calls, mentions):
        folder.mkdir(parents=True)
    (calls / "point_transactions.csv").write_text(
        "point_transaction_id,loyalty_card,booking_type,points,reference,booked_at\n"
        "t1,zoe,earn,3,r,2026-01-02 00:00:00\nt2,zoe,earn,3,r,never\n"
    )
    (mentions / "mentions.jsonl").write_text(
        '{"post_id": "p2", "author_handle": "ann", "network": "x", "posted_at": "2026-01-05T00:00:00Z"}\n'
        '{"post_id": "p1", "author_handle": "ann", "posted_at": "2026-01-01T00:00:00Z"}\n'
    )
    database = tmp_path / "floor.duckdb"
    assert write_floor(tmp_path / "extracts", database, CONTRACTS.values()) == 3
    with open_duckdb(database, read_only=True) as connection:
        rows = connection.execute("select id, customer, name, channel, rest ->> 'network' from floor order by rowid")
        assert rows.fetchall() == [
            ("p1", "ann", "mentions", "social", None),
            ("p2", "ann", "mentions", "social", "x"),
            ("t1", "zoe", "earn", "loyalty", None),
        ]


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
