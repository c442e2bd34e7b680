"""Says which data set and release a command answers for: on standard error, so that pipes stay clean."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.lib.core.settings import Settings, SettingsError
from orchestration.lib.core.terminal import say, styled

if TYPE_CHECKING:
    from orchestration.lib.release.publish import Release


def announced(settings: Settings) -> Settings:
    """The settings, once their data set is said."""
    say_data_set(settings.data_set)
    return settings


def announced_release(settings: Settings) -> Release | None:
    """The current release of the data set, once both are said."""
    from orchestration.lib.release.publish import current_release

    release = current_release(settings)
    say_data_set(settings.data_set, f"release {release.release_id}" if release is not None else "no release yet")
    return release


def release_database(settings: Settings) -> Path:
    """The database of the data set that the environment names, else of the one that readers get, by its own name.

    Raises SettingsError where the data set that is named has no release.
    """
    from orchestration.lib.release.publish import current_release

    if settings.is_named:
        release = current_release(settings)
        if release is None:
            raise SettingsError(f"{settings.data_set} has no release yet. Type make run first.")
        return release.database.resolve()
    return (settings.serving / "customer_journeys.duckdb").resolve()


def announced_database(settings: Settings) -> Path:
    """As `release_database`, once data set and release are said."""
    from orchestration.lib.release.folders import ReleaseError
    from orchestration.lib.release.journal import read_manifest

    database = release_database(settings)
    if settings.is_named:
        say_data_set(settings.data_set, f"release {database.parent.name}")
        return database
    with contextlib.suppress(ReleaseError):
        say_data_set(read_manifest(database.parent)["data_set"], f"release {database.parent.name}")
    return database


def say_data_set(data_set: str, part: str = "") -> None:
    """Says which data set, and which `part` of it, the command answers for."""
    say(styled(f"Data set {data_set}{part and f', {part}'}", "faint"), sys.stderr)
