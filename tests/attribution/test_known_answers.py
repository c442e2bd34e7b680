"""Stories of conversions and touches come out as they were worked out by hand, through a feed and a build.

Each story is of a month of its own, so that each has a chain of channels of its own. One build serves all.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.warehouse.data_set import prepare_data_set
from tests.conftest import Warehouse, make_warehouse
from tests.oracles.feed import moment_text
from tests.oracles.hashes import hash_of

pytestmark = pytest.mark.xdist_group("attribution")

AS_OF = datetime(2026, 1, 1)
MANY = 50_000
SEEDS = {
    "conversion_types": (
        "conversion_rule_id,conversion_type,event_name,value_column,reference_property,refund_event_name,"
        "refund_value_property,is_new_customer_only,cancellation_event_name\n"
        "sale,sale,sold,amount,reason,paid_back,answered_after_seconds,,called_off\n"
        "sale_called_off,call_off,sold,amount,reason,called_off,,,\n"
        "first_sale,first_sale,sold,amount,reason,called_off,,true,\n"
        "sign_up,sign_up,signed_up,,,,,,\n"
    ),
    "touch_rules": (
        "touch_rule_id,event_name,channel,touch_kind,window_days,is_touch,is_direct,ad_property\n"
        "clicked,clicked,,click,30,,,\n"
        "seen,seen,,view,1,,,\n"
        "shown_long,seen,billboard,view,60,,,\n"
        "poster,seen,poster,view,60,,,\n"
        "visited,visited,,visit,30,,,\n"
        "came,came,,visit,30,,true,\n"
        "sent,sent,,send,30,false,,\n"
    ),
    # the price by the minute ended before anybody signed up
    "unit_costs": (
        "unit_cost_id,event_name,cost,cost_per,duration_property,valid_from,valid_to\n"
        "form,signed_up,1.00,event,,,\ncheck,signed_up,0.50,minute,answered_after_seconds,,2025-01-01\n"
    ),
    "exchange_rates": "currency,valid_from,rate_to_reporting\nUSD,2025-01-01,0.914\n",
    "campaign_names": (
        "delivered_name,campaign,source_system,channel,description\n"
        "Winter_2025,winter,,,\nW25,winter,feed,,\nw25,other,web,display,\n"
    ),
    "attribution_rules": (
        "rule,method,window_days,weights,weights_of_two,half_life_days,is_default,based_on\n"
        "linear,linear,,,,,true,\nlinear_7,linear,7,,,,,\nfirst,first,,,,,,\nlast,last,,,,,,\n"
        "last_non_direct,last_non_direct,,,,,,\nposition,position,,,,,,\nj_shaped,custom,,0.2|0.2|0.6,0.3|0.7,,,\n"
        "inverse_j,custom,,0.6|0.2|0.2,,,,\ndecay,time_decay,,,,7,,\nshapley,shapley,,,,,,\nmarkov,markov,,,,,,\n"
        "calibrated,calibrated,,,,,,linear\n"
    ),
    # search: standard errors of .1 and .2, so (.5 + .8 / 4) / (1 + 1 / 4) = .56; mail had a test that ended in March
    "channel_calibrations": (
        "calibration_id,channel,conversion_type,incremental_share,share_ci_lower,share_ci_upper,source,valid_from,valid_to\n"
        "regions,paid_search,,0.5,0.304,0.696,Hold-out by region,,\nagain,paid_search,sale,0.8,0.408,1.192,Hold-out,,\n"
        "others,paid_search,sign_up,0.1,0.05,0.15,Hold-out,,\nlift,social,,0,-0.1,0.1,Lift test,2025-05-01,\n"
        "mail,email,,0.2,0.1,0.3,Hold-out,,2025-04-01\n"
    ),
}
COLUMNS = (
    "event_id", "occurred_at", "event_name", "source_system", "channel", "campaign", "identifiers", "amount",
    "currency", "properties", "sequence_number",
)  # fmt: skip


class Story:
    """Writes down what customers did; times are days after the story's first."""

    def __init__(self, first: datetime) -> None:
        self.first = first
        self.rows: list[dict[str, Any]] = []

    def did(
        self,
        customer: str,
        name: str,
        channel: str = "",
        *,
        day: float = 0,
        amount: str = "",
        order: str = "",
        paid_back: float | None = None,
        campaign: str = "",
        **columns: str,
    ) -> None:
        properties: dict[str, Any] = {"reason": order} if order else {}
        if paid_back is not None:
            properties["answered_after_seconds"] = paid_back
        self.rows.append(
            {
                "event_id": f"{self.first:%m}-{len(self.rows):05}",
                "occurred_at": moment_text(self.first + timedelta(days=day)),
                "event_name": name,
                "source_system": "web",
                "channel": channel,
                "campaign": campaign,
                "identifiers": json.dumps({"account": customer}) if customer else "",
                "amount": amount,
                "currency": "EUR" if amount else "",
                "properties": json.dumps(properties) if properties else "",
                **columns,
            }
        )

    def path(self, customer: str, channels: Sequence[str], *, converts: bool) -> None:
        for number, channel in enumerate(channels):
            self.did(customer, "clicked", channel, day=number / 10)
        if converts:
            self.did(customer, "sold", day=1, amount="10.00")


