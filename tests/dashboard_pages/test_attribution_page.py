"""The page of attribution: its figures are those of the marts, whatever rule, conversion and month is chosen."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from dashboard import words
from dashboard.app import find_pages
from dashboard.filters import read_filters
from dashboard.pages import attribution
from dashboard.release import Release
from dashboard.view import View

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("default_example")]

[PAGE] = [page for page in find_pages() if page.name == "attribution"]


def view_of(release: Release, **asked: str) -> View:
    filters, _ = read_filters(release, asked, PAGE.takes)
    assert not filters.unknown, filters.unknown
    return View(release, filters, path="/attribution", extra=asked)


CHOICES: list[dict[str, str]] = [
    {},
    {"rule": "first"},
    {"rule": "markov", "month": "2026-05"},
    {"conversion": "first_purchase", "month": "2026-06"},
    {"conversion": "newsletter", "rule": "linear"},
]


@pytest.mark.parametrize("asked", CHOICES, ids=[" ".join(one.values()) or "default" for one in CHOICES])
def test_what_is_credited_and_spent_adds_up(default_release: Release, asked: dict[str, str]) -> None:
    """Also over channels without spend, and what no touch earned: all conversions, their value and the money spent."""
    view = view_of(default_release, **asked)
    rows = view.ask(attribution.SPEND).dicts
    chosen = {"conversion": "purchase", "month": ""} | asked
    in_month = "($month = '' or strftime({}, '%Y-%m') = $month)".format
    converted = default_release.ask(
        "select count(*) as conversions, sum(net_value) as net_value from attribution.fct_conversions "
        f"where conversion_type = $conversion and {in_month('converted_on')}",
        {name: chosen[name] for name in ("conversion", "month")},
    ).first()
    spent = default_release.ask(
        "select sum(spend) as spend from attribution.fct_spend_daily "
        f"where not is_after_as_of and {in_month('spent_on')}",
        {"month": chosen["month"]},
    ).first()
    assert sum(row["credited_conversions"] for row in rows) == pytest.approx(converted["conversions"])
    assert sum(row["net_value"] or 0 for row in rows) == (converted["net_value"] or 0)
    assert sum(row["spend"] or Decimal(0) for row in rows) == spent["spend"] > 0
    for row in rows:
        if row["spend"] and row["net_value"] is not None:
            assert row["roas"] == pytest.approx(float(row["net_value"] / row["spend"]))
            assert row["roas_ci_lower"] is None or row["roas_ci_lower"] <= row["roas"] <= row["roas_ci_upper"]
        else:
            assert row["net_value"] is None or row["roas"] is None
    figure = attribution.spend(view)
    assert f"{attribution._money(spent['spend'])} " in figure.answer
    assert any("No rule finds causes" in note for note in figure.notes) and "No rule finds causes" in PAGE.about


def test_a_rule_changes_what_is_credited_and_not_what_was_spent(default_release: Release) -> None:
    def of(rule: str) -> dict[str, Any]:
        rows = view_of(default_release, rule=rule).ask(attribution.SPEND)
        return {row["channel"]: (row["spend"], row["net_value"]) for row in rows}

    first, last = of("first"), of("last_non_direct")
    assert first.keys() == last.keys()
    assert {name: spend for name, (spend, _) in first.items()} == {name: spend for name, (spend, _) in last.items()}
    assert first["paid_search"][1] < last["paid_search"][1]


@pytest.mark.parametrize("month", ["", "2026-05"])
def test_all_rules_are_side_by_side_and_the_chosen_one_is_first(default_release: Release, month: str) -> None:
    view = view_of(default_release, rule="position", month=month)
    figure = attribution.rules(view)
    names = re.findall(r'<th scope="col" class="n">(.+?)</th>', str(figure.body))
    rules = [row[0] for row in default_release.ask(
        "select distinct rule from attribution.agg_channel_credits where conversion_type = 'purchase' order by rule"
    ).rows]  # fmt: skip
    assert names[0] == "position (chosen)" and names[1] == "last non direct"
    assert sorted(name.removesuffix(" (chosen)").replace(" ", "_") for name in names) == rules
    assert "share the same conversions and value" in figure.answer


def test_what_another_rule_changes_is_what_the_rules_credit(default_release: Release) -> None:
    view = view_of(default_release, rule="linear")
    credited: dict[str, list[float]] = {}
    for row in default_release.ask(
        "select channel, credited_conversions from attribution.agg_channel_credits "
        "where conversion_type = 'purchase' and period = 'all'"
    ):
        credited.setdefault(row["channel"], []).append(row["credited_conversions"])
    linear = {row["channel"]: row["credited_conversions"] for row in view.ask(attribution.SPEND)}
    figure = attribution.change(view)
    for row in figure.table:
        assert row["highest_conversions"] == pytest.approx(max(credited[row["channel"]]))
        assert row["chosen_conversions"] == pytest.approx(linear.get(row["channel"], 0))
    widths = [row["highest_conversions"] - row["lowest_conversions"] for row in figure.table]
    assert widths == sorted(widths, reverse=True)
    assert "Against last non direct, the default" in figure.body
    assert "the default" not in attribution.change(view_of(default_release)).body


def test_conversions_without_a_touch_are_counted_by_reason(default_release: Release) -> None:
    for month in ("", "2026-04"):
        figure = attribution.unattributed(view_of(default_release, month=month))
        rows = figure.table.dicts
        missing = sum(row["conversions"] for row in rows if row["reason"] != "touched")
        # no shipped rule has a window of its own
        assert missing == rows[0]["unattributed_by_rule"]
        assert f"of {sum(row['conversions'] for row in rows):,} conversions" in figure.answer
        assert {row["reason"] for row in rows} <= attribution.WHY.keys()


def test_paths_are_told_by_names_and_with_those_that_may_still_convert(default_release: Release) -> None:
    figure = attribution.paths(view_of(default_release))
    assert "Organic search → Web site" in figure.body and "may still" in figure.body
    converted = default_release.ask(
        "select sum(converted_count) as n from attribution.agg_conversion_paths where conversion_type = 'purchase'"
    ).first()
    assert figure.counted == f"{converted['n']:,} conversions with a touch"
    # of the rest only the longest path is known
    named = [row for row in figure.table if not row["is_rest"]]
    several = sum(row["converted_count"] for row in named if row["touch_count"] > 1)
    of_named = sum(row["converted_count"] for row in named)
    assert 0 < of_named < converted["n"]
    assert figure.answer.startswith(f"{words.percent(several / of_named)} of {of_named:,} conversions whose path")


def test_a_channel_that_money_was_spent_on_and_that_earned_nothing_is_a_row(default_release: Release) -> None:
    months = [row[0] for row in default_release.ask(
        "select distinct strftime(period_start, '%Y-%m') from attribution.agg_channel_credits "
        "where conversion_type = 'first_purchase' and period = 'month' order by all"
    ).rows]  # fmt: skip
    found = 0
    for rule in ("first", "last"):
        for month in months:
            view = view_of(default_release, rule=rule, conversion="first_purchase", month=month)
            rows = {row["channel"]: row for row in view.ask(attribution.SPEND)}
            spent = default_release.ask(
                "select distinct channel from attribution.fct_spend_daily where strftime(spent_on, '%Y-%m') = $month",
                {"month": month},
            )
            assert {row["channel"] for row in spent} <= rows.keys()
            idle = [row for row in rows.values() if row["spend"] and not row["credited_conversions"]]
            assert all(row["roas"] == 0 and row["cost_per_conversion"] is None for row in idle)
            found += len(idle)
    assert found


def test_of_a_conversion_without_a_value_nothing_is_said_about_returns(default_release: Release) -> None:
    figure = attribution.spend(view_of(default_release, conversion="newsletter"))
    assert "ROAS" not in figure.body and figure.answer.endswith(" conversions.")
    assert all(row["roas"] is None or row["net_value"] is not None for row in figure.table)


def test_rules_and_months_are_those_of_the_conversion(default_release: Release) -> None:
    filters, choices = read_filters(default_release, {"rule": "no_such", "month": "1999-01"}, PAGE.takes)
    assert filters.own_values == {"conversion": "purchase", "rule": "last_non_direct", "month": ""}
    assert [message.partition(" is not")[0] for message in filters.unknown] == [
        "Rule “no_such”",
        "Month of conversion “1999-01”",
    ]
    assert [choice.options[0][1] for choice in choices] == ["Purchase", "Last non direct (default)", "all months"]
    assert view_of(default_release, rule="first").filters.address() == "rule=first"
