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

    Raises SettingsError, before anything is started, where nobody can listen at the address.
    """
    with listen(address) as listening:
        os.chdir(PROJECT_ROOT)
        # the services and the code server are this data set's
        os.environ |= {"DAGSTER_HOME": str(settings.dagster_home), "DAGSTER_IS_DEV_CLI": "1"}
        with _stops() as has_to_stop, _code_server(settings.data_set) as workspace:
            alive, keeps = os.pipe()
            children = {
                "webserver": _start("webserver", alive, workspace, listening, *address.allowed_hosts),
                "daemon": _start("daemon", alive, workspace),
            }
            os.close(alive)
            try:
                if not _until(lambda: _answers(address), children, has_to_stop):
                    return _ended(children, progress)
                progress(f"Dagster's pages of data set {settings.data_set}: {address.url} (Ctrl-C stops them)")
                _until(lambda: False, children, has_to_stop)
                return _ended(children, progress)
            finally:
                progress("Stopping …")
                os.close(keeps)
                _wait_for(children.values())
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
    with (
        DagsterInstance.get() as instance,
        ProxyServerManager(instance, target, "warning") as servers,
        _temp_grpc_socket_workspace_file(servers) as workspace,
    ):
        yield workspace


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
