"""Lines and rows that differ: where each record begins, whatever blank lines and quoted line ends come before it."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.landing import CsvDialect, staging
from orchestration.lib.landing.headers import Header
from orchestration.lib.landing.lines import lines_of_records, without, write_lines
from orchestration.lib.landing.text_files import TextFile

from .conftest import Landing

HEADER = "order_id,ordered_at,email\n"
VALUES = ("", "plain", "a, b", 'a "quoted" one', '5" wide', "two\nlines", "two\n\nlines", '"', '""\n"', ",\n,", "ü\r")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("dialect", [CsvDialect(), CsvDialect(delimiter="|", quote="'", escape="\\")])
def test_a_record_begins_where_it_was_written(tmp_path: Path, dialect: CsvDialect, line_end: str, seed: int) -> None:
    rng = random.Random(seed)
    text, lines = io.StringIO(newline=""), []
    writer = csv.writer(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_ALL if rng.random() < 0.3 else csv.QUOTE_MINIMAL,
        doublequote=dialect.escape == dialect.quote,
        escapechar=None if dialect.escape == dialect.quote else dialect.escape,
        lineterminator=line_end,
    )
    for _ in range(50):
        text.write(line_end * rng.choice([0, 0, 0, 1, 2]))
        lines.append(text.getvalue().count("\n") + 1)
        values = [rng.choice(VALUES) for _ in range(2)]
        writer.writerow(["key", *(value.replace("\n", line_end) for value in values)])
    text.write(line_end * rng.choice([0, 1, 3]))
    content = text.getvalue().encode()
    path = tmp_path / "a.csv"
    path.write_bytes(b"x\n" + content)
    found = lines_of_records(TextFile(path, 0, 0, 0, 0, True), Header(("a", "b", "c"), 0, 1, dialect))
    assert list(found) == [line + 1 for line in lines]


def test_a_line_is_read_once_whatever_is_in_it(tmp_path: Path) -> None:
    """A pattern that took choices back would take hours for such a line."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + '"x",' * 200_000 + '"' + '""' * 200_000 + '"x\nc,d\n')
    found = lines_of_records(TextFile(path, 0, 0, 0, 0, True), Header(("a", "b"), 0, 1, CsvDialect()))
    assert list(found) == [2, 3]


def test_lines_are_kept_without_the_removed_ones(tmp_path: Path) -> None:
    assert list(without([2, 3, 5, 8], iter([1, 3, 4, 8, 9]))) == [2, 5]
    assert list(without([2, 3], iter([]))) == [2, 3]
    target = tmp_path / "lines.csv"
    assert (write_lines(target, [2, 5]), write_lines(target, [9], first_record=2), write_lines(target, [])) == (2, 1, 0)
    assert target.read_text() == "0,2\n1,5\n2,9\n"


def test_files_with_blank_lines_and_quoted_line_ends_are_one_statement(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them was read again alone: eighty milliseconds a file, twenty times what it takes without them."""
    calls = []
    original = staging._copy_rows

    def counted(*arguments: Any, **more: Any) -> object:
        calls.append(1)
        return original(*arguments, **more)

    monkeypatch.setattr(staging, "_copy_rows", counted)
    landing.write("a.csv", HEADER + "a,2026-01-01,x\nb,bad,x\n\n")
    landing.write("b.csv", HEADER + 'c,2026-01-01,"two\n\nlines"\nd,2026-01-01,\n\n\n"e\n",bad,\nf,2026-01-01,x')
    landing.write("c.csv", HEADER + "\n\n")
    landing.write("d.csv", HEADER + "g,2026-01-01,x\n")
    assert landing.land().files_loaded == 4
    assert len(calls) == 1
    assert landing.rows("select order_id, _line from RAW order by 1") == [
        ("a", 2), ("c", 2), ("d", 5), ("f", 10), ("g", 2),
    ]  # fmt: skip
    assert landing.quarantined() == [(3, "ordered_at", "not_a_time"), (8, "ordered_at", "not_a_time")]
    assert landing.rows("select reason, rows_read from landing.files order by file_path") == [
        (None, 2), (None, 4), ("no_rows", 0), (None, 1),
    ]  # fmt: skip
