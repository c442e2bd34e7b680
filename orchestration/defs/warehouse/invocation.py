"""Starts dbt for a step, in an environment that is handed over, and reports its progress from its events."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation
from dagster_dbt.asset_utils import DBT_INDIRECT_SELECTION_ENV, get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCliEventMessage
from packaging.version import Version

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.running import dbt_executable

PARTIAL_PARSE = "partial_parse.msgpack"
# What becomes of a node that people have to know of at once.
TROUBLE = ("error", "runtime error", "fail", "warn")


class ReportedInvocation(DbtCliInvocation):
    """An invocation that logs each tenth of dbt's way, and the nodes that went wrong."""

    def stream_raw_events(self) -> Iterator[DbtCliEventMessage]:
        assert self.context is not None
        progress = BuildProgress(self.context.log)
        for event in super().stream_raw_events():
            progress.note(event.raw_event)
            yield event


class BuildProgress:
    """Reads dbt's structured events and logs what a person who waits wants to know."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._tenth = -1

    def note(self, event: Mapping) -> None:
        """Takes one event. Results carry their place among all nodes; events of other kinds are passed over."""
        data = event["data"]
        # tests count the nodes under another name than models and seeds
        index, total = data.get("index"), data.get("total") or data.get("num_models")
        if not index or not total or event["info"]["name"] == "LogStartLine":
            return
        node = data.get("node_info", {})
        status = str(node.get("node_status") or data.get("status") or "").lower()
        if status in TROUBLE:
            name = node.get("node_name") or data.get("name")
            (self._log.warning if status == "warn" else self._log.error)(f"  {status}: {name}")
        tenth = index * 10 // total
        if tenth > self._tenth:
            self._tenth = tenth
            self._log.info(f"  dbt: {index} of {total}")


def start_dbt(
    context: dg.AssetExecutionContext, arguments: Sequence[str], *, environment: Mapping[str, str], target: Path
) -> DbtCliInvocation:
    """Starts one dbt command on what the step has to materialise.

    What dbt writes goes to a folder of its own below `target`, whose parsed project it starts from.
    """
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest={}, dagster_dbt_translator=DagsterDbtTranslator()
    )
    project_dir = Path(chosen.dbt_project.project_dir) if chosen.dbt_project else PROJECT_ROOT
    own_target = target / f"{context.op_execution_context.op.name}-{context.run_id[:7]}-{uuid.uuid4().hex[:7]}"
    own_target.mkdir(parents=True)
    if (target / PARTIAL_PARSE).exists():
        shutil.copy(target / PARTIAL_PARSE, own_target / PARTIAL_PARSE)
    return ReportedInvocation.run(
        args=[dbt_executable(), *arguments, *chosen.selection_args],
        env={
            **environment,
            **({DBT_INDIRECT_SELECTION_ENV: chosen.indirect_selection} if chosen.indirect_selection else {}),
            "PYTHONUNBUFFERED": "1",
            "DBT_LOG_FORMAT": "json",
            "DBT_TARGET_PATH": str(own_target),
            "DBT_LOG_PATH": str(own_target),
            "DBT_PROJECT_DIR": str(project_dir),
        },
        manifest=chosen.manifest,
        dagster_dbt_translator=chosen.dagster_dbt_translator,
        project_dir=project_dir,
        target_path=own_target,
        raise_on_error=True,
        context=context,
        # only for metadata that dbt's events do not carry
        adapter=None,
        cli_version=Version(version("dbt-core")),
        dbt_project=chosen.dbt_project,
    )
