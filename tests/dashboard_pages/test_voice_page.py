"""The page of what customers say: its figures are those of `voice.agg_voice`, and nobody is shown alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dashboard.app import find_pages
from dashboard.filters import read_filters
from dashboard.pages import voice
from dashboard.release import Release, Releases
from dashboard.view import View
from tests.served_releases import write_release

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


DRIVERS_MADE = """
    ('impact', 'csat', 'touchpoint', null, null, 'survey', 'measured', 'association', 90, 60, 0.7, 0.72, -0.02, -0.05,
        0.01, 2, false),
    ('impact', 'csat', 'touchpoint', null, null, 'order', 'measured', 'association', 200, 80, 0.7, 0.61, 0.09, 0.04,
        0.14, 1, true),
    ('impact', 'csat', 'touchpoint', null, null, 'call', 'not_enough_answers', 'association', null, null, null, null,
        null, null, null, null, false),
    ('impact', 'csat', 'phase', 'purchase', 'deliver', null, 'measured', 'association', 40, 40, 0.7, 0.8, -0.1, -0.2,
        -0.05, 1, true),
    ('share_of_r2', 'nps', 'touchpoint', null, null, 'order', 'measured', 'association', null, 70, 0.4, null, 0.3, 0.1,
        0.5, 1, true),
    ('share_of_r2', 'nps', 'touchpoint', null, null, 'survey', 'measured', 'association', null, 70, 0.4, null, 0.1,
        -0.1, 0.3, 2, false)
"""
WORDS_MADE = """
    ('all', 'nl', 'kapot', 'unhappy', 30, 1.6, 0.9, 2.3, 4.5),
    ('all', 'nl', 'levering', 'unhappy', 50, 0.2, -0.3, 0.7, 0.8),
    ('all', 'nl', 'snel', 'happy', 40, -1.2, -1.9, -0.5, -3.4),
    ('order', 'nl', 'laat', 'unhappy', 20, 2.0, 1.1, 2.9, 4.4)
"""
QUALITY_MADE = """
    ('nl', 'own_model', 900, 400, 300, 0.84, 0.8, 0.88, 0.15, 0.0, date '2026-07-01', date '2026-07-01'),
    ('und', 'not_scored', 100, 0, 0, null, null, null, null, 1.0, date '2026-07-01', date '2026-07-01')
"""
MOODS_MADE = (
    "update r.voice.fct_feedback set sentiment = (hash(feedback_id) % 2001) / 1000.0 - 1 where is_counted",
    """
    update r.voice.agg_voice as months set sentiment_count = found.texts,
        mean_sentiment = if(found.texts >= 5, found.mood, null)
    from (
        select date_trunc('month', answered_on)::date as month, feedback_kind, survey_scope,
            count(sentiment) as texts, avg(sentiment) as mood
        from (
            select * from r.voice.fct_feedback where is_counted
            qualify survey_scope = 'transactional' or is_anonymous or row_number() over (
                partition by customer_id, feedback_kind, survey_scope, date_trunc('month', answered_on)
                order by answered_at desc, feedback_id
            ) = 1
        ) as answers
        group by all
    ) as found
    where (months.journey_id, months.phase_id, months.touchpoint, months.segment) = ('all', 'all', 'all', 'all')
        and (months.respondent_kind, months.month_starts_on, months.feedback_kind, months.survey_scope)
        = ('customer', found.month, found.feedback_kind, found.survey_scope)
    """,
)


@pytest.fixture(scope="module")
def opinions(default_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The default release, with texts that have moods, steps that were compared, and words that stand out.

    In the default example too few answer for any of them.
    """
    folder = tmp_path_factory.mktemp("opinions")
    names = default_release.ask(
        "select schema_name, table_name from duckdb_tables() where schema_name in ('voice', 'core', 'journeys', "
        "'customers') order by all"
    ).rows
    made = {"agg_drivers": DRIVERS_MADE, "agg_topic_words": WORDS_MADE, "sentiment_quality": QUALITY_MADE}
    statements = [f"create schema if not exists r.{schema}" for schema in sorted({schema for schema, _ in names})]
    for schema, table in names:
        nothing = " limit 0" if table in made else ""
        statements.append(f"create table r.{schema}.{table} as from built.{schema}.{table}{nothing}")
    statements += [f"insert into r.voice.{table} values {rows}" for table, rows in made.items()]
    # every answer gets a mood, and the mart those of its months, as the models do
    statements += MOODS_MADE
    built = default_release.folder / "customer_journeys.duckdb"
    settings = write_release(folder, "opinions", f"attach '{built}' as built (read_only)", *statements)
    releases = Releases(settings)
    with releases.current() as opened:
        yield opened
    releases.close()


