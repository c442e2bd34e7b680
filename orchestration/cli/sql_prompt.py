"""The prompt of `make sql`: statements over several lines, what is in the file, and a history of what was typed.

DuckDB's own shell is no choice here: its commands read and write files and start programs, and the registry has none
of the version that the project uses.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestration.cli.sql import NOT_THERE, answers, errors_said, refuse_other_encodings
from orchestration.cli.sql_words import completions, described, tables_listed
from orchestration.lib.core.files import PRIVATE_FILE, restrict, write_durably
from orchestration.lib.core.settings import SettingsError
from orchestration.lib.core.stopping import PATIENCE_SECONDS, STOPPED, hearing_itself
from orchestration.lib.core.terminal import say, styled

if TYPE_CHECKING:
    import duckdb

PROMPT, GOES_ON = "sql> ", "...> "
HISTORY_KEPT = 1000
# So many rows of an answer are as many as a terminal can be asked for.
MOST_ROWS = 1_000_000

T = TypeVar("T")


class QueryEnded(Exception):
    """Ctrl-C was typed during a query, and the query has ended."""


HELP = """\
A statement ends with a semicolon and may have several lines. It reads this one file and writes none.
  .tables [PART]     the tables, their rows, and what a row is; of names that hold PART
  .schema NAME       the columns of a table, or the tables of a schema, with what they mean
  .rows N            show at most N rows of an answer (now {rows})
  .upright           show a row with a line for each column, or as a table again
  .refresh           open the newest release
  .help              this list
  .quit              leave; Ctrl-D does so too
Ctrl-C ends a query, or forgets the lines that were typed. Tab completes names of tables and columns."""


@dataclass(frozen=True)
class Asked:
    """What a prompt asks: `find` says which file that is now, `history` where to keep what was typed.

    One that is not kept open is opened for each statement, so that it keeps no run out.
    """

    find: Callable[[], Path]
    is_kept_open: bool
    history: Path | None


@dataclass
class _Prompt:
    asked: Asked
    database: Path
    rows: int = 100
    is_upright: bool = False
    newest: Path | None = None
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _connection: duckdb.DuckDBPyConnection | None = None

    @contextlib.contextmanager
    def connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The confined connection to the file. Raises SettingsError where the file is gone."""
        if self._connection is not None:
            yield self._connection
            return
        from orchestration.lib.core.connection import confine, open_duckdb

        if not self.database.exists():
            raise SettingsError(NOT_THERE.format(self.database))
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(open_duckdb(self.database, read_only=True))
            confine(connection)
            if self.asked.is_kept_open:
                self._open, self._connection = opened.pop_all(), connection
            yield connection

    def close(self) -> None:
        self._connection = None
        self._open.close()

    def refresh(self) -> None:
        """Opens what is current now; what this connection made for itself is gone."""
        found = self.asked.find()
        if found == self.database:
            is_release = self.asked.is_kept_open
            print("This is the newest release." if is_release else "Each statement opens the file as it is now.")
            return
        self.close()
        self.database = self.newest = found
        with self.connected() as connection:
            say(_which(connection, found), sys.stderr)

    def note_newer(self) -> None:
        """Says once of each release that was published since this one was opened."""
        if not self.asked.is_kept_open:
            return
        # what is wrong with folders or settings meanwhile is no matter of an open file
        with contextlib.suppress(Exception):
            found = self.asked.find()
            if found not in (self.database, self.newest) and found.exists():
                self.newest = found
                line = f"Release {found.parent.name} is current now. This is {self.database.parent.name}: .refresh"
                say(styled(line + " opens the other.", "amber"), sys.stderr)

    def run(self, statement: str) -> None:
        """Prints what a statement gives, of several each. Raises SettingsError, and QueryEnded after Ctrl-C."""
        with self.connected() as connection:
            given = answers(connection, statement, self.database, rows=self.rows, is_upright=self.is_upright)
            while (text := _interruptible(connection, lambda: next(given, None))) is not None:
                print(text, end="", flush=True)

    def obey(self, line: str) -> bool:
        """Does what a line that begins with a dot says; False where that is to leave."""
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip().rstrip(";")
        if word in (".quit", ".exit", ".q"):
            return False
        if word == ".help":
            print(HELP.format(rows=self.rows))
        elif word == ".refresh":
            self.refresh()
        elif word == ".upright":
            self.is_upright = not self.is_upright
            print("A row is shown with a line for each column." if self.is_upright else "Rows are shown as a table.")
        elif word == ".rows" and _is_number_of_rows(rest):
            self.rows = int(rest)
        elif word in (".tables", ".schema"):
            with self.connected() as connection, errors_said(self.database):
                say_them = tables_listed if word == ".tables" else described
                print(_interruptible(connection, lambda: say_them(connection, rest)), end="", flush=True)
        else:
            number = f"Write .rows with a number from 1 to {MOST_ROWS:,}, such as .rows 500."
            what = number if word == ".rows" else f"{word} is not known."
            raise SettingsError(f"{what} .help lists what is.")
        return True


