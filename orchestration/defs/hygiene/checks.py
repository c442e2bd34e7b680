"""The two gates: a blocking check per landed table before anything is built, one per schema before it is published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from orchestration.defs.landing.assets import CONTRACTS
from orchestration.defs.naming import WAREHOUSE_POOL, landed_key
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.seeds import read_resolved
from orchestration.lib.core.activity import doing
from orchestration.lib.core.clock import in_utc
from orchestration.lib.core.connection import one_value, open_duckdb
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.dbt.marts import marts_by_schema, read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.hygiene.checks import Check, Suite
from orchestration.lib.hygiene.daily_profiles import identifying_columns
from orchestration.lib.hygiene.deliveries import Limits, compare_deliveries, delivery_checks, freshness_checks
from orchestration.lib.hygiene.kpi_bands import KpiLimits, compare_kpis, kpi_checks
from orchestration.lib.hygiene.landing_suites import MAX_QUARANTINED_SHARE, landing_suite, warnings_suite
from orchestration.lib.hygiene.published_suites import published_suite
from orchestration.lib.hygiene.results import SuiteResult, results_rows, store_results
from orchestration.lib.hygiene.session import HygieneSession
from orchestration.lib.hygiene.unchanged import note_states, passed_states, state_of
from orchestration.lib.landing.accounting import bad_file_messages
from orchestration.lib.landing.quarantine import mostly_quarantined
from orchestration.lib.landing.registry import refused_files, table_batches
from orchestration.lib.landing.warnings import warnings_that_hold
from orchestration.lib.release.history import forget_old_runs
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.publish import current_release
from orchestration.lib.warehouse.build import event_tables
from orchestration.lib.warehouse.definitions import changed_scopes, definitions, read_definitions
from orchestration.lib.warehouse.key import read_pepper
from orchestration.lib.warehouse.node_ledger import versions_of_nodes

LEDGER = "hygiene.expectation_results"
MARTS = marts_by_schema(read_marts(read_dbt_manifest(read_settings().resolved_sources)))
# All tables of a schema are built in one step, so its suite hangs on whichever comes first.
FIRST_TABLES = {schema: dg.AssetKey([schema, marts[0].name]) for schema, marts in MARTS.items()}


# What is suspicious in the extracts folder is of no table, so its suite hangs on the first.
WARNINGS = warnings_suite()
# The suites that there are: of sources that were removed the ledger holds results as well.
SUITES = (
    *(f"landing.{contract.identifier}" for contract in CONTRACTS),
    WARNINGS.name,
    *(f"marts.{schema}" for schema in MARTS),
)


@dataclass(frozen=True)
class Checked:
    """What a suite found, and the asset whose check it is."""

    asset: dg.AssetKey
    name: str
    result: SuiteResult
    messages: tuple[str, ...] = ()

    @property
    def said(self) -> dict[str, Any]:
        return {
            "asset_key": self.asset,
            "check_name": self.name,
            "passed": not self.result.blocks,
            "severity": dg.AssetCheckSeverity.ERROR,
            "description": "\n".join([self.result.message, *(f"  {line}" for line in self.messages)]),
            "metadata": {
                "verdict": self.result.verdict,
                "checks": len(self.result.results),
                "rows_checked": self.result.rows_checked,
                "warnings": len(self.result.warnings),
                "seconds": round(self.result.seconds, 2),
            },
        }

    def as_result(self) -> dg.AssetCheckResult:
        """For a step that is a check of assets."""
        return dg.AssetCheckResult(**self.said)

    def as_evaluation(self) -> dg.AssetCheckEvaluation:
        """For any other step."""
        return dg.AssetCheckEvaluation(**self.said, blocking=True)


@dataclass(frozen=True)
class _DueSuite:
    """A suite to run: the asset whose check it is, the check's name, and what its verdict follows from."""

    asset: dg.AssetKey
    name: str
    suite: Suite
    state: str
    messages: tuple[str, ...] = ()


