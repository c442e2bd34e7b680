"""Reads the tree once: the files of the product, the models and what they reach for, their YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.lib.core.settings import PROJECT_ROOT

# Made by tools or by runs, never written by hand.
MADE = {
    ".git", ".venv", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "__pycache__",
    "dbt_packages", "logs", "serving", "target", "var",
}  # fmt: skip
TEXT = {".sql", ".yml", ".yaml", ".md", ".py", ".csv", ".toml", ".in", ".lock", ".txt", ".cfg", ".jsonl", ""}

COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
REF = re.compile(r"""\bref\(\s*['"]([a-z0-9_]+)['"]\s*\)""")
# a staging model names its table in source() or, with what every landed row has, in landed()
SOURCE = re.compile(r"""\b(?:source|landed)\(\s*['"]([a-z0-9_]+)['"]\s*,\s*['"]([a-z0-9_]+)['"]\s*[,)]""")


@dataclass(frozen=True)
class Model:
    """One model: where it is, its text without comments, the names it refers to."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def layer(self) -> str:
        return self.path.relative_to(PROJECT_ROOT / "models").parts[0]

    @property
    def folder(self) -> str:
        return self.path.parent.name

    @property
    def is_ephemeral(self) -> bool:
        """Whether the model is a part of the queries that read it, without a table of its own."""
        return "materialized='ephemeral'" in self.text

    @property
    def references(self) -> frozenset[str]:
        return frozenset(REF.findall(self.text))


@cache
def product_files() -> tuple[Path, ...]:
    """Every file written by hand."""
    found = []
    for path in PROJECT_ROOT.rglob("*"):
        parts = path.relative_to(PROJECT_ROOT).parts
        if not MADE & set(parts) and not any(part.endswith(".egg-info") for part in parts) and path.is_file():
            found.append(path)
    return tuple(sorted(found))


def shown(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


@cache
def models() -> tuple[Model, ...]:
    return tuple(
        Model(path, COMMENT.sub("", path.read_text(encoding="utf-8")))
        for path in sorted((PROJECT_ROOT / "models").rglob("*"))
        if path.suffix in (".sql", ".py")
    )


@cache
def documents(pattern: str) -> tuple[tuple[Path, dict[str, Any]], ...]:
    """The YAML files under the project that a pattern finds."""
    return tuple(
        (path, yaml.safe_load(path.read_text(encoding="utf-8")) or {}) for path in sorted(PROJECT_ROOT.glob(pattern))
    )


def model_properties() -> dict[str, tuple[Path, dict[str, Any]]]:
    """What the YAML says of each model, and in which file."""
    return {
        model["name"]: (path, model)
        for path, document in documents("models/**/*.yml")
        for model in document.get("models", ())
    }


def release_facts(model: str) -> dict[str, Any]:
    """What `meta.release` says of a mart."""
    return model_properties()[model][1]["config"]["meta"]["release"]


def source_tables() -> list[tuple[Path, dict[str, Any], dict[str, Any]]]:
    """File, source and table of every declared source table."""
    return [
        (path, source, table)
        for path, document in documents("models/**/*__sources.yml")
        for source in document.get("sources", ())
        for table in source["tables"]
    ]


def seeds() -> list[dict[str, Any]]:
    return documents("seeds/_seeds.yml")[0][1]["seeds"]


@cache
def variables() -> dict[str, Any]:
    return yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
