"""What the unions of events and of people rest on: the YAML of a model lists the columns that its relation has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.warehouse.unions import UNION_MODELS, models_by_kind
from tests.conftest import Warehouse


def listed_columns() -> dict[str, list[str]]:
    """The columns that the YAML of each model lists, in its order."""
    return {
        model["name"]: [column["name"] for column in model.get("columns", ())]
        for path in (PROJECT_ROOT / "models").rglob("_*__models.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    }


def test_a_united_model_lists_exactly_the_columns_that_it_has(at_once: Warehouse) -> None:
    has: dict[str, set[str]] = {}
    for row in at_once.query("select table_name, column_name from duckdb_columns()"):
        has.setdefault(row["table_name"], set()).add(row["column_name"])
    listed = listed_columns()
    for names in models_by_kind().values():
        for name in names:
            assert set(listed[name]) == has[name], name


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            "      - name: touchpoint\n",
            "      - name: tuochpoint\n",
            "has a column tuochpoint, and a row of",
        ),
        (
            "      - name: identifiers\n",
            "      - name: properties\n",
            "lists no column identifiers, which every",
        ),
        ("stg_store__visits", "stg_store__calls", "macros/unions/union_models.sql does not list it. Type make unions."),
    ],
    ids=["unknown column", "missing column", "list not up to date"],
)
def test_a_model_that_does_not_fit_the_union_ends_the_build(
    wrong: str, right: str, message: str, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT_ROOT / name, project)
    for name in ("models", "macros", "own_sources", "seeds"):
        shutil.copytree(PROJECT_ROOT / name, project / name)
    folder = project / "models" / "staging" / "store"
    declared = folder / "_store__models.yml"
    head, mark, visits = declared.read_text(encoding="utf-8").partition("  - name: stg_store__visits\n")
    changed = (mark + visits).replace(wrong, right, 1)
    declared.write_text(head + changed, encoding="utf-8")
    if right == "stg_store__calls":
        (folder / "stg_store__visits.sql").rename(folder / "stg_store__calls.sql")
        listed = project / UNION_MODELS
        listed.write_text(listed.read_text(encoding="utf-8").replace("            'stg_store__visits',\n", ""))
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "compile", "--select", "int_event_versions"]
    environment = {**os.environ, "JOURNEYS_WAREHOUSE": str(tmp_path / "w.duckdb")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert message in said, said
    assert "_store__models.yml" in said
