"""`make rebuild`: the warehouse is built again from the extracts."""

from __future__ import annotations

from pathlib import Path

from orchestration.lib.core.settings import Settings, read_settings


def command() -> int:
    """Build the warehouse again from the extracts, and publish. What was withdrawn remains withdrawn."""
    from orchestration.cli.preparing import prepare_run
    from orchestration.cli.refreshing import run_refresh

    settings = read_settings()
    aside = set_aside(settings)
    prepare_run(settings, sizes={}, progress=print)
    take_ledgers_over(settings)
    code = run_refresh(settings, sizes={})
    if aside is not None and code == 0:
        aside.unlink()
    elif aside is not None:
        print(f"The warehouse file of before is kept: {aside}")
    return code


def set_aside(settings: Settings) -> Path | None:
    """Moves the warehouse file out of the way, and notes what of it was withdrawn if it can be read.

    Returns where it is now, None where there was none. Raises WarehouseBusy while another process has it open.
    """
    from orchestration.lib.core.connection import DatabaseUnusable, open_duckdb
    from orchestration.lib.landing.withdrawals import note_withdrawals

    if not settings.warehouse.exists():
        return None
    try:
        with open_duckdb(settings.warehouse, wait_seconds=1) as connection:
            note_withdrawals(connection, settings.home)
    except DatabaseUnusable as error:
        print(f"  {str(error).partition(' Readers keep')[0]}")
    aside = settings.warehouse.with_name("warehouse.before-rebuild.duckdb")
    settings.warehouse.replace(aside)
    # its log belongs to it, and would be played into the new file
    settings.warehouse.with_name(settings.warehouse.name + ".wal").unlink(missing_ok=True)
    return aside


def take_ledgers_over(settings: Settings) -> None:
    """Gives the new warehouse the ledgers of runs that the current release has: nothing else remembers them."""
    from orchestration.lib.core.connection import DatabaseUnusable, open_duckdb
    from orchestration.lib.release.ledgers import create_ledgers, take_rows_over
    from orchestration.lib.release.publish import current_release

    release = current_release(settings)
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        if release is None:
            return
        try:
            take_rows_over(connection, release.database)
        except DatabaseUnusable as error:
            print(f"  The ledgers of runs begin empty: {error}")