@pytest.mark.parametrize("question", [voice.months, voice.response, voice.moods])
def test_what_employees_say_of_single_departments_is_no_month_of_its_own(
    default_release: Release, question: Any
) -> None:
    departments = default_release.ask(
        "select count(distinct department) as n from voice.agg_voice where respondent_kind = 'employee'"
    ).first()
    assert departments["n"] > 1
    for kind in ("csat-transactional", "nps-relationship"):
        table = question(view_of(default_release, asked=f"{kind}-employee")).table
        found = [row["month_starts_on"] for row in table or ()]
        assert found and len(found) == len(set(found))


def test_steps_that_go_with_what_they_think_are_those_of_the_mart(opinions: Release) -> None:
    by_touchpoint = voice.drivers(view_of(opinions, asked="csat-transactional-customer"))
    assert by_touchpoint.answer.startswith("All answers about steps: 70.0 % satisfied; without those about ")
    assert ": 61.0 %" in by_touchpoint.answer and "+9.0 points (+4.0 to +14.0 points)" in by_touchpoint.answer
    assert "more than chance explains. 1 of 2 touchpoints is beyond noise." in by_touchpoint.answer
    assert by_touchpoint.counted == "290 answers of customers about these touchpoints"
    assert any("1 touchpoint has too few" in note for note in by_touchpoint.notes)
    assert any("not an effect" in note for note in by_touchpoint.notes)
    assert str(by_touchpoint.body).count("within noise") == 2  # in its row, and as what the mark says
    by_phase = voice.drivers(view_of(opinions, asked="csat-transactional-customer", journey="purchase"))
    assert [row["phase_id"] for row in by_phase.table] == ["deliver"]
    assert "−10.0 points (−20.0 to −5.0 points)" in by_phase.answer
    of_brand = voice.drivers(view_of(opinions, asked="nps-relationship-customer", journey="purchase"))
    assert "it adds 0.300 (0.100 to 0.500) to R², which is 0.40" in of_brand.answer
    assert "70 customers" in of_brand.counted and any("Nor does the journey" in note for note in of_brand.notes)
    for asked, journey in (("ces-transactional-customer", ""), ("csat-transactional-customer", "support")):
        assert voice.drivers(view_of(opinions, asked=asked, journey=journey)).empty


def test_moods_are_those_of_the_mart_and_their_interval_that_of_the_texts(opinions: Release) -> None:
    compared = 0
    for kind in KINDS:
        found = voice.moods(view_of(opinions, asked=f"{kind}-customer"))
        for row in found.table:
            if row["mean_sentiment"] is None or row["feedback_kind"] == "text":
                continue
            asked = of_month(row | {"survey_scope": kind.partition("-")[2], "journey_id": "all"})
            view = view_of(opinions, **asked)
            [counted] = opinions.ask(
                voice.CHOSEN + "select count(sentiment) as n, avg(sentiment) as mood, stddev_samp(sentiment) / "
                "sqrt(count(sentiment)) as error from chosen",
                view._complete(
                    voice.CHOSEN,
                    view.filters,
                    voice._parameters(view, voice._asked(view)),
                )[1],
            )
            assert (row["sentiment_count"], row["mean_sentiment"]) == (counted["n"], pytest.approx(counted["mood"]))
            low, high = voice._mood_interval(row) or (0, 0)
            if low > -1 and high < 1:
                assert high - low == pytest.approx(2 * voice.student(counted["n"] - 1) * counted["error"])
            compared += 1
        assert found.empty or "mood" in found.answer
    assert compared > 5


def test_how_far_moods_are_trusted_and_which_words_stand_out(opinions: Release) -> None:
    view = view_of(opinions)
    trusted = voice.trust(view)
    assert (
        "nl: of a happy and an unhappy text the happy one has the better mood in 84 % (80 % to 88 %)" in trusted.answer
    )
    assert "more than guessing." in trusted.answer and "10 % of texts have no mood" in trusted.answer
    found = voice.topic_words(view)
    assert found.answer == "Unhappy customers say “kapot” more often. Happy customers say “snel” more often."
    assert "unhappy, 5.0 times" in str(found.body) and "2.5 times to 10.0 times" in str(found.body)
    assert "levering" not in str(found.body), "within noise"
    assert re.search(r"<td>laat</td><td>–</td>", str(found.body)), "by touchpoint"


def test_a_release_of_few_says_why_nothing_is_compared(default_release: Release) -> None:
    for kind in KINDS:
        figure = voice.drivers(view_of(default_release, asked=f"{kind}-customer"))
        measured = [row for row in figure.table or () if row["association"] is not None]
        assert bool(figure.empty) != bool(measured)
    assert voice.drivers(view_of(default_release, asked="csat-transactional-employee")).empty
