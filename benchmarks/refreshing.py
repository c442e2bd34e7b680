"""The steps of the job refresh, each run alone, so that they can be measured one by one.

The job is the project's own: what is measured is what `make run` runs, Dagster's part included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.naming import CHECK_LANDING, CHECK_PUBLISHED
from orchestration.lib.core.settings import Settings

# The stages in their order, and the step of the job that each is.
STEPS = {
    "landing": "land",
    "hygiene of landing": CHECK_LANDING,
    "dbt build": "build_warehouse",
    "hygiene of marts": CHECK_PUBLISHED,
    "release": "publish",
}
STAGES = tuple(STEPS)
# What `make run` does before it decides to run the job.
LOOK = "look"


class StageFailed(RuntimeError):
    """A stage of the refresh failed; the message says what it said."""


@dataclass(frozen=True)
class StageReport:
    """What a stage reports: seconds by landed table, suite or model."""

    seconds_by_part: Mapping[str, float] = field(default_factory=dict)


def load_stages() -> dg.Definitions:
    """The project's definitions. The environment decides the data set, so set it before."""
    # a run imports it in its first suite, and this way no stage pays for it twice
    import orchestration.lib.hygiene.engine  # noqa: F401
    from orchestration.definitions import defs

    return defs()


def run_stage(definitions: dg.Definitions, stage: str) -> StageReport:
    """Runs one stage to its end. Raises StageFailed when a step or a blocking check fails."""
    job = definitions.resolve_job_def("refresh")
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            op_selection=[STEPS[stage]],
            run_config={"loggers": {"plain": {"config": {}}}},
        )
    failures, parts = [], {}
    for event in result.all_events:
        if event.is_step_failure:
            failures.append(f"{event.step_key}: {event.step_failure_data.error}")
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if "seconds" in evaluation.metadata:
                name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
                parts[name] = _seconds(evaluation.metadata["seconds"])
        elif event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            if "seconds" in materialization.metadata:
                parts[materialization.asset_key.to_user_string()] = _seconds(materialization.metadata["seconds"])
    if failures or not result.success:
        raise StageFailed(f"{stage}: " + ("\n".join(failures) or "the job failed without saying why"))
    return StageReport(parts)


def run_look(settings: Settings) -> StageReport:
    """Looks whether a run has anything to do. Raises StageFailed where it has."""
    from orchestration.lib.release.due import look

    if reasons := look(settings, now=datetime.now(UTC)).reasons:
        raise StageFailed(f"there should be nothing new: {'; '.join(reasons)}")
    return StageReport()


def _seconds(figure: dg.MetadataValue) -> float:
    """The seconds that a step or a check says it took."""
    seconds = figure.value if isinstance(figure, dg.FloatMetadataValue | dg.IntMetadataValue) else None
    return float(seconds or 0)