def stories() -> Iterator[Story]:
    toy = Story(datetime(2025, 1, 5))
    toy.path("toy-1", ["C1", "C2", "C3"], converts=True)
    toy.path("toy-2", ["C1"], converts=False)
    toy.path("toy-3", ["C2", "C3"], converts=False)
    yield toy

    search = Story(datetime(2025, 3, 5))
    for number, (channels, converts) in enumerate(
        [(["GA"], True), (["GA"], True), (["M"], True), (["GA", "M"], True), (["GA"], False)]
    ):
        search.path(f"search-{number}", channels, converts=converts)
    yield search

    fifty = Story(datetime(2025, 5, 10))
    for channel, day in (("paid_search", 0), ("social", 3), ("email", 9), ("display", 9.1)):
        fifty.did("fifty", "clicked", channel, day=day)
    fifty.did("fifty", "sold", day=9.2, amount="50.00")
    # a lone sale before which somebody else's touch is
    fifty.did("no-touch", "sold", day=9.3, amount="5.00")
    fifty.did("", "sold", day=9.4, amount="7.00")
    fifty.did("too-late", "clicked", "social", day=0)
    fifty.did("too-late", "sold", day=30.000001, amount="8.00")
    fifty.did("in-time", "clicked", "social", day=-4)
    fifty.did("in-time", "sold", day=26, amount="8.00")
    fifty.did("only-sent", "sent", "email", day=1)
    fifty.did("only-sent", "sold", day=2, amount="9.00")
    yield fifty

    decay = Story(datetime(2025, 7, 1))
    for day in (0, 7, 14, 21):
        decay.did("decay", "clicked", f"D{day}", day=day)
    decay.did("decay", "sold", day=28, amount="100.00")
    yield decay

    sign_up = Story(datetime(2025, 9, 1))
    for channel, day in (("Google", 0), ("Facebook", 6), ("TikTok", 9)):
        sign_up.did("sign-up", "clicked", channel, day=day)
    sign_up.did("sign-up", "signed_up", day=9.5)
    yield sign_up

    odd = Story(datetime(2025, 11, 3))
    # the click counts before the view of the same ad, and not before another's; the visit it opens is the click
    odd.did("clicker", "seen", "display", day=0, campaign="spring")
    odd.did("clicker", "seen", "display", day=0.01, campaign="autumn")
    odd.did("clicker", "clicked", "display", day=0.02, campaign="spring")
    odd.did("clicker", "visited", "display", day=0.0201, campaign="spring")
    odd.did("clicker", "sold", day=0.5, amount="10.00")
    # visits of other campaigns lie between clicks and the visits that they open
    for name, kind, campaign, minute in [
        ("clicked", "search", "a", 0), ("visited", "search", "b", 1), ("visited", "search", "a", 2),
        ("clicked", "mail", "a", 10), ("clicked", "mail", "a", 11), ("visited", "mail", "a", 12),
        ("visited", "mail", "a", 13), ("visited", "mail", "a", 14),
        ("clicked", "social", "a", 20), ("visited", "social", "b", 21), ("visited", "social", "", 22),
        ("clicked", "print", "a", 30), ("visited", "print", "", 31), ("visited", "print", "a", 32),
        ("clicked", "radio", "a", 40), ("visited", "radio", "b", 41), ("visited", "radio", "a", 70),
    ]:  # fmt: skip
        odd.did("lander", name, kind, day=minute / 1440, campaign=campaign)
    # at one instant the order of events decides: the click is before, or after, the sale
    odd.did("before", "clicked", "email", day=1, sequence_number="1")
    odd.did("before", "sold", day=1, amount="10.00", sequence_number="2")
    odd.did("after", "sold", day=1, amount="10.00", sequence_number="1")
    odd.did("after", "clicked", "email", day=1, sequence_number="2")
    # two sales in one window: a touch earns the next one
    odd.did("twice", "clicked", "A", day=0)
    odd.did("twice", "sold", day=1, amount="10.00")
    odd.did("twice", "clicked", "B", day=2)
    odd.did("twice", "sold", day=3, amount="20.00")
    odd.did("twice", "sold", day=4, amount="30.00")
    # refunds: in two parts, above, of nothing, without a sum
    odd.did("refunded", "clicked", "A", day=0)
    odd.did("refunded", "clicked", "B", day=0.1)
    odd.did("refunded", "clicked", "C", day=0.2)
    odd.did("refunded", "sold", day=1, amount="10.00", order="r1")
    odd.did("refunded", "paid_back", day=2, order="r1", paid_back=5)
    odd.did("somebody-else", "paid_back", day=3, order="r1", paid_back=5)
    odd.did("greedy", "clicked", "A", day=0)
    odd.did("greedy", "sold", day=1, amount="10.00", order="r2")
    odd.did("greedy", "paid_back", day=2, order="r2", paid_back=12)
    odd.did("greedy", "paid_back", day=3, order="r2", paid_back=1)
    odd.did("lost", "paid_back", day=2, order="r3", paid_back=4)
    odd.did("vague", "sold", day=1, amount="10.00", order="r4")
    odd.did("vague", "paid_back", day=2, order="r4")
    odd.did("priceless", "sold", day=1, order="r5")
    odd.did("priceless", "paid_back", day=2, order="r5", paid_back=4)
    odd.did("foreign", "sold", day=1, amount="10.00", currency="CHF")
    odd.did("off", "sold", day=1, amount="10.00", order="r6")
    odd.did("off", "called_off", day=2, order="r6")
    odd.did("off-after-part", "sold", day=1, amount="10.00", order="r8")
    odd.did("off-after-part", "paid_back", day=2, order="r8", paid_back=3)
    odd.did("off-after-part", "called_off", day=3, order="r8")
    odd.did("off-for-part", "sold", day=1, amount="10.00", order="r9")
    odd.did("off-for-part", "called_off", day=2, order="r9", paid_back=4)
    # a mistyped amount of another currency
    odd.did("mistyped", "sold", day=1, amount="10.00", order="r10")
    odd.did("mistyped", "paid_back", day=2, order="r10", paid_back=10**12, currency="USD")
    # a blank reference names nothing; one that stands for many is of the last sale before
    odd.did("blank", "sold", day=1, amount="10.00", order=" ")
    odd.did("blank", "paid_back", day=2, order=" ", paid_back=4)
    for day, amount in ((1, "10.00"), (3, "20.00"), (5, "30.00")):
        odd.did("nameless", "sold", day=day, amount=amount, order="n/a")
    odd.did("nameless", "paid_back", day=4, order="n/a", paid_back=4)
    odd.did("nameless", "paid_back", day=0, order="n/a", paid_back=1)
    # 3.00 USD are 2.74, and three times 1.00 are 0.91 each
    odd.did("thirds", "sold", day=1, amount="3.00", currency="USD", order="r7")
    for day in (2, 3, 4):
        odd.did("thirds", "paid_back", day=day, order="r7", paid_back=1)
    # a session's direct visits are one, and only as its first
    odd.did("direct", "came", "web", day=0)
    odd.did("direct", "sold", day=1, amount="10.00")
    # the view's window closes before the sale, the click's does not: the view is no lost path of its own; one alone is
    odd.did("looker", "seen", "banner", day=0, campaign="spring")
    odd.did("looker", "clicked", "banner", day=0.1, campaign="spring")
    odd.did("looker", "sold", day=5, amount="10.00")
    odd.did("glancer", "seen", "banner", day=0, campaign="spring")
    odd.did("glancer", "sold", day=5, amount="10.00")
    # the click lies outside of the seven days of a rule, the view within; and both within
    odd.did("reader", "clicked", "poster", day=0, campaign="spring")
    odd.did("reader", "seen", "poster", day=10, campaign="spring")
    odd.did("reader", "sold", day=12, amount="10.00")
    odd.did("returner", "clicked", "poster", day=8, campaign="spring")
    odd.did("returner", "seen", "poster", day=10, campaign="spring")
    odd.did("returner", "sold", day=12, amount="10.00")
    # a click that no longer reaches the sale takes nothing from a view that does
    odd.did("starer", "clicked", "poster", day=0, campaign="spring")
    odd.did("starer", "seen", "poster", day=1, campaign="spring")
    odd.did("starer", "sold", day=31, amount="10.00")
    # one campaign that a view and its click spell otherwise
    odd.did("speller", "seen", "search", day=0, campaign=" winter_2025")
    odd.did("speller", "clicked", "search", day=0.1, campaign="winter")
    odd.did("speller", "clicked", "display", day=0.2, campaign="W25")
    odd.did("speller", "sold", day=0.5, amount="10.00")
    # who is seen by nobody who buys: a channel without conversions
    odd.did("onlooker", "seen", "billboard", day=0)
    odd.did("onlooker", "seen", "billboard", day=50)
    yield odd

    crowd = Story(datetime(2025, 12, 1))
    for number in range(MANY):
        crowd.did("crowd", "clicked", f"channel-{number % 3}", day=number / MANY * 20)
    crowd.did("crowd", "sold", day=21, amount="1000.01")
    yield crowd


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("known")
    seeds = folder / "seeds"
    seeds.mkdir()
    for name, text in SEEDS.items():
        (seeds / f"{name}.csv").write_text(text, encoding="utf-8")
    (seeds / "identifier_types.csv").write_text(
        "identifier_type,kind,priority,is_unique_per_person,normalisation\naccount,person,10,true,exact\n",
        encoding="utf-8",
    )
    warehouse = make_warehouse(folder, seeds=seeds, as_of=f"{AS_OF:%Y-%m-%d}", JOURNEYS_MATCHING="off")
    path = warehouse.settings.extracts / "feed" / "events" / "all.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for story in stories():
            writer.writerows(story.rows)
    spend = warehouse.settings.extracts / "feed" / "spend" / "all.csv"
    spend.parent.mkdir(parents=True)
    spend.write_text(
        "spent_on,channel,campaign,amount,currency,impressions,clicks,updated_at\n2025-11-03,search,w25,10.00,EUR,,,\n"
        "2025-11-04,paid_search,winter,20.00,EUR,,,\n2025-11-05,paid_search,winter,30.00,CHF,,,\n"
        "2025-11-06,paid_search,winter,40.00,EUR,,,\n",
        encoding="utf-8",
    )
    ads = warehouse.settings.extracts / "ads" / "daily_spend" / "all.csv"
    ads.parent.mkdir(parents=True)
    ads.write_text(
        "spend_date,platform,network,campaign_id,campaign_name,impressions,clicks,spend,currency,reported_at\n"
        + "".join(
            f"2025-11-0{day},google,search,{campaign},winter,0,0,{spend},{currency},2025-11-09T00:00:00Z\n"
            for day, campaign, spend, currency in [
                (4, "G1", "21.00", "CHF"),
                (5, "G1", "31.00", "CHF"),
                (6, "G1", "41.00", "EUR"),
                (6, "G2", "5.00", "CHF"),
            ]
        ),
        encoding="utf-8",
    )
    warehouse.land()
    assert not any(result.refused for result in warehouse.landed)
    warehouse.build(select=["+path:models/marts/attribution"])
    return warehouse


