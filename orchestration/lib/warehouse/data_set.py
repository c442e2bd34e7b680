"""Makes a data set ready for a run: folders, key, configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from orchestration.lib.config.seeds import SeedReport, resolve_matching, resolve_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.sources.public_keys import check_public_properties
from orchestration.lib.sources.resolving import check_identifier_types, read_all_contracts, resolve_sources
from orchestration.lib.warehouse.build import ensure_ledgers
from orchestration.lib.warehouse.key import check_key, read_pepper


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

    Runs before every job and changes nothing the second time. Returns the warnings about the configuration, but none
    of shipped seeds that stand in for own ones: they are about a retailer. Raises
    SeedsInvalid and ContractError for errors in it and SettingsError for a folder that can't be written and for
    another key than the data set was built with.
    """
    check_writable(settings.home)
    contracts = read_all_contracts(settings)
    resolve_sources(settings, contracts)
    report = resolve_seeds(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds, today=today)
    check_public_properties(settings, contracts)
    check_identifier_types(settings, contracts)
    resolve_matching(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds)
    check_key(settings)
    with open_duckdb(settings.warehouse) as connection:
        ensure_ledgers(connection, read_pepper(settings))
    return replace(report, warnings=()) if settings.has_seeds_of_another else report
