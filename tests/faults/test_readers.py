"""Readers with an old and a new DuckDB open the release again and again while it is published and rolled back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.lib.release.publish import current_release, rollback
from tests.faults.counts import count, seed
from tests.orchestration.release.lines import Line, example_settings

OLD_PYTHON = os.environ.get("JOURNEYS_OLD_DUCKDB_PYTHON")
PYTHONS = [sys.executable, *([OLD_PYTHON] if OLD_PYTHON else [])]

# Both tables, each row and the count have to be of one generation; the ledger is read as well.
READER = """
import pathlib, sys, duckdb
link, stop = sys.argv[1], pathlib.Path(sys.argv[2])
print("ready", flush=True)
seen, opened = set(), 0
while not stop.exists():
    connection = duckdb.connect(link, read_only=True)
    found = connection.execute(
        "select min(generation), max(generation), count(*) - 500, "
        "(select min(entered) from journeys.agg_phases_daily) from core.fct_events"
    ).fetchone()
    connection.execute("select count(*), max(created_at) from hygiene.releases").fetchone()
    connection.close()
    assert len(set(found)) == 1, found
    seen.add(found[0])
    opened += 1
print(duckdb.__version__, opened, len(seen))
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    yield Line(example_settings(tmp_path.resolve()))


def test_readers_see_whole_releases_through_publishes_and_rollbacks(line: Line, tmp_path: Path) -> None:
    wanted, stop = count("PUBLISHES"), tmp_path / "stop"
    for generation in (1, 2):
        line.release(generation)
    readers = [
        subprocess.Popen(
            [python, "-c", READER, str(line.settings.serving / "customer_journeys.duckdb"), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for python in PYTHONS * 2
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n", reader.communicate()[1]
    published = rolled_back = 0
    try:
        for number in range(3, wanted + 3):
            # each third one is taken back; the next publish follows on what was before it
            line.release(number)
            published += 1
            if number % 3 == seed() % 3:
                current = current_release(line.settings)
                assert current is not None
                now, left = rollback(line.settings, now=datetime(2026, 12, 1, tzinfo=UTC))
                assert left is not None and left.release_id == current.release_id and now.is_served
                rolled_back += 1
            dead = [reader.communicate()[1] for reader in readers if reader.poll() is not None]
            assert not dead, f"after {published} publishes: {dead[0]}"
        # on a busy machine the last release may be seen by nobody yet
        time.sleep(0.5)
    finally:
        stop.touch()
    for reader in readers:
        said, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors
        version, opened, seen = said.split()
        print(f"\n  DuckDB {version}: {opened} times opened, {seen} releases seen", file=sys.stderr, end="")
        assert int(opened) >= 2 and int(seen) >= 2
    print(f"\n  {published} publishes, {rolled_back} rollbacks", file=sys.stderr, end="")
