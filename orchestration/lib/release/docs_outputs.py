"""Runs the queries that pages show with their output, and says or writes what they give now.

A query with its output is a block of SQL and, with nothing but blank lines between, a block of text. A line above them,
`<!-- of other data -->`, takes out what is not about the default example. A line of the output that is `…` stands for
any number of lines that the page leaves out.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

OF_OTHER_DATA = "<!-- of other data -->"
LEFT_OUT = "…"
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<content>.*?)^ *```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A query and the output that a page shows below it. `begins` and `ends` are where the output is in the text."""

    page: Path
    line: int
    query: str
    output: tuple[str, ...]
    indent: str
    begins: int
    ends: int


def pages(root: Path) -> list[Path]:
    """README, the pages of docs and those of the examples, as paths under `root`."""
    found = [
        root / "README.md",
        *sorted((root / "docs").glob("*.md")),
        *sorted((root / "examples").glob("*/README.md")),
    ]
    return [path.relative_to(root) for path in found]


def shown_in(page: Path, text: str) -> Iterator[Shown]:
    """The queries of a page about the default example that are followed by their output."""
    for query, output in itertools.pairwise(BLOCK.finditer(text)):
        between = text[query.end() : output.start()]
        is_pair = (query["language"], output["language"], between.strip()) == ("sql", "text", "")
        if is_pair and not text[: query.start()].rstrip().endswith(OF_OTHER_DATA):
            indent = output["indent"]
            yield Shown(
                page,
                text.count("\n", 0, query.start()) + 1,
                query["content"].strip().rstrip(";"),
                tuple(line.removeprefix(indent).rstrip() for line in output["content"].splitlines()),
                indent,
                output.start("content"),
                output.end("content"),
            )


def given_by(connections: Sequence[duckdb.DuckDBPyConnection], query: str) -> tuple[str, ...]:
    """What a query gives now, as pages show it: names, a line below each, and the rows.

    It is asked of the first database that has what it reads. Raises duckdb.Error.
    """
    *others, last = connections
    for connection in others:
        with contextlib.suppress(duckdb.CatalogException):
            return _given_by(connection, query)
    return _given_by(last, query)


def _given_by(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    rows = [[_as_text(value) for value in row] for row in result.fetchall()]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [names, ["─" * width for width in widths], *rows]
    return tuple(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _as_text(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())


def is_as_shown(shown: Sequence[str], given: Sequence[str]) -> bool:
    """Whether the lines given are those shown; one that is … stands for any number of them.

    >>> is_as_shown(["a", "…", "d"], ["a", "b", "c", "d"]), is_as_shown(["a"], ["a", "b"])
    (True, False)
    """
    parts: list[list[str]] = [[]]
    for line in shown:
        if line.strip() == LEFT_OUT:
            parts.append([])
        else:
            parts[-1].append(line)
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return list(given) == first
    begins, ends = list(given[: len(first)]) == first, list(given[len(given) - len(last) :]) == last
    return begins and ends and len(given) >= len(first) + len(last)


def differing(connections: Sequence[duckdb.DuckDBPyConnection], root: Path, *, folder: Path) -> list[str]:
    """For each query whose output is not what its page shows, or that fails: page, line, and what it gives.

    `folder` is where queries on files find `var/`.
    """
    found = []
    with contextlib.chdir(folder):
        for page in pages(root):
            for shown in shown_in(page, (root / page).read_text(encoding="utf-8")):
                try:
                    given = given_by(connections, shown.query)
                except duckdb.Error as error:
                    found.append(f"{page} line {shown.line}: {error}")
                    continue
                if not is_as_shown(shown.output, given):
                    found.append(f"{page} line {shown.line} gives\n" + "\n".join(given))
    return found


def write_outputs(connections: Sequence[duckdb.DuckDBPyConnection], root: Path, *, folder: Path) -> list[Path]:
    """Brings the outputs of all pages up to date and says which pages were not. Raises duckdb.Error."""
    changed = []
    with contextlib.chdir(folder):
        for page in pages(root):
            before = text = (root / page).read_text(encoding="utf-8")
            for shown in reversed(list(shown_in(page, text))):
                given = given_by(connections, shown.query)
                if not is_as_shown(shown.output, given):
                    lines = "".join(f"{shown.indent}{line}".rstrip() + "\n" for line in given)
                    text = text[: shown.begins] + lines + text[shown.ends :]
            if text != before:
                (root / page).write_text(text, encoding="utf-8")
                changed.append(page)
    return changed
