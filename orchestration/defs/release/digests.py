"""Mails with the digests of a release, sent once it is published."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb

from orchestration.defs.naming import DIGESTS, OWNERS, RELEASE, WAREHOUSE_POOL
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.core.connection import WarehouseBusy
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.digests.sending import Delivery, due_digests, send_digests

DELIVERED = "every_digest_is_delivered"


def deliver(settings: Settings, *, log: dg.DagsterLogManager) -> Delivery:
    """Sends the digests of the current release that were not sent yet."""
    delivery = send_digests(settings)
    for line in delivery.lines:
        (log.warning if delivery.undelivered else log.info)(line)
    if delivery.undelivered:
        log.warning(
            "The release is published. The next run retries those not refused for good; make send-digests retries all."
        )
    return delivery


def delivery_metadata(delivery: Delivery) -> dict[str, int]:
    return {
        "sent": len(delivery.sent),
        "sent_before": delivery.earlier_count,
        "not_sent": len(delivery.undelivered),
        "without_address": len(delivery.without_address),
    }


def delivery_check(delivery: Delivery) -> dict[str, Any]:
    return {
        "check_name": DELIVERED,
        "passed": not delivery.undelivered,
        # a mail that waits is no reason to doubt the release
        "severity": dg.AssetCheckSeverity.WARN,
        "metadata": {"not_sent": [f"{one.person}: {one.problem}" for one in delivery.undelivered]},
    }


@dg.asset(
    key=DIGESTS,
    deps=[RELEASE],
    group_name="release",
    owners=OWNERS,
    kinds={"email"},
    pool=WAREHOUSE_POOL,
    check_specs=[dg.AssetCheckSpec(DELIVERED, asset=DIGESTS, description="Everyone with an address got their digest.")],
    description="Mails to everyone with a role at a KPI, once per person and release; none without a mail server.",
)
def digests(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    delivery = deliver(settings, log=context.log)
    yield dg.MaterializeResult(
        metadata=delivery_metadata(delivery), check_results=[dg.AssetCheckResult(**delivery_check(delivery))]
    )


send_waiting_digests = dg.define_asset_job(
    name="send_waiting_digests",
    description="Sends the digests of the current release to those who did not get theirs.",
    selection=dg.AssetSelection.assets(DIGESTS),
    executor_def=dg.in_process_executor,
)


@dg.sensor(job=send_waiting_digests, minimum_interval_seconds=900)
def waiting_digests(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for another try while mails of the current release wait, once an hour at most.

    A run with nothing new doesn't come to them.
    """
    now = datetime.now(UTC)
    try:
        due = due_digests(read_settings(), now=now)
    except (WarehouseBusy, duckdb.Error) as error:
        return dg.SkipReason(f"The warehouse is in use: {error}")
    if due is None:
        return dg.SkipReason("No digest to retry: each undelivered one was tried within the hour or refused for good.")
    # one key an hour: while the pool is busy no second run queues up behind the first
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{due.release_id}:{now:%Y-%m-%dT%H}")])