@pytest.fixture(scope="module")
def customers() -> dict[str, str]:
    """The id of each customer by the account of the stories."""
    named = (row["identifiers"] for story in stories() for row in story.rows if row["identifiers"])
    names = {json.loads(identifiers)["account"] for identifiers in set(named)}
    return {name: f"c_{hash_of('account', name)}" for name in names}


class Said:
    """What the built tables say of a customer."""

    def __init__(self, built: Warehouse, customers: dict[str, str]) -> None:
        self.built, self.customers = built, customers

    def shares(self, customer: str, rule: str, kind: str = "sale") -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for row in self._credits(customer, rule, kind):
            found[row["channel"]] += row["credit_share"]
        return dict(found)

    def values(self, customer: str, rule: str, column: str = "credited_value") -> dict[str, Decimal]:
        return {row["channel"]: row[column] for row in self._credits(customer, rule, "sale")}

    def _credits(self, customer: str, rule: str, kind: str) -> list[dict[str, Any]]:
        return self.built.query(
            f"select * from attribution.fct_attribution_credits where customer_id = '{self.customers[customer]}' "
            f"and rule = '{rule}' and conversion_type = '{kind}'"
        )

    def conversions(self, customer: str, kind: str = "sale") -> list[dict[str, Any]]:
        return self.built.query(
            f"select * from attribution.fct_conversions where customer_id = '{self.customers[customer]}' "
            f"and conversion_type = '{kind}' order by converted_at"
        )

    def refunds(self, customer: str) -> list[tuple[str, Decimal | None]]:
        rows = self.built.query(
            f"select * from attribution.fct_refunds where customer_id = '{self.customers[customer]}' "
            "and conversion_type = 'sale' order by refunded_at"
        )
        return [(row["refund_outcome"], row["refunded_value"]) for row in rows]


