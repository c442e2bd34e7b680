"""What `withdraw` and `restore` share: change the files of one path, and say what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.landing.withdrawals import note_withdrawals
from orchestration.lib.sources.resolving import read_all_contracts


def change_file(change: Callable, file: str, settings: Settings, next_step: str) -> int:
    """Applies `withdraw_file` or `restore_file` to a file and prints what changed and what to type next."""
    with open_duckdb(settings.warehouse) as connection:
        changes = change(
            connection,
            read_all_contracts(settings),
            file=file,
            extracts=settings.extracts,
            run_id=change.__name__,
            now=datetime.now(UTC),
        )
        note_withdrawals(connection, settings.home)
    for changed in changes:
        print(f"{changed.file_path} ({changed.source}.{changed.table}): {changed.status}, {changed.rows:,} rows")
    print(next_step)
    return 0
