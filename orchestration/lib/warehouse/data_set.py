"""Makes a data set ready for a run: folders, key, configuration, dbt manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

from orchestration.lib.config.seeds import SeedReport, resolve_matching, resolve_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.dbt.running import run_dbt
from orchestration.lib.warehouse.build import BUILD_INPUTS, ensure_ledgers, read_pepper


def check_writable(folder: Path) -> None:
    """Makes the folder and writes into it. Raises SettingsError, naming it and the way out, where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise SettingsError(
            f"{folder} can't be written ({error.strerror or error}). Set JOURNEYS_VAR to a folder that can."
        ) from error


def prepare_data_set(settings: Settings, *, today: date) -> SeedReport:
    """Creates the data set's folder and warehouse file and brings its configuration together.

    Runs before every job and changes nothing the second time. Returns the warnings about the configuration. Raises
    SeedsInvalid for errors in it and SettingsError for a folder that can't be written.
    """
    check_writable(settings.home)
    report = resolve_seeds(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds, today=today)
    resolve_matching(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds)
    with open_duckdb(settings.warehouse) as connection:
        ensure_ledgers(connection, read_pepper(settings))
    return report


def ensure_manifest(settings: Settings, *, progress: Callable[[str], None] = lambda message: None) -> Path:
    """Has dbt parse the project where its manifest is missing or older than the code, and returns its path."""
    manifest = settings.dbt_target / "manifest.json"
    stamp = settings.dbt_target / "parsed"
    digest = hashlib.sha256()
    files = sorted(
        path
        for pattern in (*BUILD_INPUTS, "tests/dbt/**/*.sql", "models/**/*.md")
        for path in PROJECT_ROOT.glob(pattern)
    )
    for path in (*files, *sorted(settings.resolved_seeds.glob("*.yml")), PROJECT_ROOT / "profiles.yml"):
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    if not manifest.exists() or not stamp.exists() or stamp.read_text() != digest.hexdigest():
        progress("dbt reads the project")
        run_dbt(settings, ["parse"])
        stamp.write_text(digest.hexdigest())
    return manifest
