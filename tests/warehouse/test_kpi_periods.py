"""KPIs are compared with like: at equal age, where their events had begun, and on scales from 0 to 1."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, make_warehouse
from tests.scenarios.load import FEED_COLUMNS

pytestmark = pytest.mark.xdist_group("kpi_periods")

SEEDS: Mapping[str, str] = {
    "sources": "source_system,priority\nshop,1\n",
    "journeys": "journey_id,journey_version,journey_name,description,valid_from,valid_to,validated_on,owner\n"
    "buying,1,Buying,,,,2026-06-01,Ann\n",
    "phases": "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required,"
    "stalled_after_days,description,contact_within_days\n"
    "buying,1,looking,1,Looking,30,false,true,,,\n"
    "buying,1,waiting,2,Waiting,,false,true,,,\n"
    "buying,1,bought,3,Bought,,true,true,,,\n",
    "critical_events": "critical_event_id,journey_id,journey_version,phase_id,event_name,channel,touchpoint,"
    "property_name,property_value\n"
    "look,buying,1,looking,looked,,,,\nwait,buying,1,waiting,waited,,,,\nbuy,buying,1,bought,bought,,,,\n",
    "measures": "measure_id,measure_name,subject,aggregation,value_column,event_name,journey_id,phase_id,outcome,"
    "is_pending_included,level\n"
    "looks,Looks,intervals,count,,,buying,looking,,true,\n"
    "looks_passed,Looks passed,intervals,count,,,buying,looking,fell_through,true,\n"
    "looks_ended,Looks ended,intervals,count,,,buying,looking,,false,\n"
    "look_seconds,Time of looking,intervals,sum,dwell_seconds,,buying,looking,,true,\n"
    "lookers,Lookers,events,distinct_customers,,looked,,,,true,\n"
    "sales,Sales,events,sum,amount,bought,,,,true,\n"
    "waits,Waits,intervals,count,,,buying,waiting,,true,\n"
    "waits_passed,Waits passed,intervals,count,,,buying,waiting,fell_through,true,\n"
    "ease,Ease,events,sum,feedback_share,rated,,,,true,\n"
    "ease_answers,Answers,events,count,feedback_share,rated,,,,true,\n"
    "points,Points,events,sum,nps_points,recommended,,,,true,\n"
    "recommenders,Recommenders,events,count,nps_points,recommended,,,,true,\n"
    "happy,Happy,events,count,top_two_boxes,liked,,,,true,\n"
    "liked,Liked,events,count,feedback_share,liked,,,,true,\n",
    "kpis": "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id,"
    "denominator_measure_id\n"
    "passed,Passed,buying,looking,progress,primary,up,share,month,looks_passed,looks\n"
    "passed_of_ended,Passed of ended,buying,looking,progress,secondary,up,share,month,looks_passed,looks_ended\n"
    "time,Time,buying,looking,feeling,secondary,down,seconds,month,look_seconds,looks\n"
    "waits_passed,Waits passed,buying,waiting,progress,secondary,up,share,month,waits_passed,waits\n"
    "sales,Sales,buying,bought,money,secondary,up,EUR,month,sales,\n"
    "sales_per_looker,Sales per looker,buying,bought,money,primary,up,EUR,month,sales,lookers\n"
    "ease,Ease,buying,bought,feeling,primary,up,share,month,ease,ease_answers\n"
    "nps,NPS,buying,bought,feeling,secondary,up,points,month,points,recommenders\n"
    "csat,CSAT,buying,bought,feeling,secondary,up,share,month,happy,liked\n",
    "kpi_targets": "kpi_id,valid_from,valid_to,target,amber_bound,red_bound\n"
    "passed,2025-01-01,2026-06-01,0.9,0.8,0.5\npassed,2026-06-01,,0.95,0.94,0.93\n"
    "waits_passed,2025-01-01,,0.4,0.3,0.2\n",
    "kpi_roles": "kpi_id,role,person,email\n"
    + "".join(
        f"{kpi},accountable,Ann,\n"
        for kpi in (
            "passed",
            "passed_of_ended",
            "time",
            "waits_passed",
            "sales",
            "sales_per_looker",
            "ease",
            "nps",
            "csat",
        )
    ),
    "identifier_types": (PROJECT_ROOT / "seeds" / "identifier_types.csv").read_text(encoding="utf-8"),
}
DAY = timedelta(days=1)


def event(customer: str, name: str, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{name}:{customer}:{at:%Y%m%d}",
        "occurred_at": at.isoformat() + "Z",
        "event_name": name,
        "source_system": "shop",
        "identifiers": json.dumps({"email": f"{customer}@example.com"}),
        **more,
    }


def looking(month: str, at: datetime, *, passed_after: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Ten customers begin to look at one moment; some buy after so many days."""
    for number, days in enumerate((*passed_after, *(None,) * 10)[:10]):
        customer = f"{month}-{number}"
        yield event(customer, "looked", at)
        if days is not None:
            yield event(customer, "bought", at + days * DAY, amount="10.00", currency="EUR")


