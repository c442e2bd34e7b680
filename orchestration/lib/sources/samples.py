"""Reads the beginning of an export, whatever its format, as columns of texts."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import SettingsError
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.encodings import Utf8Look, encoding_of_mark, likely_encoding

# What is read of a file: enough to guess from, and quick.
ROWS = 10_000
BYTES = 8 << 20
DELIMITERS = ",;\t|"


class SampleInvalid(ValueError):
    """A file that no source can be guessed from; the message names file, line and fix."""


@dataclass(frozen=True)
class SampleColumn:
    """A column as the file has it: its name there, its path where it is inside of an object, and its texts.

    `is_json` says that values are objects or lists.
    """

    name: str
    texts: tuple[str | None, ...]
    path: str | None = None
    is_json: bool = False

    @property
    def filled(self) -> list[str]:
        return [text for text in self.texts if text is not None]


@dataclass(frozen=True)
class SamplePart:
    """The elements of the lists in one column, as rows of their own. `path` leads to the list."""

    name: str
    path: str
    columns: tuple[SampleColumn, ...]
    row_count: int


@dataclass(frozen=True)
class Sample:
    """The beginning of an export. `skip_lines` are lines before the header, of a CSV file alone.

    A column whose values are lists with elements is no column but one of the `parts`.
    """

    path: Path
    format: str
    columns: tuple[SampleColumn, ...]
    row_count: int
    delimiter: str = ","
    encoding: str = "utf-8"
    skip_lines: int = 0
    rows_path: str | None = None
    parts: tuple[SamplePart, ...] = ()


def read_sample(path: Path) -> Sample:
    """Reads up to 10,000 rows of a file. Raises SettingsError for a file that isn't there or of another format, and
    SampleInvalid for one that can't be read."""
    if not path.is_file():
        raise SettingsError(f"FILE={path}: there is no such file. Give the path of an export.")
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return _with_parts(_parquet(path))
    if not name.endswith((".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")):
        raise SettingsError(
            f"FILE={path}: its format can't be told from its name. It may be .csv, .tsv, .txt, .jsonl, .ndjson, .json "
            "(each also with .gz) or .parquet; a spreadsheet program saves as CSV."
        )
    text, encoding = _text(path)
    if not text.strip():
        raise SampleInvalid(f"{path}: the file is empty. Export it again.")
    is_json = name.endswith((".json", ".jsonl", ".ndjson"))
    return _with_parts(_json(path, text, encoding) if is_json else _csv(path, text, encoding))


