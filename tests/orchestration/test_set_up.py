"""An old Python prints which one was found and which one is needed, in code that an old Python can run."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

SET_UP = PROJECT_ROOT / "orchestration" / "set_up.py"


class OldVersion(tuple):
    major, minor = 3, 6


@pytest.mark.parametrize("minor", [6, 7, 8, 10])
def test_it_can_be_read_by_old_pythons(minor: int) -> None:
    tree = ast.parse(SET_UP.read_text(encoding="utf-8"), feature_version=(3, minor))
    # feature_version lets these two pass, which 3.6 wouldn't run
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported
    assert not any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))


def test_it_imports_nothing_that_has_to_be_installed() -> None:
    tree = ast.parse(SET_UP.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names <= sys.stdlib_module_names


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 10, 14), (2, 7, 18)])
def test_an_old_python_prints_what_was_found_and_what_is_needed(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = runpy.run_path(str(SET_UP))["main"]
    found = SimpleNamespace(
        version_info=OldVersion(version), executable="/usr/bin/python3", exit=sys.exit, version="old", stdlib=None
    )
    monkeypatch.setitem(main.__globals__, "sys", found)
    with pytest.raises(SystemExit) as ended:
        main()
    said = str(ended.value)
    assert f"Python {version[0]}.{version[1]} was found as /usr/bin/python3" in said
    assert "needs 3.11 or newer" in said
    assert "PYTHON=" in said


def test_the_oldest_python_that_is_taken_is_the_one_that_the_project_declares() -> None:
    needed = runpy.run_path(str(SET_UP))["NEEDED"]
    declared = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={needed[0]}.{needed[1]}"' in declared


def test_it_installs_nothing_when_the_lock_file_is_the_one_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = runpy.run_path(str(SET_UP))
    lock, venv = tmp_path / "requirements.lock", tmp_path / ".venv"
    lock.write_text("nothing==1.0\n")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    called: list[list[str]] = []
    for name, value in {"LOCK": str(lock), "VENV": str(venv), "STAMP": str(venv / "installed")}.items():
        monkeypatch.setitem(names["main"].__globals__, name, value)
    monkeypatch.setitem(names["main"].__globals__, "run", lambda command, explanation: called.append(command))
    names["main"]()
    assert len(called) == 1 and called[0][-2:] == ["-r", str(lock)] and "--require-hashes" in called[0]
    names["main"]()
    assert len(called) == 1
    lock.write_text("nothing==2.0\n")
    names["main"]()
    assert len(called) == 2


@pytest.mark.parametrize("package", ["pip", "setuptools"])
def test_what_a_new_environment_brings_is_replaced_by_what_the_lock_file_names(package: str) -> None:
    """The versions that come with Python are years old, and have known holes."""
    lock = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\n{package}=={version(package)} " in lock


def test_the_lock_files_name_a_hash_for_each_package() -> None:
    for path in ("requirements.lock", "benchmarks/pm4py.lock", "orchestration/sbom.lock"):
        packages = re.split(r"\n(?=[a-zA-Z0-9])", (PROJECT_ROOT / path).read_text(encoding="utf-8"))
        assert [package.splitlines()[0] for package in packages if "--hash=sha256:" not in package] == []
