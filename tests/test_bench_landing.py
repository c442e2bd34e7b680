"""What `make bench-landing` compares: the same rows in every shape of delivery, landed and read by DuckDB alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import landing
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT

(CONTRACT,) = (contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.name == landing.TABLE)


def rows_of(folder: Path) -> list[list[str]]:
    rows = []
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-8", newline="") as stream:
            rows += [row for row in list(csv.reader(stream))[1:] if row]
    return rows


@pytest.mark.parametrize(("tail", "comment"), [("", ""), ("\n", ""), ("", '"two\nlines"')])
def test_small_files_hold_the_rows_of_the_one_file(tmp_path: Path, tail: str, comment: str) -> None:
    one, small = tmp_path / "one", tmp_path / "extracts" / CONTRACT.folder
    one.mkdir()
    small.mkdir(parents=True)
    landing.write_one_file(one, 3 * landing.ROWS_PER_SMALL_FILE)
    landing.write_small_files(small, 3, tail, comment)
    expected = rows_of(one)
    if comment:
        for row in expected[:: landing.ROWS_PER_SMALL_FILE]:
            row[10] = "two\nlines"
    assert rows_of(small) == expected
    assert all(path.read_text().endswith("\n" + tail) for path in small.iterdir())
    found = landing.land(tmp_path / "landed.duckdb", tmp_path / "extracts", CONTRACT)
    assert found == landing.read_plainly(tmp_path / "plain.duckdb", small, CONTRACT)
    assert found == landing.read_as_wide(tmp_path / "wide.duckdb", small, CONTRACT)
    assert found == (300, sum(1 for row in expected if row[8]))
