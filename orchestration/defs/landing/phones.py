"""The look-up table of telephone numbers, made between landing and the models."""

import dagster as dg

from orchestration.defs.landing.assets import CONTRACTS
from orchestration.defs.naming import OWNERS, PHONE_NUMBERS, WAREHOUSE_POOL, landed_key
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.core.connection import WarehouseBusy, open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.identity.phones import PhoneLookup, look_up_phones


def look_up(settings: Settings, *, log: dg.DagsterLogManager) -> PhoneLookup:
    """Looks up the telephone numbers that landed since the last time."""
    try:
        with open_duckdb(settings.warehouse) as connection:
            found = look_up_phones(connection, CONTRACTS, settings, progress=log.info)
    except WarehouseBusy as busy:
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=10) from busy
    if found.new:
        log.info(
            f"{found.new:,} new telephone numbers in extracts and seeds, {found.impossible:,} of them impossible, "
            f"in {found.seconds:.1f} s"
        )
    return found


def phone_metadata(found: PhoneLookup) -> dict[str, dg.MetadataValue]:
    return {
        "numbers_new": dg.MetadataValue.int(found.new),
        "numbers_impossible": dg.MetadataValue.int(found.impossible),
        "seconds": dg.MetadataValue.float(found.seconds),
    }


@dg.asset(
    key=PHONE_NUMBERS,
    deps=[landed_key(contract) for contract in CONTRACTS if contract.holds_identifiers],
    description="Each telephone number that landed, as it is written, and the one number that it is.",
    group_name="landing",
    owners=OWNERS,
    kinds={"duckdb", "python"},
    pool=WAREHOUSE_POOL,
    op_tags={"kind": "landing"},
)
def look_up_phone_numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    return dg.MaterializeResult(metadata=phone_metadata(look_up(settings, log=context.log)))


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(assets=[look_up_phone_numbers])
