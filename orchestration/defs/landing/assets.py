"""One asset per source table, made from the contracts; one step per source."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

import dagster as dg
import duckdb

from orchestration.defs.naming import OWNERS, WAREHOUSE_POOL, landed_key
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.activity import doing
from orchestration.lib.core.connection import WarehouseBusy, one_value, open_duckdb
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.landing.land import LandingResult, land_table
from orchestration.lib.landing.land_again import older_contracts
from orchestration.lib.landing.overlooked import note_overlooked, overlooked
from orchestration.lib.landing.registry import raw_table
from orchestration.lib.landing.withdrawals import note_withdrawals, take_note_over, withdraw_noted
from orchestration.lib.sources.notices import guesses_left, note_values_looked_for, values_never_seen
from orchestration.lib.sources.resolving import read_all_contracts
from orchestration.lib.warehouse.data_set import prepare_data_set


def landing_asset_specs(contracts: Sequence[TableContract]) -> list[dg.AssetSpec]:
    """One spec per contract."""
    return [
        dg.AssetSpec(
            key=landed_key(contract),
            description=contract.description,
            group_name="landing",
            owners=OWNERS,
            kinds={"duckdb", *contract.formats},
            metadata={
                "folder": dg.MetadataValue.path(str(contract.folder)),
                "delivery": contract.delivery,
                "key": ", ".join(contract.key),
                "dagster/column_schema": dg.TableSchema(
                    [dg.TableColumn(column.name, column.data_type, column.description) for column in contract.columns]
                ),
                "dagster/table_name": f"raw.{contract.identifier}",
            },
        )
        for contract in contracts
    ]


def land_tables(
    settings: Settings, contracts: Sequence[TableContract], *, run_id: str, log: dg.DagsterLogManager
) -> Iterator[tuple[TableContract, LandingResult, int]]:
    """Lands what is new of each table, and with it of its parts, whatever `contracts` name of the two; each comes with
    the number of its rows that count. Notes what lies in the extracts folder and is not read, and what is left to
    settle in contracts.

    Asks for another try where another process holds the warehouse.
    """
    named = {contract.name for contract in contracts}
    whole = [c for c in CONTRACTS if c.part_of is None and named & {c.name, *(part.name for part in c.parts)}]
    now = datetime.now(UTC)
    try:
        prepare_data_set(settings, today=now.date())
        with open_duckdb(settings.warehouse) as connection:
            take_note_over(connection, settings.home)
            for number, contract in enumerate(whole, start=1):
                doing("landing", number=number, of=len(whole), name=contract.name)
                result = land_table(
                    connection, contract, extracts=settings.extracts, run_id=run_id, now=now, progress=log.debug
                )
                for table, landed in ((contract, result), *zip(contract.parts, result.parts, strict=True)):
                    _log(log, landed)
                    yield table, landed, _row_count(connection, table)
            for withdrawn in withdraw_noted(connection, CONTRACTS, settings.home, run_id=run_id, now=now):
                log.info(f"{withdrawn.file_path} ({withdrawn.source}.{withdrawn.table}) is withdrawn, as it was before")
            note_withdrawals(connection, settings.home)
            found = (
                *overlooked(settings.extracts, CONTRACTS, settings.sources),
                *older_contracts(connection, CONTRACTS),
                *guesses_left(CONTRACTS),
                *values_never_seen(connection, CONTRACTS),
            )
            note_overlooked(connection, CONTRACTS, found, now=now)
            note_values_looked_for(connection, CONTRACTS)
    except WarehouseBusy as busy:
        # the holder may be done by then; whatever else goes wrong would go wrong again
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=10) from busy


def make_landing_assets(source: str, contracts: Sequence[TableContract]) -> dg.AssetsDefinition:
    """The step that lands a source's tables, any subset of them."""

    @dg.multi_asset(
        name=f"land_{source}",
        specs=landing_asset_specs(contracts),
        can_subset=True,
        pool=WAREHOUSE_POOL,
        op_tags={"kind": "landing"},
    )
    def land(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        settings, _ = run_settings_and_clock(context.instance, context.run_id)
        chosen = [contract for contract in contracts if landed_key(contract) in context.selected_asset_keys]
        landed = land_tables(settings, chosen, run_id=context.run_id, log=context.log)
        for contract, result, row_count in landed:
            if landed_key(contract) not in context.selected_asset_keys:
                continue
            yield dg.MaterializeResult(asset_key=landed_key(contract), metadata=landing_metadata(result, row_count))

    return land


def _log(log: dg.DagsterLogManager, result: LandingResult) -> None:
    name = f"{result.source}.{result.table}"
    if result.files_loaded:
        log.info(
            f"{name}: {result.rows_read:,} rows from {result.files_loaded} "
            f"file{'s' * (result.files_loaded > 1)} in {result.seconds:.1f} s, "
            f"{result.rows_quarantined:,} quarantined"
        )
    for refused in result.refused:
        log.error(f"{refused.message}")
    for deferred in result.deferred:
        log.warning(f"{deferred} is still being written; the next run takes it")


def _row_count(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> int:
    return one_value(connection, f"select count(*) from {raw_table(contract)} where _row_status = 'current'")


def landing_metadata(result: LandingResult, row_count: int) -> dict[str, dg.MetadataValue]:
    """What a landing did, and the rows of the table that count after it."""
    return {
        "dagster/row_count": dg.MetadataValue.int(row_count),
        "rows_accepted": dg.MetadataValue.int(result.rows_accepted),
        "rows_read": dg.MetadataValue.int(result.rows_read),
        "rows_current": dg.MetadataValue.int(result.rows_current),
        "rows_superseded": dg.MetadataValue.int(result.rows_superseded),
        "rows_duplicate": dg.MetadataValue.int(result.rows_duplicate),
        "rows_quarantined": dg.MetadataValue.int(result.rows_quarantined),
        "files_loaded": dg.MetadataValue.int(result.files_loaded),
        "files_refused": dg.MetadataValue.int(result.files_refused),
        "files_deferred": dg.MetadataValue.int(result.files_deferred),
        "bytes": dg.MetadataValue.int(result.bytes),
        "seconds": dg.MetadataValue.float(result.seconds),
    }


CONTRACTS = read_all_contracts(read_settings())


@dg.definitions
def defs() -> dg.Definitions:
    by_source = groupby(CONTRACTS, key=lambda contract: contract.source)
    return dg.Definitions(assets=[make_landing_assets(source, tuple(tables)) for source, tables in by_source])
