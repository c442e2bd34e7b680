"""What Dagster knows of one data set is no other's: a run of one holds no other up, and keeps none fresh."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import dagster as dg

from orchestration.cli.preparing import FORMER_SETTINGS, INSTANCE_SETTINGS, prepare_instance
from orchestration.defs.naming import RELEASE, WAREHOUSE_POOL
from orchestration.lib.core.settings import Settings, read_settings


def two_data_sets(folder: Path) -> list[Settings]:
    """Two data sets of one installation: they share `var/` and `serving/`."""
    (folder / "extracts").mkdir()
    common = {"JOURNEYS_EXTRACTS": str(folder / "extracts"), "JOURNEYS_VAR": str(folder / "var")}
    return [read_settings({**common, "JOURNEYS_DATA_SET": name}) for name in ("first", "second")]


def test_a_run_of_one_data_set_holds_no_other_up_and_keeps_none_fresh(tmp_path: Path) -> None:
    @dg.op(pool=WAREHOUSE_POOL)
    def publishes(context) -> None:
        context.log_event(dg.AssetMaterialization(RELEASE))

    @dg.job
    def refresh() -> None:
        publishes()

    with ExitStack() as stack:
        instances = []
        for settings in two_data_sets(tmp_path):
            prepare_instance(settings)
            instances.append(stack.enter_context(dg.DagsterInstance.from_config(str(settings.dagster_home))))
            instances[-1].event_log_storage.set_concurrency_slots(WAREHOUSE_POOL, 1)
        first, second = instances
        # a run of the first one has the only place in its pool
        held = first.add_run(dg.DagsterRun(job_name="refresh", status=dg.DagsterRunStatus.STARTED))
        assert first.event_log_storage.claim_concurrency_slot(WAREHOUSE_POOL, held.run_id, "land").is_claimed
        run = refresh.execute_in_process(instance=second)
        assert run.success
        assert {one.run_id for one in first.get_runs()} == {held.run_id}
        assert {one.run_id for one in second.get_runs()} == {run.run_id}
        assert second.get_latest_materialization_event(RELEASE) is not None
        assert first.get_latest_materialization_event(RELEASE) is None
        # the pool does hold up a second run of the same data set
        waiting = first.event_log_storage.claim_concurrency_slot(WAREHOUSE_POOL, "another run", "land")
        assert not waiting.is_claimed


def test_an_instance_of_before_forgets_ticks_too_and_a_changed_one_is_left_alone(tmp_path: Path) -> None:
    settings, _ = two_data_sets(tmp_path)
    settings.dagster_home.mkdir(parents=True)
    file = settings.dagster_home / "dagster.yaml"
    file.write_text(FORMER_SETTINGS, encoding="utf-8")
    prepare_instance(settings)
    assert file.read_text(encoding="utf-8") == INSTANCE_SETTINGS
    file.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    prepare_instance(settings)
    assert file.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
