"""What Spark knows of a data set's tables: a server keeps names in memory, so a build says them again where it forgot.

A server knows the tables of one data set at a time. A schema of its own notes whose they are and of which build.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestration.lib.core.locks import HeldElsewhere, held
from orchestration.lib.core.settings import spark_address
from orchestration.lib.core.sql import literal
from orchestration.lib.spark.handover import HandedOver
from orchestration.lib.spark.java import SparkError

# Notes in its comment whose tables the server knows.
NOTE = "journeys_note"
DEFAULT_SCHEMA = "default"
DEFAULT_PORT = 15002
# Builds of another data set take turns.
WAIT_SECONDS = 3600
# A cluster that starts executors when there is work takes minutes for the first.
TASK_SECONDS = 300
# What follows in a message of Spark's are its plan, or lines of its own code.
STACK = re.compile(r"(?<=; line )(\d+ pos \d+);\n.*|\n\s*\n?(JVM stacktrace:|\tat |\s+at org\.).*", re.DOTALL)


def check_answering(remote: str) -> None:
    """Raises SparkError where nothing listens at the address of the server."""
    parts = urlsplit(remote.replace("sc://", "http://", 1).partition(";")[0])
    try:
        socket.create_connection((parts.hostname or "", parts.port or DEFAULT_PORT), timeout=10).close()
    except OSError as error:
        raise SparkError(
            f"No Spark server answers at {spark_address(remote)} ({error.strerror or error}). Start one on this "
            "machine with make spark-up, or name yours: JOURNEYS_SPARK_REMOTE=sc://host:15002"
        ) from error


def without_stack(message: str) -> str:
    """A message of Spark's without its plan and the lines of its code that follow."""
    return STACK.sub(lambda found: found[1] or "", message).strip()


@contextlib.contextmanager
def explained(remote: str) -> Iterator[None]:
    """Says what Spark's server answered, or that it went away, as SparkError."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        check_answering(remote)
        raise SparkError(f"The Spark server at {spark_address(remote)} says: {without_stack(str(error))}") from error


@contextlib.contextmanager
def only_user(remote: str) -> Iterator[None]:
    """Has one build at a time use a server, of those on this machine. Raises SparkError where another one does not end.

    The kernel frees the lock of a build that is killed.
    """
    place = hashlib.sha256(_server(remote).encode()).hexdigest()[:16]
    try:
        with held(
            Path(tempfile.gettempdir()) / f"journeys-spark-{os.getuid()}-{place}.lock", wait_seconds=WAIT_SECONDS
        ):
            yield
    except HeldElsewhere as error:
        raise SparkError(
            f"Another build has been using the Spark server at {spark_address(remote)} for {WAIT_SECONDS} s. "
            "Wait for its end, or give this data set a server of its own: JOURNEYS_SPARK_REMOTE=sc://host:15002"
        ) from error


def _server(remote: str) -> str:
    """Address and port of a server, the same however its name is written; its name where that has no address."""
    parts = urlsplit(remote.replace("sc://", "http://", 1).partition(";")[0])
    host = parts.hostname or ""
    with contextlib.suppress(OSError):
        host = socket.gethostbyname(host)
    return f"{host}:{parts.port or DEFAULT_PORT}"


def check_executors(session: Any, remote: str, *, seconds: float = TASK_SECONDS) -> None:
    """Has an executor do one task. Raises SparkError where none takes it in time: a build would wait without an end."""
    tag = "journeys_first_task"
    failed: list[Exception] = []

    def ask() -> None:
        session.addTag(tag)
        try:
            session.range(0, 1, 1, 1).repartition(1).toArrow()
        except Exception as error:
            failed.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        session.interruptTag(tag)
        raise SparkError(
            f"The Spark server at {spark_address(remote)} answers, but no executor took a task within {seconds:.0f} s. "
            "Its workers have ended or are busy: make spark-up starts those of this machine again; a cluster of yours "
            "shows them on its pages."
        )
    if failed:
        raise failed[0]


def open_session(remote: str) -> Any:
    """The session of this process. Raises SparkError where the server does not answer."""
    check_answering(remote)
    with warnings.catch_warnings():
        # of pandas, which nothing here uses
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        return SparkSession.builder.remote(remote).getOrCreate()


def make_known(
    session: Any,
    *,
    home: Path,
    number: int | None,
    schemas: Iterable[str],
    landed: Iterable[HandedOver],
    stored: Mapping[str, str],
    tables: Path,
) -> None:
    """Has the server know the tables of a data set as the ledger has them, by folders within `tables`.

    `number` is the build that the ledger is of; None where tables are built from raw, and none is to be known.
    Raises SparkError where schemas of these names have tables, and no note says that a data set made them.
    """
    landed = tuple(landed)
    dropped = {*schemas, *(one.relation.partition(".")[0] for one in landed)} - {DEFAULT_SCHEMA}
    noted = _note(session)
    if noted is None:
        _check_unused(session, dropped)
    known = noted if number is not None else None
    _set_note(session, f"{home} is being built")
    if known != note_of(home, number):
        for schema in dropped:
            session.sql(f"drop schema if exists {schema} cascade")
        for schema in sorted({relation.partition(".")[0] for relation in stored}):
            session.sql(f"create schema if not exists {schema}")
        for relation, folder in sorted(stored.items()):
            _register(session, relation, str(tables / folder), ())
    for schema in sorted({one.relation.partition(".")[0] for one in landed}):
        session.sql(f"create schema if not exists {schema}")
    for one in landed:
        if one.is_new or known != note_of(home, number):
            session.sql(f"drop table if exists {one.relation}")
            _register(session, one.relation, one.folder, one.columns)


def _check_unused(session: Any, schemas: Iterable[str]) -> None:
    present = {row[0] for row in session.sql("show schemas").collect()}
    used = sorted(
        schema for schema in schemas if schema in present and session.sql(f"show tables in {schema}").collect()
    )
    if used:
        raise SparkError(
            f"The Spark server has tables in the schemas {', '.join(used)}, which a run would drop, and no schema "
            f"{NOTE} says that a data set made them. Give this project a server of its own "
            f"(JOURNEYS_SPARK_REMOTE=sc://host:15002). If the tables may go: create schema {NOTE} comment 'empty'."
        )


def note_of(home: Path, number: int | None) -> str:
    return f"{home} as of build {number}"


def note_build(session: Any, home: Path, number: int) -> None:
    """Notes of which build the tables are that the server knows."""
    _set_note(session, note_of(home, number))


def _register(session: Any, relation: str, folder: str, columns: Iterable[tuple[str, str]]) -> None:
    listed = ", ".join(f"`{column}` {kind}" for column, kind in columns)
    session.sql(f"create table {relation} {f'({listed})' if listed else ''} using parquet location {literal(folder)}")


def _note(session: Any) -> str | None:
    from pyspark.errors import PySparkException

    try:
        rows = session.sql(f"describe schema {NOTE}").collect()
    except PySparkException:
        return None
    return next((row[1] for row in rows if row[0].lower() == "comment"), None)


def _set_note(session: Any, note: str) -> None:
    session.sql(f"create schema if not exists {NOTE}")
    session.sql(f"comment on schema {NOTE} is {literal(note)}")
