"""No connection takes all memory or copies tables at a checkpoint: each has its limits, however it is opened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import DEFAULT_MEMORY, PROJECT_ROOT, read_settings
from orchestration.lib.dbt.running import dbt_environment

LIMITS = """
    select
        current_setting('memory_limit') as memory,
        current_setting('temp_directory') as spill,
        current_setting('max_vacuum_tasks') as vacuum_tasks
"""


@pytest.fixture
def spill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for what exceeds the memory of 100 MiB that the environment allows."""
    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("JOURNEYS_MEMORY", "100MiB")
    return tmp_path / "var" / "omnichannel" / "spill"


@pytest.mark.parametrize("read_only", [False, True])
def test_our_own_connections_have_them(read_only: bool, spill: Path, tmp_path: Path) -> None:
    """That nothing else connects is held by test_canary.py."""
    with open_duckdb(tmp_path / "any.duckdb"):
        pass
    with open_duckdb(tmp_path / "any.duckdb", read_only=read_only) as to_a_file, open_duckdb() as in_memory:
        for connection in (to_a_file, in_memory):
            assert connection.execute(LIMITS).fetchall() == [("100.0 MiB", str(spill), 0)]


def test_that_of_great_expectations_has_them(spill: Path) -> None:
    from orchestration.lib.hygiene.engine import Validator

    with open_duckdb() as connection:
        validator = Validator(connection)
        try:
            with validator._source.get_execution_engine().get_connection() as through_gx:
                found = through_gx.exec_driver_sql(LIMITS).fetchall()
        finally:
            validator.close()
    assert [tuple(row) for row in found] == [("100.0 MiB", str(spill), 0)]


def test_those_of_dbt_have_them(spill: Path, tmp_path: Path) -> None:
    """Asked through the project's own profile, in an empty project."""
    (tmp_path / "dbt_project.yml").write_text("name: limits\nversion: '1.0'\nprofile: journeys\n", encoding="utf-8")
    settings = read_settings()
    settings.home.mkdir(parents=True)
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "show", "--inline", LIMITS, "--output", "json"]
    command += ["--project-dir", str(tmp_path), "--profiles-dir", str(PROJECT_ROOT)]
    done = subprocess.run(
        command, cwd=tmp_path, env=dbt_environment(settings), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout[done.stdout.index("{") :])["show"]
    assert shown == [{"memory": "100.0 MiB", "spill": str(spill), "vacuum_tasks": 0}]


def test_dbts_default_is_ours() -> None:
    """It is for people who call dbt itself."""
    profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
    limit = profile["journeys"]["outputs"]["duckdb"]["config_options"]["memory_limit"]
    assert f"or '{DEFAULT_MEMORY}'" in limit


def test_what_exceeds_the_memory_is_in_the_folder_and_gone_afterwards(spill: Path) -> None:
    with open_duckdb() as connection:
        connection.execute("create table large as select md5(range::varchar) as text from range(4_000_000)")
        assert sum(path.stat().st_size for path in spill.iterdir()) > 10_000_000
        assert connection.execute("select count(*) from large").fetchall() == [(4_000_000,)]
    assert not spill.exists()


def test_a_query_that_cannot_do_with_it_fails_and_names_the_limit(spill: Path) -> None:
    with open_duckdb() as connection, pytest.raises(duckdb.OutOfMemoryException, match=r"100\.0 MiB"):
        connection.execute("select length(string_agg(md5(range::varchar), '')) from range(10_000_000)")
