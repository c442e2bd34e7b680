"""Opens DuckDB files; every connection of the project comes from here."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.settings import WAREHOUSE, read_settings

# DuckDB 1.5 to 2.0 return wrong rows when arms of a union share a self-join (duckdb#25819). The canary in
# tests/architecture fails when a connection opened here lacks this setting.
SESSION_SETTINGS = (
    "set disabled_optimizers = 'common_subplan'",
    "set TimeZone = 'UTC'",
    # it would print into what a command says
    "set enable_progress_bar = false",
)

# What DuckDB does at a checkpoint when nothing says otherwise: it writes tables with removed rows again.
VACUUM_TASKS = 100


# For queries of others: the one file that is open, and nothing else of the machine.
CONFINEMENT = (
    "set enable_external_access = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "set allow_community_extensions = false",
    # last: no statement changes a setting any more
    "set lock_configuration = true",
)


# What DuckDB says of a file that another process has open, of one with damaged content, and of any other that it
# can't open. Only the first is worth another try.
_HELD = re.compile("^IO Error: Could not set lock on file")
_DAMAGED = re.compile(
    "Corrupt database file|Could not read enough bytes from file|is not a valid DuckDB database file|Corrupt WAL file|"
    "Failure while replaying WAL"
)


class WarehouseBusy(RuntimeError):
    """Another process holds the warehouse file."""


class DatabaseUnusable(RuntimeError):
    """A DuckDB file that is damaged, or can't be opened; the message names it and what to do."""


@contextlib.contextmanager
def open_duckdb(
    path: Path | str = ":memory:",
    *,
    read_only: bool = False,
    wait_seconds: float = 30.0,
    reclaims_space: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a DuckDB file for the time of a `with` block, with the project's session settings and limits.

    The limits are the environment's: JOURNEYS_MEMORY, and the folder for what exceeds it. A file that another process
    is writing is tried again for `wait_seconds`; then WarehouseBusy says who holds it. A file that can't be opened or
    whose content turns out to be damaged, within the block too, raises DatabaseUnusable.

    Room of removed rows is used again only with `reclaims_space`: DuckDB would else write every table that lost some
    again, and an increment that replaces a fifteenth of the rows would cost a copy of all.
    """
    connection = _connect_when_free(str(path), read_only, wait_seconds, VACUUM_TASKS if reclaims_space else 0)
    try:
        for setting in SESSION_SETTINGS:
            connection.execute(setting)
        yield connection
        if reclaims_space:
            connection.execute("force checkpoint")
    except duckdb.Error as error:
        if is_damaged(error):
            raise DatabaseUnusable(_of_unusable(Path(path), error)) from error
        raise
    finally:
        connection.close()


def is_damaged(error: Exception) -> bool:
    """Whether DuckDB says that a file's content isn't what it wrote."""
    return _DAMAGED.search(str(error)) is not None


def _of_unusable(path: Path, error: duckdb.Error) -> str:
    first_line = str(error).splitlines()[0]
    if not is_damaged(error):
        return f"{path} can't be opened ({first_line}). This user has to be able to read and write it: ls -ld {path}"
    if path.name == WAREHOUSE:
        way_out = "Readers keep their release. make rebuild builds the warehouse again from the extracts."
    else:
        way_out = "make rollback switches readers to the release before; the next one that is published is whole."
    return f"{path} is damaged ({first_line}). {way_out}"


def confine(connection: duckdb.DuckDBPyConnection) -> None:
    """Leaves the connection its open files and nothing else: no file, network or extension, and no way back."""
    for setting in CONFINEMENT:
        connection.execute(setting)


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits at the end of the block; an exception that leaves it rolls everything back."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # an error may have ended the transaction already
            connection.execute("rollback")
        raise
    connection.execute("commit")


def one_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] | None = None
) -> tuple[Any, ...]:
    """The first row of a query that always has one, such as an aggregate.

    >>> with open_duckdb() as connection:
    ...     one_row(connection, "select count(*), max(n) from range(?) as numbers(n)", [3])
    (3, 2)
    """
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError(f"The query returned no row: {' '.join(query.split())[:200]}")
    return row


def one_value(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] | None = None) -> Any:
    """The first column of that row.

    >>> with open_duckdb() as connection:
    ...     one_value(connection, "select count(*) from range(3)")
    3
    """
    return one_row(connection, query, parameters)[0]


def _connect_when_free(path: str, read_only: bool, wait_seconds: float, vacuum_tasks: int) -> duckdb.DuckDBPyConnection:
    settings = read_settings()
    # DuckDB makes the folder when it must, but none above it
    with contextlib.suppress(OSError):
        settings.spill.parent.mkdir(parents=True, exist_ok=True)
    limits: dict[str, Any] = {
        "memory_limit": settings.memory,
        "temp_directory": str(settings.spill),
        "max_vacuum_tasks": vacuum_tasks,
    }
    give_up_at = time.monotonic() + wait_seconds
    while True:
        try:
            return duckdb.connect(path, read_only=read_only, config=limits)
        except duckdb.Error as error:
            if _HELD.match(str(error)) is None:
                if is_damaged(error) or isinstance(error, duckdb.IOException):
                    raise DatabaseUnusable(_of_unusable(Path(path), error)) from error
                raise
            if time.monotonic() >= give_up_at:
                raise WarehouseBusy(
                    f"{path} is held by another process ({error}). Wait for its run to end, or close the program "
                    "that has the file open; readers belong on serving/customer_journeys.duckdb."
                ) from error
            time.sleep(0.2)
