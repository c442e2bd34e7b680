"""The release that readers get, digests included: written next to the old one, read back, then switched to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from orchestration.defs.hygiene.checks import LEDGER, SUITES
from orchestration.defs.naming import OWNERS, RELEASE, WAREHOUSE_POOL
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.core.activity import doing
from orchestration.lib.core.clock import in_utc
from orchestration.lib.core.connection import DatabaseUnusable, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.mart_tests import read_tested
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.digests.unchanged import remain_current
from orchestration.lib.digests.writing import write_digests
from orchestration.lib.hygiene.data_docs import write_data_docs
from orchestration.lib.hygiene.results import read_results
from orchestration.lib.release.candidate import (
    PublishedTable,
    discard,
    make_release_id,
    read_git_state,
    write_candidate,
)
from orchestration.lib.release.dictionary import write_dictionary
from orchestration.lib.release.folders import ReleaseError
from orchestration.lib.release.id_changes import record_id_changes
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.previous import damage_of, previous_attached
from orchestration.lib.release.publish import Release, current_release, publish, published_ids, record_releases
from orchestration.lib.release.restatement_reasons import (
    ReleaseBefore,
    event_models,
    explain_restatements,
    spend_models,
)
from orchestration.lib.release.restatements import DailyTable, find_restatements
from orchestration.lib.release.source_trends import record_source_trends
from orchestration.lib.warehouse.build import (
    is_releasable,
    last_complete_build,
    note_release,
    unused_case_keys,
)
from orchestration.lib.warehouse.definitions import (
    changed_scopes,
    definitions,
    note_definitions,
    read_definitions,
)
from orchestration.lib.warehouse.unmatched_rules import warnings_of_unmatched_rules

MARTS = read_marts(read_dbt_manifest(read_settings().resolved_sources))


@dg.asset(
    key=RELEASE,
    # none where nothing is new
    output_required=False,
    deps=[dg.AssetKey([mart.schema, mart.name]) for mart in MARTS if not mart.facts.is_ledger],
    group_name="release",
    owners=OWNERS,
    kinds={"duckdb", "parquet"},
    pool=WAREHOUSE_POOL,
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
    description="The published release: serving/customer_journeys.duckdb, Parquet, dictionary, digests and Data Docs.",
)
def release(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    if is_published(settings):
        for line in remain_current(settings):
            context.log.info(line)
        return
    yield dg.MaterializeResult(metadata=publish_release(settings, run_id=context.run_id, log=context.log))


def is_published(settings: Settings) -> bool:
    """Whether the current release is that of the last complete build: another one would say the same."""
    current = current_release(settings)
    with open_duckdb(settings.warehouse) as connection:
        build = last_complete_build(connection)
        return (
            current is not None
            and build is not None
            and is_releasable(connection)
            and build.release_id == current.release_id
        )


def publish_release(settings: Settings, *, run_id: str, log: dg.DagsterLogManager) -> dict[str, Any]:
    """Writes a release of the last complete build, verifies it, and switches readers to it. Returns what it is.

    A damaged release before it stops nothing: what has changed since is not compared then.
    """
    previous = current_release(settings)
    try:
        return _publish(settings, previous, run_id=run_id, log=log)
    except DatabaseUnusable:
        damage = damage_of(previous.database) if previous is not None else None
        if damage is None:
            raise
        log.warning(f"{damage} This release is written without it: what changed since is not noted.")
        return _publish(settings, None, run_id=run_id, log=log)


def published_meanwhile(settings: Settings) -> Release | None:
    """The current release, if it is of the last build: a run at the same time, which waited less, has published it."""
    current = current_release(settings)
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        build = last_complete_build(connection)
        is_whole = is_releasable(connection)
    is_published = build is not None and current is not None and build.release_id == current.release_id
    return current if is_whole and is_published else None


def _publish(settings: Settings, previous: Release | None, *, run_id: str, log: dg.DagsterLogManager) -> dict[str, Any]:
    now = datetime.now(UTC)
    try:
        with open_duckdb(settings.warehouse) as connection:
            build = last_complete_build(connection)
            if build is None or not is_releasable(connection):
                raise ReleaseError(
                    "The warehouse holds a build that did not end, or only a part of one, so nothing is published. "
                    "Run the whole job refresh."
                )
            create_ledgers(connection)
            record_releases(connection, settings)
            is_of_owner = not settings.has_seeds_of_another
            for warning in warnings_of_unmatched_rules(connection, settings, today=now.date()) if is_of_owner else ():
                log.warning(warning)
            for journey, key in unused_case_keys(connection) if is_of_owner else ():
                log.warning(
                    f"journeys.csv: no critical event of {journey} has a value for its case_key {key}: a customer has "
                    "one case at a time. Name a published property that these events have, or record."
                )
            results = read_results(connection, SUITES, table=LEDGER)
            release_id = make_release_id(settings, now)
            if previous is not None:
                doing("comparing with the release before")
                with previous_attached(connection, previous.database):
                    _record_changes(connection, settings, previous, release_id=release_id, log=log)
            record_source_trends(
                connection, release_id=release_id, as_of=build.as_of, published=published_ids(settings)
            )
            note_definitions(
                connection,
                release_id,
                _definitions(connection, settings, build.as_of),
                batch=build.batch,
                published=published_ids(settings),
            )
        log.info(f"Writing release {release_id}")
        candidate = write_candidate(
            settings.warehouse,
            settings=settings,
            release_id=release_id,
            tables=[
                PublishedTable(mart.schema, mart.name, mart.facts.key, mart.description, mart.column_descriptions)
                for mart in MARTS
            ],
            as_of=build.as_of,
            created_at=now,
            run_id=run_id,
            checks_summary=Counter(result.verdict for suite in results for result in suite.results),
            git=read_git_state(PROJECT_ROOT),
            takes_over=previous is not None,
            progress=log.debug,
        )
        try:
            doing("writing Data Docs, dictionary and digests")
            dbt_manifest = read_dbt_manifest(settings.resolved_sources)
            write_dictionary(candidate.directory, candidate.manifest, MARTS, read_tested(dbt_manifest, MARTS))
            write_data_docs(results, candidate.directory / "data_docs", run_id=run_id)
            digests = write_digests(
                candidate.directory,
                settings.warehouse,
                data_set=settings.data_set,
                release_id=release_id,
                as_of=build.as_of,
                previous=previous.database if previous is not None else None,
                published=published_ids(settings),
                dashboard=settings.dashboard,
            )
            log.info(f"{len(digests)} digests are in {candidate.release_id}/digests")
        except BaseException:
            discard(candidate)
            raise
        doing("switching readers to the release")
        publication = publish(candidate, settings, progress=log.debug)
        with open_duckdb(settings.warehouse) as connection:
            record_releases(connection, settings)
            note_release(connection, build.build, release_id)
    except ReleaseError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for warning in publication.warnings:
        log.warning(warning)
    return {
        "release_id": release_id,
        "dagster/row_count": publication.release.row_count,
        "rows": candidate.row_counts,
        "bytes": candidate.manifest["database_bytes"],
        "pruned": list(publication.pruned),
        "directory": dg.MetadataValue.path(str(publication.release.directory)),
    }


def _definitions(connection: duckdb.DuckDBPyConnection, settings: Settings, as_of: datetime) -> dict[str, str]:
    """How the tables whose figures are compared between releases are defined up to a clock, journeys and KPIs."""
    tables = {mart.label: mart.node for mart in MARTS if mart.facts.restated is not None}
    day = in_utc(as_of).astimezone(ZoneInfo(settings.reporting_time_zone)).date()
    return definitions(connection, read_dbt_manifest(settings.resolved_sources), tables, day=day)


def _record_changes(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    previous: Release,
    *,
    release_id: str,
    log: dg.DagsterLogManager,
) -> None:
    """Writes down which figures and which customer ids differ from the attached previous release."""
    published = published_ids(settings)
    restated = find_restatements(
        connection,
        tables=[
            DailyTable(mart.schema, mart.name, **mart.facts.restated.model_dump())
            for mart in MARTS
            if mart.facts.restated is not None
        ],
        release_id=release_id,
        previous_release_id=previous.release_id,
        previous_as_of=previous.as_of,
        published=published,
        time_zone=settings.reporting_time_zone,
    )
    reasons = {}
    if any(table.count for table in restated):
        noted = read_definitions(connection, previous.release_id)
        reasons = explain_restatements(
            connection,
            release_id=release_id,
            before=ReleaseBefore(previous.as_of, noted.batch),
            models=event_models(manifest := read_dbt_manifest(settings.resolved_sources)),
            spend=spend_models(manifest),
            # what became valid since the release before changes no day that was over then
            redefined=changed_scopes(noted.scopes, _definitions(connection, settings, previous.as_of)),
            time_zone=settings.reporting_time_zone,
        )
    for table in restated:
        if table.count:
            label = f"{table.table.schema}.{table.table.name}"
            log.info(replace(table, reasons=reasons.get(label, {})).line)
    changes = record_id_changes(
        connection, release_id=release_id, previous_release_id=previous.release_id, published=published
    )
    if changes is not None and changes.changed_count:
        log.info(
            f"{changes.changed_count:,} of {changes.previous_count:,} customer ids changed: "
            + ", ".join(f"{count:,} {cause}" for cause, count in changes.moves.items() if count)
        )
