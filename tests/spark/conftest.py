"""A cluster of the project's own for the tests that need Spark: one process tree with two executors, on free ports."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.settings import SparkCluster, read_spark_cluster
from orchestration.lib.spark.cluster import processes, start, stop
from orchestration.lib.spark.java import SparkError, find_java


@dataclass(frozen=True)
class Server:
    """A running cluster, and the environment of a command that builds on it."""

    cluster: SparkCluster

    @property
    def environment(self) -> Mapping[str, str]:
        return {"JOURNEYS_TARGET": "spark", "JOURNEYS_SPARK_REMOTE": self.cluster.remote}

    def tasks_by_executor(self) -> dict[str, int]:
        """How many tasks each executor has done."""
        pages = f"http://127.0.0.1:{self.cluster.pages_port}/api/v1/applications"
        [application] = self._asked(pages)
        found = self._asked(f"{pages}/{application['id']}/executors")
        return {one["id"]: one["completedTasks"] for one in found if one["id"] != "driver"}

    @staticmethod
    def _asked(address: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(address, timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


def missing() -> str | None:
    """Why Spark can't be started here; None where it can."""
    for package in ("pyspark", "dbt.adapters.spark"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed: make setup-spark"
    try:
        find_java()
    except SparkError as error:
        return str(error)
    return None


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Skips where there is no Spark, and fails there with JOURNEYS_NEEDS_SPARK=1, as `make test-spark` has it."""
    reason = missing()
    if reason is not None and os.environ.get("JOURNEYS_NEEDS_SPARK") == "1":
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("spark_cluster")
    port, pages = free_ports(2)
    cluster = read_spark_cluster(
        {
            "JOURNEYS_SPARK_CLUSTER": "local",
            "JOURNEYS_SPARK_HOME": str(folder),
            "JOURNEYS_SPARK_PORT": str(port),
            "JOURNEYS_SPARK_PAGES_PORT": str(pages),
            "JOURNEYS_SPARK_DRIVER_MEMORY": "1GB",
        }
    )
    start(cluster)
    yield Server(cluster)
    assert stop(cluster) > 0
    assert list(processes(cluster)) == [], "a process of Spark outlived its cluster"