def rows() -> Iterator[dict[str, Any]]:
    # lookers of a year before, when the shop had no record of what is bought
    for number in range(10):
        yield event(f"old-{number}", "looked", datetime(2025, 6, 10, 12))
    yield from looking("march", datetime(2026, 3, 10), passed_after=())
    yield event("waits-3-0", "waited", datetime(2026, 3, 20))
    for customer in ("march-0", "waits-3-0"):
        yield event(customer, "bought", datetime(2026, 3, 31, 12), amount="7.00", currency="EUR")
    # five have bought when the month ends, four more by the tenth of June, one falls out at the middle of June
    yield from looking("may", datetime(2026, 5, 16), passed_after=(5, 5, 5, 5, 5, 25, 25, 25, 25))
    # six have bought when the month ends; four may still
    yield from looking("june", datetime(2026, 6, 16), passed_after=(1, 1, 1, 1, 1, 1))
    # of those who wait without limit, two of five have bought as the month ends, in May as in June
    for month in (5, 6):
        for number in range(5):
            customer = f"waits-{month}-{number}"
            yield event(customer, "waited", datetime(2026, month, 20))
            if number < 2:
                yield event(customer, "bought", datetime(2026, month, 22), amount="1.00", currency="EUR")
    yield event("waits-5-2", "bought", datetime(2026, 6, 5), amount="1.00", currency="EUR")
    # scores of 1 to 7 and, said by the row, of 0 to 4; one off its scale, one without an end
    for number, (score, least, most) in enumerate(
        (
            ("1", "", "7"),
            ("4", "", "7"),
            ("7", "", "7"),
            ("1", "0", "4"),
            ("3", "0", "4"),
            ("0", "", "7"),
            ("5", "", ""),
        )
    ):
        yield event(
            f"june-{number}", "rated", datetime(2026, 6, 20), feedback_kind="ces", feedback_score=score,
            feedback_scale_min=least, feedback_scale_max=most,
        )  # fmt: skip
    # six promoters, two passives, two detractors; a school mark is best at its least; the last was not finished
    for number, given in enumerate((10, 10, 9, 9, 9, 9, 8, 7, 6, 0)):
        yield event(
            f"june-{number}", "recommended", datetime(2026, 6, 21), feedback_kind="nps", feedback_score=given,
            feedback_scale_max=10,
        )  # fmt: skip
    answers = [(5, "", ""), (4, "", ""), (3, "", ""), (1, "", ""), (1, "down", ""), (2, "down", ""), (5, "down", "")]
    for number, (mark, direction, is_complete) in enumerate([*answers, (5, "", "false")]):
        yield event(
            f"june-{number}", "liked", datetime(2026, 6, 22), feedback_kind="csat", feedback_score=mark,
            feedback_scale_max=5, feedback_direction=direction, is_feedback_complete=is_complete,
        )  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("kpi_periods")
    seeds = folder / "seeds"
    seeds.mkdir()
    for name, text in SEEDS.items():
        (seeds / f"{name}.csv").write_text(text, encoding="utf-8")
    warehouse = make_warehouse(folder, seeds=seeds, as_of="2026-07-01", JOURNEYS_MATCHING="off")
    written = io.StringIO()
    lines = csv.DictWriter(written, FEED_COLUMNS["events"], restval="")
    lines.writeheader()
    lines.writerows(rows())
    file = warehouse.settings.extracts / "feed" / "events" / "all.csv"
    file.parent.mkdir(parents=True)
    file.write_text(written.getvalue(), encoding="utf-8")
    warehouse.land()
    warehouse.build()
    return warehouse


def test_nps_and_top_two_boxes_are_measures(shop: Warehouse) -> None:
    nps, csat = scorecard(shop, "nps"), scorecard(shop, "csat")
    assert (nps["value"], nps["numerator"], nps["denominator"]) == (40, 400, 10)
    assert (csat["numerator"], csat["denominator"]) == (4, 7)
    assert csat["value_ci_lower"] < csat["value"] < csat["value_ci_upper"]


def scorecard(shop: Warehouse, kpi_id: str) -> dict[str, Any]:
    [row] = shop.query(f"select * from kpis.kpi_scorecard where kpi_id = '{kpi_id}'")
    return row


def periods(shop: Warehouse, kpi_id: str) -> dict[date, dict[str, Any]]:
    found = shop.query(f"select * from kpis.fct_kpi_values where kpi_id = '{kpi_id}'")
    return {row["period_start"]: row for row in found}


