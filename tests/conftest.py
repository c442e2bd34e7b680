"""Fixtures that many tests share: data sets in temporary folders, and the Warehouse that stories are delivered to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.building import explain
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.dbt.running import DbtFailed
from orchestration.lib.hygiene.daily_profiles import describe_days
from orchestration.lib.identity.phones import look_up_phones
from orchestration.lib.landing.land import LandingResult, land_table
from orchestration.lib.landing.registry import table_batches
from orchestration.lib.landing.withdraw import restore_file, withdraw_file
from orchestration.lib.release.ledgers import create_ledgers, read_ledgers
from orchestration.lib.warehouse.build import (
    note_release,
)
from orchestration.lib.warehouse.building import TablesBuilt, build_tables
from orchestration.lib.warehouse.data_set import prepare_data_set
from tests.dbt_at_hand import at_hand

# Ledgers of runs, and the moment a row was loaded, say what a run did and not what the extracts say.
LEDGERS = {ledger.name for ledger in read_ledgers()}
NOT_COMPARED = {"loaded_at"}
# How many files brought the rows is how they were delivered.
OF_THE_DELIVERY = {
    "hygiene.source_scorecard": {"file_count", "byte_count"},
    "hygiene.quarantine_summary": {"file_count"},
    "hygiene.landing_warnings": {"file_count", "first_noted_at"},
}
# That the order of files within one run decided is said of that run alone.
ROWS_COMPARED = {"hygiene.landing_warnings": "kind <> 'order_decided'"}
PUBLISHED_SCHEMAS = tuple(sorted(path.name for path in (PROJECT_ROOT / "models" / "marts").iterdir() if path.is_dir()))


@dataclass
class Warehouse:
    """Rows in, dbt build, rows out: one data set in a temporary folder."""

    settings: Settings
    runs: int = 0
    landed: list[LandingResult] = field(default_factory=list)
    built: TablesBuilt | None = None
    contracts: Sequence[TableContract] = field(default_factory=lambda: read_contracts(PROJECT_ROOT / "models"))

    def deliver(self, batch: Path) -> None:
        """Copies a batch's files into the extracts folder."""
        shutil.copytree(batch, self.settings.extracts, dirs_exist_ok=True)

    def land(self) -> None:
        """Lands what lies in the extracts folder; every declared table exists afterwards."""
        self.runs += 1
        now = datetime(2026, 3, 1, 0, self.runs, tzinfo=UTC)
        prepare_data_set(self.settings, today=now.date())
        with open_duckdb(self.settings.warehouse) as connection:
            self.landed = [
                land_table(
                    connection,
                    contract,
                    extracts=self.settings.extracts,
                    run_id=f"run {self.runs}",
                    now=now,
                    settle_seconds=0,
                )
                for contract in self.contracts
            ]
            look_up_phones(connection, self.contracts, self.settings)

    def withdraw(self, *files: str) -> None:
        """Takes landed files back, named by their paths from the extracts folder."""
        self._change(withdraw_file, files)

    def restore(self, *files: str) -> None:
        """Brings withdrawn files back."""
        self._change(restore_file, files)

    def _change(self, change: Callable[..., object], files: Sequence[str]) -> None:
        with open_duckdb(self.settings.warehouse) as connection:
            for file in files:
                change(
                    connection,
                    self.contracts,
                    file=file,
                    extracts=self.settings.extracts,
                    run_id=f"change of {file}",
                    now=datetime(2026, 3, 1, 0, self.runs, 30, tzinfo=UTC),
                )

    def build(
        self,
        *,
        as_of: datetime | None = None,
        force_full: bool = False,
        command: str = "run",
        select: Sequence[str] = (),
    ) -> str | None:
        """Builds what changed and returns why, or None when nothing did. `select` leaves out other models."""
        moment = as_of or self.settings.as_of
        assert moment is not None
        with open_duckdb(self.settings.warehouse) as connection:
            batches = table_batches(connection)
            for contract in self.contracts:
                if (batch := batches.get((contract.source, contract.table))) is not None:
                    describe_days(connection, contract, batch=batch)
        with at_hand():
            built = build_tables(
                self.settings,
                as_of=moment,
                now=moment,
                force_full=force_full,
                # seeds and models in one dbt process: its start costs more than these small tables
                arguments=[
                    *(["--exclude-resource-type", "test"] if command != "build" else []),
                    *(["--select", *select] if select else []),
                ],
            )
        if built is None:
            return None
        if not built.dbt.is_success:
            raise DbtFailed(explain(built.dbt, read_dbt_manifest()))
        with open_duckdb(self.settings.warehouse) as connection:
            note_release(connection, built.number, f"release {built.number}")
        self.built = built
        return built.plan.reason

    def copy(self, folder: Path) -> Warehouse:
        """The same data set in another folder: a test may change it, and the rest share what it was copied from."""
        settings = replace(self.settings, extracts=folder / "extracts", var=folder / "var", serving=folder / "serving")
        shutil.copytree(self.settings.extracts, settings.extracts)
        shutil.copytree(self.settings.var, settings.var)
        # its resolved seeds lie elsewhere
        prepare_data_set(settings, today=date(2026, 3, 1))
        return replace(self, settings=settings)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query as dicts."""
        with open_duckdb(self.settings.warehouse, read_only=True) as connection:
            result = connection.execute(sql)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def tables(self, schemas: Sequence[str] = PUBLISHED_SCHEMAS) -> list[str]:
        """Names of the published tables that extracts, seeds and clock decide.

        A mart that is a view reads its rows from the warehouse it was made in, whatever that is attached as; the table
        it publishes is named in its place.
        """
        found = self.query(
            "select schema_name || '.' || table_name as name, table_name from duckdb_tables() "
            f"where schema_name in {tuple(schemas)} and not contains(table_name, '__') order by name"
        )
        views = self.query(
            f"select schema_name || '.' || view_name as name from duckdb_views() where schema_name in {tuple(schemas)}"
        )
        tables = [row["name"] for row in found if row["table_name"] not in LEDGERS]
        return tables + sorted(_published_by(row["name"]) for row in views)


def _published_by(mart: str) -> str:
    """The one table that a mart which is a view reads."""
    [path] = (PROJECT_ROOT / "models" / "marts").rglob(f"{mart.partition('.')[2]}.sql")
    [model] = set(re.findall(r"ref\('(\w+)'\)", path.read_text(encoding="utf-8")))
    return f"intermediate.{model}"


def differences(left: Warehouse, right: Warehouse) -> dict[str, list]:
    """Published tables whose rows differ between two warehouses, each with up to six rows of one side only."""
    assert left.tables() == right.tables()
    found = {}
    with open_duckdb(left.settings.warehouse, read_only=True) as connection:
        connection.execute(f"attach '{right.settings.warehouse}' as other (read_only)")
        for table in left.tables():
            left_out = NOT_COMPARED | OF_THE_DELIVERY.get(table, set())
            columns = ", ".join(
                row[0] for row in connection.execute(f"describe {table}").fetchall() if row[0] not in left_out
            )
            here, there = (
                f"select {columns} from {place}{table} where {ROWS_COMPARED.get(table, 'true')}"
                for place in ("", "other.")
            )
            rows = connection.execute(
                f"(select 'left' as side, * from ({here} except all {there}) limit 3) union all "
                f"(select 'right', * from ({there} except all {here}) limit 3)"
            ).fetchall()
            if rows:
                found[table] = rows
    return found


def make_warehouse(folder: Path, *, seeds: Path, as_of: str, **environment: str) -> Warehouse:
    """An empty data set in a folder; `environment` says what else its settings read."""
    (folder / "extracts").mkdir(parents=True, exist_ok=True)
    settings = read_settings(
        {
            "JOURNEYS_EXTRACTS": str(folder / "extracts"),
            "JOURNEYS_SEEDS": str(seeds),
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_SERVING": str(folder / "serving"),
            "JOURNEYS_AS_OF": as_of,
            "JOURNEYS_PEPPER": "a key for all tests",
            "JOURNEYS_DATA_SET": "tested",
            **environment,
        }
    )
    return Warehouse(replace(settings))


@pytest.fixture(scope="session")
def default_example(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The default example in its default size, built: the data set that README and docs show."""
    from examples import omnichannel

    folder = tmp_path_factory.mktemp("default_example")
    settings = read_settings({"JOURNEYS_VAR": str(folder / "var"), "JOURNEYS_SERVING": str(folder / "serving")})
    example = settings.example
    assert example is not None and example.name == "omnichannel"
    sizes: dict[str, Any] = dict(example.sizes)
    omnichannel.generate(settings.extracts, settings.truth, as_of=example.as_of, **sizes, progress=lambda line: None)
    warehouse = Warehouse(settings)
    warehouse.land()
    warehouse.build()
    # what a release says of itself, its clock above all
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        connection.execute(
            "insert into hygiene.releases by name select 'shown' as release_id, ?::timestamp as as_of",
            [plain_utc(example.as_of)],
        )
    return warehouse


