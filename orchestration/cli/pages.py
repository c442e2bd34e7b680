"""Dagster's pages, its daemon and one code server for both, as one command that starts and stops them together.

`dagster dev` does the same and answers whoever asks, under whatever name; killed, it leaves its processes behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType

import psutil

from orchestration.cli.screen import Progress
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.core.web import Address, listen

SERVICES = {"webserver": "The web server of the pages", "daemon": "The daemon of schedules and sensors"}
# How long the services may take to end before they are killed.
ENDING_SECONDS = 30
# How often this process looks whether they are all there.
LOOKING_SECONDS = 0.5


def serve(settings: Settings, address: Address, progress: Progress) -> int:
    """Runs pages and daemon until Ctrl-C, SIGTERM or SIGHUP, and returns 0; 1 if one of them ends by itself.

    If their code server is killed, they start again: Dagster would show pages that start no run, and neither schedule
    nor sensor would look. Raises SettingsError, before anything is started, where nobody can listen at the address.
    """
    with listen(address) as listening:
        os.chdir(PROJECT_ROOT)
        # the services and the code server are this data set's
        os.environ |= {"DAGSTER_HOME": str(settings.dagster_home), "DAGSTER_IS_DEV_CLI": "1"}
        with _stops() as has_to_stop:
            while (code := _serve_until(settings, address, listening, has_to_stop, progress)) is None:
                progress("  note: Dagster's code server was killed; the pages start again, and runs go on")
            return code


def _serve_until(
    settings: Settings,
    address: Address,
    listening: socket.socket,
    has_to_stop: Callable[[], bool],
    progress: Progress,
) -> int | None:
    """As `serve`, until the code server dies as well: None then."""
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(_code_server(settings.data_set))
        alive, keeps = os.pipe()
        children = {
            "webserver": _start("webserver", alive, workspace, listening, *address.allowed_hosts),
            "daemon": _start("daemon", alive, workspace),
        }
        os.close(alive)
        is_served = _CodeServer()
        runs_go_on = False
        try:
            if _until(lambda: _answers(address), children, has_to_stop):
                progress(f"Dagster's pages of data set {settings.data_set}: {address.url} (Ctrl-C stops them)")
                runs_go_on = _until(is_served.is_gone, children, has_to_stop)
            return None if runs_go_on else _ended(children, progress)
        finally:
            if not runs_go_on:
                progress("Stopping …")
            os.close(keeps)
            _wait_for(children.values())
            if runs_go_on:
                # nothing is left of the server that could be asked to end
                is_served.kill()
            else:
                _end_runs()


def _start(
    service: str, alive: int, workspace: Path, listening: socket.socket | None = None, *hosts: str
) -> subprocess.Popen[bytes]:
    given = [] if listening is None else [str(listening.fileno()), *hosts]
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli.pages_service", service, str(alive), str(workspace), *given],
        pass_fds=[alive, *([] if listening is None else [listening.fileno()])],
        # Ctrl-C is for this process, which then stops the others
        start_new_session=True,
    )


@contextlib.contextmanager
def _code_server(data_set: str) -> Iterator[Path]:
    """One process that loads the definitions, for pages and daemon, and again if it dies; the file that names it."""
    from dagster import DagsterInstance
    from dagster._cli.dev import _temp_grpc_socket_workspace_file
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import ModuleTarget

    # named for the data set, as what it has run and what is switched on is that one's
    target = ModuleTarget("orchestration.definitions", None, str(PROJECT_ROOT), data_set)
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(DagsterInstance.get())
        servers = stack.enter_context(ProxyServerManager(instance, target, "warning"))
        yield stack.enter_context(_temp_grpc_socket_workspace_file(servers))


class _CodeServer:
    """Whether the processes are there that hold the project's code for pages and daemon."""

    # by words of their command lines
    PARTS = frozenset(("code-server", "grpc"))
    # one that the pages load again is away for a moment
    SECONDS_AWAY = 6.0

    def __init__(self) -> None:
        self._was_there = False
        self._gone_since: float | None = None
        self._looked_at = 0.0

    def is_gone(self) -> bool:
        now = time.monotonic()
        # a look at all processes costs more than one at the children
        if now - self._looked_at < 4 * LOOKING_SECONDS:
            return False
        self._looked_at = now
        if {part for part, _ in self._found()} == self.PARTS:
            self._was_there, self._gone_since = True, None
        elif self._was_there and self._gone_since is None:
            self._gone_since = now
        return self._gone_since is not None and now - self._gone_since >= self.SECONDS_AWAY

    def kill(self) -> None:
        for _, process in self._found():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _found(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    found += [(part, process) for part in self.PARTS.intersection(process.cmdline()[:6])]
        return found


def _end_runs() -> None:
    """Interrupts the runs that pages and daemon have started: nobody would see them any more.

    Their code server is needed for that. What a command started goes on.
    """
    from dagster import DagsterInstance, RunsFilter

    from orchestration.defs.automation.heartbeat import HEARTBEAT, UNDER_WAY

    with DagsterInstance.get() as instance:
        started = [run for run in instance.get_runs(RunsFilter(statuses=UNDER_WAY)) if HEARTBEAT not in run.tags]
        for run in started:
            # one that ends at this moment can't be asked to
            with contextlib.suppress(Exception):
                instance.run_launcher.terminate(run.run_id)
        deadline = time.monotonic() + ENDING_SECONDS
        while time.monotonic() < deadline and any(
            not found.is_finished for run in started if (found := instance.get_run_by_id(run.run_id)) is not None
        ):
            time.sleep(LOOKING_SECONDS)


@contextlib.contextmanager
def _stops() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was typed, SIGTERM sent or the terminal closed, within a `with` block."""
    asked = False

    def asks(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, asks) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until(
    is_so: Callable[[], bool], children: dict[str, subprocess.Popen[bytes]], has_to_stop: Callable[[], bool]
) -> bool:
    """Waits; False where the pages have to stop, or one of the services did, before it is so."""
    while not has_to_stop() and all(child.poll() is None for child in children.values()):
        if is_so():
            return True
        time.sleep(LOOKING_SECONDS)
    return False


def _ended(children: dict[str, subprocess.Popen[bytes]], progress: Progress) -> int:
    dead = [service for service, child in children.items() if child.poll() is not None]
    for service in dead:
        progress(f"{SERVICES[service]} ended by itself (exit code {children[service].returncode}).")
    return 1 if dead else 0


def _answers(address: Address) -> bool:
    host = address.host if address.is_loopback else "localhost"
    # where it listens on one outside address, that one is asked, under a name of this machine
    at = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    request = urllib.request.Request(
        f"http://{f'[{at}]' if ':' in at else at}:{address.port}/server_info",
        headers={"Host": f"[{host}]" if ":" in host else host},
    )
    # no proxy lies between
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(request, timeout=2):
        return True
    return False


def _wait_for(children: Iterable[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + ENDING_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