def _is_number_of_rows(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(MOST_ROWS)) and 0 < int(text) <= MOST_ROWS


def converse(asked: Asked) -> int:
    """Answers one statement after the other until the input ends; returns the exit code.

    Without a terminal the statements are read from standard input, and the first that fails ends the command.
    """
    prompt = _Prompt(asked, asked.find())
    # a byte that is not UTF-8 is read, and refused with its line
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    try:
        if not sys.stdin.isatty():
            return _read_through(prompt)
        with hearing_itself():
            return _talk(prompt)
    finally:
        prompt.close()


def _read_through(prompt: _Prompt) -> int:
    for line in _statements(sys.stdin):
        if line.startswith("."):
            if not prompt.obey(line):
                break
        else:
            prompt.run(line)
    return 0


def _statements(lines: Iterator[str]) -> Iterator[str]:
    """Statements, and lines that begin with a dot; what is after the last semicolon is a statement too."""
    begun = ""
    for number, line in enumerate(lines, start=1):
        refuse_other_encodings(line, f"Line {number} of the input")
        if not begun.strip() and line.lstrip().startswith("."):
            yield line.strip()
            continue
        begun += line
        if is_complete(begun):
            yield begun
            begun = ""
    if begun.strip():
        yield begun


def _talk(prompt: _Prompt) -> int:
    with prompt.connected() as connection:
        say(_which(connection, prompt.database), sys.stderr)
        names = completions(connection)
    say("A statement ends with a semicolon. .help says what else can be typed; Ctrl-D leaves.", sys.stderr)
    refused = _errors_of_people()
    with _history(prompt.asked, names) as remember:
        begun = ""
        while True:
            try:
                if not begun:
                    prompt.note_newer()
                line = input(GOES_ON if begun else PROMPT)
                refuse_other_encodings(line, "What was typed")
                if not begun.strip() and line.lstrip().startswith("."):
                    remember(line)
                    with _going_on():
                        if not prompt.obey(line):
                            return 0
                    continue
                begun += line + "\n"
                if not begun.strip():
                    begun = ""
                elif is_complete(begun):
                    statement, begun = begun, ""
                    remember(statement.strip())
                    with _going_on():
                        prompt.run(statement)
            except QueryEnded:
                say("The query was ended.", sys.stderr)
            except EOFError:
                print()
                return 0
            except KeyboardInterrupt:
                # the terminal shows ^C where the cursor is
                print("\nThat is forgotten." if begun else "\nCtrl-D leaves.")
                begun = ""
            except refused as error:
                begun = ""
                head, newline, details = str(error).partition("\n")
                say(styled(head, "red") + newline + details, sys.stderr)


@contextlib.contextmanager
def _going_on() -> Iterator[None]:
    """Has every error in the block be one that the prompt says, but for those of the terminal: a prompt must go on."""
    try:
        yield
    except (QueryEnded, OSError):
        raise
    except _errors_of_people():
        raise
    except Exception as error:
        raise SettingsError(f"{type(error).__name__}: {error}") from error


