"""Deliveries are compared with the days before: damage that no single row shows warns, ordinary days do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from examples import omnichannel
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.config.seeds import SeedRow, read_definitions
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT
from orchestration.lib.hygiene.anomaly_ledger import AnomalyUnknown, accept_anomaly, reopen_anomaly
from orchestration.lib.hygiene.comparison import METRICS
from orchestration.lib.hygiene.daily_profiles import identifying_columns
from orchestration.lib.hygiene.deliveries import (
    Anomaly,
    Comparison,
    Limits,
    compare_deliveries,
    delivery_checks,
    freshness_checks,
)
from orchestration.lib.hygiene.landing_suites import landing_suite
from orchestration.lib.hygiene.session import HygieneSession
from orchestration.lib.landing.land import land_table
from orchestration.lib.release.ledgers import create_ledgers

from .damaged_extracts import DAMAGES, MONTH_OF_MAILS, QUARTERS, damage
from .ordinary_deliveries import BEGINS, Business

EXAMPLE = EXAMPLES["omnichannel"]
CONTRACTS = read_contracts(PROJECT_ROOT / "models")
IDENTIFIERS = ("email", "phone", "cookie", "customer_number", "loyalty_card", "device_id")
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extracts of the default example."""
    folder = tmp_path_factory.mktemp("example")
    sizes: dict[str, Any] = dict(EXAMPLE.sizes)
    omnichannel.generate(
        folder / "extracts", folder / "truth", as_of=EXAMPLE.as_of, **sizes, progress=lambda line: None
    )
    return folder / "extracts"


def landed_and_compared(extracts: Path, warehouse: Path) -> Comparison:
    with open_duckdb(warehouse) as connection:
        for contract in CONTRACTS:
            land_table(connection, contract, extracts=extracts, run_id="r", now=NOW, settle_seconds=0)
        create_ledgers(connection)
        return compare_deliveries(
            connection,
            CONTRACTS,
            as_of=EXAMPLE.as_of,
            now=NOW,
            run_id="r",
            limits=Limits(),
            identifying={contract.name: identifying_columns(contract, IDENTIFIERS) for contract in CONTRACTS},
        )


def test_the_example_as_it_is_warns_of_nothing(extracts: Path, tmp_path: Path) -> None:
    found = landed_and_compared(extracts, tmp_path / "warehouse.duckdb")
    assert [one.message for one in found.open] == []
    assert found.comparison_count > 10_000