@pytest.fixture(scope="module")
def said(built: Warehouse, customers: dict[str, str]) -> Said:
    return Said(built, customers)


def of_channels(built: Warehouse, table: str, column: str, where: str) -> dict[str, float]:
    rows = built.query(
        f"select * from attribution.{table} where conversion_type = 'sale' and period = 'month' and {where}"
    )
    return {row["channel"]: row[column] for row in rows}


JANUARY, MARCH = "period_start = '2025-01-01'", "period_start = '2025-03-01'"


def test_three_paths_over_three_channels(built: Warehouse) -> None:
    effects = of_channels(built, "agg_channel_effects", "removal_effect", JANUARY)
    assert effects == pytest.approx({"C1": 0.5, "C2": 1, "C3": 1})
    credits = of_channels(built, "agg_channel_effects", "credited_conversions", JANUARY)
    assert credits == pytest.approx({"C1": 0.2, "C2": 0.4, "C3": 0.4})
    base = of_channels(built, "agg_channel_effects", "base_probability", JANUARY)
    assert base == pytest.approx(dict.fromkeys(base, 1 / 3))
    # one customer is too few for an interval
    assert set(of_channels(built, "agg_channel_effects", "removal_effect_ci_lower", JANUARY).values()) == {None}


def test_the_classical_credit_and_that_within_paths_are_two_things(built: Warehouse) -> None:
    effects = of_channels(built, "agg_channel_effects", "removal_effect", MARCH)
    assert effects == pytest.approx({"GA": 0.75, "M": 0.5})
    classical = of_channels(built, "agg_channel_effects", "credited_conversions", MARCH)
    assert classical == pytest.approx({"GA": 2.4, "M": 1.6})
    for rule, wanted in {
        "markov": {"GA": 2.6, "M": 1.4},
        "linear": {"GA": 2.5, "M": 1.5},
        "shapley": {"GA": 2.5, "M": 1.5},
    }.items():
        in_paths = of_channels(built, "agg_channel_credits", "credited_conversions", f"{MARCH} and rule = '{rule}'")
        assert in_paths == pytest.approx(wanted), rule
    [row] = built.query(
        f"select * from attribution.agg_rule_disagreement where conversion_type = 'sale' and period = 'month' "
        f"and {MARCH} and channel = 'GA'"
    )
    assert row["default_conversions"] == pytest.approx(2.5)
    assert (row["lowest_conversions"], row["highest_conversions"]) == (2.0, 3.0)
    assert (row["lowest_rule"], row["highest_rule"]) == ("last", "first")


