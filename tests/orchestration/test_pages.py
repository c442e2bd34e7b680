"""`make up` with a real server: who is answered, what the pages show, and what is left when it ends."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData

from orchestration.defs.naming import WAREHOUSE_POOL
from orchestration.lib.core.settings import PROJECT_ROOT

pytestmark = pytest.mark.long

DATA_SET = "pages"
HEADER = "event_id,occurred_at,event_name,source_system,identifiers\n"
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    __typename
    ... on PythonError { message }
    ... on RepositoryLocation { repositories { jobs { name } schedules { name } sensors { name } } }
} } } } shouldShowNux }"""
LAUNCH = """mutation { launchRun(executionParams: {mode: "default", selector: {
    jobName: "refresh", repositoryName: "__repository__", repositoryLocationName: "pages"
}}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status assetMaterializations { assetKey { path } }
    eventConnection { events { ... on MessageEvent { message } } } } } }"""
RUNS_OF_THE_JOB = """{ pipelineOrError(params: {
    pipelineName: "refresh", repositoryName: "__repository__", repositoryLocationName: "pages"
}) { ... on Pipeline { runs { runId } } } }"""
TICK = """mutation { scheduleDryRun(selectorData: {
    scheduleName: "every_morning", repositoryName: "__repository__", repositoryLocationName: "pages"
}, timestamp: 1790000000) { ... on DryRunInstigationTick { evaluationResult { skipReason runRequests { runKey }
    error { message } } } ... on PythonError { message } } }"""


