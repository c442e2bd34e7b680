"""Keeps the newest runs in Dagster's records and forgets the others: each is some megabytes of events."""

import shutil

import dagster as dg

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
    return len(old)
