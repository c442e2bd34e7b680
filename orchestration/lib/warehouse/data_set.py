"""Makes a data set ready for a run: folders, key, configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from orchestration.lib.config.seeds import SeedReport, resolve_matching, resolve_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.files import PASSABLE_FOLDER, make_folder, remove_unfinished, restrict
from orchestration.lib.core.machine_faults import FULL, check_room
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.sources.public_keys import check_public_properties
from orchestration.lib.sources.resolving import check_identifier_types, read_all_contracts, resolve_sources
from orchestration.lib.warehouse.build import ensure_ledgers
from orchestration.lib.warehouse.key import check_key, read_pepper


def check_writable(folder: Path) -> None:
    """Makes the data set's folder, through which others reach its releases and see nothing else; writes into it.

    Raises SettingsError, naming it and the way out, where that fails, and OSError where its disk is full.
    """
    try:
        make_folder(folder, PASSABLE_FOLDER)
        check_room(folder)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise SettingsError(
            f"{folder} can't be written ({error.strerror or error}). Set JOURNEYS_VAR to a folder that can."
        ) from error


def protect(settings: Settings) -> None:
    """Takes from everybody but the owner what holds people in clear, the key, or what runs say of them.

    New files are private because processes keep them so; this one is for what was made before, or by hand.
    """
    for folder in (
        settings.dagster_home,
        settings.dbt_target,
        settings.truth,
        settings.resolved_seeds.parent,
        *([settings.extracts] if settings.example is not None else []),
        *([settings.resolved_sources.parent] if settings.resolved_sources is not None else []),
    ):
        restrict(folder)
    restrict(settings.home, PASSABLE_FOLDER)
    for file in settings.home.glob("*"):
        if file.is_file():
            restrict(file)
    if settings.spill.is_relative_to(settings.home):
        restrict(settings.spill)


def check_configuration(settings: Settings, *, today: date) -> SeedReport:
    """Brings the configuration together and checks it, without the warehouse file. Raises as prepare_data_set."""
    check_writable(settings.home)
    # one of them may hold a key
    remove_unfinished(settings.home)
    contracts = read_all_contracts(settings)
    resolve_sources(settings, contracts)
    report = resolve_seeds(
        settings.seeds,
        PROJECT_ROOT / "seeds",
        settings.resolved_seeds,
        today=today,
        without_people=settings.has_seeds_of_another,
    )
    check_public_properties(settings, contracts)
    check_identifier_types(settings, contracts)
    resolve_matching(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds)
    protect(settings)
    check_key(settings)
    return report


def prepare_data_set(settings: Settings, *, today: date) -> SeedReport:
    """Creates the data set's folder and warehouse file and brings its configuration together.

    Runs before every job and changes nothing the second time. Returns the warnings about the configuration, but none
    of shipped seeds that are used instead of own ones: they are about a retailer. Raises
    SeedsInvalid and ContractError for errors in it and SettingsError for a folder that can't be written and for
    another key than the data set was built with.
    """
    report = check_configuration(settings, today=today)
    with open_duckdb(settings.warehouse) as connection:
        ensure_ledgers(connection, read_pepper(settings))
    return replace(report, warnings=()) if settings.has_seeds_of_another else report
