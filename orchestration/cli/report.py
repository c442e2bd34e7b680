"""`make report`: the whole of what the end of a run sums up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from orchestration.cli.data_set import announced_release
from orchestration.lib.core.settings import SettingsError, read_settings


def command() -> int:
    """Show the whole of what the end of a run sums up."""
    from orchestration.cli.release_report import report_release
    from orchestration.cli.screen import Screen
    from orchestration.lib.core.connection import WarehouseBusy
    from orchestration.lib.landing.overlooked import overlooked
    from orchestration.lib.release.due import look
    from orchestration.lib.sources.resolving import read_all_contracts

    settings = read_settings()
    release = announced_release(settings)
    if release is None:
        raise SettingsError(f"{settings.data_set} has no release yet. Type make run first.")
    try:
        due = look(settings, now=datetime.now(UTC))
        contracts, not_read = due.contracts, due.overlooked
    except WarehouseBusy:
        contracts = tuple(read_all_contracts(settings))
        not_read = tuple(overlooked(settings.extracts, contracts, settings.sources))
    report_release(settings, release, contracts, not_read, Screen(sys.stdout))
    return 0