@pytest.mark.parametrize(
    "quarter", ["the last three months", pytest.param("every fourth file", marks=pytest.mark.long)]
)
def test_nine_damages_to_a_quarter_of_the_extracts_warn(extracts: Path, tmp_path: Path, quarter: str) -> None:
    shutil.copytree(extracts, tmp_path / "extracts")
    damage(tmp_path / "extracts", quarter)
    found = landed_and_compared(tmp_path / "extracts", tmp_path / "warehouse.duckdb")

    unseen = [one.name for one in DAMAGES if not _seen(found.open, one.table, one.metric, one.column)]
    assert unseen == []
    # and of nothing that was not damaged
    assert {f"{one.source}.{one.table}" for one in found.open} == {one.table for one in DAMAGES}
    for one in found.open:
        assert f"{found.comparison_count:,} comparisons" in one.message
        periods = MONTH_OF_MAILS[quarter] if one.table == "sends" else QUARTERS[quarter]
        assert any(_overlaps(period, one.first_on, one.last_on) for period in periods), one.message
    [lost] = [one for one in found.open if (one.table, one.metric) == ("contacts", "nulls")]
    assert lost.before < 0.1 and 0.65 < lost.after < 0.85
    with open_duckdb(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        for one in found.open:
            if one.metric not in ("rows", "rows_relative"):
                assert connection.execute(one.query).fetchone(), one.query
    # the gate shows them, as warnings of the table's suite
    [contract] = [contract for contract in CONTRACTS if contract.name == "crm.contacts"]
    suite = landing_suite(contract, as_of=EXAMPLE.as_of, compared=delivery_checks(contract, found.of(contract)))
    with HygieneSession(tmp_path / "warehouse.duckdb", pepper="test") as session:
        result = session.run(suite)
    assert result.verdict == "pass"
    [warning] = [one for one in result.warnings if one.expectation == "like_days_before_nulls"]
    assert warning.column_name == "email"
    assert lost.message in warning.message and lost.query in warning.message


def _seen(anomalies: tuple[Anomaly, ...], table: str, metric: str, column: str | None) -> bool:
    """Whether a damage was found: rows by themselves or relative to other tables, a new name by the old one."""
    metrics = {"rows": ("rows", "rows_relative"), "new_values": ("new_values", "missing_values")}.get(metric, (metric,))
    return any(
        f"{one.source}.{one.table}" == table and one.metric in metrics and one.column == column for one in anomalies
    )


def _overlaps(period: str, first: date, last: date) -> bool:
    year, part = period.split("-")
    month = 3 * int(part[1]) - 2 if part.startswith("q") else int(part)
    begins = date(int(year), month, 1)
    return first <= begins + timedelta(days=91 if part.startswith("q") else 30) and last >= begins


def warned(business: Business, first: int, count: int, step: int = 1) -> list[list[Anomaly]]:
    """What each of so many deliveries is first told of, the business having a history up to the first day."""
    known: set[str] = set()
    told = []
    business.deliver(0, first - 1)
    business.compare(first - 1)
    for number in range(count):
        begins = first + number * step
        business.deliver(begins, begins + step - 1)
        found = business.compare(begins + step - 1)
        told.append([one for one in found.open if one.anomaly_id not in known])
        known |= {one.anomaly_id for one in found.open}
    return told


@pytest.fixture
def business() -> Iterator[Business]:
    with open_duckdb() as connection:
        yield Business(connection, seed=20_260_701)


def test_of_sixty_ordinary_deliveries_at_most_three_warn(business: Business) -> None:
    told = warned(business, 380, 60)
    assert len(told) == 60
    assert sum(1 for delivery in told if delivery) <= 3, [one.message for delivery in told for one in delivery]


@pytest.mark.long
@pytest.mark.parametrize(
    ("seed", "step"),
    [(1, 1), pytest.param(2, 1, marks=pytest.mark.draws), (3, 7), pytest.param(4, 7, marks=pytest.mark.draws)],
)
def test_other_businesses_are_ordinary_as_well(seed: int, step: int) -> None:
    with open_duckdb() as connection:
        told = warned(Business(connection, seed), 380, 60, step)
    assert sum(1 for delivery in told if delivery) <= 3, [one.message for delivery in told for one in delivery]


def test_damage_among_ordinary_deliveries_is_seen_and_can_be_accepted_or_corrected(business: Business) -> None:
    business.deliver(0, 199)
    assert business.compare(199).open == ()
    business.deliver(200, 206)
    business.change("web", "email = null", 200, 206)
    [nulls] = [one for one in business.compare(206).open if one.metric == "nulls"]
    assert (nulls.table, nulls.column) == ("web", "email")
    assert nulls.before == pytest.approx(0.3, abs=0.1) and nulls.after == 1.0
    assert (nulls.first_on, nulls.last_on) == (BEGINS + timedelta(days=200), BEGINS + timedelta(days=206))

    # a run that finds nothing new still tells it, with the same id
    assert nulls.anomaly_id in {one.anomaly_id for one in business.compare(206).open}
    # the state goes on: it is the same one, seen first when it was
    business.deliver(207, 213)
    business.change("web", "email = null", 207, 213)
    again = [one for one in business.compare(213).open if one.metric == "nulls"]
    assert [one.anomaly_id for one in again] == [nulls.anomaly_id]
    rows = business.connection.execute(
        "select count(*), count(distinct first_seen_at), count(*) filter (where ended_at is null) "
        "from hygiene.delivery_anomalies where anomaly_id = ?",
        [nulls.anomaly_id],
    ).fetchone()
    assert rows == (2, 1, 1)

    accept_anomaly(business.connection, nulls.anomaly_id, by="ann", note="the form has no address", now=NOW)
    assert nulls.anomaly_id not in {one.anomaly_id for one in business.compare(213).open}
    # an accepted state is not reported again
    business.deliver(214, 220)
    business.change("web", "email = null", 214, 220)
    assert not [one for one in business.compare(220).open if one.metric == "nulls"]
    reopen_anomaly(business.connection, nulls.anomaly_id)
    assert nulls.anomaly_id in {one.anomaly_id for one in business.compare(220).open}
    with pytest.raises(
        AnomalyUnknown, match=f"No anomaly 00000000 is open. Is open: .*{nulls.anomaly_id} \\(shop.web\\)"
    ):
        accept_anomaly(business.connection, "00000000", by="ann", note=None, now=NOW)

    # corrected rows end it
    business.change("web", "email = case when _line % 10 < 7 then 'm' || _line || '@example.com' end", 200, 220)
    assert nulls.anomaly_id not in {one.anomaly_id for one in business.compare(220).open}


def limit(line: int = 2, **values: Any) -> SeedRow:
    return SeedRow(line, {name: str(value) for name, value in values.items()}, 0, "delivery_limits", values)


def test_a_limit_blocks_switches_off_or_raises_what_warns(business: Business) -> None:
    business.deliver(0, 199)
    business.compare(199)
    business.deliver(200, 206)
    business.change("web", "email = null", 200, 206)
    rows = (
        limit(source_name="shop", metric="nulls", blocks=True),
        limit(3, source_name="shop", table_name="web", metric="identified", is_on=False),
    )
    found = business.compare(206, Limits(rows))
    assert {one.metric for one in found.open if one.table == "web"} == {"nulls"}
    [contract] = [contract for contract in business.contracts if contract.table == "web"]
    assert [check.severity for check in delivery_checks(contract, found.of(contract))] == ["error"]

    # a limit that is set later holds for what waits
    assert [one.blocks for one in business.compare(206).open if one.metric == "nulls"] == [False]
    off = Limits([limit(source_name="shop", metric="nulls", is_on=False)])
    assert not [one for one in business.compare(206, off).open if one.metric == "nulls"]

    limits = Limits([*rows, limit(4, source_name="shop", table_name="web", metric="nulls", minimum_effect=0.9)])
    assert limits.of(contract, "nulls", "email").minimum_effect == 0.9
    assert limits.of(contract, "nulls", "email").blocks
    assert limits.of(contract, "rows").minimum_effect == Limits().of(contract, "rows").minimum_effect


def test_what_was_accepted_under_a_former_name_of_its_metric_has_the_name_of_now(business: Business) -> None:
    business.deliver(0, 9)
    business.compare(9)
    business.connection.execute(
        "insert into hygiene.delivery_anomalies (anomaly_id, source_name, table_name, metric, first_on, last_on, "
        "accepted_at) values ('a', 'shop', 'web', 'rows_beside', ?, ?, now()::timestamp)",
        [BEGINS, BEGINS],
    )
    business.compare(9)
    assert business.connection.execute(
        "select metric from hygiene.delivery_anomalies where anomaly_id = 'a' and ended_at is null"
    ).fetchall() == [("rows_relative",)]


def test_a_history_of_one_delivery_only_learns(business: Business) -> None:
    business.deliver(0, 20)
    found = business.compare(20)
    assert found.open == () and found.learning_count > 0
    assert business.connection.execute(
        "select bool_and(learning_count > 0 and anomaly_count = 0), max(late_count) from hygiene.source_deliveries"
    ).fetchone() == (True, 0)


def test_days_that_never_came_are_missed_unless_the_source_is_meant_to_end() -> None:
    for ends_on, is_missed in ((None, True), (BEGINS + timedelta(days=210), False)):
        with open_duckdb() as connection:
            business = Business(connection, seed=3, silent={"visits": range(210, 300)})
            business.deliver(0, 199)
            limits = Limits([limit(source_name="shop", table_name="visits", ends_on=ends_on)] if ends_on else [])
            business.compare(199, limits)
            found = None
            for first in range(200, 235, 7):
                business.deliver(first, first + 6)
                found = business.compare(first + 6, limits)
            assert found is not None
            missed = [one for one in found.open if one.table == "visits"]
            assert bool(missed) == is_missed
            assert {one.metric for one in missed} <= {"rows", "rows_relative"}
            if missed:
                assert missed[0].after < 0.2 * missed[0].before
                assert missed[0].last_on >= BEGINS + timedelta(days=220)


def test_a_table_that_is_empty_for_months_and_then_full_says_so() -> None:
    with open_duckdb() as connection:
        business = Business(connection, seed=5, silent={"visits": range(100, 260)})
        business.deliver(0, 259)
        business.compare(259)
        business.deliver(260, 287)
        # the table is known by what it was before it was empty, so that what is told is the gap
        [gap] = [one for one in business.compare(287).open if (one.table, one.metric) == ("visits", "rows")]
        assert gap.after < 1 < gap.before
        assert abs(gap.first_on - (BEGINS + timedelta(days=100))) <= timedelta(days=28)
        assert abs(gap.last_on - (BEGINS + timedelta(days=259))) <= timedelta(days=28)
        assert "make accept ID=" in gap.message and "shop__visits" in gap.query
        accept_anomaly(connection, gap.anomaly_id, by="ann", note="closed for the summer", now=NOW)
        business.deliver(288, 294)
        assert [one for one in business.compare(294).open if one.metric == "rows"] == []


def test_the_ledger_says_how_late_rows_came_and_whether_the_newest_is_in_time(business: Business) -> None:
    business.deliver(0, 99)
    business.compare(99)
    business.deliver(100, 100)
    business.change("web", "occurred_at = occurred_at - interval 30 days, _batch = _changed_in + 0", 100, 100)
    business.compare(100)
    web, *_ = business.contracts
    promised = type(web)(**{**vars(web), "expected_every_hours": 12})
    row = business.connection.execute(
        "select late_count > 0, max_late_days between 28 and 31, newest_on, is_overdue from hygiene.source_deliveries "
        "where table_name = 'web' order by checked_at desc limit 1"
    ).fetchone()
    assert row == (True, True, BEGINS + timedelta(days=99), None)
    business.contracts = (promised, *business.contracts[1:])
    business.compare(100)
    [check] = freshness_checks(promised, business.connection)
    assert (check.name, check.severity) == ("newest_row_in_time", "warning")
    assert business.connection.execute(str(dict(check.arguments)["figures_query"])).fetchone() == (1, 1)
    # without the promise nothing says how old it may be, whatever the run before said
    business.contracts = (web, *business.contracts[1:])
    business.deliver(101, 101)
    business.compare(101)
    assert list(freshness_checks(web, business.connection)) == []


def test_without_a_promise_history_says_when_a_source_is_later_than_usual(business: Business) -> None:
    def is_overdue(day: int, limits: Limits | None = None) -> object:
        business.compare(day, limits)
        row = business.connection.execute(
            "select is_overdue from hygiene.source_deliveries where table_name = 'web' order by checked_at desc limit 1"
        ).fetchone()
        return row and row[0]

    web = business.contracts[0]
    # the first export is half a year old when it is delivered, and what came of late is delivered week by week
    business.deliver(-200, -180)
    assert is_overdue(0) is None
    # weekly, and once two weeks late
    weeks = [0, 7, 14, 21, 28, 49, 56, 63, 70]
    for number, first in enumerate(weeks):
        business.deliver(first, first + 6)
        assert is_overdue(first + 6) is None, number
    assert list(freshness_checks(web, business.connection)) == []
    business.deliver(77, 83)
    assert is_overdue(83) is False
    # the longest pause, three weeks, is no reason to worry, nor a little more; half of it more is
    assert [is_overdue(83 + days) for days in (7, 21, 30, 33)] == [False, False, False, True]
    [check] = freshness_checks(web, business.connection)
    assert (check.name, check.severity) == ("newest_row_in_time", "warning")
    assert "a row arrives within 757 hours, as in the deliveries before; the newest is of 2025-03-25" in check.says
    ended = Limits([limit(source_name="shop", table_name="web", ends_on=BEGINS + timedelta(days=90))])
    assert is_overdue(120, ended) is False


def test_the_seed_of_limits_and_the_page_on_hygiene_know_every_metric() -> None:
    [seed] = [one for one in read_definitions(PROJECT_ROOT / "seeds" / "_seeds.yml") if one.name == "delivery_limits"]
    [metric] = [column for column in seed.columns if column.name == "metric"]
    assert set(metric.meta.accepted_values) == set(METRICS)
    page = (PROJECT_ROOT / "docs" / "hygiene.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in page] == []
