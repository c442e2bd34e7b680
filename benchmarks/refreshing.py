"""The stages of the job refresh, each as a Dagster job of its own, so that they can be measured one by one.

The definitions are the project's own: what is measured is what `make run` runs, Dagster's part included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import dagster as dg

from orchestration.defs.naming import RELEASE
from orchestration.lib.core.settings import Settings

STAGES = ("landing", "hygiene of landing", "dbt build", "hygiene of marts", "release")
JOB_NAMES = {stage: "measured_" + stage.replace(" ", "_") for stage in STAGES}
LANDING_CHECK = "suite"


class StageFailed(RuntimeError):
    """A stage of the refresh failed; the message says what it said."""


@dataclass(frozen=True)
class StageReport:
    """What a stage reports: seconds by landed table, suite, model or test, and whether it made anything."""

    seconds_by_part: Mapping[str, float] = field(default_factory=dict)
    has_made_something: bool = True


def load_stages() -> dg.Definitions:
    """The project's definitions with one job per stage. The environment decides the data set, so set it before."""
    # a run imports it in its first suite, and this way no stage pays for it twice
    import orchestration.lib.hygiene.engine  # noqa: F401
    from orchestration.definitions import defs

    definitions = defs()
    checks = definitions.resolve_asset_graph().asset_check_keys
    landing = {key for key in checks if key.name == LANDING_CHECK}
    marts = {key for key in checks if key.name.endswith("_suite")}
    everything = dg.AssetSelection.all()
    landed = dg.AssetSelection.groups("landing")
    release = dg.AssetSelection.assets(RELEASE)
    suites = dg.AssetSelection.checks(*landing, *marts)
    selections = {
        "landing": landed.without_checks(),
        "hygiene of landing": dg.AssetSelection.checks(*landing),
        "dbt build": everything - landed - release - suites,
        "hygiene of marts": dg.AssetSelection.checks(*marts),
        "release": release.without_checks(),
    }
    jobs = [
        dg.define_asset_job(JOB_NAMES[stage], selection=selection, executor_def=dg.in_process_executor)
        for stage, selection in selections.items()
    ]
    return dg.Definitions.merge(definitions, dg.Definitions(jobs=jobs))


def run_stage(definitions: dg.Definitions, settings: Settings, stage: str) -> StageReport:
    """Runs one stage to its end. Raises StageFailed when a step or a blocking check fails."""
    job = definitions.resolve_job_def(JOB_NAMES[stage])
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"plain": {"config": {}}}},
        )
    failures, parts, made = [], {}, 0
    for event in result.all_events:
        if event.is_step_failure:
            failures.append(f"{event.step_key}: {event.step_failure_data.error}")
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
                failures.append(f"{evaluation.asset_key.to_user_string()}: {evaluation.description}")
            if "seconds" in evaluation.metadata:
                name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
                parts[name] = _seconds(evaluation.metadata["seconds"])
        elif event.is_step_materialization:
            made += 1
            materialization = event.step_materialization_data.materialization
            if stage in ("landing", "dbt build") and "seconds" in materialization.metadata:
                name = materialization.asset_key.to_user_string()
                parts[name] = _seconds(materialization.metadata["seconds"])
    if failures or not result.success:
        raise StageFailed(f"{stage}: " + ("\n".join(failures) or "the job failed without saying why"))
    return StageReport(parts, has_made_something=made > 0)


def _seconds(figure: dg.MetadataValue) -> float:
    """The seconds that a step or a check says it took."""
    seconds = figure.value if isinstance(figure, dg.FloatMetadataValue | dg.IntMetadataValue) else None
    return float(seconds or 0)
