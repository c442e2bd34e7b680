"""DuckDB 1.5 to 2.0 return wrong rows, silently, unless an optimizer pass is off: it is off wherever we connect."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.dbt.running import dbt_environment
from tests.architecture.project import product_files, shown

# Arms of a union that share a self-join (duckdb#25819): without the setting, rows of another arm appear.
EDGES = "(values (1, 100), (2, 100), (100, 1), (100, 2)) as edges(a, b)"
NODES = "(values (1, 1, 1), (2, 2, 2), (100, 1, 1)) as nodes(n, f, gf)"
TABLES = (f"create table e as select * from {EDGES}", f"create table g as select * from {NODES}")
WITNESS = """
    select ga.f as n, gb.gf as v from e join g as ga on ga.n = e.a join g as gb on gb.n = e.b where gb.gf < ga.gf
    union all
    select ga.n as n, gb.gf as v from e join g as ga on ga.n = e.a join g as gb on gb.n = e.b where gb.gf < ga.gf
"""
EXPECTED = [(2, 1), (2, 1)]


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    with open_duckdb(tmp_path / "witness.duckdb") as connection:
        for statement in TABLES:
            connection.execute(statement)
    return tmp_path / "witness.duckdb"


def test_the_bug_is_still_there() -> None:
    """On the day that this fails, the setting and this page can go."""
    connection = duckdb.connect()
    for statement in TABLES:
        connection.execute(statement)
    assert sorted(connection.execute(WITNESS).fetchall()) != EXPECTED


@pytest.mark.parametrize("read_only", [False, True])
def test_our_own_connections_give_the_right_rows(read_only: bool, witness: Path) -> None:
    with open_duckdb(witness, read_only=read_only) as connection:
        assert sorted(connection.execute(WITNESS).fetchall()) == EXPECTED


def test_a_connection_in_memory_and_its_cursors_give_the_right_rows() -> None:
    with open_duckdb() as connection:
        for statement in TABLES:
            connection.execute(statement)
        assert sorted(connection.execute(WITNESS).fetchall()) == EXPECTED
        assert sorted(connection.cursor().execute(WITNESS).fetchall()) == EXPECTED


def test_the_connection_of_great_expectations_gives_the_right_rows(witness: Path) -> None:
    from orchestration.lib.hygiene.engine import Validator

    with open_duckdb(witness, read_only=True) as connection:
        validator = Validator(connection)
        try:
            with validator._source.get_execution_engine().get_connection() as through_gx:
                rows = through_gx.exec_driver_sql(WITNESS).fetchall()
        finally:
            validator.close()
    assert sorted(tuple(row) for row in rows) == EXPECTED


def test_the_connections_of_dbt_give_the_right_rows(witness: Path, tmp_path: Path) -> None:
    """The project's own profile decides how dbt connects; an empty project around it is read in a moment."""
    (tmp_path / "dbt_project.yml").write_text("name: canary\nversion: '1.0'\nprofile: journeys\n", encoding="utf-8")
    environment = dbt_environment(read_settings({"JOURNEYS_VAR": str(tmp_path / "var")})) | {
        "JOURNEYS_WAREHOUSE": str(witness)
    }
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "show", "--inline", WITNESS, "--output", "json"]
    command += ["--limit", "10", "--project-dir", str(tmp_path), "--profiles-dir", str(PROJECT_ROOT)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown_rows = json.loads(done.stdout[done.stdout.index("{") :])["show"]
    assert sorted((row["n"], row["v"]) for row in shown_rows) == EXPECTED


def test_one_place_connects() -> None:
    """Tests that play another program may; the product may not."""
    connecting = [
        shown(path)
        for path in product_files()
        if path.suffix == ".py"
        and not shown(path).startswith("tests/")
        and re.search(r"\bduckdb\.connect\(|from duckdb import .*\bconnect\b", path.read_text(encoding="utf-8"))
    ]
    assert connecting == ["orchestration/lib/core/connection.py"]


def test_nothing_runs_on_duckdbs_shared_connection() -> None:
    """`duckdb.sql(…)` would ask a connection that nobody set up."""
    asking = [
        shown(path)
        for path in product_files()
        if path.suffix == ".py"
        and not shown(path).startswith("tests/")
        and re.search(r"\bduckdb\.(sql|query|execute|read_\w+|from_\w+)\(", path.read_text(encoding="utf-8"))
    ]
    assert asking == []
