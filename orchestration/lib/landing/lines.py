"""Finds the physical line on which each record of a text file begins.

DuckDB's reader skips blank lines and lets quoted values run over several lines, so the n-th record need not
be on line n. A file whose lines and records agree in number needs no second look; in any other the lines are
looked at once more, and whether a line begins inside of quotes shows which lines begin a record.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestration.lib.config.contracts import CsvDialect
from orchestration.lib.landing.headers import Header
from orchestration.lib.landing.text_files import CHUNK, TextFile, written

# No text holds this, so that the reader takes a whole line for one value.
NO_DELIMITER = "\x01\x02\x03"
# A longer one is not read whole into memory, to find out whose rows are whose; its file is refused.
LONGEST_LINE = 32 << 20


def lines_at(path: Path, positions: Iterator[int]) -> Iterator[tuple[int, int]]:
    """The physical line of each byte position, which must ascend; the first byte of a file is at position 1.

    DuckDB names the end of the line before when blank lines precede a broken record: those are stepped over.
    """
    with path.open("rb") as stream:
        seen = 0
        line = 1
        for position in positions:
            while seen < position - 1:
                chunk = stream.read(min(CHUNK, position - 1 - seen))
                if not chunk:
                    break
                seen += len(chunk)
                line += chunk.count(b"\n")
            start, at = line, seen
            while (byte := stream.read(1)) in (b"\n", b"\r"):
                start += byte == b"\n"
            stream.seek(at)
            yield position, start


def lines_of_records(text: TextFile, header: Header) -> Iterator[int]:
    """The physical lines on which the records of a CSV file begin, by its quotes alone."""
    # In a file of one column a blank line is a row without a value.
    counts_blanks = len(header.names) == 1
    is_inside = False
    for number, (content, _, ends_inside) in enumerate(_lines_with_quotes(text, header), start=header.line_count + 1):
        if not is_inside and (content or counts_blanks):
            yield number
        is_inside = ends_inside


def records_with_plain_ends(text: TextFile, header: Header, target: Path) -> TextFile:
    """A copy whose records all end in LF; line ends within quoted values are as they were.

    A reader takes the kind of end that it meets first for that of all, and the other kind for a part of the last value.
    """

    def lines() -> Iterator[bytes]:
        with text.path.open("rb") as stream:
            for line in itertools.islice(stream, header.line_count):
                yield line.removesuffix(b"\r\n") + b"\n" if line.endswith(b"\r\n") else line
        for content, end, ends_inside in _lines_with_quotes(text, header):
            yield content + (end if ends_inside else end[-1:])

    return written(lines(), target)


def _lines_with_quotes(text: TextFile, header: Header) -> Iterator[tuple[bytes, bytes, bool]]:
    """The lines after the header: content, line end, and whether a quote is still open at their end."""
    dialect = header.dialect
    quote = dialect.quote.encode()
    from_outside, from_inside = _quote_patterns(dialect) if quote else (None, None)
    is_inside = False
    with text.path.open("rb") as stream:
        for line in itertools.islice(stream, header.line_count, None):
            content = line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line
            pattern = from_inside if is_inside else from_outside
            if pattern and quote in content:
                is_inside = pattern.fullmatch(content) is not None
            yield content, line[len(content) :], is_inside


def without(lines: Iterable[int], removed: Iterator[int]) -> Iterator[int]:
    """The lines that are not removed. Both ascend."""
    next_removed = next(removed, None)
    for line in lines:
        while next_removed is not None and next_removed < line:
            next_removed = next(removed, None)
        if line != next_removed:
            yield line


def write_lines(target: Path, lines: Iterable[int], *, first_record: int = 0) -> int:
    """Appends (record, line) of a file's records to a CSV file; returns how many they were."""
    count = 0
    with target.open("a", encoding="ascii") as output:
        for count, line in enumerate(lines, start=1):
            output.write(f"{first_record + count - 1},{line}\n")
    return count


def _quote_patterns(dialect: CsvDialect) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Patterns of a line that ends inside quotes, given that it begins outside, and that it begins inside.

    No choice in them is open, so none is taken back (`*+`): a line is read once, whatever is in it.
    """
    quote, escape, delimiter = (re.escape(c) for c in (dialect.quote, dialect.escape, dialect.delimiter))
    if dialect.escape in ("", dialect.quote):
        content = f"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
    else:
        content = f"(?:[^{quote}{escape}]|{escape}.)*+"
    plain_or_quoted = f"(?:{quote}{content}{quote}|[^{quote}{delimiter}][^{delimiter}]*+|)"
    opened = f"(?:{plain_or_quoted}{delimiter})*+{quote}{content}"
    remains_open = f"{content}(?:{quote}{delimiter}{opened})?"
    return re.compile(opened.encode(), re.DOTALL), re.compile(remains_open.encode(), re.DOTALL)
