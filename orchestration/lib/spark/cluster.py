"""A Spark cluster on this machine's loopback: master, two workers and the server that takes queries (Spark Connect).

Each process has the cluster's folder in its command line, so that all of them are found again, executors included,
whoever started them and however that ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestration.lib.core.settings import SparkCluster
from orchestration.lib.spark.java import SparkError, find_java

WORKERS = 2
HOST = "127.0.0.1"
# What a Java process of Spark's own needs besides its heap, MB; Spark adds as much to an executor.
OVERHEAD_MB = 384
DAEMON_MB = 512
START_SECONDS = 120.0
END_SECONDS = 20.0
# Where its processes put rows that exceed their memory, and executors their files.
SCRATCH = ("tmp", "work")
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A process of the cluster: its name, what Spark is asked to run, and the port by which it is known to be up."""

    name: str
    command: tuple[str, ...]
    port: int


def parts_of(cluster: SparkCluster) -> tuple[Part, ...]:
    """The processes of a cluster in the order in which they start."""
    mark = _mark(cluster)
    if cluster.kind == "local":
        master = f"local-cluster[{WORKERS},1,{cluster.executor_mb}]"
        daemons: tuple[Part, ...] = ()
    else:
        master = f"spark://{HOST}:{cluster.master_port}"
        daemons = (
            Part(
                "master",
                (
                    *("spark-class", MASTER, "--host", HOST, "--port", str(cluster.master_port)),
                    *("--webui-port", str(cluster.pages_port + 1)),
                ),
                cluster.master_port,
            ),
            *(
                Part(
                    f"worker {number}",
                    (
                        *("spark-class", WORKER, master, "--host", HOST, "--cores", "1"),
                        *("--memory", f"{cluster.executor_mb + OVERHEAD_MB}m"),
                        *("--port", str(cluster.master_port + number)),
                        *("--webui-port", str(cluster.pages_port + 1 + number)),
                        *("--work-dir", str(cluster.folder / "work" / str(number))),
                    ),
                    cluster.master_port + number,
                )
                for number in range(1, WORKERS + 1)
            ),
        )
    configuration = {
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(cluster.folder / "tables"),
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(cluster.port),
        "spark.ui.port": str(cluster.pages_port),
        "spark.cores.max": str(WORKERS),
        "spark.executor.cores": "1",
        "spark.executor.extraJavaOptions": mark,
        # a small table is a job of tasks that take longer to send than to run
        "spark.sql.shuffle.partitions": str(2 * WORKERS),
        # names of tables outlive sessions; what a session holds of its own need not
        "spark.connect.session.manager.defaultSessionTimeout": "10m",
        # results of queries come to this machine: more than this is an error, not a driver without memory
        "spark.driver.maxResultSize": "512m",
        "spark.ui.showConsoleProgress": "false",
    }
    server = Part(
        "server",
        (
            *("spark-submit", "--master", master, "--name", "journeys", "--class", CONNECT),
            *("--driver-memory", f"{cluster.driver_mb}m", "--executor-memory", f"{cluster.executor_mb}m"),
            *("--driver-java-options", mark),
            *(part for name, value in configuration.items() for part in ("--conf", f"{name}={value}")),
            "spark-internal",
        ),
        cluster.port,
    )
    return (*daemons, server)


def start(cluster: SparkCluster, *, progress: Progress = lambda message: None) -> None:
    """Starts the cluster and returns when a query has been answered by its executors.

    Raises SparkError where Java, packages, memory or a port are missing, or a process dies; nothing is left running.
    """
    java = find_java()
    home = _spark_home()
    parts = parts_of(cluster)
    if is_answering(cluster):
        ended = [part for part in parts if not _is_open(part.port)]
        if not any(part.name == "master" for part in ended):
            _start_again(cluster, ended, home=home, java=java, progress=progress)
            return
    if left := list(processes(cluster)):
        progress(f"Ending {len(left)} processes of a cluster that does not answer")
        stop(cluster)
    _check_ports([*parts, Part("server's pages", (), cluster.pages_port)])
    _check_memory(cluster)
    _empty_scratch(cluster)
    for folder in ("logs", *SCRATCH):
        (cluster.folder / folder).mkdir(parents=True, exist_ok=True)
    try:
        for part in parts:
            _start_part(cluster, part, home=home, java=java)
        _wait_for_executors(cluster)
    except BaseException:
        stop(cluster)
        raise


def _start_again(cluster: SparkCluster, ended: list[Part], *, home: Path, java: Path, progress: Progress) -> None:
    """Starts workers of a running cluster that have ended, and waits until each executor is there."""
    progress(
        f"Spark is up; starting its {' and '.join(part.name for part in ended)} again, which had ended"
        if ended
        else f"Spark is up already: {cluster.remote}"
    )
    for part in ended:
        _start_part(cluster, part, home=home, java=java)
    _wait_for_executors(cluster)


def stop(cluster: SparkCluster) -> int:
    """Ends every process of the cluster, and returns how many there were."""
    found = list(processes(cluster))
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=END_SECONDS)
    # an executor that was starting may have missed it
    for process in {*alive, *processes(cluster)}:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=END_SECONDS)
    _empty_scratch(cluster)
    return len(found)