def test_fifty_dollars_over_four_touches(said: Said) -> None:
    quarter = Decimal("12.50")
    assert said.values("fifty", "linear") == dict.fromkeys(("paid_search", "social", "email", "display"), quarter)
    assert said.values("fifty", "first") == {"paid_search": Decimal("50.00")}
    assert said.values("fifty", "last") == {"display": Decimal("50.00")}
    assert said.shares("fifty", "position") == pytest.approx(
        {"paid_search": 0.4, "social": 0.1, "email": 0.1, "display": 0.4}
    )
    assert said.shares("fifty", "j_shaped")["display"] == pytest.approx(0.6)
    assert said.shares("fifty", "inverse_j")["paid_search"] == pytest.approx(0.6)


def test_a_calibrated_rule_keeps_what_experiments_say_and_leaves_the_rest_to_the_baseline(said: Said) -> None:
    """Of four quarters of 50.00, search keeps .56, social nothing, and mail and display, without a test, all."""
    assert said.shares("fifty", "calibrated") == pytest.approx(
        {"paid_search": 0.14, "email": 0.25, "display": 0.25, "(baseline)": 0.36}
    )
    assert said.values("fifty", "calibrated") == {
        "paid_search": Decimal("7.00"), "email": Decimal("12.50"), "display": Decimal("12.50"),
        "(baseline)": Decimal("18.00"),
    }  # fmt: skip
    assert said.shares("no-touch", "calibrated") == {"(unattributed)": 1.0}
    # no channel of these was tested: the rule is the one that it is based on
    assert said.values("refunded", "calibrated", "gross_value") == said.values("refunded", "linear", "gross_value")


def test_performance_has_a_row_for_the_baseline(built: Warehouse) -> None:
    [row] = built.query(
        "select sum(credited_conversions) as n, sum(net_value) as net, sum(spend) as spend "
        "from attribution.agg_channel_performance where rule = 'calibrated' and conversion_type = 'sale' "
        "and channel = '(baseline)'"
    )
    # what fifty leaves, and a sale of 8.00 after a click on social alone
    assert row == {"n": pytest.approx(1.36), "net": Decimal("26.00"), "spend": None}


def test_decay_of_four_weeks(said: Said) -> None:
    wanted = {"D0": 1 / 15, "D7": 2 / 15, "D14": 4 / 15, "D21": 8 / 15}
    assert said.shares("decay", "decay") == pytest.approx(wanted, abs=1e-9)


def test_a_window_of_seven_days_leaves_out_the_oldest(said: Said) -> None:
    third = 1 / 3
    assert said.shares("sign-up", "linear", "sign_up") == pytest.approx(
        {"Google": third, "Facebook": third, "TikTok": third}
    )
    assert said.shares("sign-up", "linear_7", "sign_up") == {"Facebook": 0.5, "TikTok": 0.5}
    [conversion] = said.conversions("sign-up", "sign_up")
    assert conversion["gross_value"] is None and conversion["net_value"] is None


def test_two_touches_by_the_conventions_of_other_tools(said: Said) -> None:
    """The fourth path of the story of search has two: 30/70 where a rule says so, else as the first is to the last."""
    assert said.shares("search-3", "j_shaped") == pytest.approx({"GA": 0.3, "M": 0.7})
    assert said.shares("search-3", "inverse_j") == pytest.approx({"GA": 0.75, "M": 0.25})
    assert said.shares("search-3", "position") == pytest.approx({"GA": 0.5, "M": 0.5})


@pytest.mark.parametrize(
    ("customer", "reason"),
    [("no-touch", "no_touch"), ("too-late", "outside_window"), ("in-time", None), ("only-sent", "all_excluded")],
)
def test_a_conversion_says_why_no_touch_earned_it(customer: str, reason: str | None, said: Said) -> None:
    [conversion] = said.conversions(customer)
    assert conversion["unattributed_reason"] == reason
    if reason is not None:
        assert said.shares(customer, "linear") == {"(unattributed)": 1.0}


def test_a_sale_of_nobody_is_anonymous(built: Warehouse) -> None:
    rows = built.query("select unattributed_reason from attribution.fct_conversions where gross_value = 7")
    assert {row["unattributed_reason"] for row in rows} == {"anonymous"}


def test_a_click_counts_before_the_view_of_its_ad_and_is_one_touch_with_its_landing(
    built: Warehouse, said: Said
) -> None:
    rows = built.query(
        "select campaign, touch_kind from attribution.fct_attribution_credits where rule = 'linear' "
        f"and conversion_type = 'sale' and customer_id = '{said.customers['clicker']}' order by all"
    )
    assert [(row["campaign"], row["touch_kind"]) for row in rows] == [("autumn", "view"), ("spring", "click")]