def test_an_open_month_is_compared_with_the_month_before_as_it_was_at_that_age(shop: Warehouse) -> None:
    """May had 5 of 10 when it was over, as June has 6 of 10 now; today May has 9."""
    june = scorecard(shop, "passed")
    assert (june["value"], june["previous_value"], june["is_mature"]) == (0.6, 0.5, False)
    assert june["trend"] == pytest.approx(0.1) and june["compared_at"] == datetime(2026, 6, 1)
    assert periods(shop, "passed")[date(2026, 5, 1)]["value"] == 0.9


def test_the_status_is_that_of_the_last_period_whose_windows_have_closed(shop: Warehouse) -> None:
    """May against May's target; June's, against which both would be red, waits for the windows."""
    june = scorecard(shop, "passed")
    assert (june["status"], june["status_value"], june["target"]) == ("green", 0.9, 0.9)
    assert (june["period_start"], june["status_period_start"]) == (date(2026, 6, 1), date(2026, 5, 1))
    rated = {row["period_start"]: (row["status"], row["is_mature"]) for row in periods(shop, "passed").values()}
    assert rated[date(2026, 6, 1)] == (None, False) and rated[date(2026, 5, 1)] == ("green", True)


def test_a_mature_month_is_compared_as_both_are_now(shop: Warehouse) -> None:
    may = periods(shop, "passed")[date(2026, 5, 1)]
    assert (may["value"], may["previous_value"], may["compared_at"]) == (0.9, None, None), "nobody looked in April"


def test_who_was_open_at_that_age_is_neither_ended_nor_done_waiting(shop: Warehouse) -> None:
    """On 1 June 5 of 10 had ended, all of them passed; five had looked for 5 days, and five for 16 and more to come."""
    passed_of_ended = scorecard(shop, "passed_of_ended")
    assert (passed_of_ended["previous_value"], passed_of_ended["previous_denominator"]) == (1.0, 5)
    assert periods(shop, "passed_of_ended")[date(2026, 5, 1)]["denominator"] > 5, "more have ended since"
    assert scorecard(shop, "passed")["previous_denominator"] == 10
    assert scorecard(shop, "time")["previous_value"] == (5 * 5 + 5 * 16) / 10 * 86_400


def test_a_phase_without_a_window_is_compared_at_equal_age_and_rated_as_it_is(shop: Warehouse) -> None:
    """It never closes: May has 3 of 5 by now, and had 2 of 5 when it was as old as June is."""
    june = scorecard(shop, "waits_passed")
    assert (june["value"], june["previous_value"], june["is_mature"]) == (0.4, 0.4, False)
    assert (june["status"], june["status_period_start"]) == ("green", date(2026, 6, 1))


def test_nothing_is_compared_with_a_time_before_the_measures_own_events(shop: Warehouse) -> None:
    """There were lookers a year ago, and no record of sales: their zero is no sale of nothing."""
    for kpi_id in ("sales", "sales_per_looker"):
        june = scorecard(shop, kpi_id)
        assert june["value"] is not None and june["year_before_value"] is None and june["trend_year"] is None
        assert june["previous_value"] is not None, kpi_id
        # sales are on record from 31 March on: the month is shown, and no whole one
        assert min(periods(shop, kpi_id)) == date(2026, 3, 1)
        assert not periods(shop, kpi_id)[date(2026, 3, 1)]["is_on_record"]
        assert periods(shop, kpi_id)[date(2026, 4, 1)]["previous_value"] is None
    assert periods(shop, "sales")[date(2026, 3, 1)]["value"] is None, "a count of one day is none of a month"


def test_every_period_since_the_beginning_has_a_row_however_empty(shop: Warehouse) -> None:
    starts = list(periods(shop, "sales"))
    assert sorted(starts) == [date(2026, month, 1) for month in range(3, 7)]
    april = periods(shop, "sales")[date(2026, 4, 1)]
    assert (april["value"], april["measured_day_count"], april["period_day_count"]) == (0.0, 0, 30)


def test_scores_lie_between_the_ends_of_their_scale(shop: Warehouse) -> None:
    """0, 1/2 and 1 of 1 to 7; 1/4 and 3/4 of 0 to 4; the one off its scale and the one without an end count nowhere."""
    june = scorecard(shop, "ease")
    assert (june["numerator"], june["denominator"], june["value"]) == (2.5, 5.0, 0.5)


def test_targets_are_published_with_the_bounds_that_hold(shop: Warehouse) -> None:
    assert shop.query("select target, amber_bound, valid_to from kpis.dim_kpi_targets where kpi_id = 'passed'") == [
        {"target": 0.9, "amber_bound": 0.8, "valid_to": date(2026, 6, 1)},
        {"target": 0.95, "amber_bound": 0.94, "valid_to": None},
    ]
