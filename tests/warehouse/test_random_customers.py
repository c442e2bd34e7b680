"""Random customers come out of the warehouse as the oracles, which share no code with the models, work them out."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.conftest import Warehouse
from tests.oracles.feed import read_rows
from tests.oracles.hashes import hash_of
from tests.oracles.release import Release
from tests.oracles.timeline import counted
from tests.warehouse.against_oracle import COMPARISONS, Comparison
from tests.warehouse.random_deliveries import ALIASES, SEEDS, SHARERS

pytestmark = pytest.mark.xdist_group("stories")


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_a_table_says_what_the_oracle_says(compare: Comparison, at_once: Warehouse, expected: Release) -> None:
    assert compare(at_once, expected) == []


def test_decisions_and_rules_are_put_to_the_test(expected: Release) -> None:
    """What the comparison above says of identity is worth something only if all of it occurs."""
    assert {row["outcome"] for row in expected.decisions} == {"applied", "refused", "unknown_identifier", "not_trusted"}
    reasons = Counter(row["refused_because"] for row in expected.links)
    assert reasons["must_not_link"] >= 10 and reasons["unique_per_person"] >= 5, reasons


def test_versions_of_a_journey_are_put_to_the_test(expected: Release) -> None:
    """Every version begins instances, some continue after it has ended, and some of those keep a match unused."""
    begun = Counter((row["journey_id"], row["journey_version"]) for row in expected.journeys)
    assert all(begun["first_purchase", version] >= 10 for version in "123"), begun
    for version, passed in (("1", datetime(2025, 10, 25)), ("2", datetime(2025, 12, 15))):
        under_way = [
            row
            for row in expected.intervals
            if (row["journey_id"], row["journey_version"]) == ("first_purchase", version)
            and row["entered_at"] >= passed
        ]
        assert len(under_way) >= 5, (version, under_way)
    begun_in_the_hole = [
        row
        for row in expected.journeys
        if row["journey_id"] == "first_purchase" and datetime(2025, 12, 15) <= row["started_at"] < datetime(2026, 1, 1)
    ]
    assert begun_in_the_hole == []


def test_funnels_and_curves_are_put_to_the_test(expected: Release) -> None:
    """The comparison with them says little where nobody waits, skips, goes back or is censored."""
    steps = [row for row in expected.funnel_steps if row["eventual_count"]]
    assert any(row["next_hit_count"] < row["eventual_count"] for row in steps), steps
    assert any(row["pending_count"] for row in steps), steps
    assert any(row["eventual_count"] + row["pending_count"] < row["entered_count"] for row in steps), steps
    assert any(row["censored_count"] and 0 < row["survival_share"] < 1 for row in expected.phase_survival)
    assert {row["conversion_share"] is None for row in expected.phase_conversions} == {True, False}


def test_segments_and_small_groups_are_put_to_the_test(expected: Release) -> None:
    by_segment = Counter(row["segment"] for row in expected.segments)
    assert set(by_segment) == {row["segment"] for row in read_rows(SEEDS / "segments.csv")}, by_segment
    counts = Counter(
        (row["is_suppressed"], row["channel"] == "all") for row in expected.kpi_values if row["segment"] != "all"
    )
    assert min(counts[shown, whole] for shown in (True, False) for whole in (True, False)) >= 5, counts
    assert len({row["status"] for row in expected.scorecard}) >= 3
    assert any(row["value_ci_lower"] is not None for row in expected.scorecard)


def test_comparisons_at_equal_age_are_put_to_the_test(expected: Release) -> None:
    """Some open period is compared, and with something else than what the earlier period has become by now."""
    by_period = {(row["kpi_id"], row["period_end"]): row["value"] for row in expected.kpi_periods}
    before = {row["kpi_id"]: row["period_start"] - timedelta(days=1) for row in expected.scorecard}
    compared = [row for row in expected.scorecard if row["compared_at"] and row["previous_value"] is not None]
    assert any(row["previous_value"] != by_period[row["kpi_id"], before[row["kpi_id"]]] for row in compared), compared
    assert {row["is_mature"] for row in expected.scorecard} == {True, False}
    assert any(row["status_period_start"] != row["period_start"] for row in expected.scorecard)
    assert any(not row["is_on_record"] for row in expected.kpi_periods)


def test_spend_is_put_to_the_test(expected: Release) -> None:
    """Rows with and without a rate, repeated by another source, below zero, after the clock, and mapped names."""
    assert {(row["has_rate"], row["is_repeated"]) for row in expected.spend} == {
        (has_rate, is_repeated) for has_rate in (True, False) for is_repeated in (True, False)
    }
    assert any(row["delivered_amount"] < 0 for row in expected.spend)
    assert {row["is_after_as_of"] for row in expected.spend} == {True, False}
    names = {(row["delivered_campaign"], row["campaign"]) for row in expected.spend}
    assert {("spring_2025", "spring"), ("spring_2025", "spring_2025"), ("winter", "winter"), (None, None)} <= names, (
        names
    )


def test_costs_are_put_to_the_test(expected: Release) -> None:
    """Events with one price and with both, without a duration, on days without one or both, and in several journeys."""
    seen = Counter(
        (row["event_cost"] is not None, row["minute_cost"] is not None, row["cost_status"])
        for row in expected.service_costs
    )
    assert {
        (True, False, "costed"),
        (False, True, "costed"),
        (True, True, "costed"),
        (True, False, "without_duration"),
        (False, False, "without_duration"),
        (False, False, "outside_dates"),
    } <= set(seen), seen
    assert any(status == "outside_dates" and (once or timed) for once, timed, status in seen)
    assert {row["customer_kind"] for row in expected.customer_costs} == {"identified", "anonymous", "unlinkable"}
    assert any(row["cost"] > row["allocated_cost"] for row in expected.journey_costs)
    assert {row["journey_id"] for row in expected.journey_costs} > {"(none)"}


def test_gaps_of_every_kind_are_put_to_the_test(expected: Release) -> None:
    seen = Counter(
        (row["gap_kind"], row["from_name"] == "(map)", row["to_event_id"] is None, row["journey_id"] is None)
        for row in expected.gaps
    )
    hand_overs = [(kind, False, False, False) for kind in ("device", "channel", "department")]
    silences = [
        ("communication", of_map, is_open, is_outside)
        for of_map, is_outside in ((True, False), (False, False), (False, True))
        for is_open in (True, False)
    ]
    assert set(seen) == {*hand_overs, *silences}, seen
    assert {(row["has_progressed"], row["has_dropped_off"]) for row in expected.gaps if row["journey_id"]} == {
        (True, False),
        (False, True),
        (False, False),
    }
    # these customers are too few to say what is usual: the unit tests of the models do
    assert {row["limit_basis"] for row in expected.gaps} == {"stated"}


def test_what_gaps_cost_is_put_to_the_test(expected: Release) -> None:
    """Some instances are compared with several, some with none, and some are closed when their gap is known."""
    assert any(0 < row["open_count"] < row["instance_count"] for row in expected.gap_totals)
    assert any(row["compared_count"] < row["open_count"] for row in expected.gap_totals)
    assert any((row["median_without_count"] or 0) > 10 for row in expected.gap_totals)
    assert any(
        0 < row["fall_out_share_without"] < 1 and row["fall_out_share_without"] != row["fall_out_share"]
        for row in expected.gap_totals
        if row["fall_out_share_without"] is not None
    )


def test_flows_are_put_to_the_test(expected: Release) -> None:
    """The comparison says little if no customer repeats, turns back, changes channel, answers or drops off."""
    assert any(row["instance_count"] > 1 and row["step_count"] > 1 for row in expected.flows["agg_variants"])
    assert any(row["repeat_count"] and row["return_count"] for row in expected.flows["agg_rework"])
    assert all(
        any(row[f"{kind}_count"] for row in expected.flows["agg_conformance"])
        for kind in ("forward", "completed", "skipped", "regressed")
    )
    for table in ("map_stops", "map_edges", "map_transfers"):
        rows = expected.flows[table]
        assert any(row["drop_off_count"] for row in rows), table
        assert {row["mood"] is None for row in rows if row["answer_count"]} == {True, False}, table
    assert any(row["visit_count"] == 0 for row in expected.flows["map_stops"])
    assert len({row["x"] for row in expected.flows["map_stops"] if not row["is_declared"]}) > 1
    assert {row["is_declared"] for row in expected.flows["map_stops"]} == {True, False}


def test_the_stuck_are_put_to_the_test(expected: Release) -> None:
    assert {row["value_basis"] for row in expected.stalled} >= {"own", "journey_median"}
    assert any(row["without_rate_count"] for row in expected.stalled)
    assert {row["is_suppressed"] for row in expected.stalled_pools if row["segment"] != "all"} == {True, False}


def test_who_has_ten_thousand_addresses_is_one_customer(at_once: Warehouse) -> None:
    said = at_once.query("""
        select count(*) as event_count, count(distinct customer_id) as customer_count, min(customer_id) as customer_id
        from core.fct_events where event_id like 'crowd_%'
    """)
    itself = f"c_{hash_of('account', 'crowd-account')}"
    assert said == [{"event_count": ALIASES, "customer_count": 1, "customer_id": itself}]
    assert at_once.query(f"""
        select count(*) as held from core.bridge_customer_identifiers where customer_id = '{itself}'
    """) == [{"held": ALIASES + 1}]


def test_an_address_of_five_thousand_people_joins_none_of_them(at_once: Warehouse) -> None:
    address = hash_of("email", "everybody@crowd.example")
    assert at_once.query(f"""
        select is_over_cap, person_count from intermediate.int_identifier_trust where identifier_hash = '{address}'
    """) == [{"is_over_cap": True, "person_count": SHARERS}]
    assert at_once.query(f"""
        select count(*) as owners from core.bridge_customer_identifiers where identifier_hash = '{address}'
    """) == [{"owners": 0}]
    cards = ", ".join(f"'{hash_of('loyalty_card', f'55{number:06}')}'" for number in range(SHARERS))
    assert at_once.query(f"""
        select count(distinct customer_id) as customers from core.bridge_customer_identifiers
        where identifier_hash in ({cards})
    """) == [{"customers": SHARERS}]


def test_orders_add_up_by_day_in_the_reporting_currency(at_once: Warehouse, expected: Release) -> None:
    """Every order is worth its amount at its day's rate; one without a rate is counted apart."""
    rates = sorted(read_rows(SEEDS / "exchange_rates.csv"), key=lambda row: row["valid_from"])

    def rate(currency: str | None, day: date) -> Decimal | None:
        if currency in (None, "EUR"):
            return Decimal(1)
        found = [row for row in rates if row["currency"] == currency and row["valid_from"] <= day.isoformat()]
        return Decimal(found[-1]["rate_to_reporting"]) if found else None

    worth: dict[date, Decimal] = defaultdict(Decimal)
    unrated: dict[date, int] = defaultdict(int)
    for event in expected.events:
        if event["event_name"] == "order_placed" and counted(event):
            day = event["occurred_at"].date()
            at_rate = rate(event["currency"], day)
            if event["amount"] is not None and at_rate is not None:
                worth[day] += (event["amount"] * at_rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            else:
                worth[day] += 0
                unrated[day] += event["amount"] is not None
    said = at_once.query(
        "select measured_on, numerator, without_rate_count from kpis.fct_kpi_values_daily "
        "where kpi_id = 'value_per_day' and channel = 'all' and segment = 'all'"
    )
    assert {row["measured_on"]: (round(Decimal(row["numerator"]), 2), row["without_rate_count"]) for row in said} == {
        day: (amount, unrated[day]) for day, amount in worth.items()
    }
    assert sum(unrated.values()) > 0


def test_a_journey_whose_only_event_is_terminal_begins_and_completes_at_once(
    at_once: Warehouse, expected: Release
) -> None:
    calls = [
        event["event_id"]
        for event in expected.events
        if event["event_name"] == "support_called" and counted(event) and event["is_linkable"]
    ]
    said = at_once.query("""
        select entry_event_id, outcome, interval_number, matched_event_count, dwell_seconds
        from journeys.fct_phase_intervals where journey_id = 'support'
    """)
    assert len(calls) >= 20
    assert sorted(row["entry_event_id"] for row in said) == sorted(calls)
    assert {
        (row["outcome"], row["interval_number"], row["matched_event_count"], row["dwell_seconds"]) for row in said
    } == {("completed", 1, 1, 0)}
