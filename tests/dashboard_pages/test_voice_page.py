"""The page of what customers say: its figures are those of `voice.agg_voice`, and nobody is shown alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dashboard.app import find_pages
from dashboard.filters import read_filters
from dashboard.pages import voice
from dashboard.release import Release
from dashboard.view import View

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("default_example")]

[PAGE] = [page for page in find_pages() if page.name == "voice"]
KINDS = ("nps-relationship", "csat-transactional", "ces-transactional", "rating-transactional")


def view_of(release: Release, **asked: str) -> View:
    filters, _ = read_filters(release, asked, PAGE.takes)
    assert not filters.unknown, filters.unknown
    return View(release, filters, path="/voice", extra=asked)


def mart(release: Release, *, where: str) -> list[dict[str, Any]]:
    return release.ask(
        "select *, coalesce(nps, csat, ces) as value, coalesce(nps_ci_lower, csat_ci_lower, ces_ci_lower) as low, "
        "coalesce(nps_ci_upper, csat_ci_upper, ces_ci_upper) as high from voice.agg_voice "
        f"where respondent_kind = 'customer' and feedback_kind <> 'text' and scored_count > 0 and {where}"
    ).dicts


def of_month(row: Mapping[str, Any]) -> dict[str, str]:
    month = f"{row['month_starts_on']:%Y-%m}"
    return {
        "asked": f"{row['feedback_kind']}-{row['survey_scope']}-customer",
        "journey": "" if row["journey_id"] == "all" else row["journey_id"],
        "since": month,
        "until": month,
    }


@pytest.mark.parametrize(
    ("query", "part", "where"),
    [
        (voice.BY_TOUCHPOINT, "touchpoint", "touchpoint <> 'all' and phase_id = 'all'"),
        (voice.BY_PHASE, "phase_id", "phase_id <> 'all' and touchpoint = 'all'"),
        (voice.BY_SEGMENT, "segment", "journey_id = 'all' and touchpoint = 'all' and segment = 'all'"),
    ],
    ids=["touchpoint", "phase", "segment"],
)
def test_scores_of_a_month_are_those_of_the_mart(default_release: Release, query: str, part: str, where: str) -> None:
    """Also with the intervals, which the page works out of its own sums."""
    valued = 0
    kept: dict[tuple, dict] = {}
    rows = mart(default_release, where=f"segment = 'all' and {where}")
    assert len(rows) > 20
    for row in rows:
        asked = of_month(row)
        view = view_of(default_release, **asked)
        what = voice._asked(view)
        assert what is not None
        key = tuple(asked.values())
        if key not in kept:
            kept[key] = {one[part]: one for one in view.ask(query, **voice._parameters(view, what))}
        found = kept[key][row[part]]
        assert found["scores"] == row["scored_count"]
        for group in ("positive", "neutral", "negative"):
            assert found[group] == row[f"{group}_count"], (asked, row[part])
        shown = voice._shown(what, voice.Named(found, ""))
        assert (shown is None) == (row["value"] is None)
        if shown is not None:
            assert (shown.value, shown.low, shown.high) == pytest.approx((row["value"], row["low"], row["high"]))
            valued += 1
    assert valued > 3


@pytest.mark.parametrize("kind", KINDS)
def test_who_was_asked_and_answered_is_that_of_the_mart(default_release: Release, kind: str) -> None:
    view = view_of(default_release, asked=f"{kind}-customer")
    figure = voice.response(view)
    asked = default_release.ask(
        "select sum(delivered_count) as delivered, sum(answered_count) as answered from voice.agg_voice "
        "where (journey_id, touchpoint, segment, respondent_kind) = ('all', 'all', 'all', 'customer') "
        "and feedback_kind || '-' || survey_scope = $kind",
        {"kind": kind},
    ).first()
    if kind.startswith("rating"):
        assert not asked["delivered"] and "came unasked" in figure.empty
    else:
        assert f"of {asked['delivered']:,} who were asked have answered: {asked['answered']:,}." in figure.answer


def test_whether_a_month_differs_beyond_noise_is_what_the_mart_says(default_release: Release) -> None:
    said = 0
    for kind in KINDS:
        view = view_of(default_release, asked=f"{kind}-customer")
        figure = voice.months(view)
        valued = [row for row in figure.table if row["value"] is not None and row["is_month_complete"]]
        if not valued or valued[-1]["change"] is None:
            continue
        assert (voice.BEYOND in figure.answer) == valued[-1]["is_change_beyond_noise"]
        assert (voice.WITHIN in figure.answer) != valued[-1]["is_change_beyond_noise"]
        said += 1
    assert said > 1


def test_a_month_that_is_not_over_is_hollow_and_one_without_a_value_breaks_the_line(
    default_release: Release,
) -> None:
    figure = voice.months(view_of(default_release, asked="ces-transactional-customer"))
    rows = figure.table.dicts
    last = next(number for number in reversed(range(len(rows))) if rows[number]["value"] is not None)
    whole = _drawn_with(default_release, rows)
    assert 'fill="var(--card)"' not in whole
    rows[last] |= {"is_month_complete": False}
    assert 'fill="var(--card)"' in _drawn_with(default_release, rows)
    asked = voice.Asked("ces", "transactional", "customer")
    broken = voice._without_gaps([rows[0] | {"value": 0.5}, rows[-1] | {"value": 0.5}])
    assert [row["value"] for row in broken] == [0.5, *[None] * (len(broken) - 2), 0.5] and len(broken) > 2
    assert voice._drawn(asked, broken[1])["said"].endswith("no value")


def _drawn_with(release: Release, rows: list[dict[str, Any]]) -> str:
    """The page of months as it is with other rows."""
    view = view_of(release, asked="ces-transactional-customer")

    class Other(View):
        def ask(self, query: str, **parameters: Any) -> Any:
            found = super().ask(query, **parameters)
            return type(found)(found.columns, [tuple(row[name] for name in found.columns) for row in rows])

    return str(voice.months(Other(view.release, view.filters)).body)


def test_of_a_segment_nobody_is_shown_alone(default_release: Release) -> None:
    hidden = shown = 0
    for kind in KINDS:
        every = {
            row["touchpoint"]: row["customers"]
            for row in _touchpoints(view_of(default_release, asked=f"{kind}-customer"))
        }
        for segment in ("known", "anonymous", "members", "frequent"):
            view = view_of(default_release, asked=f"{kind}-customer", segment=segment)
            for row in _touchpoints(view):
                outside = every[row["touchpoint"]] - row["customers"]
                assert row["customers"] >= view.min_cell_size and not 0 < outside < view.min_cell_size
                shown += 1
            hidden += view.suppressed_count
            for row in voice.segments(view).table or ():
                if row["scores"] is None:
                    assert all(row[name] is None for name in ("positive", "neutral", "negative", "mean_share"))
                    hidden += 1
    assert hidden and shown


def _touchpoints(view: View) -> Any:
    return view.ask_by_group(voice.BY_TOUCHPOINT, ("touchpoint",), **voice._parameters(view, voice._asked(view)))


def test_what_employees_say_is_added_up_of_months_that_may_be_shown(default_release: Release) -> None:
    view = view_of(default_release, asked="csat-transactional-employee")
    [counted] = default_release.ask(
        "select coalesce(sum(scored_count), 0) as scores, count(distinct touchpoint) as touchpoints "
        "from voice.agg_voice where respondent_kind = 'employee' "
        "and feedback_kind = 'csat' and (journey_id, segment) = ('all', 'all') "
        "and touchpoint <> 'all' and positive_count is not null"
    )
    figure = voice.touchpoints(view)
    assert sum(row["scores"] for row in figure.table) == counted["scores"]
    assert len(figure.table) == counted["touchpoints"]
    for question in (voice.phases, voice.segments, voice.joins, voice.silent):
        assert question(view).empty.startswith("Employees")