@pytest.fixture(scope="session")
def complete_journey_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database built from all households of the example complete_journey: the tables that a release copies."""
    from examples import complete_journey

    example = EXAMPLES["complete_journey"]
    warehouse = make_warehouse(
        tmp_path_factory.mktemp("complete_journey"),
        seeds=PROJECT_ROOT / example.seeds,
        as_of=example.as_of.isoformat(),
        JOURNEYS_CURRENCY=example.currency,
        JOURNEYS_TIME_ZONE=example.time_zone,
    )
    extracts = warehouse.settings.extracts
    complete_journey.generate(extracts, extracts.parent / "truth", progress=lambda line: None)
    warehouse.land()
    warehouse.build()
    return warehouse.settings.warehouse


# Published releases that tests of several folders read: both examples, and one without a row. Tests that use them are
# of the group `published_examples`.


def publish(folder: Path, *arguments: str, **environment: str) -> Settings:
    """Runs the real command into a folder and returns the settings of the data set that it published."""
    where = {"JOURNEYS_VAR": str(folder / "var"), "JOURNEYS_SERVING": str(folder / "serving"), **environment}
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "run", *arguments],
        cwd=PROJECT_ROOT,
        env=os.environ | where,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return read_settings(where)


@pytest.fixture(scope="session")
def omnichannel(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return publish(tmp_path_factory.mktemp("omnichannel"), "--customers", "250", "--days", "150")


@pytest.fixture(scope="session")
def complete_journey(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("households")
    return publish(folder, "--households", "60", EXAMPLE="complete_journey")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A release of extracts that hold no row yet."""
    folder = tmp_path_factory.mktemp("empty")
    events = folder / "extracts" / "feed" / "events" / "2026-01.csv"
    events.parent.mkdir(parents=True)
    events.write_text("event_id,occurred_at,event_name,source_system\n", encoding="utf-8")
    return publish(
        folder,
        JOURNEYS_EXTRACTS=str(folder / "extracts"),
        JOURNEYS_AS_OF="2026-02-01T00:00:00Z",
        JOURNEYS_PEPPER="a key for all tests",
    )
