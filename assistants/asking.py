"""Runs one query of an assistant in a process of its own, which holds little memory and ends when its time is over.

`python -m assistants.asking` is that process: it reads what to ask from standard input, as JSON, and writes the answer
to standard output. It has no environment, so that nothing of it can be asked for.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistants import limits

PROJECT = Path(__file__).resolve().parents[1]
_places = threading.Semaphore(limits.QUERIES_AT_ONCE)

TOO_LONG = (
    f"The query took longer than {limits.QUERY_SECONDS:.0f} seconds and was ended. Ask for a shorter period or fewer "
    "rows, or count instead of listing."
)
TOO_LARGE = (
    f"The query needs more than {limits.MEMORY} of memory. Ask for a shorter period or fewer columns, or count "
    "instead of listing."
)
NOT_RUN = "The query could not be run; the server's log says why."
# What a process says that ends in an orderly way for lack of memory.
SIGNS_OF_MEMORY = ("MemoryError", "bad_alloc", "Cannot allocate memory", "can't start new thread")
log = logging.getLogger("assistants")


class NotAnswered(RuntimeError):
    """A query without an answer: refused, wrong, or too much; the message is for who asked."""


@dataclass(frozen=True)
class Found:
    """The rows of a query, as many as were asked for and fit; `is_cut` says whether there are more."""

    columns: list[str]
    rows: list[dict[str, Any]]
    is_cut: bool


def ask(database: Path, sql: str, *, most_rows: int, seconds: float = limits.QUERY_SECONDS) -> Found:
    """The answer to a query that somebody else wrote. Raises NotAnswered."""
    asked = {"database": str(database), "sql": sql, "most_rows": most_rows, "seconds": seconds}
    with _places:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "assistants.asking"],
                input=json.dumps(asked).encode(),
                cwd=PROJECT,
                env={
                    "JOURNEYS_MEMORY": limits.MEMORY,
                    "JOURNEYS_SPILL": str(database.parent / "none"),
                    "LANG": "C.UTF-8",
                },
                capture_output=True,
                timeout=seconds + limits.SECONDS_TO_END,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotAnswered(TOO_LONG) from error
    try:
        said = json.loads(ended.stdout)
    except ValueError as error:
        errors = ended.stderr.decode(errors="replace")
        # below zero the kernel or the allocator ended it
        if ended.returncode < 0 or any(sign in errors for sign in SIGNS_OF_MEMORY):
            raise NotAnswered(TOO_LARGE) from error
        [last] = errors.strip().splitlines()[-1:] or ["no message"]
        log.error("A query's process ended with %d: %s", ended.returncode, last[:500])
        raise NotAnswered(NOT_RUN) from error
    if "problem" in said:
        raise NotAnswered(said["problem"])
    return Found(**said)


def main() -> None:
    """Answers what standard input asks."""
    from orchestration.lib.core.processes import answers, die_with_parent

    die_with_parent()
    out = answers()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.loads(sys.stdin.buffer.read())
    try:
        said = answer(
            Path(asked["database"]),
            asked["sql"],
            most_rows=asked["most_rows"],
            seconds=asked["seconds"],
            before=_limit_memory,
        )
    except MemoryError:
        said = {"problem": TOO_LARGE}
    out.write(json.dumps(said))
    out.flush()
    # DuckDB's threads may still be busy with what nobody waits for
    os._exit(0)


def _limit_memory() -> None:
    """Bounds the address space that is used from here on: a machine of many cores has DuckDB start with much."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        most = pages * resource.getpagesize() + limits.ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def answer(
    database: Path, sql: str, *, most_rows: int, seconds: float, before: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """What the process answers: columns, rows and whether there are more, or the problem.

    `before` is called when the release is open and nothing of the query was read.
    """
    import duckdb

    from assistants.allowed import Refused, check_query
    from assistants.values import bounded_rows
    from orchestration.lib.core.connection import DatabaseUnusable, WarehouseBusy, confine, open_duckdb

    try:
        with open_duckdb(database, read_only=True, wait_seconds=1) as connection:
            for setting in limits.SESSION:
                connection.execute(setting)
            confine(connection)
            before()
            check_query(connection, sql)
            timer = threading.Timer(seconds, connection.interrupt)
            timer.daemon = True
            timer.start()
            found = connection.execute(sql)
            columns = [column[0] for column in found.description or ()]
            rows, is_cut = bounded_rows(columns, _fetched(found, most_rows))
            # one more row says that there are more
            is_cut = is_cut or (len(rows) == most_rows and found.fetchone() is not None)
            timer.cancel()
    except Refused as error:
        return {"problem": str(error)}
    except duckdb.InterruptException:
        return {"problem": TOO_LONG}
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"problem": TOO_LARGE}
    except duckdb.PermissionException:
        return {"problem": "A query reads the release alone: no other file, no network, no extension, no setting."}
    except (duckdb.Error, DatabaseUnusable, WarehouseBusy) as error:
        return {"problem": str(error).replace(str(database.parent), database.parent.name)}
    return {"columns": list(rows[0]) if rows else columns, "rows": rows, "is_cut": is_cut}


def _fetched(found: Any, most_rows: int) -> Iterator[tuple[Any, ...]]:
    """Row by row, so that wide ones are not all in memory."""
    for _ in range(most_rows):
        if (row := found.fetchone()) is None:
            return
        yield row


if __name__ == "__main__":
    main()