@dataclass(frozen=True)
class Server:
    """A server that `orchestration up` started on a data set of one event."""

    port: int
    folder: Path
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.folder)

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text()

    def get(self, path: str, *, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            {name.replace("_", "-"): value for name, value in headers.items()},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ask(self, query: str, **variables: str) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        status, text = self.get("/graphql", method="POST", data=body, Content_Type="application/json")
        assert status == 200, text
        answer = json.loads(text)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def open_websocket(self, **headers: str) -> str:
        """The first line of the answer to a request for a WebSocket."""
        lines = [
            "GET /graphql HTTP/1.1",
            *(f"{name}: {value}" for name, value in ({"Host": f"127.0.0.1:{self.port}"} | headers).items()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: graphql-ws",
        ]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return connection.recv(200).decode().splitlines()[0]

    def run_to_its_end(self) -> tuple[str, Any]:
        launched = self.ask(LAUNCH)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        deadline = time.monotonic() + 600
        while True:
            run = self.ask(RUN, id=run_id)["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run_id, run
            assert time.monotonic() < deadline, run["status"]
            time.sleep(1)


def environment_of(folder: Path) -> dict[str, str]:
    return os.environ | {
        "JOURNEYS_EXTRACTS": str(folder / "extracts"),
        "JOURNEYS_VAR": str(folder / "var"),
        "JOURNEYS_SERVING": str(folder / "serving"),
        "JOURNEYS_DATA_SET": DATA_SET,
        "JOURNEYS_AS_OF": "2026-02-01",
    }


def start(folder: Path) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    events = folder / "extracts" / "feed" / "events"
    events.mkdir(parents=True)
    (events / "1.csv").write_text(
        HEADER + 'e1,2026-01-05T10:00:00Z,order_placed,till,"{""email"": ""ann@example.com""}"\n', encoding="utf-8"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "up", "--port", str(port)],
            cwd=PROJECT_ROOT,
            env=environment_of(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    server = Server(port, folder, process)
    deadline = time.monotonic() + 180
    while "Dagster's pages of data set pages: http://127.0.0.1" not in server.said:
        assert process.poll() is None and time.monotonic() < deadline, server.said
        time.sleep(0.5)
    return server


def processes_of(server: Server) -> list[psutil.Process]:
    return [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start(tmp_path_factory.mktemp("pages"))
    started = processes_of(server)
    yield server
    # Ctrl-C
    os.killpg(server.process.pid, signal.SIGINT)
    try:
        assert server.process.wait(120) == 130
        _, alive = psutil.wait_procs(started, timeout=60)
        assert not alive, "processes are left"
    finally:
        for one in started:
            if one.is_running():
                one.kill()
        print(server.said)
    assert "Stopped; readers keep " in server.said.splitlines()[-1]
    assert "Traceback" not in server.said


@pytest.fixture(scope="module")
def first_run(server: Server) -> str:
    """The id of the run that the pages started first."""
    run_id, run = server.run_to_its_end()
    assert run["status"] == "SUCCESS", run
    return run_id


def test_the_pages_show_the_jobs_the_schedule_and_the_sensors(server: Server) -> None:
    shown = server.ask(LOCATIONS)
    [entry] = shown["workspaceOrError"]["locationEntries"]
    location = entry["locationOrLoadError"]
    assert location["__typename"] == "RepositoryLocation", location
    assert entry["name"] == DATA_SET
    [repository] = location["repositories"]
    assert {job["name"] for job in repository["jobs"]} >= {"refresh", "rehearse"}
    assert {one["name"] for one in repository["schedules"]} == {"every_morning"}
    assert {one["name"] for one in repository["sensors"]} == {"housekeeping", "new_extracts", "waiting_digests"}
    assert shown["shouldShowNux"] is False


def test_the_start_says_where_the_pages_are_and_nothing_else(server: Server) -> None:
    first, *notes, last = [line for line in server.said.splitlines() if "dbt reads the project" not in line]
    assert first == "Data set pages"
    assert last == f"Dagster's pages of data set pages: http://127.0.0.1:{server.port} (Ctrl-C stops them)"
    # the seeds are the shipped ones
    assert "shipped ones" in notes[0] and all(line.startswith("  ") for line in notes), notes


def test_the_pages_answer_under_their_own_name_to_their_own_pages(server: Server) -> None:
    ours, theirs = f"http://127.0.0.1:{server.port}", "http://evil.example.com"
    query: dict[str, Any] = {"method": "POST", "data": b'{"query": "{version}"}', "Content_Type": "application/json"}
    for path in ("/", "/asset-groups", "/runs", "/server_info"):
        assert server.get(path)[0] == 200
        assert server.get(path, Host=f"localhost:{server.port}")[0] == 200
        assert server.get(path, Host="evil.example.com")[0] == 403
    assert "<html" in server.get("/")[1]
    assert server.get("/graphql", **query)[0] == 200
    assert server.get("/graphql", **query, Origin=ours)[0] == 200
    assert server.get("/graphql", **query, Origin=theirs)[0] == 403
    assert server.get("/graphql", **query, Origin="null")[0] == 403
    # what a form on another site can send without asking first
    form: dict[str, Any] = {"method": "POST", "data": b"", "Content_Type": "text/plain"}
    assert server.get("/graphql?query=%7Bversion%7D", **form, Origin=theirs)[0] == 403
    assert server.get("/graphql?query=%7Bversion%7D")[0] == 403
    assert server.get("/report_asset_materialization/core/fct_events", **form, Origin=theirs)[0] == 403
    assert "101" in server.open_websocket(Origin=ours)
    assert "101" in server.open_websocket()
    assert "403" in server.open_websocket(Origin=theirs)
    assert "403" in server.open_websocket(Host="evil.example.com", Origin="http://evil.example.com")


def test_a_run_without_news_is_the_same_from_page_schedule_and_command(server: Server, first_run: str) -> None:
    """Readers were on another data set meanwhile: each of the three gives them this one's release again."""
    served = server.folder / "serving" / "customer_journeys.duckdb"
    [release] = [path.name for path in (server.folder / "var" / DATA_SET / "releases").iterdir() if path.is_dir()]
    same = f"Nothing changed: release {release} remains current."
    served.unlink()

    _, run = server.run_to_its_end()
    assert run["status"] == "SUCCESS" and run["assetMaterializations"] == []
    assert same in [event.get("message") for event in run["eventConnection"]["events"]]
    assert served.exists()
    served.unlink()

    tick = server.ask(TICK)["scheduleDryRun"]["evaluationResult"]
    assert tick["error"] is None and not tick["runRequests"]
    assert tick["skipReason"] == same
    assert served.exists()
    served.unlink()

    done = subprocess.run(
        [sys.executable, "-m", "orchestration", "run"],
        cwd=PROJECT_ROOT, env=server.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and same in done.stdout, done.stdout + done.stderr
    assert served.exists()
    assert [path.name for path in served.resolve().parent.parent.iterdir() if path.is_dir()] == [release]


def test_a_run_of_the_command_is_on_the_pages_of_its_job(server: Server, first_run: str) -> None:
    more = server.folder / "extracts" / "feed" / "events" / "2.csv"
    # a file that is refused, so that the run is short
    more.write_text("no,header\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "orchestration", "run"],
        cwd=PROJECT_ROOT, env=server.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    more.unlink()
    runs = [run["runId"] for run in server.ask(RUNS_OF_THE_JOB)["pipelineOrError"]["runs"]]
    assert runs[-1] == first_run and len(runs) == len(set(runs)) >= 2
    run = server.ask(RUN, id=runs[0])["runOrError"]
    assert run["status"] == "FAILURE" and any("2.csv" in (event.get("message") or "") for event in
                                               run["eventConnection"]["events"])  # fmt: skip


def test_the_daemon_ends_a_dead_run(server: Server) -> None:
    """A run whose process was killed has the one place in the pool."""
    with dg.DagsterInstance.from_config(str(server.folder / "var" / DATA_SET / "dagster")) as instance:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        run = instance.add_run(dg.DagsterRun(job_name="refresh", status=dg.DagsterRunStatus.STARTED))
        instance.event_log_storage.claim_concurrency_slot(WAREHOUSE_POOL, run.run_id, "land")
        instance.report_engine_event(
            f"Started process for run (pid: {process.pid}).", run, EngineEventData.in_process(process.pid)
        )
        process.kill()
        process.wait()
        deadline = time.monotonic() + 150
        while instance.get_run_by_id(run.run_id).status is not dg.DagsterRunStatus.FAILURE:
            assert time.monotonic() < deadline, "the sensor housekeeping does not look"
            time.sleep(1)
        assert instance.event_log_storage.get_concurrency_info(WAREHOUSE_POOL).active_slot_count == 0


def test_nothing_is_left_when_make_up_is_killed(tmp_path: Path) -> None:
    server = start(tmp_path)
    started = processes_of(server)
    assert len(started) >= 5, "pages, daemon, code server and its child"
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(started[1:], timeout=100)
    for one in alive:
        one.kill()
    assert not alive
