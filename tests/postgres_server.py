"""A PostgreSQL server of Debian's packages for tests: its own folder, a free port of this machine, and a short life."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

PASSWORD = "s3cr:t/pa@ss wörd%"
NOT_THERE = (
    "There is no PostgreSQL server on this machine, and these tests need one: apt-get install postgresql "
    "(version 15 or newer)"
)


def server_programs() -> Path:
    """The folder of the newest initdb and postgres that are installed. Raises FileNotFoundError: a test then fails."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        raise FileNotFoundError(NOT_THERE)
    return Path(elsewhere).resolve().parent


@dataclass
class Server:
    """A server of a test. Its superuser is `postgres`; `publisher` may make schemas and roles and nothing else."""

    folder: Path
    port: int
    count: int = 0

    def url(self, user: str = "publisher", database: str = "reports", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def connect(self, user: str = "postgres", database: str = "reports") -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(user, database), autocommit=True)

    def rows(self, query: str, user: str = "postgres", database: str = "reports") -> list[tuple[Any, ...]]:
        with self.connect(user, database) as connection:
            found = connection.execute(query)
            return found.fetchall() if found.description else []

    def database(self, name: str, *, tablespace: str = "pg_default") -> str:
        """A new, empty database in which the publisher may make schemas; returns its name."""
        self.rows(f"create database {name} tablespace {tablespace}")
        self.rows(f"grant create on database {name} to publisher")
        return name

    def control(self, *arguments: str) -> None:
        subprocess.run(
            [*_as_server(), server_programs() / "pg_ctl", "-D", self.folder / "data", "-w", *arguments],
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c log_statement=all"
        self.control("-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.control("-m", "immediate", "stop")


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """A server with a database `reports` for a `with` block; its files are in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="journeys_postgres_", ignore_cleanup_errors=True) as made, _port() as port:
        folder = Path(made)
        give_to_server(folder)
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o644)
        subprocess.run(
            [
                *_as_server(),
                server_programs() / "initdb",
                *("-D", folder / "data", "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--locale=C.UTF-8", f"--pwfile={password}", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
        )
        server = Server(folder, port)
        server.start()
        try:
            secret = PASSWORD.replace("'", "''")
            server.rows("create database reports", database="postgres")
            server.rows(f"create role publisher login createrole password '{secret}'")
            server.rows("grant create on database reports to publisher")
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()


def give_to_server(folder: Path) -> None:
    """Has the server own a folder: PostgreSQL refuses to be run by root."""
    if os.getuid() == 0:
        owner = _server_user()
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _as_server() -> list[str]:
    return ["setpriv", f"--reuid={_server_user().pw_uid}", "--clear-groups"] if os.getuid() == 0 else []


def _server_user() -> pwd.struct_passwd:
    """The user that Debian's package makes; where there is none, nobody."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextlib.contextmanager
def _port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    yield port
