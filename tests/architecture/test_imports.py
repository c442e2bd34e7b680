"""Folders of orchestration/ import each other in one direction; the contracts are in pyproject.toml."""

from __future__ import annotations

import tomllib

import pytest
from importlinter.cli import lint_imports

from orchestration.lib.core.settings import PROJECT_ROOT


def test_imports_keep_their_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(PROJECT_ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert code == 0, capsys.readouterr().out


def test_every_folder_has_its_place_in_the_order() -> None:
    """A contract that is not exhaustive would let a new folder import anything."""
    document = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layered = [contract for contract in document["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"]
    assert {container for contract in layered for container in contract["containers"]} == {
        "assistants",
        "dashboard",
        "orchestration",
        "orchestration.defs",
        "orchestration.lib",
    }
    assert all(contract["exhaustive"] for contract in layered)
