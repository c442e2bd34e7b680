"""Finds the columns of a contract in a file: by the names of its header, its keys or its Parquet columns."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestration.lib.config.contracts import ColumnContract, CsvDialect, TableContract, folded
from orchestration.lib.landing import reasons
from orchestration.lib.landing.files import FileFormat, empty_file
from orchestration.lib.landing.reasons import FileRefused
from orchestration.lib.landing.text_files import CHUNK, TextFile

OTHER_DELIMITERS = (",", ";", "\t", "|", ":")
MOST_COLUMNS = 20_000
# A longer first record is a quote left open rather than names.
LONGEST_HEADER = 1_000_000
# How far below its beginning a file's header is looked for, to name the line.
MOST_PREAMBLE_LINES = 30
# Excel writes and reads this line; it says by what the columns are divided.
# What tools call columns: letters of any script first, few signs, not as long as a sentence.
_LIKE_A_NAME = re.compile(r"[^\W\d][^@\n\r\t{}<>=]{0,59}")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;|:^~\t ])"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """The first record of a CSV file: its names, the physical lines before it and those up to its end, and the
    dialect that this file is written in."""

    names: tuple[str, ...]
    skipped_lines: int
    line_count: int
    dialect: CsvDialect


def wanted_name(column: ColumnContract) -> str:
    """The header or key that a column is read from."""
    return column.steps[0].key or "" if column.steps else column.name_in_files


def wanted_names(contract: TableContract) -> dict[str, str]:
    """The header or key that each column is read from, and the array of each part under `array_of` its table."""
    names = {column.name: wanted_name(column) for column in contract.own_columns if column.path != "$"}
    return names | {array_of(part): part.steps[0].key or "" for part in contract.parts if part.steps}


def array_of(part: TableContract) -> str:
    """Names the array of a part among columns, none of which can be called so.

    >>> array_of(TableContract(source="shop", table="lines", description="", columns=()))
    'lines[]'
    """
    return f"{part.table}[]"


def columns_in_file(names: Sequence[str], contract: TableContract) -> dict[str, str]:
    """The file's own name for each of the `wanted_names` of the contract that it has.

    A name counts as it is written; else without case, blanks and punctuation. Raises FileRefused where two names of
    the file are one column then.
    """
    present = set(names)
    wanted = wanted_names(contract)
    claimed = set(wanted.values()) & present
    by_fold: dict[str, list[str]] = {}
    for name in names:
        if name not in claimed:
            by_fold.setdefault(folded(name), []).append(name)
    found = {}
    for column, name in wanted.items():
        if name in present:
            found[column] = name
            continue
        alike = by_fold.get(folded(name), ())
        if alike and alike[0] in found.values():
            raise FileRefused(
                reasons.DUPLICATE_COLUMN,
                f"the column {alike[0]!r} could be two columns of the contract, {column} among them; rename it in the "
                f"file, or correct source_name in {contract.declared_in}",
            )
        if len(alike) > 1:
            raise FileRefused(
                reasons.DUPLICATE_COLUMN,
                f"the columns {', '.join(repr(other) for other in alike)} are both {column}; rename one in the file, "
                f"or say which counts: source_name of {column} in {contract.declared_in}",
            )
        if alike:
            found[column] = alike[0]
    return found


def spellings(names: Iterable[str], contract: TableContract) -> dict[str, tuple[str, ...]]:
    """The keys of JSON objects that are each of the `wanted_names`: the name itself first, then others that fold to it.

    Objects of one file may spell a key in several ways, so several keys are no mistake here.
    """
    wanted = wanted_names(contract)
    exact = set(wanted.values())
    by_fold: dict[str, list[str]] = {}
    for name in names:
        if name not in exact:
            by_fold.setdefault(folded(name), []).append(name)
    return {column: (name, *sorted(by_fold.get(folded(name), ()))) for column, name in wanted.items()}


def undeclared(names: Sequence[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a file that no column of the contract is read from."""
    used = set(columns.values())
    return tuple(name for name in names if name not in used)