def test_a_click_and_the_visit_it_opens_are_one_touch_whatever_lies_between(built: Warehouse, said: Said) -> None:
    """Bug: the click was one with the very next visit of the channel alone, whichever campaign that was of."""
    rows = built.query(
        "select channel, touch_kind, campaign from attribution.fct_touchpoints "
        f"where customer_id = '{said.customers['lander']}' order by occurred_at"
    )
    touches = [(row["channel"], f"{row['touch_kind']} {row['campaign']}") for row in rows]
    by_channel: dict[str, list[str]] = defaultdict(list)
    for channel, touch in touches:
        by_channel[channel].append(touch)
    assert by_channel == {
        "search": ["click a", "visit b"],
        # two clicks opened two of the three visits
        "mail": ["click a", "click a", "visit a"],
        # a visit that does not say its campaign may be of any
        "social": ["click a", "visit b"],
        # one that says the campaign of the click comes before one that says none
        "print": ["click a", "visit None"],
        # half an hour after the click, a visit is one of its own
        "radio": ["click a", "visit b", "visit a"],
    }


def test_a_view_that_its_click_beats_is_no_path_of_its_own(built: Warehouse, said: Said) -> None:
    def paths(customer: str) -> list[tuple[str, str]]:
        rows = built.query(
            "select touch_kind, path_outcome from intermediate.int_path_touches where conversion_type = 'sale' "
            f"and customer_id = '{said.customers[customer]}' order by occurred_at"
        )
        return [(row["touch_kind"], row["path_outcome"]) for row in rows]

    assert paths("looker") == [("click", "converted")]
    assert paths("glancer") == [("view", "null")]
    assert paths("starer") == [("click", "null"), ("view", "converted")]


def test_a_view_counts_for_a_rule_whose_window_leaves_out_its_click(built: Warehouse, said: Said) -> None:
    """Bug: the view gave way to a click that the rule did not see, and the rule found no touch."""

    def kinds(customer: str, rule: str) -> list[str | None]:
        rows = built.query(
            f"select touch_kind from attribution.fct_attribution_credits where rule = '{rule}' "
            f"and conversion_type = 'sale' and customer_id = '{said.customers[customer]}'"
        )
        return [row["touch_kind"] for row in rows]

    assert kinds("reader", "linear") == ["click"] and kinds("reader", "linear_7") == ["view"]
    assert kinds("returner", "linear") == kinds("returner", "linear_7") == ["click"]
    [conversion] = said.conversions("reader")
    assert conversion["touch_count"] == 1


def test_spend_and_touches_of_one_campaign_have_one_name(built: Warehouse, said: Said) -> None:
    touches = built.query(
        "select channel, campaign, touch_kind from attribution.fct_touchpoints "
        f"where customer_id = '{said.customers['speller']}' order by occurred_at"
    )
    assert [row["campaign"] for row in touches] == ["winter", "winter", "other"]
    assert built.query("select distinct campaign from attribution.fct_spend_daily") == [{"campaign": "winter"}]
    # the view and the click are of one ad, so the click alone is on the path
    kinds = built.query(
        "select touch_kind from attribution.fct_attribution_credits where rule = 'linear' "
        f"and conversion_type = 'sale' and customer_id = '{said.customers['speller']}'"
    )
    assert kinds == [{"touch_kind": "click"}] * 2


def test_performance_says_what_a_channel_cost_and_brought(built: Warehouse) -> None:
    """Spend of 10.00, and a sale of 10.00 after two touches: search earned half of it."""
    rows = built.query(
        "select * from attribution.agg_channel_performance where channel = 'search' and campaign = 'winter' "
        "and conversion_type = 'sale'"
    )
    # a view and its click
    assert {(row["campaign"], row["touch_count"], row["spend"]) for row in rows} == {("winter", 2, Decimal(10))}
    [linear] = [row for row in rows if row["rule"] == "linear"]
    figures = ("credited_conversions", "gross_value", "net_value", "cost_per_conversion", "roas", "new_customer_share")
    assert [linear[name] for name in figures] == [0.5, Decimal(5), Decimal(5), 20.0, 0.5, 1.0]
    [last] = [row for row in rows if row["rule"] == "last"]
    assert [last[name] for name in figures] == [0.0, Decimal(0), Decimal(0), None, 0.0, None]


def test_performance_has_a_refund_on_its_own_day(built: Warehouse) -> None:
    """Ten were paid for on the fourth, and given back in two parts on the days after."""
    rows = built.query(
        "select measured_on, sum(gross_value) as gross, sum(refunded_value) as refunded, sum(net_value) as net "
        "from attribution.agg_channel_performance where rule = 'linear' and conversion_type = 'sale' and channel = 'C' "
        "group by all order by all"
    )
    assert [(f"{row['measured_on']:%m-%d}", row["gross"], row["refunded"], row["net"]) for row in rows] == [
        ("11-03", 0, 0, 0),
        ("11-04", Decimal("3.33"), 0, Decimal("3.33")),
        ("11-05", 0, Decimal("1.66"), Decimal("-1.66")),
        ("11-06", 0, Decimal("1.67"), Decimal("-1.67")),
    ]


