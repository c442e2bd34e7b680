"""One server for all these tests, and for each a database and a small data set whose releases go there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.__main__ import main
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.orchestration.release.lines import Line, example_settings
from tests.postgres_server import Server, running_server


@dataclass
class Said:
    code: int
    text: str


@dataclass
class Shop:
    """A data set, a database for it, and the command that brings the one into the other."""

    line: Line
    server: Server
    database: str
    environment: dict[str, str]
    _run: Callable[..., Said]

    def publish(self, *arguments: str, **environment: str) -> Said:
        """Types make publish-postgres."""
        return self._run(["publish-postgres", *arguments], self.environment | environment)

    def published(self, *arguments: str, **environment: str) -> str:
        """The same, where it has to go well; returns what was printed."""
        said = self.publish(*arguments, **environment)
        assert said.code == 0, said.text
        return said.text

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Types it in another process."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration", "publish-postgres"],
            cwd=PROJECT_ROOT,
            env=os.environ | self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def rows(self, query: str, user: str = "postgres") -> list[tuple[Any, ...]]:
        return self.server.rows(query, user, self.database)

    def connect(self, user: str = "postgres") -> Any:
        return self.server.connect(user, self.database)

    def generation(self) -> int:
        [(found,)] = self.rows("select distinct generation from core.fct_events")
        return found


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def shop(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shop]:
    line = Line(example_settings(tmp_path.resolve()))
    server.count += 1
    database = server.database(f"shop_{server.count}")

    def run(arguments: list[str], environment: dict[str, str]) -> Said:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            code = main(arguments)
        printed = capsys.readouterr()
        return Said(code, printed.out + printed.err)

    environment = {
        "JOURNEYS_EXTRACTS": str(line.settings.extracts),
        "JOURNEYS_DATA_SET": line.settings.data_set,
        "JOURNEYS_VAR": str(line.settings.var),
        "JOURNEYS_SERVING": str(line.settings.serving),
        "JOURNEYS_POSTGRES_URL": server.url(database=database),
        # roles are of the whole server
        "JOURNEYS_POSTGRES_ROLE": f"reader_{server.count}",
    }
    yield Shop(line, server, database, environment, run)
    server.rows(f"drop database {database} with (force)")
