"""`make check`: is the configuration sound, and is everything in the extracts folder read?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings
from orchestration.lib.core.terminal import say, styled


def command() -> int:
    """Check contracts, seeds and the extracts folder."""
    from orchestration.lib.core.connection import WarehouseBusy, open_duckdb
    from orchestration.lib.landing.land_again import older_contracts
    from orchestration.lib.landing.overlooked import overlooked
    from orchestration.lib.release.publish import current_release
    from orchestration.lib.sources.notices import notices
    from orchestration.lib.sources.resolving import read_all_contracts, unread_tables
    from orchestration.lib.warehouse.data_set import prepare_data_set

    settings = announced(read_settings())
    contracts = read_all_contracts(settings)
    report = prepare_data_set(settings, today=datetime.now(UTC).date())
    for unread in unread_tables(settings, contracts):
        _warn(
            f"{unread.declared_in}: {unread.name} lands, and no model reads it. Give `events` or `people`, "
            "or a staging model."
        )
    for warning in report.warnings:
        _warn(warning)
    for found in overlooked(settings.extracts, contracts, settings.sources):
        _warn(found.shown)
    if settings.warehouse.exists():
        try:
            with open_duckdb(settings.warehouse, read_only=True, wait_seconds=0) as connection:
                for older in older_contracts(connection, contracts):
                    _warn(older.message)
        except WarehouseBusy:
            print("A run holds the warehouse: whether files landed before a contract was changed was not looked at.")
    release = current_release(settings)
    for line in notices(settings, contracts, release.database if release is not None else None):
        _warn(line)
    print(f"{len(contracts)} source tables and the seeds of {settings.data_set} have no errors.")
    return 0


def _warn(about: object) -> None:
    say(styled("warning", "amber") + f": {about}", sys.stdout)