def test_money_that_is_of_no_rule_is_whole_for_each_and_once_over_all(built: Warehouse) -> None:
    [told] = built.query("select sum(spend) as spend from attribution.fct_spend_daily where not is_repeated")
    spend = "select sum(spend) as spend from attribution.agg_channel_performance"
    assert built.query(f"{spend} where is_counted_once") == [told] and told["spend"] > 0
    by_pair = built.query(f"{spend} group by rule, conversion_type")
    assert len(by_pair) == 12 * 4 and {row["spend"] for row in by_pair} == {told["spend"]}


def test_a_type_without_value_has_conversions_and_no_return(built: Warehouse) -> None:
    rows = built.query("select * from attribution.agg_channel_performance where conversion_type = 'sign_up'")
    assert sum(row["credited_conversions"] for row in rows if row["rule"] == "linear") == pytest.approx(1)
    assert {(row["gross_value"], row["refunded_value"], row["net_value"], row["roas"]) for row in rows} == {(None,) * 4}


def test_of_two_sources_of_one_campaign_day_that_counts_which_can_be_counted(built: Warehouse) -> None:
    """Bug: the first by name counted, even where no rate converts its money and the other's is known."""
    rows = built.query(
        "select extract('day' from spent_on) as day, source_system, spend, is_repeated "
        "from attribution.fct_spend_daily where channel = 'paid_search' order by all"
    )
    assert [tuple(row.values()) for row in rows] == [
        (4, "ads", None, True), (4, "feed", Decimal(20), False),
        # neither has a rate, so the name decides
        (5, "ads", None, False), (5, "feed", None, True),
        # a source of which a part has no rate comes after one that is known whole
        (6, "ads", Decimal(0), True), (6, "ads", None, True), (6, "feed", Decimal(40), False),
    ]  # fmt: skip


def test_at_one_instant_the_order_of_events_decides(said: Said) -> None:
    assert said.shares("before", "linear") == {"email": 1.0}
    assert said.shares("after", "linear") == {"(unattributed)": 1.0}


def test_a_touch_earns_the_next_conversion(said: Said) -> None:
    first, second, third = said.conversions("twice")
    assert [first["touch_count"], second["touch_count"], third["touch_count"]] == [1, 1, 0]
    assert third["unattributed_reason"] == "all_excluded"
    assert said.values("twice", "linear") == {
        "A": Decimal(10), "B": Decimal(20), "(unattributed)": Decimal(30)
    }  # fmt: skip


def test_a_refund_in_full_leaves_nothing_anywhere(said: Said, built: Warehouse) -> None:
    [conversion] = said.conversions("refunded")
    assert (conversion["gross_value"], conversion["refunded_value"], conversion["net_value"]) == (10, 10, 0)
    assert said.values("refunded", "linear", "gross_value") == {
        "A": Decimal("3.34"), "B": Decimal("3.33"), "C": Decimal("3.33")
    }  # fmt: skip
    for rule in ("linear", "decay", "markov"):
        assert set(said.values("refunded", rule).values()) == {Decimal(0)}, rule
    # even if another customer's event, it is of the sale
    assert said.refunds("refunded") == [("counted", Decimal(5)), ("counted", Decimal(5))]
    assert said.refunds("somebody-else") == []
    by_day = built.query(
        "select refunded_on, sum(refunded_value) as value from attribution.fct_refund_credits where rule = 'linear' "
        f"and conversion_type = 'sale' and customer_id = '{said.customers['refunded']}' group by all order by all"
    )
    assert [row["value"] for row in by_day] == [Decimal(5), Decimal(5)]


@pytest.mark.parametrize(
    ("customer", "outcomes", "net"),
    [
        ("greedy", [("capped", Decimal(10)), ("capped", Decimal(0))], Decimal(0)),
        ("lost", [("without_conversion", None)], None),
        ("vague", [("not_stated", None)], Decimal(10)),
        # bug: a cancellation without an amount left the order its value where returns state theirs
        ("off", [("counted", Decimal(10))], Decimal(0)),
        ("off-after-part", [("counted", Decimal(3)), ("counted", Decimal(7))], Decimal(0)),
        ("off-for-part", [("counted", Decimal(4))], Decimal(6)),
        # bug: a billion times too much, at a rate, stopped the build
        ("mistyped", [("capped", Decimal(10))], Decimal(0)),
        ("priceless", [("without_value", None)], None),
    ],
)
def test_a_refund_says_what_became_of_it(
    customer: str, outcomes: list[tuple[str, Decimal | None]], net: Decimal | None, said: Said
) -> None:
    assert said.refunds(customer) == outcomes
    assert [row["net_value"] for row in said.conversions(customer)] == ([] if customer == "lost" else [net])


