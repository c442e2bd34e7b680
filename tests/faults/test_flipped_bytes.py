"""Files that tools keep for themselves heal when they are damaged, or are named with the cure."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from orchestration.lib.dbt import child, project
from tests.orchestration.test_damaged_files import Shop

DAMAGES = {
    "text": lambda content: b"this is no database\n" * 50,
    "cut": lambda content: content[: len(content) // 2],
    "flipped": lambda content: bytes(byte ^ (Random(place).random() < 0.01) for place, byte in enumerate(content)),
}


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


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_damaged_sql_of_tests_is_compiled_again(tmp_path: Path, damage: str) -> None:
    manifest = SimpleNamespace(nodes={}, macros={}, metadata=SimpleNamespace(project_name="journeys"))
    with child._kept_test_sql(manifest, "state", tmp_path):  # type: ignore[arg-type]
        pass
    [name] = [f"tests-{child.hashlib.sha256(b'state').hexdigest()[:16]}.json"]
    (tmp_path / name).write_bytes(DAMAGES[damage](b'{"test.a": "select 1"}'))
    with child._kept_test_sql(manifest, "state", tmp_path) as kept:  # type: ignore[arg-type]
        assert kept == {}
