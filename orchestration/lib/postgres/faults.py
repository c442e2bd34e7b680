"""Says what a PostgreSQL server refused, and what to do: no password and no value of a row is in any sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import errors

from orchestration.lib.core.settings import Postgres

KEPT = "Readers of PostgreSQL keep the release they have."
AGAIN = "then type make publish-postgres."

# A password of fewer characters may occur within other words.
SHORT_SECRET = 6

# What the server says where another session holds a lock.
LOCKED = (errors.LockNotAvailable, errors.DeadlockDetected)


class PostgresError(RuntimeError):
    """What kept a release from PostgreSQL; the message says what happened and the cure, and has no password."""


# What libpq says when it can't connect, for which it gives no code; and the cure.
_CONNECTING = (
    (
        re.compile(r"password authentication failed|no password supplied|authentication failed", re.IGNORECASE),
        "The server refuses the user or the password. Correct JOURNEYS_POSTGRES_URL, or the line in ~/.pgpass",
    ),
    (re.compile(r'role ".*" does not exist'), "There is no such user. Correct JOURNEYS_POSTGRES_URL"),
    (
        re.compile(r'database ".*" does not exist'),
        "There is no such database. Correct JOURNEYS_POSTGRES_URL, or make it: createdb",
    ),
    (
        re.compile(r"does not support SSL"),
        "The server does not encrypt, and it is another machine. Switch ssl on there; in a network that you trust, "
        "add ?sslmode=disable to JOURNEYS_POSTGRES_URL",
    ),
    (re.compile(r"certificate", re.IGNORECASE), "Correct sslmode and sslrootcert in JOURNEYS_POSTGRES_URL"),
    (re.compile(r"no pg_hba\.conf entry"), "The server does not let this user in from here: allow it in pg_hba.conf"),
    (
        re.compile(r"too many clients|remaining connection slots|too many connections"),
        "The server takes no more connections. Close some, or raise max_connections",
    ),
    (
        re.compile(r"translate host name|Name or service not known|nodename nor servname"),
        "There is no machine of that name. Correct the host in JOURNEYS_POSTGRES_URL",
    ),
    (re.compile(r"starting up|shutting down"), "Wait until the server is up"),
)
_AWAY = "Start the server, or correct host and port in JOURNEYS_POSTGRES_URL"


def redacted(error: Exception, text: str, postgres: Postgres) -> str:
    """The text without the passwords of the URL, however they are written there.

    A short password may be a part of other words, and what is left of them would show it: the text is then the name of
    the error, whole.
    """
    for secret in postgres.secrets:
        for form in {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}:
            if len(secret) < SHORT_SECRET and form in text:
                return type(error).__name__
            text = text.replace(form, "***")
    return " ".join(text.split())


def of_connecting(error: Exception, postgres: Postgres) -> PostgresError:
    """The sentence for a server that can't be reached or lets nobody in."""
    whole = str(error)
    text = re.sub(r"\s*Is the server running on .*?\?", "", whole, flags=re.DOTALL)
    said = redacted(error, text, postgres).rstrip(".")
    cure = next((cure for pattern, cure in _CONNECTING if pattern.search(whole)), _AWAY)
    return PostgresError(f"PostgreSQL at {postgres.place} can't be used: {said}. {KEPT} {cure}, {AGAIN}")


@contextmanager
def explained(postgres: Postgres, what: str, *, locks_too: bool = True) -> Iterator[None]:
    """Raises PostgresError for what the server says within a `with` block; `what` is what was being done.

    A lock of somebody else is left to the caller without `locks_too`.

    What psycopg said is not its cause: it may repeat a row, and a program that prints causes would print that.
    """
    try:
        yield
    except psycopg.Error as error:
        if not locks_too and isinstance(error, LOCKED):
            raise
        raise PostgresError(_sentence(error, postgres, what)) from None


def _sentence(error: psycopg.Error, postgres: Postgres, what: str) -> str:
    where = f"PostgreSQL at {postgres.place}, {what}"
    said = redacted(error, error.diag.message_primary or str(error).partition("\n")[0], postgres).rstrip(".")
    match error:
        case errors.DiskFull() | errors.OutOfMemory():
            is_disk = isinstance(error, errors.DiskFull)
            fault = "The disk of the server is full" if is_disk else "The server is out of memory"
            return f"{where}: {fault} ({said}). {KEPT} {'Make room' if is_disk else 'Free some'} there, {AGAIN}"
        case errors.InsufficientPrivilege():
            return (
                f"{where}: user {postgres.user} may not do this ({said}). {KEPT} The tables have to belong to the user "
                f"that publishes: let the one who owns them publish, or alter their owner, {AGAIN}"
            )
        case errors.DependentObjectsStillExist():
            depends = redacted(error, re.sub(r"\n", "; ", error.diag.message_detail or said), postgres)
            return (
                f"{where}: the release no longer has a column or table that objects of others need: {depends}. {KEPT} "
                f"Have these objects dropped or written without it, {AGAIN}"
            )
        case errors.LockNotAvailable() | errors.DeadlockDetected():
            return (
                f"{where}: another session holds a lock that keeps the tables from being changed ({said}). {KEPT} "
                f"End that session, or raise JOURNEYS_POSTGRES_LOCK_SECONDS, {AGAIN}"
            )
        case errors.ReadOnlySqlTransaction():
            return f"{where}: the server is read-only, such as a replica. {KEPT} Name the primary in the URL, {AGAIN}"
        case errors.IntegrityError():
            table = ".".join(name for name in (error.diag.schema_name, error.diag.table_name) if name)
            return (
                f"{where}: a constraint of {table} does not allow the rows of the release "
                f"({error.diag.constraint_name}). {KEPT} If the constraint is one of yours, drop it, {AGAIN}"
            )
        case errors.DataError():
            column = re.search(r"column (\S+?)[:,]|column (\S+)", error.diag.context or "")
            named = f" in column {(column[1] or column[2]).rstrip(':')}" if column else ""
            return (
                f"{where}: there is a value{named} that PostgreSQL does not take ({type(error).__name__}). {KEPT} "
                f"Look for it in the release: make sql SQL='…'"
            )
        case psycopg.OperationalError() if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
            return f"{where}: the connection was lost ({said}). {KEPT} Make sure that the server is up, {AGAIN}"
    return f"{where}: {said} ({error.sqlstate or type(error).__name__}). {KEPT} Fix that, {AGAIN}"
