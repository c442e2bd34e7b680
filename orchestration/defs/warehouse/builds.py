"""Builds the tables in a step of Dagster's, and says in its log what is done. No dagster-dbt: it imports dbt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.warehouse.reporting import BuildProgress, BuiltTable, built_tables, said_of_nodes
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.dbt.building import DbtBuild, explain
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.sources.resolving import read_all_contracts
from orchestration.lib.warehouse.building import build_tables
from orchestration.lib.warehouse.shared_event_ids import is_about_event_ids, shared_event_ids


@dataclass(frozen=True)
class BuildOutcome:
    """What came of a build; `built` is none where nothing had changed. `tables` are those with other rows, by
    dbt's id."""

    built: DbtBuild | None
    number: int = 0
    tables: Mapping[str, BuiltTable] = field(default_factory=dict)

    def raise_failure(self, settings: Settings) -> None:
        """Ends the step of a build that failed, with what went wrong."""
        if self.built is not None and not self.built.is_success:
            manifest = read_dbt_manifest(settings.resolved_sources)
            lines = [explain(self.built, manifest)]
            if is_about_event_ids(self.built.results):
                with open_duckdb(settings.warehouse, read_only=True) as connection:
                    lines += [f"  {line}" for line in shared_event_ids(connection, read_all_contracts(settings))]
            raise dg.Failure("\n".join(lines), allow_retries=False)


def run_build(
    settings: Settings, *, as_of: datetime, log: dg.DagsterLogManager, selection: Sequence[str] = ()
) -> BuildOutcome:
    """Builds what is not up to date, and says what that is. No selection: the whole project."""
    tables = build_tables(
        settings,
        as_of=as_of,
        now=datetime.now(UTC),
        part=selection,
        begins=lambda plan: log.info(f"{'Full build' if plan.is_full else 'Build of what changed'}: {plan.reason}"),
        progress=BuildProgress(log).note,
    )
    if tables is None:
        log.info("Nothing changed since the last build; the tables remain as they are.")
        return BuildOutcome(None)
    if counted := said_of_nodes(tables.dbt.results, tables.number):
        log.info(f"  {counted}")
    if not tables.dbt.is_success:
        # what failed is the news, and a view of it could not be read
        return BuildOutcome(tables.dbt, tables.number)
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        changed = built_tables(
            connection, read_dbt_manifest(settings.resolved_sources), tables.dbt.results, tables.number
        )
    return BuildOutcome(tables.dbt, tables.number, changed)
