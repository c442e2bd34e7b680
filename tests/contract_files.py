"""Writes a sources file where a project, or a folder outside of it, would have one, and reads the contracts in it."""

from __future__ import annotations

import re
from pathlib import Path

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT


def read_shipped(folder: Path, text: str) -> tuple[TableContract, ...]:
    """The contracts of a project in `folder` that has this file alone; in messages it is models/staging/…."""
    source = _source(text)
    _write(folder / "models" / "staging" / source, source, text)
    return read_contracts(folder / "models")


def read_own(folder: Path, text: str) -> dict[str, TableContract]:
    """The contracts, by name, of this project with the file in a folder outside of it, which is `folder`/own."""
    _write(folder / "own", _source(text), text)
    return {contract.name: contract for contract in read_contracts(PROJECT_ROOT / "models", folder / "own")}


def _source(text: str) -> str:
    found = re.search(r"^  - name: (\w+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def _write(folder: Path, source: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"_{source}__sources.yml").write_text(text, encoding="utf-8")
