"""`make rebuild`: the warehouse is built again from the extracts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.lib.core.activity import doing
from orchestration.lib.core.settings import Settings, SettingsError, read_settings, shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from orchestration.lib.config.contracts import TableContract

SHOWN = 5


def command(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where landed files are gone from the extracts folder.")
    ] = False,
) -> int:
    """Build the warehouse again from the extracts and publish.

    What was withdrawn remains withdrawn, and the ledgers of runs continue. The previous file is kept until all is
    published.
    """
    from orchestration.cli.preparing import prepare_extracts, prepare_project
    from orchestration.cli.refreshing import run_refresh
    from orchestration.lib.warehouse.data_set import check_configuration

    settings = read_settings()
    aside = _aside(settings)
    doing("looking for files that are gone")
    # what is wrong with the configuration is said while everything is where it was
    prepare_extracts(settings, sizes={}, progress=print)
    check_configuration(settings, today=datetime.now(UTC).date())
    _refuse_while_a_run_is_under_way(settings)
    lost = set_aside(settings, aside, anyway=anyway)
    code = 1
    try:
        prepare_project(settings, progress=print)
        _take_ledgers_over(settings, aside)
        code = run_refresh(settings, sizes={})
    finally:
        if aside.exists() and (code or lost):
            why = "nothing was published" if code else lost
            print(f"The previous warehouse file is kept, because {why}: {shown_path(aside)}")
    if code == 0 and not lost:
        for file in (aside, _log(aside)):
            file.unlink(missing_ok=True)
    return code


def set_aside(settings: Settings, aside: Path, *, anyway: bool) -> str | None:
    """Moves the warehouse file out of the way, and notes what of it was withdrawn if it can be read.

    Returns why it has to be kept though all is published, None where nothing can be missing. Where there is a file
    aside already, a rebuild before this one did not come to its end: that file is the one to keep. Raises SettingsError
    for landed files that are gone from the extracts folder, without `anyway`, and WarehouseBusy while another process
    has the file open.
    """
    from orchestration.lib.core.connection import DatabaseUnusable, is_damaged, open_duckdb
    from orchestration.lib.landing.withdrawals import note_withdrawals
    from orchestration.lib.sources.resolving import read_all_contracts

    if not settings.warehouse.exists():
        return None
    lost: str | None = None
    try:
        with open_duckdb(settings.warehouse, wait_seconds=1) as connection:
            gone = _gone(connection, read_all_contracts(settings), settings.extracts)
            if gone and not anyway:
                raise SettingsError(
                    f"{len(gone)} landed file{'s are' if len(gone) > 1 else ' is'} gone from {settings.extracts}, or "
                    "changed there; without them rows would be lost: "
                    f"{', '.join(gone[:SHOWN])}{' …' if len(gone) > SHOWN else ''}. Put them back; or build "
                    "without them: make rebuild ANYWAY=1, which keeps the present warehouse file, too."
                )
            if gone:
                lost = f"{len(gone)} of its files {'are' if len(gone) > 1 else 'is'} gone from the extracts folder"
            note_withdrawals(connection, settings.home)
    except DatabaseUnusable as error:
        if not is_damaged(error):
            raise
        print(f"  {str(error).partition(' Readers keep')[0]}")
        lost = "it can't be read, so nothing says whether it held rows that the extracts folder does not"
    if aside.exists():
        settings.warehouse.unlink()
        _log(settings.warehouse).unlink(missing_ok=True)
        return "a rebuild before this one did not end"
    if _log(settings.warehouse).exists():
        _log(settings.warehouse).replace(_log(aside))
    settings.warehouse.replace(aside)
    return lost


def _gone(connection: duckdb.DuckDBPyConnection, contracts: Sequence[TableContract], extracts: Path) -> list[str]:
    """Paths whose rows count and are in no file of the extracts folder: it is gone, or holds a later content."""
    from orchestration.lib.landing.registry import has_books, raw_table

    if not has_books(connection):
        return []
    landed = connection.execute("""
        select source_name, table_name, file_id, file_path, byte_count, content_hash,
            row_number() over (
                partition by source_name, table_name, file_path order by batch desc, place_in_batch desc nulls last
            ) = 1 as is_last_of_path
        from landing.files where status = 'loaded' order by file_path
    """).fetchall()

    def is_there(path: str, byte_count: int) -> bool:
        file = extracts / path
        return file.is_file() and file.stat().st_size == byte_count

    present = {file[5] for file in landed if file[6] and is_there(file[3], file[4])}
    gone: set[str] = set()
    for contract in contracts:
        missing = {
            file[2]: file[3]
            for file in landed
            if file[:2] == (contract.source, contract.table) and file[5] not in present
        }
        if missing:
            counting = connection.execute(
                f"select distinct _file_id from {raw_table(contract)} "
                "where _row_status = 'current' and list_contains(?, _file_id)",
                [list(missing)],
            ).fetchall()
            gone |= {missing[file_id] for (file_id,) in counting}
    return sorted(gone)


def _take_ledgers_over(settings: Settings, aside: Path) -> None:
    """Gives the new warehouse the ledgers of runs: those of the file of before, else those of the current release."""
    from orchestration.lib.core.connection import DatabaseUnusable, open_duckdb
    from orchestration.lib.release.ledgers import create_ledgers, take_rows_over
    from orchestration.lib.release.publish import current_release

    release = current_release(settings)
    sources = [aside] if aside.exists() else []
    sources += [release.database] if release is not None else []
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        for source in sources:
            try:
                take_rows_over(connection, source)
                return
            except DatabaseUnusable:
                print(f"  The ledgers of runs can't be taken from {shown_path(source)}, which is damaged.")
        if sources:
            print("  The ledgers of runs start empty.")


def _refuse_while_a_run_is_under_way(settings: Settings) -> None:
    """A run doesn't hold the file between its steps, and would go on in the new one."""
    import dagster as dg

    from orchestration.defs.automation.heartbeat import end_dead_runs

    if not (settings.dagster_home / "dagster.yaml").exists():
        return
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for run in end_dead_runs(instance, settings.dagster_home, print):
            raise SettingsError(f"Run {run.run_id[:8]} is under way. Wait for its end or stop it, then rebuild again.")


def _aside(settings: Settings) -> Path:
    return settings.warehouse_aside


def _log(file: Path) -> Path:
    """DuckDB's write-ahead log of a file."""
    return file.with_name(file.name + ".wal")
