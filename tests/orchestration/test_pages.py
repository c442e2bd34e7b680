"""`make up` with a real server: its pages answer, and show the jobs, the schedule and the sensors."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

pytestmark = pytest.mark.long

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    __typename
    ... on PythonError { message }
    ... on RepositoryLocation { repositories { jobs { name } schedules { name } sensors { name } } }
} } } } }"""


def _ask(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a server that `orchestration up` started on an empty data set."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    for folder in ("extracts", "dagster"):
        (tmp_path / folder).mkdir()
    environment = os.environ | {
        "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
        "JOURNEYS_VAR": str(tmp_path / "var"),
        "JOURNEYS_SERVING": str(tmp_path / "serving"),
        "JOURNEYS_DATA_SET": "pages",
    }
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "up", "--port", str(number)],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield number
    os.killpg(server.pid, signal.SIGINT)
    try:
        server.wait(120)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        print((tmp_path / "log").read_text())


def test_the_pages_show_the_jobs_the_schedule_and_the_sensors(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            [entry] = _ask(port, LOCATIONS)["workspaceOrError"]["locationEntries"]
            if entry["locationOrLoadError"] is not None:
                break
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < deadline, "the pages do not answer"
        time.sleep(1)
    location = entry["locationOrLoadError"]
    assert location["__typename"] == "RepositoryLocation", location
    [repository] = location["repositories"]
    assert {job["name"] for job in repository["jobs"]} >= {"refresh", "rehearse"}
    assert {one["name"] for one in repository["schedules"]} == {"every_morning"}
    assert {one["name"] for one in repository["sensors"]} == {"housekeeping", "new_extracts", "waiting_digests"}
