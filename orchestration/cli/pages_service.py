"""One of the processes behind `make up`: the web server of Dagster's pages, or the daemon of schedules and sensors.

Started by pages.py as a module of its own. It ends when the process that started it does, however that ends: both
ends of a pipe are closed then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml

# How long a service may take to end by itself once the process that started it has.
ENDING_SECONDS = 15


def main(arguments: list[str]) -> None:
    """`alive` and `listening` are file descriptors, `workspace` the file that names the code server."""
    service, alive, workspace, *rest = arguments
    threading.Thread(
        target=_end_with_the_other_end, args=(int(alive), Path(workspace)), name="alive", daemon=True
    ).start()
    if service == "webserver":
        listening, *allowed_hosts = rest
        serve_pages(Path(workspace), socket.socket(fileno=int(listening)), allowed_hosts=allowed_hosts)
    else:
        run_daemon(Path(workspace))


def _end_with_the_other_end(alive: int, workspace: Path) -> None:
    """Waits for the end of the process that started this one. If that was killed, its code server is asked to end.

    The code server would do so by itself two minutes later. A run that it has under way comes to its end first.
    """
    parent = os.getppid()
    while os.read(alive, 1):
        pass
    # the kernel closes the files of a killed process before it gives its children another parent
    time.sleep(0.5)
    if os.getppid() != parent:
        from dagster._grpc.client import DagsterGrpcClient

        with contextlib.suppress(Exception):
            for server in yaml.safe_load(workspace.read_text(encoding="utf-8"))["load_from"]:
                DagsterGrpcClient(socket=server["grpc_server"]["socket"]).shutdown_server()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(ENDING_SECONDS)
    os._exit(1)


def serve_pages(workspace: Path, listening: socket.socket, *, allowed_hosts: list[str]) -> None:
    """Answers until it is interrupted; as Dagster's own command, with the guard in front."""
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._utils.log import configure_loggers
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    from orchestration.lib.core.web import Guard

    configure_loggers(formatter="colored", log_level="WARNING")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(15000, 3600, 20)
        with WorkspaceProcessContext(
            instance, version=__version__, workspace_load_target=WorkspaceFileTarget(paths=[str(workspace)])
        ) as context:
            app: Any = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
            guarded: Any = Guard(app, allowed_hosts=allowed_hosts, posted_only=("/graphql",))
            config = uvicorn.Config(guarded, log_level="warning", timeout_graceful_shutdown=5)
            uvicorn.Server(config).run(sockets=[listening])


def run_daemon(workspace: Path) -> None:
    """Runs the daemon until it is interrupted."""
    from dagster._daemon.cli import run_command

    run_command(["--workspace", str(workspace), "--log-level", "warning"])


if __name__ == "__main__":
    # how both are asked to end
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
