"""Follows the current release: opens each under its own file, and goes on to the next when readers are switched."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.connection import DatabaseUnusable, WarehouseBusy, confine, open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.release.folders import DATABASE, MANIFEST

# A question that takes longer is given up: somebody waits for it.
QUERY_SECONDS = 20.0
# Answers kept per release. One page asks about ten questions.
ANSWERS_KEPT = 1_000
ROWS_KEPT = 20_000
ROWS_KEPT_IN_ALL = 300_000
# Embeddings, overrides and isolates of the Unicode bidirectional algorithm.
TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


class NoAnswer(RuntimeError):
    """A release or an answer that isn't to be had; the message says why and what to do, for who reads the page."""


@dataclass(frozen=True)
class Table:
    """An answer: names of columns, and rows of that many values."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dicts(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self]

    def first(self) -> Mapping[str, Any]:
        """The first row of an answer that always has one."""
        return next(iter(self))


@dataclass(eq=False)
class Release:
    """One release, open for questions: only reading, only this file."""

    folder: Path
    manifest: Mapping[str, Any]
    _connection: duckdb.DuckDBPyConnection
    _close: contextlib.ExitStack
    _readers: int = 0
    _is_left: bool = False
    _rows_kept: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answers: OrderedDict[tuple[str, tuple[tuple[str, Any], ...]], Table] = field(default_factory=OrderedDict)

    @property
    def release_id(self) -> str:
        return self.folder.name

    @property
    def data_set(self) -> str:
        return str(self.manifest.get("data_set", "?"))

    @property
    def as_of(self) -> datetime:
        return datetime.fromisoformat(str(self.manifest["as_of"]))

    @property
    def time_zone(self) -> str:
        """The time zone whose days and months the marts are by."""
        return str(self.manifest.get("reporting_time_zone", "UTC"))

    @property
    def currency(self) -> str:
        """What money is in; empty where the release doesn't say it."""
        return str(self.manifest.get("reporting_currency", ""))

    @property
    def min_cell_size(self) -> int:
        """Figures by segment about fewer customers than this are shown to nobody, as in the marts."""
        return int(self.manifest.get("min_cell_size", 5))

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None, *, seconds: float = QUERY_SECONDS) -> Table:
        """Answers a query with named parameters (`$name`). A release never changes, so an answer is kept.

        Raises NoAnswer where the release lacks a table or column, or the answer takes longer than `seconds`.
        """
        key = (sql, tuple(sorted((parameters or {}).items())))
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        answer = self._ask(sql, parameters, seconds)
        if len(answer) <= ROWS_KEPT:
            with self._lock:
                self._answers[key] = answer
                self._rows_kept += len(answer)
                while len(self._answers) > ANSWERS_KEPT or self._rows_kept > ROWS_KEPT_IN_ALL:
                    _, oldest = self._answers.popitem(last=False)
                    self._rows_kept -= len(oldest)
        return answer

    def _ask(self, sql: str, parameters: Mapping[str, Any] | None, seconds: float) -> Table:
        cursor = self._connection.cursor()
        timer = threading.Timer(seconds, cursor.interrupt)
        timer.start()
        try:
            cursor.execute(sql, dict(parameters) if parameters else None)
            columns = tuple(column[0] for column in cursor.description or ())
            return Table(columns, [tuple(map(_in_reading_order, row)) for row in cursor.fetchall()])
        except duckdb.InterruptException as error:
            raise NoAnswer(
                f"The answer took longer than {seconds:.0f} seconds and was given up. A shorter period or another "
                "filter leaves less to count."
            ) from error
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise NoAnswer(
                f"Release {self.release_id} was made by another version of the warehouse and lacks what is asked "
                f"of it ({str(error).splitlines()[0]}). The next release, after make run, has it."
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise NoAnswer(
                "The answer needs more memory than JOURNEYS_MEMORY allows. A shorter period or another filter leaves "
                "less to count."
            ) from error
        except duckdb.IOException as error:
            raise NoAnswer(
                f"Release {self.release_id} can't be read ({str(error).splitlines()[0]}). make rollback switches to "
                "the release before; make run publishes a new one."
            ) from error
        finally:
            timer.cancel()
            cursor.close()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the release open for the time of a `with` block, also when readers have left it for another."""
        with self._lock:
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                is_done = self._is_left and self._readers == 0
            if is_done:
                self._close.close()

    def _leave(self) -> None:
        with self._lock:
            self._is_left = True
            is_unread = self._readers == 0
        if is_unread:
            self._close.close()


class Releases:
    """What `serving/` shows now, for any number of readers at once.

    `session` are statements that each release is opened with, such as its limits: afterwards none changes a setting.
    """

    def __init__(self, settings: Settings, *, session: Sequence[str] = ()) -> None:
        self._serving = settings.serving
        self._session = session
        self._lock = threading.Lock()
        self._open: Release | None = None

    @contextlib.contextmanager
    def current(self) -> Iterator[Release]:
        """The current release for the time of a `with` block, whatever is published meanwhile. Raises NoAnswer."""
        with contextlib.ExitStack() as stack:
            with self._lock:
                release = self._switch()
                stack.enter_context(release.held())
            yield release

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open._leave()
                self._open = None

    def _switch(self) -> Release:
        link = self._serving / DATABASE
        # under its own name: DuckDB would keep showing the file that it has open under the link's
        file = link.resolve()
        if not file.is_file():
            raise NoAnswer(
                "There is no release yet. Type make run: it is shown as soon as it is published."
                if not link.is_symlink()
                else f"The release that {link} names is gone. Type make run, or make rollback."
            )
        if self._open is None or self._open.folder != file.parent:
            opened = _open(file, self._session)
            if self._open is not None:
                self._open._leave()
            self._open = opened
        return self._open


def _in_reading_order(value: Any) -> Any:
    """A text without the marks that turn the direction of all that follows: a name has none to say about a sentence."""
    return value.translate(TURNS) if isinstance(value, str) and not value.isascii() else value


def _open(file: Path, session: Sequence[str]) -> Release:
    try:
        manifest = json.loads((file.parent / MANIFEST).read_text(encoding="utf-8"))
        datetime.fromisoformat(str(manifest["as_of"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoAnswer(
            f"{file.parent / MANIFEST} can't be read ({error}). make rollback switches to the release before; make "
            "run publishes a new one."
        ) from error
    close = contextlib.ExitStack()
    try:
        connection = close.enter_context(open_duckdb(file, read_only=True, wait_seconds=1))
        for setting in session:
            connection.execute(setting)
        confine(connection)
        connection.execute("select 1 from duckdb_tables() limit 1").fetchone()
    except (DatabaseUnusable, WarehouseBusy, duckdb.Error) as error:
        close.close()
        raise NoAnswer(str(error)) from error
    return Release(file.parent, manifest, connection, close)
