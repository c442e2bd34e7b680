"""Keeps the newest runs in Dagster's records and forgets the others: each is some megabytes of events."""

import shutil

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import func, select

from orchestration.lib.core.settings import Settings

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget_old_runs(instance: dg.DagsterInstance, settings: Settings) -> int:
    """Deletes ended runs but the newest `settings.runs_kept`, with their events and files; returns how many.

    When assets were last made remains known.
    """
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=ENDED))
    old = sorted(records, key=lambda record: record.create_timestamp, reverse=True)[settings.runs_kept :]
    for record in old:
        run_id = record.dagster_run.run_id
        instance.delete_run(run_id)
        # Dagster empties the file of a run's events and leaves it
        for file in (settings.dagster_home / "history" / "runs").glob(f"{run_id}.db*"):
            file.unlink(missing_ok=True)
        shutil.rmtree(settings.dagster_home / "storage" / run_id, ignore_errors=True)
        # a step of assets has dbt write into a folder named for step and run
        for folder in settings.dbt_target.glob(f"*-{run_id[:7]}-*"):
            shutil.rmtree(folder, ignore_errors=True)
    if old:
        _forget_verdicts(instance, {record.dagster_run.run_id for record in old})
    return len(old)


def _forget_verdicts(instance: dg.DagsterInstance, run_ids: set[str]) -> None:
    """Deletes the verdicts of checks of runs, which Dagster keeps apart; the last of each check remains."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    checks = AssetCheckExecutionsTable.c
    newest = select(func.max(checks.id)).group_by(checks.asset_key, checks.check_name)
    with storage.index_connection() as connection:
        connection.execute(
            AssetCheckExecutionsTable.delete().where(checks.run_id.in_(run_ids), checks.id.not_in(newest))
        )
