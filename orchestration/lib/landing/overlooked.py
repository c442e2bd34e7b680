"""Finds what lies in the extracts folder and is not read: misspelt folders, files in the wrong place, ignored names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.faults import near
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.settings import shown_path
from orchestration.lib.landing.files import UNREADABLE, show_path
from orchestration.lib.landing.folders import Entry, list_folder, walk
from orchestration.lib.landing.warnings import LandingWarning

# Files that their names say are unfinished or no data. They are meant to be ignored, so they are counted, and no check
# warns of them.
IGNORED_FILES = "ignored_files"
# Below a folder that nothing reads may lie anything: files are counted up to here.
COUNTED = 1000
NAMED = 3


def overlooked(
    extracts: Path, contracts: Sequence[TableContract], own_sources: Path | None = None
) -> tuple[LandingWarning, ...]:
    """What is in the extracts folder and is not read, by place: it lists folders and opens no file.

    `own_sources` is the folder of sources outside the project, in which others would be declared. An empty folder
    holds nothing that could be overlooked, whatever it is called.
    """
    tables: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for contract in contracts:
        tables.setdefault(contract.source, []).append(contract.table)
        files.setdefault(contract.source, contract.declared_in.rpartition(" line ")[0])
    staging = "models/staging" if own_sources is None else shown_path(own_sources).as_posix()
    found = [*_of_level(extracts, extracts, tables, f"{staging}/{{name}}/_{{name}}__sources.yml")]
    for source, of_source in tables.items():
        found += _of_level(extracts, extracts / source, {table: [] for table in of_source}, files[source])
        for table in of_source:
            folder = extracts / source / table
            entries = list(walk(folder))
            found += _ignored(extracts, folder, entries)
            found += _unreadable(extracts, entries)
    return tuple(sorted(found, key=lambda warning: (warning.kind == IGNORED_FILES, warning.place, warning.kind)))


def _of_level(
    extracts: Path, folder: Path, declared: dict[str, list[str]], declared_in: str
) -> Iterator[LandingWarning]:
    """What the extracts folder, or a source's, holds besides the folders that are declared there, in that file."""
    try:
        entries = list_folder(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        return  # a file in the place of a source's folder: the level above has it
    except OSError:
        yield from _unreadable(extracts, [Entry(folder, "unreadable_folder")])
        return
    files = [entry.path.name for entry in entries if entry.kind == "file"]
    if files:
        yield _misplaced(extracts, folder, files, declared)
    yield from _ignored(extracts, folder, entries)
    yield from _unreadable(extracts, entries)
    for entry in entries:
        if entry.kind == "folder" and entry.path.name not in declared:
            yield from _undeclared(extracts, entry.path, declared, declared_in.format(name=entry.path.name))


def _undeclared(
    extracts: Path, folder: Path, declared: dict[str, list[str]], declared_in: str
) -> Iterator[LandingWarning]:
    held = list(islice((entry for entry in walk(folder) if entry.kind in ("file", *UNREADABLE)), COUNTED))
    if not held:
        return
    name = folder.name
    source = None if folder.parent == extracts else folder.parent.name
    what = "source" if source is None else f"table of {source}"
    of_that_name = [f"{other}/{name}" for other, tables in declared.items() if name in tables]
    guess = of_that_name[0] if of_that_name else near(_folded(name), declared)
    rename = f"rename it to {guess}, " if guess else ""
    yield LandingWarning(
        f"undeclared_{what.partition(' ')[0]}",
        _place(folder, extracts),
        f"no {what} is called {name}{f' (is it {guess}?)' if guess else ''}, so "
        f"{'at least ' if len(held) == COUNTED else ''}{_files(held)} in it {_is(held)} not read; {rename}declare it "
        f"in {declared_in}, or move it out of the extracts folder",
    )


def _misplaced(extracts: Path, folder: Path, files: Sequence[str], declared: dict[str, list[str]]) -> LandingWarning:
    if folder == extracts:
        targets = {table: f"{source}/{table}/" for source, tables in declared.items() for table in tables}
        read_from = "<source>/<table>/"
    else:
        targets = {table: f"{folder.name}/{table}/" for table in declared}
        read_from = f"{folder.name}/<table>/"
    guesses = ((file, near(_folded(file.partition(".")[0]), targets)) for file in files)
    guess = next((f" (is {file} of {targets[table]}?)" for file, table in guesses if table), "")
    return LandingWarning(
        "misplaced_file",
        _place(folder, extracts),
        f"{_files(files)} in it {_is(files)} not read: {_named(files)}; files are read from {read_from}{guess}, so "
        f"move {'it' if len(files) == 1 else 'them'} there, or out of the extracts folder",
    )


def _ignored(extracts: Path, folder: Path, entries: Iterable[Entry]) -> Iterator[LandingWarning]:
    names = [entry.path.name for entry in entries if entry.kind == "ignored"]
    if names:
        yield LandingWarning(
            IGNORED_FILES,
            _place(folder, extracts),
            f"{_files(names)} in it {_is(names)} ignored by name, as unfinished or no data: {_named(names)}; "
            "rename what is data",
        )


def _unreadable(extracts: Path, entries: Iterable[Entry]) -> Iterator[LandingWarning]:
    for entry in entries:
        if entry.kind in UNREADABLE:
            yield LandingWarning(entry.kind, _place(entry.path, extracts), UNREADABLE[entry.kind][1])
        elif entry.kind == "special":
            yield LandingWarning(
                "special_file",
                _place(entry.path, extracts),
                "this is neither a file nor a folder (a pipe, a socket or a device), so it is not read; deliver a file",
            )


def _place(path: Path, extracts: Path) -> str:
    return show_path(path, extracts)


def _folded(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _files(files: Sequence[object]) -> str:
    return f"{len(files):,} file{'s' * (len(files) != 1)}"


def _is(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED]).encode("utf-8", "replace").decode("utf-8")
    return shown + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def note_overlooked(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    found: Sequence[LandingWarning],
    *,
    now: datetime,
) -> None:
    """Makes the warnings about the extracts folder those that this look found; one that persists keeps its time."""
    sources = {contract.source for contract in contracts}
    folders = {contract.folder.as_posix() for contract in contracts}
    before = connection.execute("select place, kind, message from landing.warnings where file_id is null").fetchall()
    rows = {(warning.place, warning.kind, warning.message) for warning in found}
    with transaction(connection):
        for gone in set(before) - rows:
            connection.execute(
                "delete from landing.warnings where file_id is null and place = ? and kind = ? and message = ?",
                list(gone),
            )
        for place, kind, message in sorted(rows - set(before)):
            source, table = (*place.split("/", 2), "")[:2]
            connection.execute(
                "insert into landing.warnings values (?, ?, null, ?, ?, null, null, ?, null, ?)",
                [
                    source if source in sources else None, table if f"{source}/{table}" in folders else None,
                    place, kind, message, plain_utc(now),
                ],
            )  # fmt: skip