def check_landed(
    settings: Settings,
    contracts: Sequence[TableContract],
    *,
    as_of: datetime,
    run_id: str,
    log: dg.DagsterLogManager,
    is_forced: bool = False,
) -> list[Checked]:
    """Runs the suites of landed tables that changed since theirs passed, and remembers what they found.

    Before that it compares what was delivered with the days before. With `is_forced` every suite is run.
    """
    kinds = [str(row.get("identifier_type")) for row in read_resolved(settings, "identifier_types")]
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        comparison = compare_deliveries(
            connection,
            contracts,
            as_of=as_of,
            now=datetime.now(UTC),
            run_id=run_id,
            limits=Limits(read_resolved(settings, "delivery_limits")),
            identifying={contract.name: identifying_columns(contract, kinds) for contract in contracts},
        )
        compared = {
            contract.name: (
                *delivery_checks(contract, comparison.of(contract)),
                *freshness_checks(contract, connection),
            )
            for contract in contracts
        }
        refused = refused_files(connection, settings.extracts)
        batches = table_batches(connection)
        suspicious = warnings_that_hold(connection)
        spoiled = {
            contract.name: mostly_quarantined(connection, contract)
            for contract in contracts
            if (contract.source, contract.table) in batches
        }
        passed = {} if is_forced else passed_states(connection)
        bad = {
            contract.identifier: bad_file_messages(connection, contract, above_share=MAX_QUARANTINED_SHARE)
            for contract in contracts
            if (contract.source, contract.table) in batches
        }
    suites = []
    if CONTRACTS[0] in contracts:
        state = state_of(WARNINGS, suspicious)
        if passed.get(WARNINGS.name) != state:
            suites.append(_DueSuite(landed_key(CONTRACTS[0]), "warnings", WARNINGS, state))
    for contract in contracts:
        here = [file for file in refused if (file.source, file.table) == (contract.source, contract.table)]
        suite = landing_suite(
            contract,
            as_of=as_of,
            refused_files=[file.file_path for file in here],
            compared=compared[contract.name],
        )
        batch = batches.get((contract.source, contract.table))
        if batch is None:
            # a source that the company doesn't have: its table has to be there, and has nothing to check
            suite = replace(suite, checks=suite.checks[:1])
        state = state_of(suite, batch)
        if passed.get(suite.name) != state:
            messages = (
                *(file.message for file in here),
                *(file.message for file in spoiled.get(contract.name, ())),
                *bad.get(contract.identifier, ()),
            )
            suites.append(_DueSuite(landed_key(contract), "suite", suite, state, messages))
    if comparison.comparison_count or comparison.learning_count:
        log.info(
            f"{comparison.comparison_count:,} comparisons with the days before, {len(comparison.open)} unlike them and "
            f"not accepted; {comparison.learning_count:,} wait for more days"
        )
    if not suites:
        log.info(f"All {len(contracts)} landed tables are as they were when they passed")
        return []
    tables = sum(due.suite is not WARNINGS for due in suites)
    log.info(f"Checking {tables} of {len(contracts)} landed tables")
    return _run(settings, suites, run_id)


def check_marts(
    settings: Settings, *, as_of: datetime, run_id: str, log: dg.DagsterLogManager, is_forced: bool = False
) -> list[Checked]:
    """Runs the suites of published schemas of which a table changed since theirs passed, and remembers what they found.

    A schema with a ledger, to which every run appends, is always checked. With `is_forced` every suite is run.
    """
    counts = _published_row_counts(settings)
    landed = event_tables(read_dbt_manifest(settings.resolved_sources))
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        withdrawn = one_value(connection, "select count(*) from landing.files where status = 'withdrawn'")
        versions = versions_of_nodes(connection)
        batches = table_batches(connection)
        passed = {} if is_forced else passed_states(connection)
        compared = _compare_kpis(connection, settings, as_of=as_of, run_id=run_id, log=log)
    # a table may be empty as long as no event has landed
    has_events = any(f"raw.{source}__{table}" in landed for source, table in batches)
    suites, unchanged = [], []
    for schema, marts in MARTS.items():
        suite_of = partial(
            published_suite,
            schema,
            marts,
            as_of=as_of,
            event_tables=landed,
            may_shrink=bool(withdrawn),
            compared=[check for check in compared if check.table_schema == schema],
        )
        suite = suite_of(previous_row_counts=counts)
        tables = [(mart.label, versions.get(mart.node)) for mart in marts]
        # a table that did not change kept its rows, so what the last release had says nothing new about it
        state = state_of(suite_of(), (has_events, tables))
        if passed.get(suite.name) != state or any(mart.facts.is_ledger for mart in marts):
            suites.append(_DueSuite(FIRST_TABLES[schema], f"{schema}_suite", suite, state))
        else:
            unchanged.append(schema)
    log.info(
        f"Checking the schemas {', '.join(schema for schema in MARTS if schema not in unchanged)}"
        + (f"; the tables of {', '.join(unchanged)} are as they were when they passed" if unchanged else "")
    )
    return _run(settings, suites, run_id)


