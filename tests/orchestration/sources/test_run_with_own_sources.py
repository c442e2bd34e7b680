"""A run with a source outside the project: landed, checked, built, published, and nothing to do the second time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.dbt.project import target

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("own_sources")]

SOURCES = """version: 2
sources:
  - name: desk
    schema: raw
    tables:
      - name: calls
        identifier: desk__calls
        config:
          meta:
            formats: [csv]
            key: [call_id]
            events:
              - event_name: call_held
                occurred_at: called_at
                channel: phone
                identifiers: {customer_number: customer}
        columns:
          - {name: call_id, data_type: string, config: {meta: {required: true}}}
          - {name: customer, data_type: string, config: {meta: {personal: true}}}
          - {name: called_at, data_type: timestamp, config: {meta: {required: true}}}
"""


def test_a_run_publishes_the_events_of_an_own_source_and_a_second_one_does_nothing(tmp_path: Path) -> None:
    for name in ("extracts/desk/calls", "own"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "own" / "_desk__sources.yml").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "extracts" / "desk" / "calls" / "1.csv").write_text(
        "call_id,customer,called_at\nC-1,77,2026-01-05T10:00:00Z\n", encoding="utf-8"
    )
    environment = {
        "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
        "JOURNEYS_SOURCES": str(tmp_path / "own"),
        "JOURNEYS_VAR": str(tmp_path / "var"),
        "JOURNEYS_SERVING": str(tmp_path / "serving"),
        "JOURNEYS_DATA_SET": "desk",
        "JOURNEYS_AS_OF": "2026-02-01",
        "JOURNEYS_MATCHING": "off",
    }
    settings = read_settings(environment)

    def run(*command: str) -> str:
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("JOURNEYS_", "DAGSTER_", "DBT_"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "orchestration", *command],
            cwd=PROJECT_ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    try:
        said = run("run")
        assert "desk.calls: 1 rows from 1 file" in said, said
        with open_duckdb(tmp_path / "serving" / "customer_journeys.duckdb", read_only=True) as release:
            assert release.execute("select event_id, channel from core.fct_events").fetchall() == [
                ("desk:C-1:call_held", "phone")
            ]
            suites = release.execute("select distinct suite from hygiene.expectation_results").fetchall()
            assert ("landing.desk__calls",) in suites
            # the shipped seeds are a retailer's: its journeys are there, its people and its warnings are not
            assert release.execute("select count(*) > 0, count(accountable) from kpis.kpi_scorecard").fetchall() == [
                (True, 0)
            ]
            assert release.execute("select count(*), count(owner) from journeys.dim_journeys").fetchall() == [(5, 0)]
            assert release.execute("from kpis.dim_kpi_roles").fetchall() == []
        assert "warning: " not in said and "critical_events.csv" not in said
        assert "journeys and KPIs are the shipped ones, of a retailer, without its people" in said
        assert "desk has no digest" in run("digests")
        assert "match something" in run("journey-check") and "warning: " not in run("check")
        again = run("run").splitlines()
        assert len(again) == 3 and again[1].startswith("Nothing changed: release ")
        assert "journeys.staging.stg_desk__calls" in run("dbt", "ls", "--select", "stg_desk__calls").replace(
            "desk.stg", "stg"
        )
    finally:
        shutil.rmtree(settings.resolved_sources, ignore_errors=True)
        shutil.rmtree(target(settings.resolved_sources), ignore_errors=True)
