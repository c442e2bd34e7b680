"""dbt with the project read, once for all builds of a test process; each build is a fork of it.

The start of dbt takes longer than the small tables of a test. Within `at_hand` a build starts a client instead: a
process that hands its own input and outputs to a fork of a server, and ends as the fork does. The fork runs
`child.main`, as the product's process does. Tests of commands and of that process itself start dbt as users do.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from functools import cache


@contextlib.contextmanager
def at_hand() -> Iterator[None]:
    """Builds of the block are forks of the server, which is started when it is first needed."""
    from orchestration.lib.dbt import building

    of_the_product, building.CHILD = building.CHILD, _started()
    try:
        yield
    finally:
        building.CHILD = of_the_product


@cache
def _started() -> tuple[str, ...]:
    """Starts the server, which ends with this process. Returns the arguments of Python for a client of it."""
    import atexit
    import subprocess
    import tempfile
    from pathlib import Path

    folder = tempfile.TemporaryDirectory(prefix="dbt")
    path = str(Path(folder.name) / "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.dbt_at_hand", path], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n", "dbt can't read the project"

    @atexit.register
    def end() -> None:
        server.terminate()
        server.wait()
        folder.cleanup()

    return ("-I", "-S", __file__, path)


def ask(path: str) -> int:
    """The client: has a fork do the work and returns its exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"."], [0, 1, 2])
        # the fork alone holds them from here on, so that whoever reads them sees when it is gone
        for number in (0, 1):
            os.close(number)
        told = connection.recv(4)
    return int.from_bytes(told, "little", signed=True)


def serve(path: str) -> None:
    """The server, which has no threads: a fork of a process with threads may end with signal 11."""
    from pathlib import Path

    from orchestration.lib.core.processes import look_for_garbage_rarely
    from orchestration.lib.dbt import child, project

    child.die_with_parent()
    look_for_garbage_rarely()
    kept_digest, kept_manifest = project.parsed_project()

    def parsed_project(own: Path | None = None, *, engine: str = project.DUCKDB) -> object:
        is_kept = own is None and engine == project.DUCKDB and project.project_digest() == kept_digest
        return (kept_digest, kept_manifest) if is_kept else project.parsed_project(own, engine=engine)

    child.parsed_project = parsed_project  # type: ignore[assignment]
    # a fork ends with its client, which `_watch` sees to
    child.is_child_of = lambda process: True
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                os._exit(_watch(connection))
            connection.close()
            while _ended() is not None:
                pass


def _ended() -> int | None:
    """A child that ended and was not asked for yet, so that none stays a zombie."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] or None
    except ChildProcessError:
        return None


def _watch(connection: socket.socket) -> int:
    """Works in a fork and tells the client how it ended; a client that was killed takes its fork with it."""
    _, given, _, _ = socket.recv_fds(connection, 1, 3)
    working = os.fork()
    if working == 0:
        connection.close()
        for number, descriptor in enumerate(given):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _work()
    for descriptor in given:
        os.close(descriptor)
    ends = os.pidfd_open(working)
    readable, _, _ = select.select([ends, connection], [], [])
    if ends not in readable:
        os.kill(working, signal.SIGKILL)
    _, status = os.waitpid(working, 0)
    if ends in readable:
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
    return 0


def _work() -> None:
    import traceback

    from orchestration.lib.core.processes import end_at_once
    from orchestration.lib.dbt import child

    try:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (the server's own was another)
        child.main()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    end_at_once(0)


if __name__ == "__main__":
    if __package__:
        serve(sys.argv[1])
    code = ask(sys.argv[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)
