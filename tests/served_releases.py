"""Releases that readers are switched to without a run: small ones of given tables, and copies of one that is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.lib.core.settings import Settings, read_settings


def settings_of(folder: Path) -> Settings:
    return read_settings({"JOURNEYS_VAR": str(folder / "var"), "JOURNEYS_SERVING": str(folder / "serving")})


def switch(serving: Path, database: Path) -> None:
    """Has readers get a release's database, in one step as publishing does it."""
    ready = serving / "ready"
    ready.symlink_to(database)
    ready.replace(serving / "customer_journeys.duckdb")


def write_release(folder: Path, name: str, *statements: str, manifest: str | None = None) -> Settings:
    """A release of the given tables, of the catalogue `r`, that readers are switched to."""
    release = folder / "var" / "shop" / "releases" / name
    release.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release / 'customer_journeys.duckdb'}' as r (storage_version 'v1.0.0')")
        connection.execute("create schema r.core")
        for statement in statements:
            connection.execute(statement)
    said = {"release_id": name, "data_set": "shop", "as_of": "2026-07-01T00:00:00Z"}
    (release / "manifest.json").write_text(json.dumps(said) if manifest is None else manifest, encoding="utf-8")
    serving = folder / "serving"
    serving.mkdir(exist_ok=True)
    switch(serving, release / "customer_journeys.duckdb")
    return settings_of(folder)


def copies_of(settings: Settings, folder: Path, names: Sequence[str]) -> tuple[Path, list[Path]]:
    """Copies of the current release under other names: a folder to serve them from, on the first, and each database."""
    serving = folder / "serving"
    serving.mkdir()
    current = (settings.serving / "customer_journeys.duckdb").resolve().parent
    databases = []
    for name in names:
        copy = folder / "releases" / name
        shutil.copytree(current, copy, ignore=shutil.ignore_patterns("parquet", "data_docs"))
        databases.append(copy / "customer_journeys.duckdb")
    switch(serving, databases[0])
    return serving, databases