def _compare_kpis(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    as_of: datetime,
    run_id: str,
    log: dg.DagsterLogManager,
) -> list[Check]:
    """Compares the KPIs of the build with the days before; a check for each that is unlike them."""
    before = current_release(settings)
    noted = read_definitions(connection, before.release_id).scopes if before is not None else {}
    today = in_utc(as_of).astimezone(ZoneInfo(settings.reporting_time_zone)).date()
    manifest = read_dbt_manifest(settings.resolved_sources)
    # what became valid since the release before explains the days since
    redefined = changed_scopes(noted, definitions(connection, manifest, {}, day=today))
    comparison = compare_kpis(
        connection,
        last_day=today - timedelta(days=1),
        now=datetime.now(UTC),
        run_id=run_id,
        limits=KpiLimits(read_resolved(settings, "kpi_limits")),
        redefined={scope.split(" ")[1] for scope in redefined if scope.startswith("kpi ")},
    )
    if comparison.comparison_count or comparison.learning_count:
        log.info(
            f"{comparison.comparison_count:,} comparisons of KPIs with the days before, {len(comparison.open)} unlike "
            f"them and not accepted; {comparison.learning_count:,} wait for more days or rows"
        )
    return list(kpi_checks(comparison.open))


@dg.multi_asset_check(
    name="landing_suites",
    specs=[
        dg.AssetCheckSpec(
            name="suite",
            asset=landed_key(contract),
            blocking=True,
            description=f"Rows of {contract.name}: types, required and accepted values, little in quarantine, "
            "deliveries like those before. Blocks the build.",
        )
        for contract in CONTRACTS
    ]
    + [
        dg.AssetCheckSpec(
            name="warnings",
            asset=landed_key(CONTRACTS[0]),
            blocking=True,
            description="Files of all sources: what is suspicious in the extracts folder or is not read. Warns only.",
        )
    ],
    can_subset=True,
    pool=WAREHOUSE_POOL,
)
def landing_suites(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    settings, as_of = run_settings_and_clock(context.instance, context.run.run_id)
    selected = context.op_execution_context.selected_asset_check_keys
    assets = {key.asset_key for key in selected}
    chosen = [contract for contract in CONTRACTS if landed_key(contract) in assets]
    for found in check_landed(
        settings, chosen, as_of=as_of, run_id=context.run.run_id, log=context.log, is_forced=True
    ):
        if dg.AssetCheckKey(found.asset, found.name) in selected:
            yield found.as_result()


@dg.multi_asset_check(
    name="marts_suites",
    specs=[
        dg.AssetCheckSpec(
            name=f"{schema}_suite",
            asset=asset,
            blocking=True,
            description=f"All tables of the schema {schema}: columns, rows not lost since the previous release, "
            "recent data, no addresses or numbers in texts. Blocks the release.",
        )
        for schema, asset in FIRST_TABLES.items()
    ],
    # so that the pages can run one of them
    can_subset=True,
    pool=WAREHOUSE_POOL,
)
def marts_suites(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    settings, as_of = run_settings_and_clock(context.instance, context.run.run_id)
    selected = context.op_execution_context.selected_asset_check_keys
    for found in check_marts(settings, as_of=as_of, run_id=context.run.run_id, log=context.log, is_forced=True):
        if dg.AssetCheckKey(found.asset, found.name) in selected:
            yield found.as_result()


def _published_row_counts(settings: Settings) -> dict[str, int]:
    release = current_release(settings)
    if release is None:
        return {}
    return {
        f"{table['schema']}.{table['name']}": table["row_count"] for table in read_manifest(release.directory)["tables"]
    }


def _run(settings: Settings, suites: Sequence[_DueSuite], run_id: str) -> list[Checked]:
    """Runs suites, and remembers what they found and in which state they passed."""
    found: list[Checked] = []
    with HygieneSession(settings.warehouse, pepper=read_pepper(settings)) as session:
        for number, due in enumerate(suites, start=1):
            doing("checking", number=number, of=len(suites), name=due.suite.name)
            found.append(Checked(due.asset, due.name, session.run(due.suite), due.messages))
    results = [one.result for one in found]
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        store_results(connection, results_rows(results, run_id), table=LEDGER)
        forget_old_runs(connection, kept=settings.history_kept)
        note_states(connection, zip(results, (due.state for due in suites), strict=True))
    return found
