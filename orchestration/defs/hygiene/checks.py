"""The two gates: a blocking check per landed table before anything is built, one per schema before it is published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from orchestration.defs.landing.assets import CONTRACTS
from orchestration.defs.naming import WAREHOUSE_POOL, landed_key
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.dbt.marts import marts_by_schema, read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.hygiene.landing_suites import landing_suite
from orchestration.lib.hygiene.published_suites import published_suite
from orchestration.lib.hygiene.results import SuiteResult, results_rows, store_results
from orchestration.lib.hygiene.session import HygieneSession
from orchestration.lib.landing.registry import refused_files
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.publish import current_release
from orchestration.lib.warehouse.build import event_tables, read_pepper

LEDGER = "hygiene.expectation_results"
MARTS = marts_by_schema(read_marts(read_dbt_manifest()))
# All tables of a schema are built in one step, so its suite hangs on whichever comes first.
FIRST_TABLES = {schema: dg.AssetKey([schema, marts[0].name]) for schema, marts in MARTS.items()}


@dg.multi_asset_check(
    name="landing_suites",
    specs=[
        dg.AssetCheckSpec(
            name="suite",
            asset=landed_key(contract),
            blocking=True,
            description=f"Great Expectations suite of raw.{contract.identifier}",
        )
        for contract in CONTRACTS
    ],
    can_subset=True,
    pool=WAREHOUSE_POOL,
)
def landing_suites(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    settings, as_of = run_settings_and_clock(context.instance, context.run.run_id)
    with open_duckdb(settings.warehouse) as connection:
        refused = refused_files(connection, settings.extracts)
        delivered = {
            f"{source}.{table}"
            for source, table in connection.execute(
                "select distinct source_name, table_name from landing.files"
            ).fetchall()
        }
    selected = {key.asset_key for key in context.op_execution_context.selected_asset_check_keys}
    context.log.info(f"Checking {len(selected)} landed tables")
    results: dict[dg.AssetKey, SuiteResult] = {}
    with HygieneSession(settings.warehouse, pepper=read_pepper(settings)) as session:
        for contract in CONTRACTS:
            if landed_key(contract) in selected:
                suite = landing_suite(
                    contract,
                    as_of=as_of,
                    refused_files=[
                        file.file_path
                        for file in refused
                        if (file.source, file.table) == (contract.source, contract.table)
                    ],
                )
                if contract.name not in delivered:
                    # a source that the company doesn't have: its table has to be there, and has nothing to check
                    suite = replace(suite, checks=suite.checks[:1])
                results[landed_key(contract)] = session.run(suite)
    _remember(settings, context.run.run_id, results)
    for key, result in results.items():
        messages = [file.message for file in refused if [file.source, file.table] == key.path]
        yield _check_result(key, "suite", result, messages)


@dg.multi_asset_check(
    name="marts_suites",
    specs=[
        dg.AssetCheckSpec(
            name=f"{schema}_suite",
            asset=asset,
            blocking=True,
            description=f"Great Expectations suite of the published schema {schema}",
        )
        for schema, asset in FIRST_TABLES.items()
    ],
    pool=WAREHOUSE_POOL,
)
def marts_suites(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    settings, as_of = run_settings_and_clock(context.instance, context.run.run_id)
    counts = _published_row_counts(settings)
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        withdrawn = connection.execute("select count(*) from landing.files where status = 'withdrawn'").fetchone()
    context.log.info(f"Checking the schemas {', '.join(MARTS)}")
    results: dict[str, SuiteResult] = {}
    with HygieneSession(settings.warehouse, pepper=read_pepper(settings)) as session:
        for schema, marts in MARTS.items():
            suite = published_suite(
                schema,
                marts,
                as_of=as_of,
                event_tables=event_tables(read_dbt_manifest()),
                previous_row_counts=counts,
                may_shrink=bool(withdrawn and withdrawn[0]),
            )
            results[schema] = session.run(suite)
    _remember(settings, context.run.run_id, {FIRST_TABLES[schema]: result for schema, result in results.items()})
    for schema, result in results.items():
        yield _check_result(FIRST_TABLES[schema], f"{schema}_suite", result)


def _published_row_counts(settings: Settings) -> dict[str, int]:
    release = current_release(settings)
    if release is None:
        return {}
    return {
        f"{table['schema']}.{table['name']}": table["row_count"] for table in read_manifest(release.directory)["tables"]
    }


def _remember(settings: Settings, run_id: str, results: Mapping[dg.AssetKey, SuiteResult]) -> None:
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        store_results(connection, results_rows(results.values(), run_id), table=LEDGER)


def _check_result(
    key: dg.AssetKey, name: str, result: SuiteResult, messages: Sequence[str] = ()
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not result.blocks,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join([result.message, *(f"  {line}" for line in messages)]),
        metadata={
            "verdict": result.verdict,
            "checks": len(result.results),
            "rows_checked": result.rows_checked,
            "warnings": len(result.warnings),
            "seconds": result.seconds,
        },
    )
