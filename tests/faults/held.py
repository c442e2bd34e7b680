"""What a process holds from which others are forked: the imports of a run and of dbt, and the parsed project.

`work` is what such a fork does: a command as `python -m orchestration` runs it, landing alone, or a release alone. It
says at each *beat* where it is: a beat is a statement to DuckDB, a change of a file, or a node that dbt ended. At one
beat it can stop and wait to be killed.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import duckdb

# imported here, once for all runs
from orchestration.cli import app, jobs, refreshing, release_report  # noqa: F401
from orchestration.defs.automation import steps
from orchestration.defs.landing.assets import CONTRACTS
from orchestration.lib.core.processes import look_for_garbage_rarely
from orchestration.lib.core.settings import read_settings
from orchestration.lib.dbt import building, child
from orchestration.lib.dbt.project import parsed_project
from orchestration.lib.hygiene import session  # noqa: F401
from orchestration.lib.release.publish import publish, rollback
from tests.orchestration.release.lines import START, Line

for module in ("great_expectations", "dbt.cli.main", "dbt.task.build", "splink", "sqlalchemy", "pandas", "psutil"):
    importlib.import_module(module)

PROJECT = parsed_project()

# The stages of a run, by the function that begins each.
STAGES = {
    "land_tables": "land",
    "check_landed": "check_landing",
    "run_build": "build",
    "check_marts": "audit",
    "publish_release": "publish",
    "deliver": "digests",
}
BEFORE, AFTER = "look", "report"
# What Python says of files, to whom asks it
CHANGES_OF_FILES = ("open", "os.rename", "os.remove", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.rmdir")


def work(
    kind: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    said: str,
    beats: str,
    stops_at: int | None = None,
    goes_on: bool = False,
) -> NoReturn:
    """Does one thing in this process, which was forked for it, and ends with its exit code.

    `kind` is `command` (with its arguments), `landing`, or `release` (with publish or rollback, and the day). `said` is
    the file of what it prints, `beats` that of its beats: one line each, stage and what. At beat `stops_at` it writes a
    file next to it, whose name ends in `.here` and which holds the number of dbt's process, and then waits for a file
    that ends in `.go`, unless it `goes_on`.
    """
    os.setsid()
    os.umask(0o077)
    look_for_garbage_rarely()
    os.environ.clear()
    os.environ.update(environment)
    words = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(words, 1)
    os.dup2(words, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    helper = Helper()
    recorder = Recorder(Path(beats), stops_at, goes_on=goes_on, helper=helper.pid)
    setattr(building, "subprocess", SimpleNamespace(Popen=helper.take, PIPE=None))  # noqa: B010
    _tell_of_beats(recorder)
    try:
        works: dict[str, Callable[[Sequence[str]], int]] = {
            "command": app.main,
            "landing": landing,
            "release": release,
        }
        code = works[kind](arguments)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def landing(arguments: Sequence[str]) -> int:
    """The step that lands, for the tables of the feed."""
    del arguments
    settings = read_settings()
    feed = [contract for contract in CONTRACTS if contract.source == "feed"]
    log: Any = logging.getLogger("landing")
    for _ in steps.land_tables(settings, feed, run_id="one", log=log):
        pass
    return 0


def release(arguments: Sequence[str]) -> int:
    """Publishes what the small warehouse of a line holds, or rolls it back."""
    what, day = arguments[0], int(arguments[1])
    line = Line(read_settings())
    if what == "rollback":
        rollback(line.settings, now=START + timedelta(days=day))
    else:
        publish(line.write_as_it_is(day), line.settings)
    return 0


class Recorder:
    """Counts beats, writes them down, and stops at one."""

    def __init__(self, file: Path, stops_at: int | None, *, goes_on: bool, helper: int) -> None:
        self.stage = BEFORE
        self._here, self._go = file.with_suffix(".here"), file.with_suffix(".go")
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._left, self._goes_on, self._helper = stops_at, goes_on, helper
        self._is_busy = False

    def beat(self, what: str) -> None:
        # what this does to files is no beat
        if self._is_busy:
            return
        self._is_busy = True
        os.write(self._file, f"{self.stage}\t{what[:120]!r}\n".encode())
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                self._here.write_text(f"{self.stage} {self._helper}")
                deadline = time.monotonic() + 600
                while not self._goes_on and not self._go.exists() and time.monotonic() < deadline:
                    time.sleep(0.01)
        self._is_busy = False


def _tell_of_beats(recorder: Recorder) -> None:
    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES_OF_FILES:
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str) or not (flags & (os.O_WRONLY | os.O_RDWR)):
                return
        recorder.beat(f"{event} {str(arguments[0])[-60:]}")

    def begins(stage: str, function: Callable) -> Callable:
        def begin(*args: Any, **keywords: Any) -> Any:
            recorder.stage = stage
            recorder.beat("begins")
            return function(*args, **keywords)

        return begin

    for name, stage in STAGES.items():
        setattr(steps, name, begins(stage, getattr(steps, name)))
    ends = jobs.forget_old_runs

    def after(*args: Any) -> Any:
        recorder.stage = AFTER
        return ends(*args)

    setattr(jobs, "forget_old_runs", after)  # noqa: B010
    connect, of_json = duckdb.connect, building.NodeResult.of_json

    class Connection:
        """A connection that tells of its statements."""

        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self._connection = connection

        def execute(self, query: Any, *rest: Any, **more: Any) -> Any:
            recorder.beat(f"before {query}")
            self._connection.execute(query, *rest, **more)
            recorder.beat(f"after {query}")
            return self

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def __enter__(self) -> Connection:
            return self

        def __exit__(self, *error: object) -> None:
            self._connection.close()

    def told(line: Mapping[str, Any]) -> building.NodeResult:
        recorder.beat(f"dbt {line['unique_id']}")
        return of_json(line)

    setattr(duckdb, "connect", lambda *args, **keywords: Connection(connect(*args, **keywords)))  # noqa: B010
    setattr(building.NodeResult, "of_json", told)  # noqa: B010
    sys.addaudithook(heard)


class Helper:
    """dbt's process of one run: forked before the run has threads, and waiting for its request.

    It has the part of `subprocess.Popen` that a build uses.
    """

    def __init__(self) -> None:
        request, self._to_child = os.pipe()
        self._from_child, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._to_child)
            os.close(self._from_child)
            os.dup2(request, 0)
            os.dup2(answer, 1)
            _be_dbt()
        os.close(request)
        os.close(answer)
        self.returncode: int | None = None

    def take(self, arguments: Sequence[str], *, stderr: Any, **fixed: Any) -> Helper:
        """In place of starting a process: this one."""
        os.write(self._to_child, (json.dumps(stderr.name) + "\n").encode())
        self.stdin = os.fdopen(self._to_child, "w", encoding="utf-8")
        self.stdout = os.fdopen(self._from_child, encoding="utf-8")
        return self

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *error: object) -> None:
        self.stdout.close()
        self.wait()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _be_dbt() -> NoReturn:
    try:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        words = os.open(json.loads(line), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(words, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
        setattr(child, "parsed_project", lambda own: PROJECT)  # noqa: B010
        child.main()
        os._exit(0)
    except BaseException as error:
        os.write(2, repr(error).encode())
        os._exit(1)
