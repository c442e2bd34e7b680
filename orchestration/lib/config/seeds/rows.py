"""Reads the rows of a seed and checks each by itself: header, values, key."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.lib.config.faults import suggestion
from orchestration.lib.config.seeds.definitions import SeedDefinition
from orchestration.lib.config.seeds.problems import Problem, SeedReport, SeedsInvalid


@dataclass(frozen=True)
class SeedRow:
    """One row of a seed: its line in the file and its filled values by column; empty values are left out.

    `surplus` counts filled cells after the header's last column: a comma that was not quoted. `typed` holds the values
    as their types, `wrong` says of the others what is wrong with them.
    """

    line: int
    values: Mapping[str, str]
    surplus: int = 0
    seed: str = ""
    typed: Mapping[str, Any] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def get(self, column: str) -> str | None:
        return self.values.get(column)

    def problem(self, message: str) -> Problem:
        return Problem(f"{self.seed}.csv", self.line, message)


Rows = Mapping[str, Sequence[SeedRow]]


def read_rows(definition: SeedDefinition, path: Path) -> tuple[list[str], list[SeedRow]]:
    """The header of a seed's file and its rows. Raises SeedsInvalid for a file in another encoding."""
    try:
        return _read_rows(definition, path)
    except UnicodeDecodeError as error:
        message = "the file is not UTF-8. Save it again as CSV in UTF-8."
        raise SeedsInvalid(SeedReport((Problem(path.name, None, message),), ())) from error


def _read_rows(definition: SeedDefinition, path: Path) -> tuple[list[str], list[SeedRow]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                filled = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
                surplus = sum(1 for cell in cells[len(header) :] if cell.strip())
                rows.append(SeedRow(reader.line_num, filled, surplus, definition.name, *definition.read(filled)))
        return header, rows


def as_csv(definition: SeedDefinition, rows: Iterable[SeedRow]) -> bytes:
    """The file that dbt reads: all columns, every value in quotes."""
    names = [column.name for column in definition.columns]
    lines = [",".join(names)]
    lines.extend(",".join(_quoted(row.get(name)) for name in names) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def check_header(definition: SeedDefinition, header: Sequence[str]) -> Iterator[Problem]:
    """Errors of columns that are twice in the header, that no seed has, or that are missing."""
    file, known = f"{definition.name}.csv", [column.name for column in definition.columns]
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield Problem(file, 1, f"column {name} is twice in the header. Keep one.")
    for name in header:
        if name not in known:
            yield Problem(file, 1, f"there is no column {name}.{suggestion(name, known)} Known: {', '.join(known)}.")
    for column in definition.columns:
        if column.meta.required and column.name not in header:
            yield Problem(file, 1, f"column {column.name} is missing. Add it to the header.")


def check_values(definition: SeedDefinition, rows: Iterable[SeedRow]) -> Iterator[Problem]:
    """Errors of values that are missing or wrong, of rows with too many, and of keys that are twice in the file."""
    line_of_key: dict[tuple[str | None, ...], int] = {}
    for row in rows:
        if row.surplus:
            yield row.problem(
                f"the row has {row.surplus} value(s) more than the header has columns. Put a value that holds a comma "
                "into double quotes."
            )
        for column in definition.columns:
            if column.meta.required and column.name not in row.values:
                yield row.problem(f"{column.name} is empty. Fill it in.")
            if column.name in row.wrong:
                yield row.problem(f"{column.name} = {row.get(column.name)}: {row.wrong[column.name]}")
        key = tuple(row.get(name) for name in definition.key)
        earlier = line_of_key.setdefault(key, row.line)
        if earlier != row.line:
            named = ", ".join(f"{name} = {value}" for name, value in zip(definition.key, key, strict=True))
            yield row.problem(f"{named} is in line {earlier} already. Keep one of the two.")
