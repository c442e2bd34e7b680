"""The steps of the jobs `refresh` and `rehearse`: what the assets do, on all of them, with an event for what changed.

A job of assets announces each of its assets and each check, and reports each as a step's output: on this graph a
thousand events, each of which costs ten milliseconds, whatever has changed. These steps report tables that changed.
"""

from collections.abc import Iterator

import dagster as dg
from dagster import colored_console_logger

from orchestration.defs.automation.plain_log import plain
from orchestration.defs.hygiene.checks import Checked, check_landed, check_marts
from orchestration.defs.landing.assets import CONTRACTS, land_tables, landing_metadata
from orchestration.defs.landing.phones import look_up, phone_metadata
from orchestration.defs.naming import (
    CATCH_UP_POSTGRES,
    CHECK_LANDING,
    CHECK_PUBLISHED,
    DIGESTS,
    PHONE_NUMBERS,
    POSTGRES,
    PUBLISH_POSTGRES,
    RELEASE,
    WAREHOUSE_POOL,
    landed_key,
)
from orchestration.defs.release.assets import publish_release, published_meanwhile
from orchestration.defs.release.digests import deliver, delivery_check, delivery_metadata
from orchestration.defs.release.postgres import bring_into_postgres
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.defs.warehouse.builds import run_build
from orchestration.defs.warehouse.reporting import asset_events
from orchestration.lib.core.activity import doing
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.digests.unchanged import remain_current

# The name of the job that publishes.
REFRESH = "refresh"

Events = Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output]


@dg.op(pool=WAREHOUSE_POOL, out=dg.Out(dg.Nothing), tags={"kind": "landing"})
def land(context: dg.OpExecutionContext) -> Events:
    """Lands new files, and looks up the telephone numbers among them."""
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    doing("landing")
    landed = land_tables(settings, CONTRACTS, run_id=context.run_id, log=context.log)
    for contract, result, row_count in landed:
        if result.changed:
            yield dg.AssetMaterialization(landed_key(contract), metadata=landing_metadata(result, row_count))
    doing("looking up telephone numbers")
    found = look_up(settings, log=context.log)
    if found.new:
        yield dg.AssetMaterialization(PHONE_NUMBERS, metadata=phone_metadata(found))
    yield dg.Output(None)


@dg.op(name=CHECK_LANDING, pool=WAREHOUSE_POOL, ins={"landed": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def check_landing(context: dg.OpExecutionContext) -> Events:
    """The gate before anything is built: a suite per landed table."""
    settings, as_of = run_settings_and_clock(context.instance, context.run_id)
    doing("checking what landed")
    yield from _gate(check_landed(settings, CONTRACTS, as_of=as_of, run_id=context.run_id, log=context.log))
    yield dg.Output(None)


@dg.op(
    pool=WAREHOUSE_POOL,
    ins={"checked": dg.In(dg.Nothing)},
    out={"built": dg.Out(dg.Nothing, is_required=False), "unchanged": dg.Out(dg.Nothing, is_required=False)},
    tags={"kind": "dbt"},
)
def build_warehouse(context: dg.OpExecutionContext) -> Events:
    """Builds what changed. Where nothing did, readers keep their release and the steps that check and publish are
    skipped."""
    settings, as_of = run_settings_and_clock(context.instance, context.run_id)
    doing("building")
    outcome = run_build(settings, as_of=as_of, log=context.log)
    if outcome.built is None:
        if context.job_name == REFRESH:
            for line in remain_current(settings):
                context.log.info(line)
            yield dg.Output(None, "unchanged")
        return
    manifest = read_dbt_manifest(settings.resolved_sources)
    for event in asset_events(outcome.built, manifest, outcome.number, outcome.tables):
        assert event.asset_key is not None
        yield dg.AssetMaterialization(event.asset_key, metadata=event.metadata)
    outcome.raise_failure(settings)
    yield dg.Output(None, "built")


@dg.op(name=CHECK_PUBLISHED, pool=WAREHOUSE_POOL, ins={"built": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def check_published(context: dg.OpExecutionContext) -> Events:
    """The gate before publishing: a suite per schema."""
    settings, as_of = run_settings_and_clock(context.instance, context.run_id)
    doing("checking what is to be published")
    yield from _gate(check_marts(settings, as_of=as_of, run_id=context.run_id, log=context.log))
    yield dg.Output(None)


@dg.op(pool=WAREHOUSE_POOL, ins={"audited": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def publish(context: dg.OpExecutionContext) -> Events:
    """Writes the release, verifies it, and switches readers to it."""
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    doing("publishing")
    if release := published_meanwhile(settings):
        context.log.info(f"Another run has published this build as {release.release_id}.")
    else:
        metadata = publish_release(settings, run_id=context.run_id, log=context.log)
        yield dg.AssetMaterialization(RELEASE, metadata=metadata)
    yield dg.Output(None)


@dg.op(pool=WAREHOUSE_POOL, ins={"published": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def mail_digests(context: dg.OpExecutionContext) -> Events:
    """Mails the digests where a mail server is set."""
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    doing("sending digests")
    delivery = deliver(settings, log=context.log)
    yield dg.AssetMaterialization(DIGESTS, metadata=delivery_metadata(delivery))
    yield dg.AssetCheckEvaluation(asset_key=DIGESTS, **delivery_check(delivery))
    yield dg.Output(None)


@dg.op(name=PUBLISH_POSTGRES, pool=WAREHOUSE_POOL, ins={"current": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def publish_postgres(context: dg.OpExecutionContext) -> Events:
    """Brings the tables of the current release into PostgreSQL where a server is set and does not have it."""
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    metadata = bring_into_postgres(settings, log=context.log)
    if metadata is not None:
        yield dg.AssetMaterialization(POSTGRES, metadata=metadata)
    yield dg.Output(None)


def _gate(found: list[Checked]) -> Iterator[dg.AssetCheckEvaluation]:
    """Reports every verdict; ends the step where one blocks."""
    for one in found:
        yield one.as_evaluation()
    if blocking := [one.said["description"] for one in found if one.result.blocks]:
        raise dg.Failure("\n".join(blocking), allow_retries=False)


@dg.job(
    name=REFRESH,
    executor_def=dg.in_process_executor,
    logger_defs={"plain": plain, "console": colored_console_logger},
    description="From new extracts to a new release: land, check, build what changed, audit, publish, send digests, "
    "and bring it into PostgreSQL where a server is set.",
)
def refresh() -> None:
    built, unchanged = build_warehouse(check_landing(land()))
    published = publish(check_published(built))
    mail_digests(published)
    publish_postgres(published)
    # what a server did not take is offered again by a run that finds nothing new
    publish_postgres.alias(CATCH_UP_POSTGRES)(unchanged)


@dg.job(
    executor_def=dg.in_process_executor,
    logger_defs={"plain": plain, "console": colored_console_logger},
    description="The job refresh without its release: builds and checks everything, publishes nothing.",
)
def rehearse() -> None:
    built, _ = build_warehouse(check_landing(land()))
    check_published(built)
