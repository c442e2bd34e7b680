"""One SQL file and one YAML entry make a mart: built, checked, described and published."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("new_mart")]

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "var", "serving", "target", "logs", "__pycache__", ".*_cache", ".hypothesis"
)
NAME = "agg_visits_daily"
SQL = """\
with sessions as (
    select {{ local_date('started_at') }} as started_on from {{ ref('fct_sessions') }}
)

select
    cast(count(*) as bigint) as session_count,
    started_on
from sessions
group by started_on
"""
ENTRY = """
  - name: agg_visits_daily
    config:
      meta:
        release:
          answers: How many visits are there per day?
          key: [started_on]
    description: >
      One row per day with a visit.
    columns:
      - name: session_count
        data_type: bigint
        description: "Sessions that started on the day."
      - name: started_on
        data_type: date
        description: "The day, in the reporting time zone."
        data_tests: [unique]
"""
EVENTS = """\
event_id,occurred_at,event_name,source_system,channel,identifiers
web:1,2026-01-05T09:00:00Z,page_viewed,web,web,"{""cookie"": ""c-1""}"
web:2,2026-01-05T09:05:00Z,product_viewed,web,web,"{""cookie"": ""c-1"", ""email"": ""anna@example.com""}"
web:3,2026-01-05T12:00:00Z,page_viewed,web,web,"{""cookie"": ""c-1""}"
web:4,2026-01-06T20:00:00Z,page_viewed,web,web,"{""cookie"": ""c-2""}"
"""


@dataclass(frozen=True)
class Project:
    """A copy of the project, with a data set of its own."""

    root: Path
    data: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("JOURNEYS_", "DAGSTER_", "DBT_"))
        }
        ours = {
            "JOURNEYS_EXTRACTS": str(self.data / "extracts"),
            "JOURNEYS_DATA_SET": "visits",
            "JOURNEYS_VAR": str(self.data / "var"),
            "JOURNEYS_SERVING": str(self.data / "serving"),
            "JOURNEYS_AS_OF": "2026-02-01",
            "JOURNEYS_PEPPER": "a key for this test",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**kept, **ours, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "orchestration", *arguments)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("new_mart")
    root = folder / "project"
    shutil.copytree(PROJECT_ROOT, root, ignore=NOT_COPIED)
    (root / "models" / "marts" / "core" / f"{NAME}.sql").write_text(SQL, encoding="utf-8")
    with (root / "models" / "marts" / "core" / "_core__models.yml").open("a", encoding="utf-8") as file:
        file.write(ENTRY)
    events = folder / "extracts" / "feed" / "events" / "2026-01.csv"
    events.parent.mkdir(parents=True)
    events.write_text(EVENTS, encoding="utf-8")
    return Project(root, folder)


def test_a_sql_file_and_a_yaml_entry_make_a_published_mart(project: Project) -> None:
    written = project.command("docs-tables")
    assert written.returncode == 0, written.stdout + written.stderr
    row = f"| `core.{NAME}` | day with a visit | "
    assert f"{row}How many visits are there per day? |" in (project.root / "README.md").read_text(encoding="utf-8")
    assert f"{row}session_count started_on |" in (project.root / "docs" / "architecture.md").read_text(encoding="utf-8")
    exposures = (project.root / "models" / "marts" / "_exposures.yml").read_text(encoding="utf-8")
    assert f"      - ref('{NAME}')\n" in exposures
    again = project.command("docs-tables")
    assert "up to date" in again.stdout, again.stdout + again.stderr

    ran = project.command("run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    release = (project.data / "serving" / "customer_journeys.duckdb").resolve()
    with open_duckdb(release, read_only=True) as connection:
        rows = connection.execute(f"select started_on::varchar, session_count from core.{NAME}").fetchall()
        checks = connection.execute(
            "select expectation, verdict from hygiene.expectation_results"
            f" where suite = 'marts.core' and table_name = '{NAME}'"
        ).fetchall()
    assert rows == [("2026-01-05", 2), ("2026-01-06", 1)]
    assert checks == [("columns", "pass")]
    manifest = json.loads((release.parent / "manifest.json").read_text(encoding="utf-8"))
    [table] = [table for table in manifest["tables"] if table["name"] == NAME]
    assert (table["schema"], table["row_count"]) == ("core", 2)
    assert table["description"].strip() == "One row per day with a visit."
    assert (release.parent / table["parquet"]).is_file()

    held = project.run("-m", "pytest", "tests/architecture", "-q", "-k", NAME, "-p", "no:cacheprovider")
    assert held.returncode == 0, held.stdout


def test_a_customer_that_does_not_exist_fails(project: Project) -> None:
    """References between marts are dbt's own tests."""
    with open_duckdb(project.data / "var" / "visits" / "warehouse.duckdb") as connection:
        connection.execute("update core.fct_sessions set customer_id = 'nobody' where started_at >= '2026-01-06'")
    tested = project.command("dbt", "test", "--select", "test_name:relationships,fct_sessions")
    assert tested.returncode != 0
    assert "Failure in test relationships_fct_sessions_customer_id" in tested.stdout, tested.stdout
    assert "Got 1 result" in tested.stdout
