"""Every table documents what a row is, what each column means, and who is accountable."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.architecture.project import Model, documents, model_properties, models, seeds, source_tables

PORTABLE_TYPE = re.compile(r"^(string|bigint|double|timestamp|date|boolean|decimal\(18, ?[26]\))$")
LANDED_TYPE = re.compile(r"^(string|bigint|double|timestamp|date|boolean|json|decimal\(18, ?[26]\))$")
MARTS = [model for model in models() if model.layer == "marts"]
PROPERTIES = model_properties()


def said(properties: dict[str, Any]) -> str:
    return " ".join((properties.get("description") or "").split())


def columns_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return properties.get("columns") or []


def name_of(model: Model) -> str:
    return model.name


@pytest.mark.parametrize("model", models(), ids=name_of)
def test_every_model_has_a_description_that_begins_with_its_grain(model: Model) -> None:
    assert model.name in PROPERTIES, f"{model.name} is in no YAML"
    path, properties = PROPERTIES[model.name]
    assert path.parent == model.path.parent
    assert said(properties).startswith("One row per "), said(properties)


def test_the_yaml_describes_no_model_that_is_gone() -> None:
    assert set(PROPERTIES) == {model.name for model in models()}


@pytest.mark.parametrize("model", MARTS, ids=name_of)
def test_every_published_column_is_described_with_a_portable_type(model: Model) -> None:
    _, properties = PROPERTIES[model.name]
    assert columns_of(properties)
    for column in columns_of(properties):
        assert said(column), f"{column['name']} has no description"
        assert PORTABLE_TYPE.match(column.get("data_type", "")), f"{column['name']}: {column.get('data_type')}"


# A release has tables and no files of the project, so what is said of its tables points at neither.
FILE_OF_THE_PROJECT = re.compile(r"\b[\w/*-]+\.(csv|md|toml|ya?ml|sql|py)\b|\b(docs|seeds|models)/|\bJOURNEYS_[A-Z]")


def test_what_a_release_says_of_its_tables_points_at_no_file_that_its_readers_lack() -> None:
    text = (PROJECT_ROOT / "models" / "columns.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"{%-?\s*docs\s+(\w+)\s*-?%}(.*?){%-?\s*enddocs", text, re.DOTALL))
    published = [PROPERTIES[model.name][1] for model in MARTS]
    published += [table for _, source, table in source_tables() if source["name"] == "hygiene_ledgers"]
    assert len(published) > len(MARTS)
    found = {}
    for table in published:
        for properties in (table, *columns_of(table)):
            shown = re.sub(r"{{ doc\('(\w+)'\) }}", lambda name: blocks[name.group(1)], said(properties))
            if FILE_OF_THE_PROJECT.search(shown):
                found[f"{table['name']}.{properties['name']}"] = shown
    assert found == {}


KEYED = [*MARTS, *(model for model in models() if "identity" in model.path.parts and not model.is_ephemeral)]


@pytest.mark.parametrize("model", KEYED, ids=name_of)
def test_every_mart_and_every_table_of_identity_tests_its_key(model: Model) -> None:
    _, properties = PROPERTIES[model.name]
    tests = list(properties.get("data_tests") or [])
    tests += [test for column in columns_of(properties) for test in column.get("data_tests") or []]
    names = {test if isinstance(test, str) else next(iter(test)) for test in tests}
    assert names & {"unique", "unique_together", "intervals_do_not_overlap"}, f"{model.name} does not test its key"


def test_marts_enforce_their_contract() -> None:
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["models"]["journeys"]
    assert project["marts"]["+contract"] == {"enforced": True}
    # the release has the descriptions as comments; in the warehouse they would cost a statement per column
    assert "+persist_docs" not in project
    for model in MARTS:
        assert "enforced" not in model.text and "persist_docs" not in model.text, model.name
        assert "contract" not in PROPERTIES[model.name][1].get("config", {}), model.name
        assert project["marts"][model.folder] == {"+schema": model.folder, "+group": model.folder}


def test_every_group_has_an_owner_who_can_be_reached() -> None:
    [(_, document)] = documents("models/marts/_groups.yml")
    groups = {group["name"]: group for group in document["groups"]}
    assert {model.folder for model in MARTS} <= set(groups)
    for group in groups.values():
        assert group["owner"]["name"] and "@" in group["owner"]["email"]


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed["name"])
def test_every_seed_and_each_of_its_columns_is_described(seed: dict[str, Any]) -> None:
    assert said(seed).startswith("One row per ")
    names = [column["name"] for column in seed["columns"]]
    assert list(seed["config"]["column_types"]) == names
    for column in seed["columns"]:
        assert said(column), column["name"]
        assert column["data_type"]
    assert set(seed["config"]["meta"]["key"]) <= set(names)


def test_a_seed_is_read_by_a_model_or_by_the_gates() -> None:
    texts = "\n".join(model.text for model in models())
    texts += "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "macros").rglob("*.sql"))
    gates = (PROJECT_ROOT / "orchestration" / "defs" / "hygiene" / "checks.py").read_text(encoding="utf-8")
    for seed in seeds():
        name = seed["name"]
        assert re.search(rf"ref\(\s*'{name}'\s*\)", texts) or f'"{name}"' in gates, f"nothing reads {name}"


def test_every_shipped_seed_is_declared_and_has_the_declared_columns() -> None:
    declared = {seed["name"]: [column["name"] for column in seed["columns"]] for seed in seeds()}
    for path in (PROJECT_ROOT / "seeds").glob("*.csv"):
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        assert header == declared[path.stem], path.name


@pytest.mark.parametrize(
    ("path", "source", "table"), source_tables(), ids=[f"{s['name']}.{t['name']}" for _, s, t in source_tables()]
)
def test_every_source_table_and_column_is_described(path, source: dict[str, Any], table: dict[str, Any]) -> None:
    assert said(source)
    assert said(table).startswith("One row per "), said(table)
    # what landing keeps of itself is nobody's contract: only its staging models read it
    assert columns_of(table) or source["name"] == "landing"
    for column in columns_of(table):
        assert said(column), column["name"]
        assert LANDED_TYPE.match(column.get("data_type", "")), f"{column['name']}: {column.get('data_type')}"


def test_a_shared_column_is_explained_once() -> None:
    """Every doc block is used, and every one that is pointed at exists."""
    text = (PROJECT_ROOT / "models" / "columns.md").read_text(encoding="utf-8")
    blocks = set(re.findall(r"{%-?\s*docs\s+(\w+)", text))
    used = {
        name
        for path in (PROJECT_ROOT / "models").rglob("*.yml")
        for name in re.findall(r"doc\('(\w+)'\)", path.read_text(encoding="utf-8"))
    }
    assert used <= blocks
    assert blocks - used == set()


def test_a_test_that_only_warns_says_why() -> None:
    for path in [*(PROJECT_ROOT / "models").rglob("*.yml"), *(PROJECT_ROOT / "tests" / "dbt").rglob("*")]:
        if not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.search(r"severity\s*[:=]\s*['\"]?warn", line):
                assert "#" in line or "#" in lines[number - 1], f"{path.name} line {number + 1}"