def read_header(text: TextFile, contract: TableContract, promised: FileFormat) -> Header:
    """The header of a CSV file, compared with the contract. Raises FileRefused with the likely cause."""
    with text.path.open("rb") as stream:
        start = stream.read(CHUNK)
    first = start.decode("utf-8", "replace")
    dialect = contract.csv
    if promised.suffix == ".tsv" and dialect.delimiter == ",":
        dialect = replace(dialect, delimiter="\t")
    skipped = 0
    for _ in range(dialect.skip_lines):
        skipped, first = skipped + 1, _after_line(first)
    if separator := _SEPARATOR_LINE.match(first):
        dialect = replace(dialect, delimiter=separator[1])
        skipped, first = skipped + 1, _after_line(first)
    while first.startswith(("\n", "\r\n")):
        skipped, first = skipped + 1, _after_line(first)
    if not first.strip():
        raise empty_file()
    names, line_count = _first_record(first, dialect)
    names = tuple(name.strip() for name in names)
    twice = sorted({name for name in names if name and names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise FileRefused(
            reasons.DUPLICATE_COLUMN,
            f"the header names {', '.join(twice)} more than once; give every column its own name",
        )
    check_columns(names, contract, dialect=dialect, first=first)
    # Unnamed columns (a spreadsheet's trailing delimiter, an index) are kept under the name of their place.
    taken = set(names)
    filled = []
    for number, name in enumerate(names, start=1):
        if not name:
            name = f"column_{number}"
            while name in taken:
                name += "_"
            taken.add(name)
        filled.append(name)
    return Header(tuple(filled), skipped, skipped + line_count, dialect)


def check_columns(
    names: Sequence[str], contract: TableContract, *, dialect: CsvDialect | None = None, first: str = ""
) -> None:
    """Raises FileRefused when a column that the contract asks for is missing; says what it may be now.

    `first` is the beginning of a CSV file, from its header on.
    """
    columns = columns_in_file(names, contract)
    missing = {c.name: wanted_name(c) for c in contract.columns if c.name not in columns and not c.optional_column}
    if dialect is not None:
        missing |= {part.name: wanted for part, wanted in _arrays_missing(columns, contract)}
    if not missing:
        return
    if dialect is not None:
        _check_delimiter(first, dialect, contract, matching=len(columns))
        _check_preamble(first, dialect, contract, matching=len(columns))
    others = {folded(name): name for name in undeclared(names, columns) if folded(name)}
    parts = []
    for name, wanted in missing.items():
        shown = name if folded(wanted) == folded(name) else f"{name} ({wanted!r} in files)"
        near = difflib.get_close_matches(folded(wanted), others, n=1, cutoff=0.6)
        parts.append(f"{shown} (is it {others[near[0]]!r} now?)" if near else shown)
    if dialect is not None and not columns and any(_may_be_a_value(name) for name in names):
        raise FileRefused(
            reasons.MISSING_COLUMN,
            f"the first line does not look like a header: none of its {len(names)} values is the name of a column. "
            f"Write a line with the names first, such as {dialect.delimiter.join(missing.values())}",
        )
    raise FileRefused(
        reasons.MISSING_COLUMN,
        f"missing column{'s' if len(parts) > 1 else ''} {', '.join(parts)}; found {shown_names(names)}; rename in the "
        f"file, give the name as source_name, or mark what may be absent as optional_column in {contract.declared_in}",
    )


def published_names(names: Sequence[str]) -> list[str]:
    """Of names that no contract declares those that look like names of columns, and how many others there are.

    Keys of JSON and values of a first line that is no header may name persons.
    """
    like_names = [name for name in names if _LIKE_A_NAME.fullmatch(name) and not _may_be_a_value(name)]
    others = len(names) - len(like_names)
    return [*like_names, *([f"({others} that do not look like names)"] if others else [])]


def shown_names(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the first of many."""
    # without a header the first row is taken for it, and may name a person
    shown = ", ".join(
        repr(name) if not _may_be_a_value(name) and _LIKE_A_NAME.fullmatch(name) else "(a value?)"
        for name in names[:most]
    )
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") if names else "no columns"


def _arrays_missing(columns: Mapping[str, str], contract: TableContract) -> list[tuple[TableContract, str]]:
    """The parts whose array a file with a header does not have; an object may leave out a key whose array is empty."""
    return [(part, part.steps[0].key or "") for part in contract.parts if part.steps and array_of(part) not in columns]


def _may_be_a_value(name: str) -> bool:
    return "@" in name or sum(letter.isdigit() for letter in name) * 2 > len(name)


def _check_delimiter(first: str, dialect: CsvDialect, contract: TableContract, *, matching: int) -> None:
    line = first.splitlines()[0]
    for delimiter in OTHER_DELIMITERS:
        if delimiter == dialect.delimiter or delimiter not in line:
            continue
        others = [part.strip().strip('"') for part in line.split(delimiter)]
        if len(_declared(others, contract)) > matching:
            raise FileRefused(
                reasons.WRONG_DELIMITER,
                f"expected columns divided by {_show(dialect.delimiter)}, found {_show(delimiter)}; write the file "
                f"with {_show(dialect.delimiter)}, or set csv.delimiter in {contract.declared_in}",
            )


def _check_preamble(first: str, dialect: CsvDialect, contract: TableContract, *, matching: int) -> None:
    """Raises FileRefused where a line further down is the header: a title or a note comes first."""
    for number, line in enumerate(first.split("\n", MOST_PREAMBLE_LINES + 1)[1:-1], start=1):
        names = [part.strip().strip('"') for part in line.split(dialect.delimiter)]
        if len(_declared(names, contract)) > max(matching, len(contract.columns) // 2):
            raise FileRefused(
                reasons.MISSING_COLUMN,
                f"the header comes after {number} other line{'s' if number > 1 else ''}; set "
                f"csv.skip_lines to {dialect.skip_lines + number} in {contract.declared_in}, or remove what is above",
            )


def _declared(names: Sequence[str], contract: TableContract) -> set[str]:
    wanted = {folded(name) for name in wanted_names(contract).values()}
    return {folded(name) for name in names} & wanted


def _after_line(text: str) -> str:
    return text.partition("\n")[2]


def reader_settings(dialect: CsvDialect) -> dict[str, Any]:
    """A dialect as the arguments of csv.reader. Where nothing is quoted, nothing is escaped."""
    is_escaped = dialect.quote and dialect.escape != dialect.quote
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote or None,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "doublequote": dialect.escape == dialect.quote,
        "escapechar": (dialect.escape or None) if is_escaped else None,
    }


def _first_record(first: str, dialect: CsvDialect) -> tuple[tuple[str, ...], int]:
    reader = csv.reader(io.StringIO(first, newline=""), **reader_settings(dialect))
    try:
        names = tuple(next(reader))
    except (csv.Error, StopIteration) as error:
        raise FileRefused(
            reasons.BROKEN_HEADER,
            f"the header can't be read ({error}); expected column names on the first line",
        ) from error
    consumed = reader.line_num
    if len(names) > MOST_COLUMNS or len("".join(names)) > LONGEST_HEADER:
        raise FileRefused(
            reasons.BROKEN_HEADER,
            "the header does not end: is a quote left open on the first line? expected column names on the first line",
        )
    return names, consumed


def _show(delimiter: str) -> str:
    return {"\t": "tab", ",": "comma (,)", ";": "semicolon (;)", "|": "bar (|)"}.get(delimiter, repr(delimiter))
