"""Apache Superset over a release, through `make superset`: data of charts, descriptions, the switch to a new release.

Run by `make test-superset`, which installs Superset; no other target does.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Response, sync_playwright

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from tests.conftest import publish
from tests.dashboard_pages.test_in_a_browser import ARGUMENTS, CHROMIUM, free_port

CHARTS = 5
PASSWORD = "a password of this test"
LOOPBACK = re.compile(r"(http://127\.0\.0\.1:|data:|blob:)")


@dataclass
class Superset:
    """A Superset that answers, and a login."""

    address: str
    settings: Settings
    said: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
    )

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.address + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"} | self.headers,
        )
        return json.load(self.opener.open(request, timeout=120))

    def log_in(self) -> None:
        login = {"username": "admin", "password": PASSWORD, "provider": "db"}
        self.headers["Authorization"] = f"Bearer {self.ask('/api/v1/security/login', login)['access_token']}"
        self.headers["X-CSRFToken"] = self.ask("/api/v1/security/csrf_token/")["result"]
        self.headers["Referer"] = self.address

    def dataset(self, table: str) -> dict[str, Any]:
        [found] = [one for one in self.ask("/api/v1/dataset/")["result"] if one["table_name"] == table]
        return self.ask(f"/api/v1/dataset/{found['id']}")["result"]

    def entered(self) -> dict[str, int]:
        """The data of a chart: how many entered each phase of the journey purchase."""
        body = {
            "datasource": {"id": self.dataset("agg_phases_daily")["id"], "type": "table"},
            "queries": [
                {
                    "columns": ["phase_id"],
                    "metrics": ["entered"],
                    "filters": [{"col": "journey_id", "op": "==", "val": "purchase"}],
                    "row_limit": 100,
                }
            ],
            "result_format": "json",
            "result_type": "full",
        }
        return {row["phase_id"]: row["entered"] for row in self.ask("/api/v1/chart/data", body)["result"][0]["data"]}

    def query(self, sql: str) -> Any:
        body = {"database_id": 1, "sql": sql, "runAsync": False, "client_id": f"{time.monotonic_ns() % 10**10}"}
        return self.ask("/api/v1/sqllab/execute/", body)["data"]


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    folder = tmp_path_factory.mktemp("superset")
    settings = publish(folder, "--customers", "100", "--days", "90")
    port = free_port()
    said = folder / "said"
    with said.open("w", encoding="utf-8") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "superset"],
            cwd=PROJECT_ROOT,
            env=os.environ
            | {
                "JOURNEYS_VAR": str(settings.var),
                "JOURNEYS_SERVING": str(settings.serving),
                "JOURNEYS_SUPERSET_PORT": str(port),
                "JOURNEYS_SUPERSET_PASSWORD": PASSWORD,
            },
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    running = Superset(f"http://127.0.0.1:{port}", settings)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{running.address}/health", timeout=5).read()
                break
            assert process.poll() is None, said.read_text(encoding="utf-8")
            time.sleep(0.5)
        running.said = said.read_text(encoding="utf-8")
        running.log_in()
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def counted(settings: Settings) -> dict[str, int]:
    with open_duckdb((settings.serving / "customer_journeys.duckdb").resolve(), read_only=True) as release:
        return dict(
            release.execute(
                "select phase_id, sum(entered_count) from journeys.agg_phases_daily "
                "where journey_id = 'purchase' group by phase_id"
            ).fetchall()
        )


def fell_through(settings: Settings) -> list[tuple[str, int]]:
    """The phases of the journey purchase, in its order, with how many fell through."""
    with open_duckdb((settings.serving / "customer_journeys.duckdb").resolve(), read_only=True) as release:
        return release.execute(
            "select phase_id, sum(fell_through_count) from journeys.agg_phases_daily inner join journeys.dim_phases "
            "using (journey_id, phase_id) where journey_id = 'purchase' group by phase_id order by min(phase_order)"
        ).fetchall()


def test_a_chart_has_the_figures_of_the_release(superset: Superset) -> None:
    charts = {chart["slice_name"] for chart in superset.ask("/api/v1/chart/")["result"]}
    assert "KPI scorecard" in charts and len(charts) == CHARTS
    assert superset.entered() == counted(superset.settings) != {}


def test_descriptions_of_tables_and_columns_are_there(superset: Superset) -> None:
    dataset = superset.dataset("agg_phases_daily")
    assert dataset["description"].startswith("One row per journey, phase and day")
    assert all(column["description"] for column in dataset["columns"]) and len(dataset["columns"]) > 10
    assert [column["column_name"] for column in dataset["columns"] if column["is_dttm"]] == ["measured_on"]
    assert {"phase", "is_in_calendar"} <= {column["column_name"] for column in dataset["columns"]}


def test_the_release_is_all_that_sql_reaches(superset: Superset) -> None:
    assert superset.query("select current_setting('disabled_optimizers') as passes") == [{"passes": "common_subplan"}]
    for sql in ("select * from read_csv('/etc/passwd')", "create table core.mine (a int)", "install httpfs"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            superset.query(sql)
        assert refused.value.code in (400, 403, 422, 500)


def test_the_secret_key_is_this_machines_and_the_password_is_not_repeated(superset: Superset) -> None:
    home = superset.settings.var / "superset"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600
    assert PASSWORD not in superset.said and superset.address in superset.said


def test_a_browser_shows_the_dashboard_and_asks_no_other_machine(superset: Superset) -> None:
    assert CHROMIUM is not None, "no Chromium on this machine: apt-get install chromium"
    # what is loaded, and what the page was kept from loading: Superset's pages have a pixel that counts installations
    loaded: list[str] = []
    kept: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1400, "height": 1500})
        charts: list[Response] = []
        page.on("response", lambda response: charts.append(response) if "/api/v1/chart/data" in response.url else None)
        page.on("requestfinished", lambda request: loaded.append(request.url))
        page.on("requestfailed", lambda request: kept.append(f"{request.url} {request.failure}"))
        page.goto(f"{superset.address}/login/")
        page.fill("#username, input[name=username]", "admin")
        page.fill("#password, input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("welcome"), timeout=60_000)
        page.goto(f"{superset.address}/superset/dashboard/customer-journeys/")
        page.wait_for_selector("text=KPI scorecard", timeout=60_000)
        page.wait_for_selector("table tbody tr", timeout=60_000)
        for _ in range(60):
            if len(charts) >= CHARTS:
                break
            page.wait_for_timeout(1_000)
        # the last one is drawn
        page.wait_for_timeout(5_000)
        assert [response.status for response in charts] == [200] * CHARTS, [response.text() for response in charts]
        answers = [response.json()["result"][0] for response in charts]
        text = page.inner_text("body")
        if folder := os.environ.get("JOURNEYS_PICTURES"):
            page.screenshot(path=str(Path(folder) / "superset.png"))
        browser.close()
    assert "What became of those who entered" in text
    assert not any(problem in text for problem in ("Unexpected error", "Data error", "No results", "No data"))
    assert all(answer["rowcount"] > 0 for answer in answers)
    [outcomes] = [answer["data"] for answer in answers if "fell_through" in answer["colnames"]]
    assert [(row["phase"].split(" ", 1)[1], row["fell_through"]) for row in outcomes] == fell_through(superset.settings)
    [steps] = [[row["step"] for row in answer["data"]] for answer in answers if "step" in answer["colnames"]]
    assert steps == sorted(steps) and len(steps) > 2
    assert [url for url in loaded if not LOOPBACK.match(url)] == []
    foreign = [one for one in kept if not LOOPBACK.match(one)]
    # refused by the browser before anything is sent, as the policy of the page says
    assert all(one.endswith(" csp") for one in foreign), foreign


def test_a_new_release_is_followed_without_a_restart(superset: Superset) -> None:
    """A query that is under way keeps its release; the next one reads the new one."""
    before = superset.entered()
    settings = superset.settings
    served = settings.serving / "customer_journeys.duckdb"
    # the next release, made by hand as it is: the same tables, other rows
    old = served.resolve()
    new = old.parent.with_name("20990101T000000_000000Z_omnichannel")
    shutil.copytree(old.parent, new)
    (new / old.name).chmod(0o644)
    with open_duckdb(new / old.name) as release:
        release.execute("update journeys.agg_phases_daily set entered_count = entered_count + 1")
    link = served.with_name(".next")
    link.symlink_to(new / old.name)
    link.replace(served)
    after = superset.entered()
    assert after == counted(settings) and set(after) == set(before)
    assert all(after[phase] > before[phase] for phase in before)