def _empty_scratch(cluster: SparkCluster) -> None:
    """Removes what processes that were killed left: rows of joins and sorts, with people in clear."""
    for folder in SCRATCH:
        shutil.rmtree(cluster.folder / folder, ignore_errors=True)


def processes(cluster: SparkCluster) -> Iterator[psutil.Process]:
    """The running processes of a cluster: those with its folder in their command line."""
    mark = _mark(cluster)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.pid != os.getpid() and any(mark in word for word in process.cmdline()):
                yield process


def is_answering(cluster: SparkCluster) -> bool:
    """Whether the server's port is open, and a process of this cluster is there to have opened it."""
    return _is_open(cluster.port) and any(True for _ in processes(cluster))


def logs(cluster: SparkCluster) -> Path:
    return cluster.folder / "logs"


def _mark(cluster: SparkCluster) -> str:
    return f"-Djourneys.cluster={cluster.folder}/"


def _spark_home() -> Path:
    try:
        import pyspark
    except ImportError as error:
        raise SparkError("Spark's packages are not installed. Type make setup-spark.") from error
    return Path(pyspark.__file__).parent


def _start_part(cluster: SparkCluster, part: Part, *, home: Path, java: Path) -> None:
    program, *arguments = part.command
    log = logs(cluster) / f"{part.name.replace(' ', '_')}.log"
    with log.open("wb") as words:
        process = subprocess.Popen(
            [str(home / "bin" / program), *arguments],
            cwd=cluster.folder,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            env=_environment(cluster, home=home, java=java),
            # Ctrl-C at the terminal is for the command that starts it
            start_new_session=True,
        )
    give_up_at = time.monotonic() + START_SECONDS
    while not _is_open(part.port):
        if process.poll() is not None:
            raise SparkError(f"Spark's {part.name} did not start: {_last_words(log)} ({log})")
        if time.monotonic() > give_up_at:
            raise SparkError(f"Spark's {part.name} did not open port {part.port} within {START_SECONDS:.0f} s ({log}).")
        time.sleep(0.2)


def _environment(cluster: SparkCluster, *, home: Path, java: Path) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {
        **kept,
        # bin/java of a JDK is often a link from elsewhere
        "JAVA_HOME": str(java.resolve().parent.parent),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(cluster.folder / "tmp"),
        "SPARK_DAEMON_MEMORY": f"{DAEMON_MB}m",
        "SPARK_DAEMON_JAVA_OPTS": _mark(cluster),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_WORKER_DIR": str(cluster.folder / "work"),
    }


def _wait_for_executors(cluster: SparkCluster) -> None:
    """Has each executor do something. Raises SparkError where none takes a task in time."""
    import json
    import urllib.error
    import urllib.request

    pages = f"http://{HOST}:{cluster.pages_port}/api/v1/applications"
    give_up_at = time.monotonic() + START_SECONDS
    count = 0
    while time.monotonic() < give_up_at:
        with contextlib.suppress(urllib.error.URLError, OSError, ValueError, LookupError):
            with urllib.request.urlopen(pages, timeout=5) as answer:
                [application, *_] = json.load(answer)
            with urllib.request.urlopen(f"{pages}/{application['id']}/executors", timeout=5) as answer:
                count = sum(one["id"] != "driver" and one["isActive"] for one in json.load(answer))
            if count >= WORKERS:
                return
        time.sleep(0.3)
    raise SparkError(
        f"{count} of {WORKERS} executors started within {START_SECONDS:.0f} s. Each needs {cluster.executor_mb} MB; "
        f"free memory, or set JOURNEYS_SPARK_EXECUTOR_MEMORY lower. What they say is in {logs(cluster)}."
    )


def _check_ports(parts: list[Part]) -> None:
    for part in parts:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, part.port))
            except OSError as error:
                raise SparkError(
                    f"Port {part.port} of Spark's {part.name} is in use by another program ({error.strerror}). End it, "
                    "or choose other ports: JOURNEYS_SPARK_PORT, JOURNEYS_SPARK_MASTER_PORT, JOURNEYS_SPARK_PAGES_PORT "
                    "(docs/spark.md)."
                ) from error


def _check_memory(cluster: SparkCluster) -> None:
    daemons = 0 if cluster.kind == "local" else WORKERS + 1
    needed = WORKERS * (cluster.executor_mb + OVERHEAD_MB) + cluster.driver_mb + OVERHEAD_MB + daemons * DAEMON_MB
    free = psutil.virtual_memory().available // 2**20
    if needed > free:
        raise SparkError(
            f"The cluster needs {needed} MB, {cluster.executor_mb} MB of them for each of {WORKERS} executors, and "
            f"{free} MB are free. Free some, or set JOURNEYS_SPARK_EXECUTOR_MEMORY and JOURNEYS_SPARK_DRIVER_MEMORY "
            "lower, such as 1GB."
        )


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _last_words(log: Path) -> str:
    """The line of a log that says what went wrong, or the last one."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Exception" in line or "Error" in line]
    return (errors or lines or ["it says nothing"])[-1][:300]
