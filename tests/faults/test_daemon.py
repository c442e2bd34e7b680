"""Runs of the pages and of the daemon, whose processes are killed: the next run goes through, whoever starts it."""

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.faults.counts import count
from tests.faults.shop import Shop

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(count("DAEMONS") < 1, reason="make test-faults does this; it takes minutes"),
]

REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "shop"}
# what the button "Launch Run" of the pages sends
LAUNCH = """mutation($given: ExecutionParams!) { launchRun(executionParams: $given) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = "{ runsOrError(limit: 20) { ... on Runs { results { runId status } } } }"
SCHEDULE_ON = "mutation($given: ScheduleSelector!) { startSchedule(scheduleSelector: $given) { __typename } }"
SCHEDULE_OFF = "mutation($given: String!) { stopRunningSchedule(id: $given) { __typename } }"
SCHEDULE_ID = (
    "query($given: ScheduleSelector!) { scheduleOrError(scheduleSelector: $given) { ... on Schedule { id } } }"
)
SWITCH_ON = "mutation($given: SensorSelector!) { startSensor(sensorSelector: $given) { __typename } }"
LONGEST = 400


class Pages:
    """`make up` on a shop, asked as a browser asks."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.log = shop, shop.folder / "pages.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestration", "up", "--port", str(self.port)],
                cwd=PROJECT_ROOT,
                env=shop.environment | {"JOURNEYS_SCHEDULE": "* * * * *"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask(self, query: str, name: str | None = None, **given: Any) -> Any:
        """What the pages answer: the query's variable is a name, or an object of what is given."""
        body = json.dumps({"query": query, "variables": {"given": name or given}}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def runs(self) -> dict[str, str]:
        """Status by id, the newest first; empty while the pages do not answer."""
        try:
            return {run["runId"]: run["status"] for run in self.ask(RUNS)["runsOrError"]["results"]}
        except (urllib.error.URLError, OSError, TypeError, KeyError):
            return {}

    def launch(self) -> str:
        """Launches the job refresh, once the pages can."""

        def launched() -> str | None:
            try:
                answer = self.ask(LAUNCH, selector={**REPOSITORY, "jobName": "refresh"}, mode="default")["launchRun"]
                return answer["run"]["runId"]
            except (urllib.error.URLError, OSError, TypeError, KeyError):
                return None

        return self.wait(launched, "the pages launch no run")

    def wait(self, what: Callable[[], Any], complaint: str) -> Any:
        deadline = time.monotonic() + LONGEST
        while not (found := what()):
            assert time.monotonic() < deadline, f"{complaint}\n{self.log.read_text()[-5000:]}"
            time.sleep(0.5)
        return found

    def find(self, *words: str) -> list[psutil.Process]:
        """Processes of this shop whose command line has all of the words."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                if process.environ().get("JOURNEYS_VAR") == str(self.shop.place / "var"):
                    found += [process] if all(word in line for word in words) else []
            except psutil.Error:
                continue
        return found

    def wait_for_dbt(self) -> psutil.Process:
        return self.wait(lambda: self.find("orchestration.lib.dbt.child"), "no build begins")[0]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.configure()
    shop.deliver("1.csv", range(12), hour=10, amount=10)
    return shop


@pytest.fixture
def pages(shop: Shop) -> Iterator[Pages]:
    pages = Pages(shop)
    yield pages
    for process in pages.find():
        process.kill()


def test_killed_processes_of_pages_and_daemon_hold_no_later_run_up(shop: Shop, pages: Pages) -> None:
    # the code server is killed in the middle of a build: the run goes on, and the pages come back
    first = pages.launch()
    pages.wait_for_dbt()
    for process in pages.find("api grpc"):
        process.kill()
    pages.wait(lambda: pages.runs().get(first) == "SUCCESS", "the run does not go on")
    assert "code server was killed" in pages.log.read_text()
    published = shop.served()

    # the process of a run is killed: the daemon's housekeeping ends the run and frees its place
    shop.deliver("2.csv", range(8, 16), hour=11, amount=20)
    second = pages.launch()
    worker = pages.wait_for_dbt().parent()
    assert worker is not None
    began = time.monotonic()
    worker.kill()
    pages.wait(lambda: pages.runs().get(second) == "FAILURE", "nobody ends the dead run")
    print(f"\n  a dead run was ended after {time.monotonic() - began:.0f} s", file=sys.stderr, end="")
    assert pages.find("orchestration.lib.dbt.child") == [], "dbt's process dies with its run"
    assert shop.served() == published

    # the schedule's run, which the daemon starts by itself, goes through
    known = set(pages.runs())
    pages.ask(SCHEDULE_ON, **REPOSITORY, scheduleName="every_morning")
    [scheduled] = pages.wait(lambda: set(pages.runs()) - known, "the schedule asks for no run")
    pages.wait(lambda: pages.runs().get(scheduled) == "SUCCESS", "the schedule's run does not go through")
    assert shop.served() > published
    published = shop.served()
    schedule = pages.ask(SCHEDULE_ID, **REPOSITORY, scheduleName="every_morning")["scheduleOrError"]["id"]
    pages.ask(SCHEDULE_OFF, schedule)

    # so does the sensor's
    shop.deliver("6.csv", range(18, 22), hour=15, amount=60)
    known = set(pages.runs())
    pages.ask(SWITCH_ON, **REPOSITORY, sensorName="new_extracts")
    [third] = pages.wait(lambda: set(pages.runs()) - known, "the sensor asks for no run")
    pages.wait(lambda: pages.runs().get(third) == "SUCCESS", "the daemon's run does not go through")
    assert shop.served() > published
    published = shop.served()

    # dbt's process is killed: the run fails with a sentence, and the next one of the page goes through
    shop.deliver("3.csv", range(14, 18), hour=12, amount=30)
    fourth = pages.wait(lambda: [run for run in pages.runs() if run not in {*known, third}] or None, "no fourth run")[0]
    pages.wait_for_dbt().kill()
    pages.wait(lambda: pages.runs().get(fourth) == "FAILURE", "the run does not fail")
    fifth = pages.launch()
    pages.wait(lambda: pages.runs().get(fifth) == "SUCCESS", "the page's run does not go through")
    assert shop.served() > published
    published = shop.served()

    # the process that watches over the code server is killed: the project is loaded again for pages and daemon
    shop.deliver("5.csv", range(18, 22), hour=14, amount=50)
    for process in pages.find("code-server"):
        process.kill()
    sixth = pages.launch()
    pages.wait(lambda: pages.runs().get(sixth) == "SUCCESS", "the run after the watcher's death does not go through")
    assert shop.served() > published
    published = shop.served()

    # all is killed, as when the power goes: the next run of the command goes through
    shop.deliver("4.csv", range(16, 20), hour=13, amount=40)
    pages.launch()
    pages.wait_for_dbt()
    os.killpg(pages.process.pid, signal.SIGKILL)
    for process in pages.find():
        process.kill()
    began = time.monotonic()
    ended = shop.command("run")
    assert ended.code == 0, ended.said
    assert "was killed before its end" in ended.said
    assert shop.served() > published
