"""Spark for tests: one process tree with two executors of their own behind Spark Connect, on loopback.

`local-cluster` starts a process per executor, so what can't travel between processes fails here as on a cluster. It
takes about 3 GB and 15 seconds to start. Everything ends with the `with` block, or with the process of the tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# What dbt and the tests agree on with the server: as in profiles.yml, days and instants are UTC's.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
}
START_SECONDS = 180


def missing() -> str | None:
    """Why Spark can't be started here, as a sentence; None where it can."""
    for module, package in (("pyspark", "pyspark"), ("dbt.adapters.spark", "dbt-spark"), ("sqlglot", "sqlglot")):
        if importlib.util.find_spec(module) is None:
            return f"the package {package} is not installed"
    java = os.environ.get("JAVA_HOME")
    if not (Path(java, "bin", "java").is_file() if java else shutil.which("java")):
        return "there is no Java 17 or newer"
    return None


def skip_without_spark() -> None:
    """Skips the test where Spark can't be started, and fails it where JOURNEYS_NEEDS_SPARK=1 says that it has to be."""
    if (reason := missing()) is not None:
        if os.environ.get("JOURNEYS_NEEDS_SPARK") == "1":
            pytest.fail(f"JOURNEYS_NEEDS_SPARK=1, but {reason}")
        pytest.skip(reason)


@contextlib.contextmanager
def connect_server(folder: Path, *, master: str = "local-cluster[2,1,1024]") -> Iterator[str]:
    """The address of a server that lives as long as the block, `sc://127.0.0.1:<port>`; it writes into `folder`.

    Raises RuntimeError with the end of the server's log where it does not start.
    """
    package = Path(str(importlib.util.find_spec("pyspark").origin)).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("tmp", "tables"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = SETTINGS | {
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.warehouse.dir": str(folder / "tables"),
    }
    log = folder / "spark.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                str(package / "bin" / "spark-submit"),
                *("--master", master, "--name", "tests", "--driver-memory", "1g", "--executor-memory", "1g"),
                *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
                *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
                "spark-internal",
            ],
            cwd=folder,
            env=os.environ
            | {
                "SPARK_HOME": str(package),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_DIRS": str(folder / "tmp"),
                "SPARK_SCALA_VERSION": "2.13",
                "PYSPARK_PYTHON": sys.executable,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(server, port, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        _end(server)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"Spark did not start within {START_SECONDS} s; the end of {log}:\n{log.read_text()[-3000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server and its executors, which are of its own process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
            if sign == signal.SIGKILL:
                return


def session(address: str) -> Any:
    """A session of its own on a server."""
    from pyspark.sql import SparkSession

    return SparkSession.builder.remote(address).create()


@pytest.fixture(scope="session")
def spark_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that all Spark tests of a process share; skips, or fails, where there can be none."""
    skip_without_spark()
    with connect_server(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture(scope="session")
def spark(spark_address: str) -> Iterator[Any]:
    """One session on the shared server."""
    own = session(spark_address)
    yield own
    own.stop()