def _text(path: Path) -> tuple[str, str]:
    """The beginning of a text file, whole lines where it is longer, and its encoding."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rb") as stream:
            content = stream.read(BYTES)
            is_cut = bool(stream.read(1))
    except (OSError, EOFError) as error:
        raise SampleInvalid(f"{path}: it can't be read: {error}. Copy it again.") from error
    encoding = encoding_of_mark(content)
    if encoding is None:
        # as landing finds it out
        look = Utf8Look()
        look.see(content)
        encoding = likely_encoding(bytes(look.sample)) if look.is_code_page else "utf-8"
    encoding = encoding.removesuffix("-sig")
    # the last character may be cut off
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(content).lstrip("\ufeff")
    if is_cut and not path.name.lower().removesuffix(".gz").endswith(".json"):
        text = text[: text.rindex("\n") + 1] if "\n" in text else text
    return text, encoding


def _csv(path: Path, text: str, encoding: str) -> Sample:
    delimiter, skipped = _dialect(text)
    reader = csv.reader(io.StringIO("".join(text.splitlines(keepends=True)[skipped:])), delimiter=delimiter)
    try:
        header = next(reader)
        rows = [row for row in itertools.islice(reader, ROWS) if row]
    except csv.Error as error:
        raise SampleInvalid(f"{path} line {skipped + reader.line_num}: this is no CSV: {error}.") from error
    _check_header(path, header, skipped + 1)
    texts = [
        tuple((row[place].strip() or None) if place < len(row) else None for row in rows)
        for place in range(len(header))
    ]
    columns = tuple(
        SampleColumn(name.strip(), texts[place], is_json=_are_json(texts[place])) for place, name in enumerate(header)
    )
    return Sample(path, "csv", columns, len(rows), delimiter, encoding, skipped)


def _dialect(text: str) -> tuple[str, int]:
    """The delimiter, and how many lines are before the header: those that the delimiter splits into fewer fields."""
    lines = text.splitlines()[:200]
    told = lines[0].lower().removeprefix('"').removesuffix('"')
    if told.startswith("sep=") and len(told) == 5:
        return told[-1], 1
    found = {}
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        width = max(set(widths), key=lambda one: (widths.count(one), one)) if widths else 0
        # several fields in most rows tell more than many in some
        found[delimiter] = (width > 1, widths.count(width) / max(len(widths), 1), width)
    delimiter = max(found, key=lambda one: found[one])
    width = found[delimiter][2]
    for number, line in enumerate(lines):
        if len(next(csv.reader([line], delimiter=delimiter), [])) >= width:
            return delimiter, number
    return delimiter, 0


def _check_header(path: Path, header: Sequence[str], line: int) -> None:
    for place, name in enumerate(header):
        if not name.strip():
            raise SampleInvalid(f"{path} line {line}: column {place + 1} has no name. Name it, or take it out.")
        if name in header[:place]:
            raise SampleInvalid(
                f"{path} line {line}: columns {header.index(name) + 1} and {place + 1} are both named '{name}', "
                "so that no contract can tell them apart. Rename one in the export."
            )


def _json(path: Path, text: str, encoding: str) -> Sample:
    rows_path = None
    if text.lstrip().startswith("[") or not _begins_with_an_object_a_line(text) or _is_one_document(text):
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise SampleInvalid(
                f"{path} line {error.lineno}: this is no JSON: {error.msg}. Of an array or a document the whole file "
                f"is read, up to {BYTES >> 20} MB; give a shorter one."
            ) from error
        rows, rows_path = _rows_of(document)
        rows = rows[:ROWS]
    else:
        rows = list(itertools.islice(_lines(path, text), ROWS))
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise SampleInvalid(f"{path} line 1: expected an object per row. Export rows as JSON objects.")
    return Sample(path, "jsonl", _columns_of(rows), len(rows), encoding=encoding, rows_path=rows_path)


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> tuple[SampleColumn, ...]:
    """The columns of objects: their values, and those of the objects in them, by path."""
    flat = [dict(_members(row)) for row in rows]
    paths = list(dict.fromkeys(path_of for row in flat for path_of in row))
    # an object that is absent in some rows is no column besides its members
    paths = [one for one in paths if not any(other[: len(one)] == one and other != one for other in paths)]
    return tuple(
        SampleColumn(
            ".".join(one),
            tuple(_as_text(row.get(one)) for row in flat),
            path=path_of_keys(one) if len(one) > 1 else None,
            is_json=any(isinstance(row.get(one), list | dict) for row in flat),
        )
        for one in paths
    )


def _with_parts(sample: Sample) -> Sample:
    """The sample with the lists that have elements as parts instead of columns."""
    found = {column.name: part for column in sample.columns if (part := _part_of(column)) is not None}
    columns = tuple(column for column in sample.columns if column.name not in found)
    return replace(sample, columns=columns, parts=tuple(found.values())) if columns and found else sample


def _part_of(column: SampleColumn) -> SamplePart | None:
    """The elements of a column of lists, where all of them are objects, or all are plain values."""
    if not column.is_json:
        return None
    values = [json.loads(text) for text in column.filled]
    if not all(isinstance(value, list) for value in values):
        return None
    elements = list(itertools.islice((element for value in values for element in value), ROWS))
    if elements and all(isinstance(element, dict) for element in elements):
        columns = _columns_of(elements)
    elif elements and not any(isinstance(element, dict | list) for element in elements):
        columns = (SampleColumn("value", tuple(map(_as_text, elements)), path="$"),)
    else:
        return None
    return SamplePart(column.name, column.path or path_of_keys([column.name]), columns, len(elements))


def _are_json(texts: Sequence[str | None]) -> bool:
    """Whether all of some texts are objects or lists of JSON."""
    filled = [text for text in texts if text is not None]
    if not filled or not all(text[0] in "[{" for text in filled):
        return False
    with contextlib.suppress(json.JSONDecodeError):
        return all(isinstance(json.loads(text), dict | list) for text in filled)
    return False


def path_of_keys(keys: Sequence[str]) -> str:
    """The path of a contract that leads through objects by these keys.

    >>> path_of_keys(["requester", "e-mail", "first name"])
    '$.requester.e-mail."first name"'
    """
    return "$" + "".join(f".{key}" if re.fullmatch(r"[\w-]+", key) else f'."{key}"' for key in keys)


def _begins_with_an_object_a_line(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except json.JSONDecodeError:
        # a line that is broken, among others that are not: the file is one of lines all the same
        return not re.fullmatch(r"\s*[{]\s*(\"[^\"]*\"\s*:\s*[\[{]?\s*)?", first) and text.lstrip()[:1] == "{"


def _is_one_document(text: str) -> bool:
    """Whether the file is one object on one line with a list of rows in it, as an interface answers."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        return False
    with contextlib.suppress(json.JSONDecodeError):
        rows, path = _rows_of(json.loads(lines[0]))
        return path is not None and len(rows) > 1
    return False


def _rows_of(document: Any) -> tuple[list[Any], str | None]:
    """The rows of a JSON document: its elements, or the longest list of objects in it, and its path; else itself."""
    if isinstance(document, list):
        return document, None
    lists = {
        keys: value
        for keys, value in _members(document)
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    }
    if not lists:
        return [document], None
    keys = max(lists, key=lambda one: len(lists[one]))
    return lists[keys], path_of_keys(keys)


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise SampleInvalid(f"{path} line {number}: this is no JSON: {error.msg}.") from error


def _members(row: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of an object by their paths; a list is a value."""
    for key, value in row.items():
        if isinstance(value, dict) and value and len(above) < 3:
            yield from _members(value, (*above, key))
        else:
            yield (*above, key), value


def _as_text(value: Any) -> str | None:
    if value is None or value in ("", {}):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Sample:
    try:
        with open_duckdb() as connection:
            relation = connection.sql(f"select * from read_parquet({literal(str(path))}) limit {ROWS}")
            names, types, rows = relation.columns, [str(kind) for kind in relation.types], relation.fetchall()
    except duckdb.Error as error:
        raise SampleInvalid(f"{path}: it can't be read as Parquet: {error}") from error
    columns = tuple(
        SampleColumn(
            name,
            tuple(_plain(row[place]) for row in rows),
            is_json=types[place].endswith("]") or types[place].startswith(("STRUCT", "MAP")),
        )
        for place, name in enumerate(names)
    )
    return Sample(path, "parquet", columns, len(rows))


def _plain(value: Any) -> str | None:
    if isinstance(value, list | dict):
        return json.dumps(value, default=str)
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
