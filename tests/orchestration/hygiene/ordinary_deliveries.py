"""Simulates a business whose deliveries are ordinary: season, growth, weekdays, campaigns, noise, and nothing wrong.

Rows are made inside DuckDB, straight into raw tables, so that many deliveries cost seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.hygiene.deliveries import Comparison, Limits, compare_deliveries
from orchestration.lib.landing.registry import ensure_tables
from orchestration.lib.release.ledgers import create_ledgers

BEGINS = date(2025, 1, 1)

COLUMNS = (
    ColumnContract("event_id", "string", required=True),
    ColumnContract("kind", "string", required=True),
    ColumnContract("campaign", "string"),
    ColumnContract("device", "string"),
    ColumnContract("email", "string", personal=True),
    ColumnContract("amount", "decimal(18,2)"),
    ColumnContract("seconds", "bigint"),
    ColumnContract("received_at", "timestamp", required=True),
    ColumnContract("occurred_at", "timestamp", required=True),
)
# Rows per day in the beginning; how much season, growth in a year, campaigns and weekends do; noise from day to day.
SHAPES = {
    "web": (200.0, 0.25, 0.5, 0.5, 0.8, 0.10),
    "app": (120.0, 0.20, 1.0, 0.3, 1.2, 0.12),
    "orders": (50.0, 0.35, 0.3, 0.4, 0.9, 0.15),
    "tickets": (15.0, 0.15, 0.2, 0.1, 0.3, 0.20),
    "mails": (80.0, 0.10, 0.3, 2.0, 0.7, 0.30),
    "visits": (60.0, 0.30, 0.1, 0.2, 1.6, 0.15),
}


def contract_of(table: str) -> TableContract:
    return TableContract(
        source="shop",
        table=table,
        description="",
        formats=("csv",),
        key=("event_id",),
        columns=COLUMNS,
        day_column="occurred_at",
    )


@dataclass
class Business:
    """A warehouse that ordinary deliveries come to; `deliver` lands some days of every table, as one delivery."""

    connection: duckdb.DuckDBPyConnection
    seed: int
    deliveries: int = 0
    batch: int = 0
    # the days on which a table has no rows
    silent: dict[str, range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = numpy.random.default_rng(self.seed)
        self.contracts = tuple(contract_of(table) for table in SHAPES)
        for contract in self.contracts:
            ensure_tables(self.connection, contract)
        create_ledgers(self.connection)
        # a campaign begins every few weeks and lasts one or two
        self.campaigns: list[tuple[int, int]] = []
        day = int(self.random.integers(10, 30))
        while day < 1500:
            length = int(self.random.integers(5, 15))
            self.campaigns.append((day, day + length))
            day += length + int(self.random.integers(10, 40))

    def deliver(self, first: int, last: int) -> None:
        """Lands the days by number from the first, and a few late rows of the two days before."""
        self.deliveries += 1
        for table in SHAPES:
            self.batch += 1
            batch = self.batch
            # some rows of the last days come with the next delivery
            counts = [(day, self._rows_on(table, day)) for day in range(first, last + 1)]
            late = [(day, max(count // 100, 0)) for day, count in counts[-2:]]
            self._insert(table, batch, counts, prefix="")
            if self.deliveries > 1:
                self._insert(table, batch, [(day - 2, count) for day, count in late], prefix="late")
            read = sum(count for _, count in counts) + sum(count for _, count in late)
            self.connection.execute(
                "insert into landing.files (file_id, source_name, table_name, file_path, batch, status, rows_read, "
                "rows_accepted, rows_quarantined, loaded_at) values (?, 'shop', ?, ?, ?, 'loaded', ?, ?, 0, ?)",
                [f"{batch}", table, f"shop/{table}/{batch}.csv", batch, read, read, self.moment(last + 1)],
            )
            self.connection.execute(
                "insert into landing.batches values (?, 'shop', ?, ?, ?, 'r')",
                [batch, table, self.moment(last + 1), self.moment(last + 1)],
            )

    def change(self, table: str, assignment: str, first: int, last: int) -> None:
        """Changes the rows of some days, as another version of them would."""
        days = f"between '{self.moment(first)}' and '{self.moment(last + 1)}'"
        self.batch += 1
        self.connection.execute(
            f'update raw."shop__{table}" set {assignment}, _changed_in = {self.batch} where occurred_at {days}'
        )
        self.connection.execute(
            "insert into landing.batches values (?, 'shop', ?, ?, ?, 'r')",
            [self.batch, table, self.moment(last + 1), self.moment(last + 1)],
        )

    def compare(self, last: int, limits: Limits | None = None) -> Comparison:
        """What the run finds that follows a delivery up to this day."""
        return compare_deliveries(
            self.connection,
            self.contracts,
            as_of=self.moment(last + 1).replace(tzinfo=UTC),
            now=self.moment(last + 1).replace(tzinfo=UTC) + timedelta(minutes=self.deliveries),
            run_id=f"run {self.deliveries}",
            limits=limits or Limits(),
            identifying={contract.name: ("email",) for contract in self.contracts},
        )

    @staticmethod
    def moment(day: int) -> datetime:
        return datetime.combine(BEGINS, datetime.min.time()) + timedelta(days=day)

    def _rows_on(self, table: str, day: int) -> int:
        if day in self.silent.get(table, ()):
            return 0
        base, season, growth, campaign, weekend, noise = SHAPES[table]
        rate = base * (1 + growth) ** (day / 365) * (1 + season * math.sin(2 * math.pi * (day - 260) / 365))
        if (BEGINS + timedelta(days=day)).weekday() >= 5:
            rate *= weekend
        if self._campaign_on(day) is not None:
            rate *= 1 + campaign * float(self.random.uniform(0.5, 1.0))
        return int(self.random.poisson(rate * math.exp(self.random.normal(0, noise))))

    def _campaign_on(self, day: int) -> int | None:
        return next((number for number, (first, last) in enumerate(self.campaigns) if first <= day < last), None)

    def _insert(self, table: str, batch: int, counts: list[tuple[int, int]], *, prefix: str) -> None:
        """Rows whose values follow from their number, so that the same seed gives the same rows."""
        rows = ", ".join(
            f"({day}, {count}, {'null' if (number := self._campaign_on(day)) is None else repr(f'C{number}')})"
            for day, count in counts
        )
        even = f"hash({self.seed}, '{table}{prefix}', day, number, '{{}}') % 1000003 / 1000003.0"
        draws = ", ".join(f"{even.format(name)} as {name}" for name in ("a", "b", "c", "d", "e", "f", "g"))
        if not any(count for _, count in counts):
            return
        self.connection.execute(f"""
            insert into raw."shop__{table}" by name
            select
                '{prefix}' || day || '-' || number as event_id,
                case when a < 0.6 then 'viewed' when a < 0.9 then 'searched' when a < 0.97 then 'added' else 'bought'
                end as kind,
                case when b < 0.3 then campaign when b < 0.6 then 'always' end as campaign,
                case when c < 0.5 then 'phone' when c < 0.85 then 'computer' else 'tablet' end as device,
                case when d < 0.7 then 'm' || cast(1e6 * e as bigint) || '@example.com' end as email,
                case when a > 0.9 then round(exp(3.5 + 0.8 * sqrt(-2 * ln(e + 1e-9)) * cos(6.2831853 * f)), 2)
                    * if(g < 0.05, -1, 1) end as amount,
                cast(exp(4 + sqrt(-2 * ln(f + 1e-9)) * cos(6.2831853 * g)) as bigint) as seconds,
                date '{BEGINS}' + cast(day as integer)
                    + to_seconds(cast(86399 * (0.5 + 0.17 * sqrt(-2 * ln(g + 1e-9)) * cos(6.2831853 * a) + 2) as bigint)
                        % 86400) as occurred_at,
                occurred_at + to_seconds(cast(-60 * ln(e + 1e-9) as bigint)) as received_at,
                event_id as _row_key, event_id as _row_hash, 'current' as _row_status, '{batch}' as _file_id,
                row_number() over () as _line, {batch} as _batch, {batch} as _changed_in,
                timestamp '{self.moment(counts[-1][0] + 1)}' as _loaded_at
            from (
                select day, campaign, number, {draws}
                from (select day, campaign, unnest(range(row_count)) as number
                    from (values {rows}) as days (day, row_count, campaign))
            )
        """)
