"""A small file may unpack to a large one, or hold a line without end: memory is bounded, and each has an outcome."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.faults.counts import count

UNPACKED = count("UNPACKED")

HEADER = b"order_id,ordered_at,amount\n"
ROW = b"o,2026-01-05T10:00:00Z,10.00\n"
OBJECT = b'{"order_id": "o", "ordered_at": "2026-01-05T10:00:00Z"}\n'
MEMORY = 128
# Python, DuckDB's own code and what it keeps beyond its limit.
BESIDE = 200

# Lands a folder in a process of its own, and says what became of it and what it took.
LAND = r"""
import json, re, sys
from datetime import UTC, datetime
from pathlib import Path
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import account, land_table
from tests.orchestration.landing.conftest import ORDERS

folder = Path(sys.argv[1])
with open_duckdb(folder / "warehouse.duckdb") as connection:
    found = land_table(
        connection, ORDERS, extracts=folder, run_id="run", now=datetime(2026, 7, 1, tzinfo=UTC), settle_seconds=0
    )
    files = connection.execute(
        "select file_path, status, reason, rows_read, rows_accepted from landing.files"
    ).fetchall()
    assert account(connection, ORDERS).adds_up
# of this program alone: what getrusage says includes the process that it was forked from
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(json.dumps({"peak": peak, "files": {path.rpartition("/")[2]: rest for path, *rest in files}}))
"""


def endless_line() -> Iterator[bytes]:
    yield HEADER + ROW
    yield from (b"x" * (1 << 20) for _ in range(UNPACKED))
    yield b"\n" + ROW


def open_quote() -> Iterator[bytes]:
    yield HEADER + b'"'
    yield from (ROW * ((1 << 20) // len(ROW)) for _ in range(UNPACKED // 4))


def endless_header() -> Iterator[bytes]:
    yield from (b"x," * (1 << 19) for _ in range(UNPACKED))


def endless_json_line() -> Iterator[bytes]:
    yield OBJECT + b'{"order_id": "'
    yield from (b"x" * (1 << 20) for _ in range(UNPACKED))
    yield b'"}\n' + OBJECT


def endless_array() -> Iterator[bytes]:
    yield from (b"[" * (1 << 20) for _ in range(UNPACKED))


def many_rows() -> Iterator[bytes]:
    yield from (OBJECT * ((1 << 20) // len(OBJECT)) for _ in range(UNPACKED // 4))


def nested_deeply() -> Iterator[bytes]:
    deep = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
    yield OBJECT[:-2] + b', "details": ' + deep + b"}\n" + OBJECT[:-2] + b', "unknown": ' + deep + b"}\n" + OBJECT


def nested_without_end() -> Iterator[bytes]:
    """DuckDB takes a hundred times a line's size where each of its brackets opens another."""
    depth = 330_000
    yield OBJECT[:-2] + b', "unknown": ' + b'{"":' * depth + b"1" + b"}" * depth + b"}\n" + OBJECT


ROWS = (1 << 20) // len(OBJECT) * (UNPACKED // 4)


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("a.csv.gz", endless_line, ["refused", "line_too_long", 0, 0]),
        ("a.csv.gz", open_quote, ["refused", "broken_quotes", 0, 0]),
        ("a.csv.gz", endless_header, ["refused", "broken_header", 0, 0]),
        ("a.jsonl.gz", endless_json_line, ["refused", "line_too_long", 0, 0]),
        ("a.json.gz", endless_array, ["refused", "not_json", 0, 0]),
        ("a.jsonl.gz", many_rows, ["loaded", None, ROWS, ROWS]),
        ("a.jsonl.gz", nested_deeply, ["loaded", None, 3, 3]),
        ("a.jsonl.gz", nested_without_end, ["refused", "line_too_long", 0, 0]),
    ],
)
def test_what_unpacks_to_much_takes_no_more_memory(tmp_path: Path, name: str, content, outcome: list) -> None:
    """Python read lines of any length whole, to see where records begin: a line of 500 MB took 1.2 GB."""
    folder = tmp_path / "shop" / "orders"
    folder.mkdir(parents=True)
    with gzip.open(folder / name, "wb", compresslevel=1) as packed:
        for chunk in content():
            packed.write(chunk)
    (folder / "other.csv").write_bytes(HEADER + ROW)
    ended = subprocess.run(
        [sys.executable, "-c", LAND, str(tmp_path)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "JOURNEYS_MEMORY": f"{MEMORY}MB", "JOURNEYS_VAR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert said["files"] == {name: outcome, "other.csv": ["loaded", None, 1, 1]}
    print(
        f"{content.__name__}: {(folder / name).stat().st_size:,} bytes unpack to {UNPACKED} MB, peak {said['peak']} MB"
    )
    assert said["peak"] < MEMORY + BESIDE
