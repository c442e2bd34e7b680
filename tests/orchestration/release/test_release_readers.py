"""Readers in processes of their own see one whole release, whatever is published meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from orchestration.lib.release.publish import rollback
from tests.orchestration.release.lines import TABLES, Line

OLD_PYTHON = os.environ.get("JOURNEYS_OLD_DUCKDB_PYTHON")

# Opens the link again and again. Both tables and the row count have to belong to one generation.
LOOPING_READER = """
import sys, duckdb
seen, opened = [], 0
print("ready", flush=True)
while not stop.exists():
    connection = duckdb.connect(link, read_only=True)
    found = connection.execute(
        "select min(generation), max(generation), count(*) - 500, "
        "(select min(entered) from journeys.agg_phases_daily) from core.fct_events"
    ).fetchone()
    connection.close()
    assert len(set(found)) == 1, found
    seen.append(found[0])
    opened += 1
assert seen == sorted(seen) or rolled_back.exists(), seen
print(opened, *sorted(set(seen)))
"""

# Holds one connection through publishes and pruning, then opens the link again.
STAYING_READER = """
import sys, duckdb
connection = duckdb.connect(link, read_only=True)
query = "select count(*), sum(amount), min(generation), max(generation) from core.fct_events"
before = connection.execute(query).fetchone()
print("ready", flush=True)
sys.stdin.readline()
assert connection.execute(query).fetchone() == before
assert connection.execute("select event_id, occurred_at from core.fct_events order by all").fetchall()
connection.close()
print(before[2], duckdb.connect(link, read_only=True).execute(query).fetchone()[2])
"""


def start(line: Line, script: str) -> subprocess.Popen[str]:
    serving = line.settings.serving
    prelude = (
        "from pathlib import Path\n"
        f"link = {str(serving / 'customer_journeys.duckdb')!r}\n"
        f"stop, rolled_back = Path({str(serving / 'stop')!r}), Path({str(serving / 'rolled_back')!r})\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", prelude + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n", reader.communicate()[1]
    return reader


def test_a_reader_sees_whole_releases_while_they_are_published(line: Line) -> None:
    line.release(1)
    reader = start(line, LOOPING_READER)
    for generation in range(2, 6):
        line.release(generation)
    (line.settings.serving / "rolled_back").touch()
    rollback(line.settings, now=datetime(2026, 8, 1, tzinfo=UTC))
    (line.settings.serving / "stop").touch()
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    opened, *seen = map(int, output.split())
    assert opened > 10
    assert len(seen) > 2 and set(seen) <= {1, 2, 3, 4, 5}


def test_a_connected_reader_keeps_its_release_even_when_it_is_pruned(kept) -> None:
    line = kept(2)
    first = line.release(1)
    reader = start(line, STAYING_READER)
    for generation in (2, 3, 4):
        line.release(generation)
    assert not first.directory.exists()
    output, errors = reader.communicate(input="\n", timeout=60)
    assert reader.returncode == 0, errors
    assert output.split() == ["1", "4"]


@pytest.mark.skipif(
    not OLD_PYTHON,
    reason="JOURNEYS_OLD_DUCKDB_PYTHON names no Python with a DuckDB 1.x, which many BI tools carry",
)
def test_an_old_driver_reads_a_release_by_plain_names_with_its_comments(line: Line) -> None:
    line.release(1)
    labels = [table.label for table in TABLES]
    script = f"""
import duckdb
assert duckdb.__version__.startswith(("0.", "1.")), duckdb.__version__
connection = duckdb.connect({str(line.settings.serving / "customer_journeys.duckdb")!r}, read_only=True)
for table in {labels!r}:
    connection.execute(f"select count(*) from {{table}}").fetchone()
print(connection.execute("select count(*), sum(amount) from core.fct_events").fetchone())
print(connection.execute("select count(*) from duckdb_tables() where comment is null").fetchone())
print(connection.execute(
    "select count(*) from duckdb_columns() where comment is null and not internal"
).fetchone())
print(connection.execute(
    "select comment from duckdb_columns() where column_name = 'amount'"
).fetchone())
"""
    done = subprocess.run([str(OLD_PYTHON), "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(501, Decimal('125250.00'))",
        "(0,)",
        "(0,)",
        "('What was paid – in euros.',)",
    ]
