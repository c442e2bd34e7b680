"""Files that tools keep for themselves heal when they are damaged, or are named with the cure."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from orchestration.lib.dbt import child, compiled, project
from tests.orchestration.test_damaged_files import Shop

DAMAGES = {
    "text": lambda content: b"this is no database\n" * 50,
    "cut": lambda content: content[: len(content) // 2],
    "flipped": lambda content: bytes(byte ^ (Random(place).random() < 0.01) for place, byte in enumerate(content)),
}
SQL = f"select 1 -- {'and a remark that is long enough ' * 9}"


@pytest.mark.parametrize("damage", ["text", pytest.param("cut", marks=pytest.mark.long)])
def test_damaged_records_of_dagster_are_named_with_the_cure(tmp_path: Path, damage: str) -> None:
    """A traceback of SQLAlchemy's, on each run."""
    import dagster as dg

    from orchestration.cli.preparing import INSTANCE_SETTINGS

    shop = Shop(tmp_path)
    shop.deliver("1.csv", "a1")
    home = shop.home / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(INSTANCE_SETTINGS, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
    records = home / "history" / "runs.db"
    records.write_bytes(DAMAGES[damage](records.read_bytes()))
    ended = shop.command("run")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert f"Dagster's records of runs in {home} are damaged" in said
    assert f"mv {home} {home}.damaged" in said and "Traceback" not in said


def test_a_manifest_that_is_another_one_is_not_trusted(tmp_path: Path) -> None:
    """JSON of which one letter is another is still JSON."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"nodes": {"model.orders": {}}}', encoding="utf-8")
    (tmp_path / "parsed").write_text(project._stamp("of now", tmp_path), encoding="utf-8")
    assert project._is_written("of now", tmp_path) and not project._is_written("of then", tmp_path)
    manifest.write_text('{"nodes": {"model.orderz": {}}}', encoding="utf-8")
    assert not project._is_written("of now", tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    whole = json.dumps({"nodes": {f"model.{number}": {"alias": "orders"} for number in range(50)}}).encode()
    manifest = tmp_path / "manifest.json"

    def parse(own: Path | None = None, **rest: object) -> None:
        manifest.write_bytes(whole)

    monkeypatch.setattr(project, "target", lambda own=None: tmp_path)
    monkeypatch.setattr(project, "project_digest", lambda own=None: "of now")
    monkeypatch.setattr(project, "parsed_project", parse)
    (tmp_path / "parsed").write_text("of now", encoding="utf-8")
    manifest.write_bytes(DAMAGES[damage](whole) if damage != "flipped" else whole.replace(b'"', b"\xff", 3))
    assert project.read_dbt_manifest() == json.loads(whole)


@pytest.mark.parametrize("damage", [*DAMAGES, "other"])
def test_damaged_sql_of_tests_is_compiled_again(tmp_path: Path, damage: str) -> None:
    from dbt.node_types import NodeType

    test = SimpleNamespace(resource_type=NodeType.Test, raw_code="", depends_on=SimpleNamespace(macros=[]))
    manifest = SimpleNamespace(nodes={"test.a": test}, macros={}, metadata=SimpleNamespace(project_name="journeys"))
    with child._kept_test_sql(manifest, "state", tmp_path) as kept:  # type: ignore[arg-type]
        kept["test.a"] = SQL
    with child._kept_test_sql(manifest, "state", tmp_path) as kept:  # type: ignore[arg-type]
        assert kept == {"test.a": SQL}
    [file] = tmp_path.glob("tests-*.json")
    _damage(file, damage)
    with child._kept_test_sql(manifest, "state", tmp_path) as kept:  # type: ignore[arg-type]
        assert kept == {"test.a": None}


@pytest.mark.parametrize("damage", [*DAMAGES, "other"])
def test_damaged_expressions_are_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """SQL of which one character is another is still SQL, and would have been run."""
    compiles: list[list[str]] = []

    def compile_again(names: list[str], time_zone: str) -> dict[str, dict[str, object]]:
        compiles.append(names)
        return {name: {"sql": SQL, "relations": {}} for name in names}

    monkeypatch.setattr(compiled, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(compiled, "_compile", compile_again)
    for _ in range(2):
        assert compiled.expression("local_date") == SQL
    assert len(compiles) == 1
    [file] = tmp_path.rglob("kept.json")
    _damage(file, damage)
    assert compiled.expression("local_date") == SQL
    assert len(compiles) == 2


def _damage(file: Path, damage: str) -> None:
    """Damages a file; `other` changes one character of its SQL."""
    content = file.read_bytes()
    file.write_bytes(content.replace(b"select 1", b"select 3") if damage == "other" else DAMAGES[damage](content))
    assert file.read_bytes() != content