def test_parts_of_a_foreign_amount_leave_nothing(said: Said) -> None:
    """Three parts of 3.00 USD were 0.91 each, and a cent of 2.74 was never refunded."""
    assert said.refunds("thirds") == [("counted", Decimal(part)) for part in ("0.91", "0.92", "0.91")]
    assert [row["net_value"] for row in said.conversions("thirds")] == [Decimal(0)]


def test_a_blank_reference_names_no_conversion(said: Said) -> None:
    assert said.refunds("blank") == [("without_conversion", None)]


def test_of_several_conversions_a_refund_takes_the_last_before_it_else_the_first_after(said: Said) -> None:
    assert [row["refunded_value"] for row in said.conversions("nameless")] == [Decimal(1), Decimal(4), Decimal(0)]


def test_a_sale_that_was_called_off_is_a_conversion_of_nothing(said: Said) -> None:
    for kind in ("call_off", "first_sale"):
        [conversion] = said.conversions("off", kind)
        assert conversion["net_value"] == 0, kind


def test_money_without_a_rate_is_counted_apart(said: Said) -> None:
    [conversion] = said.conversions("foreign")
    assert conversion["is_without_rate"] and conversion["gross_value"] is None
    assert said.shares("foreign", "linear") == {"(unattributed)": 1.0}


def test_where_all_touches_are_direct_the_last_one_counts(said: Said) -> None:
    assert said.shares("direct", "last_non_direct") == {"web": 1.0}


def test_new_customers_convert_once(said: Said) -> None:
    assert [row["gross_value"] for row in said.conversions("twice", "first_sale")] == [Decimal(10)]
    assert said.shares("twice", "linear", "first_sale") == {"A": 1.0}


def test_what_names_nobody_is_nobodys_first_purchase(built: Warehouse) -> None:
    """A receipt without a card may be of somebody who has bought before."""
    counts = "select count(*) as n from attribution.fct_conversions where conversion_type = '{}' and gross_value = 7.00"
    assert built.query(counts.format("sale")) == [{"n": 1}]
    assert built.query(counts.format("sale") + " and is_first_of_customer") == [{"n": 0}]
    assert built.query(counts.format("first_sale")) == [{"n": 0}]


def test_an_event_with_one_of_its_two_prices_is_not_costed(built: Warehouse) -> None:
    assert built.query("select cost_status, cost from attribution.fct_service_costs") == [
        {"cost_status": "outside_dates", "cost": Decimal(1)}
    ]


def test_a_channel_without_conversions_has_paths_and_no_credit(built: Warehouse) -> None:
    rows = built.query(
        "select * from attribution.agg_channel_effects where conversion_type = 'sale' and channel = 'billboard' "
        "order by period, period_start"
    )
    assert [(row["period"], row["null_count"], row["pending_count"]) for row in rows] == [
        ("all", 0, 1), ("month", 0, 1)
    ]  # fmt: skip
    assert {row["removal_effect"] for row in rows} == {None}


def test_fifty_thousand_touches_of_one_customer_are_shared_to_the_cent(said: Said, built: Warehouse) -> None:
    [conversion] = said.conversions("crowd")
    assert conversion["touch_count"] == MANY
    [row] = built.query(
        "select sum(credit_share) as share, sum(credited_value) as value, count(*) as touches, "
        "max(credited_value) as most, min(credited_value) as least from attribution.fct_attribution_credits "
        f"where rule = 'linear' and conversion_type = 'sale' and customer_id = '{said.customers['crowd']}'"
    )
    assert row == {
        "share": 1.0, "value": Decimal("1000.01"), "touches": MANY, "most": Decimal("0.03"), "least": Decimal("0.02"),
    }  # fmt: skip
    [path] = built.query(
        "select * from attribution.agg_conversion_paths where conversion_type = 'sale' and touch_count > 50"
    )
    assert path["path"].endswith(" > …") and path["path"].count(" > ") == 50


def test_rules_differ_in_no_value_where_conversions_have_none(built: Warehouse) -> None:
    rows = built.query(
        "select conversion_type, count(lowest_value) + count(highest_value) + count(default_value) as n "
        "from attribution.agg_rule_disagreement where conversion_type in ('sale', 'sign_up') group by all order by all"
    )
    assert rows[0]["n"] > 0 and rows[1] == {"conversion_type": "sign_up", "n": 0}


def test_a_new_rule_changes_no_figure_of_the_others(built: Warehouse, tmp_path: Path) -> None:
    sums = (
        "select rule, conversion_type, channel, sum(credit_share) as share, sum(credited_value) as value "
        "from attribution.fct_attribution_credits group by all order by all"
    )
    before = built.query(sums)
    other = built.copy(tmp_path)
    seeds = tmp_path / "seeds"
    shutil.copytree(built.settings.seeds, seeds)
    with (seeds / "attribution_rules.csv").open("a", encoding="utf-8") as file:
        file.write("alike,shapley,14,,,,,\n")
    other = replace(other, settings=replace(other.settings, seeds=seeds))
    prepare_data_set(other.settings, today=AS_OF.date())
    other.build(select=["+path:models/marts/attribution"])
    now = other.query(sums)
    assert [row for row in now if row["rule"] != "alike"] == before
    assert any(row["rule"] == "alike" for row in now)