def _errors_of_people() -> tuple[type[Exception], ...]:
    from orchestration.lib.core.connection import DatabaseUnusable, WarehouseBusy
    from orchestration.lib.release.folders import ReleaseError

    return DatabaseUnusable, WarehouseBusy, ReleaseError, SettingsError


def _which(connection: duckdb.DuckDBPyConnection, database: Path) -> str:
    """One line about the file that is open."""
    from orchestration.lib.release.folders import ReleaseError
    from orchestration.lib.release.journal import read_manifest

    # to the end: a result that is not read out keeps the connection from the next statement
    [(tables,)] = connection.execute("select count(*) from duckdb_tables() where not internal").fetchall()
    with contextlib.suppress(ReleaseError):
        manifest = read_manifest(database.parent)
        return f"Release {manifest['release_id']}, as of {manifest['as_of'][:16].replace('T', ' ')}: {tables} tables."
    return f"{database.name}: {tables} tables. The file is open only while a query runs."


def is_complete(text: str) -> bool:
    """Whether a text ends with the semicolon of a statement, and not with one in a text, a name or a comment.

    >>> is_complete("select 'a;b';"), is_complete("select 'a;"), is_complete("select 1; -- so far"), is_complete("a")
    (True, False, True, False)
    """
    import duckdb

    tokens = [(place, kind) for place, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    # an offset counts bytes
    return bool(tokens) and text.encode()[tokens[-1][0] :].startswith(b";")


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """What `work` returns. Ctrl-C ends the query that it is in, and QueryEnded is raised.

    A query that does not hear it goes on until a second Ctrl-C, which ends the command.
    """
    if not sys.stdin.isatty():
        return work()
    given: list[T] = []
    failed: list[BaseException] = []

    def do() -> None:
        try:
            given.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            has_ended.set()

    # a join that Ctrl-C interrupts takes the thread for ended
    has_ended = threading.Event()
    threading.Thread(target=do, daemon=True).start()
    try:
        has_ended.wait()
    except KeyboardInterrupt:
        connection.interrupt()
        try:
            if not has_ended.wait(PATIENCE_SECONDS):
                say("The query does not react to Ctrl-C. Press it again to end the prompt.", sys.stderr)
                has_ended.wait()
        except KeyboardInterrupt:
            # nothing was written, so nothing has to be put in order
            os._exit(STOPPED)
        raise QueryEnded from None
    if failed:
        raise failed[0]
    return given[0]


@contextlib.contextmanager
def _history(asked: Asked, names: list[str]) -> Iterator[Callable[[str], None]]:
    """What was typed before is found with the arrow keys, where Python has readline. Statements are kept whole.

    Each is in the file once it is typed: a terminal that is closed loses none, and prompts at once add theirs.
    """
    try:
        import readline
    except ImportError:
        yield lambda line: None
        return
    typed = [] if asked.history is None else _kept(asked.history)
    readline.clear_history()
    readline.set_auto_history(False)
    for line in typed:
        readline.add_history(line)

    def complete(text: str, number: int) -> str | None:
        found = [name for name in names if name.startswith(text)]
        return found[number] if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n()*,=<>+-/;")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")

    def remember(line: str) -> None:
        if not typed or typed[-1] != line:
            typed.append(line)
            readline.add_history(line)
            if asked.history is not None:
                _append(asked.history, line)

    try:
        yield remember
    finally:
        readline.set_completer(None)


def _kept(history: Path) -> list[str]:
    """The newest statements of the file, which is left with these alone: a line that is damaged goes."""
    try:
        restrict(history, PRIVATE_FILE)
        text = history.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    typed: list[str] = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            typed.append(str(json.loads(line)))
    typed = typed[-HISTORY_KEPT:]
    kept = "".join(map(_line, typed))
    if kept != text:
        with contextlib.suppress(OSError):
            write_durably(history, kept, mode=PRIVATE_FILE)
    return typed


def _append(history: Path, statement: str) -> None:
    # a history that can't be written, or a data set that has no folder, is no reason not to answer
    with contextlib.suppress(OSError):
        descriptor = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(_line(statement).encode())


def _line(statement: str) -> str:
    return json.dumps(statement) + "\n"
