"""Figures are those of the marts, filters choose what they say, and nobody is shown alone."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

import pytest
from markupsafe import Markup

from dashboard.app import find_pages
from dashboard.counting import answer
from dashboard.figure import Figure, Page
from dashboard.filters import Filters, Own, read_filters
from dashboard.pages import channels, gaps, journey_map, kpi, overview, phases, stalled
from dashboard.release import Release, Releases, Table
from dashboard.view import View
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.spreadsheets import csv_text

pytestmark = pytest.mark.xdist_group("published_examples")

ALL_FILTERS = ("journey", "version", "since", "until", "segment", "channel", "level")
JOURNEYS = ("purchase", "onboarding", "support", "renewal")
PAGES = {page.name: page for page in find_pages()}


def by(table: Table, *keys: str) -> dict[tuple, dict]:
    found = {tuple(row[key] for key in keys): row for row in table.dicts}
    assert len(found) == len(table), f"{keys} are no key"
    return found


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_funnel_of_chosen_instances_is_that_of_the_mart_when_all_are_chosen(
    look: Callable[..., View], journey: str
) -> None:
    view = look(journey=journey)
    as_of = view.release.as_of.replace(tzinfo=None)
    for version in [
        row[0]
        for row in view.release.ask(
            "select distinct journey_version from journeys.dim_journeys where journey_id = $j", {"j": journey}
        ).rows
    ]:
        view = look(("journey", "version"), journey=journey, version=str(version))
        mart = by(view.ask(phases.FUNNEL), "step_order", "phase_id")
        chosen = by(view.ask(phases.FILTERED_FUNNEL, as_of=as_of), "step_order", "phase_id")
        for key, row in mart.items():
            if not row["entered"]:
                assert key not in chosen
                continue
            for column in ("entered", "went_on", "directly", "pending"):
                assert chosen[key][column] == row[column], (key, column)


def test_a_funnel_is_of_one_version(look: Callable[..., View]) -> None:
    """Step two of one version is another phase than step two of the next."""
    figure = phases.funnel(look(("journey", "version"), journey="onboarding"))
    steps = [row["step_order"] for row in figure.table]
    assert steps == sorted(set(steps))
    assert any("Of version 2, the newest of 2" in note for note in figure.notes)
    old = phases.funnel(look(("journey", "version"), journey="onboarding", version="1"))
    assert not any("the newest of" in note for note in old.notes)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_survival_of_chosen_instances_is_that_of_the_mart(look: Callable[..., View], journey: str) -> None:
    versions = look(journey=journey).release.ask(
        "select distinct journey_version as v from journeys.dim_journeys where journey_id = $j", {"j": journey}
    )
    compared = 0
    for version in [row["v"] for row in versions]:
        view = look(("journey", "version"), journey=journey, version=str(version))
        mart = by(view.ask(phases.SURVIVAL, version=version), "phase_id", "dwell_days")
        chosen = by(view.ask(phases.FILTERED_SURVIVAL), "phase_id", "dwell_days")
        assert mart.keys() == chosen.keys()
        for key, row in mart.items():
            assert chosen[key]["at_risk_count"] == row["at_risk_count"]
            for column in ("survival_share", "low", "high"):
                assert chosen[key][column] == pytest.approx(row[column], abs=1e-9), (key, column)
        compared += len(mart)
    assert compared


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_map_of_chosen_instances_is_that_of_the_marts(look: Callable[..., View], journey: str) -> None:
    view = look(journey=journey)
    stops = by(view.ask(journey_map.STOPS, line_type="channel"), "line", "phase_id")
    chosen = by(view.ask(journey_map.FILTERED_STOPS), "line", "phase_id")
    assert {key for key, row in stops.items() if row["visit_count"]} == chosen.keys()
    for key, row in chosen.items():
        for column in ("visit_count", "instance_count", "drop_off_count", "median_pause_seconds"):
            assert stops[key][column] == row[column], (key, column)
    places = {row["stop_id"]: (row["line"], row["phase_id"]) for row in stops.values()}
    ways = {
        (*places[row["from_stop_id"]], *places[row["to_stop_id"]]): row
        for row in view.ask(journey_map.WAYS, line_type="channel")
    }
    chosen = by(view.ask(journey_map.FILTERED_WAYS), "line", "phase_id", "next_line", "next_phase_id")
    assert ways.keys() == chosen.keys()
    for key, row in chosen.items():
        for column in ("volume_count", "drop_off_count", "median_delay_seconds"):
            assert ways[key][column] == row[column], (key, column)


@pytest.mark.parametrize(("kind", "column"), channels.COLUMNS.items())
def test_what_follows_what_is_that_of_the_mart(look: Callable[..., View], kind: str, column: str) -> None:
    view = look(journey="purchase")
    chosen = by(view.ask(channels.FOLLOWS.replace("COLUMN", column)), "from_name", "to_name")
    mart = by(
        view.ask(
            "select from_name, to_name, transition_count as pairs, customer_count as customers, median_seconds "
            "from flows.agg_transitions where journey_id = $journey and step_type = $kind",
            kind=kind,
        ),
        "from_name",
        "to_name",
    )
    assert mart == chosen


def test_paths_of_phases_are_the_variants_of_the_mart(look: Callable[..., View]) -> None:
    view = look(journey="purchase")
    chosen = by(view.ask(channels.paths_query("phase")), "path")
    mart = view.ask(
        "select variant, instance_count, completed_count, fell_out_count from flows.agg_variants "
        "where journey_id = $journey and step_type = 'phase' and not is_rest and step_count <= 30"
    )
    assert len(mart) > 10
    for row in mart:
        found = chosen[row["variant"],]
        assert (found["instances"], found["completed"], found["fell_out"]) == (
            row["instance_count"],
            row["completed_count"],
            row["fell_out_count"],
        )


def test_intervals_by_month_are_those_of_the_mart(look: Callable[..., View]) -> None:
    view = look(journey="purchase")
    for phase in ("interest", "consideration"):
        chosen = by(view.ask(phases.BY_MONTH, phase=phase), "month", "outcome")
        mart = view.ask(
            "select month_starts_on, sum(fell_out_count) as fell_out, sum(fell_through_count) as fell_through "
            "from journeys.agg_phase_conversions where journey_id = $journey and phase_id = $phase "
            "and month_starts_on >= (select min(month_starts_on) from core.dim_dates) group by month_starts_on",
            phase=phase,
        )
        assert len(mart)
        for row in mart:
            for outcome in ("fell_out", "fell_through"):
                found = chosen.get((row["month_starts_on"], outcome))
                assert (found["interval_count"] if found else 0) == row[outcome]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_moves_as_designed_are_those_of_the_mart(look: Callable[..., View], journey: str) -> None:
    view = look(journey=journey)
    mart = by(view.ask(phases.CONFORMANCE), "month")
    chosen = by(view.ask(phases.FILTERED_CONFORMANCE), "month")
    assert mart and mart.keys() == chosen.keys()
    for month, row in mart.items():
        assert {column: chosen[month][column] for column in row} == row
    allowed, moves = (sum(row[column] for row in chosen.values()) for column in ("allowed", "moves"))
    of_all = view.ask("select count(*) as n from journeys.fct_phase_transitions where journey_id = $journey")
    # moves of instances that began before the calendar are in no month
    assert sum(row["moves"] for row in view.ask(phases.DEVIATIONS)) == moves - allowed + sum(
        row["n"]
        for row in view.ask(
            "select count(*) as n from journeys.fct_phase_transitions as moves "
            "inner join journeys.fct_journeys as instances using (journey_instance_id) "
            "where moves.journey_id = $journey and moves.transition_kind in ('skipped', 'regressed') "
            "and {month_of instances.started_at} < (select min(month_starts_on) from core.dim_dates)"
        )
    )
    assert moves <= of_all.first()["n"]


def test_each_kpi_is_somebodys_or_nobodys(look: Callable[..., View]) -> None:
    view = look(journey="purchase")
    people = by(view.ask(overview.PEOPLE), "person")
    scorecard = view.ask(
        "select accountable, status, count(*) as n from kpis.kpi_scorecard group by accountable, status"
    )
    counted = {(row["accountable"], row["status"]): row["n"] for row in scorecard}
    statuses = ("red", "amber", "green", "no_data")
    shown = {(person, status): row[status] for (person,), row in people.items() for status in statuses if row[status]}
    assert shown == counted
    reds = [row["red"] for row in people.values()]
    assert reds == sorted(reds, reverse=True)
    figure = overview.accountable(view)
    assert f"{sum(reds)} of {sum(counted.values())} KPIs are red" in figure.answer


def test_a_release_without_roles_says_so(look: Callable[..., View], monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the shipped seeds on own extracts, which name nobody."""
    roles = "kpis.dim_kpi_roles"
    without = overview.PEOPLE.replace(roles, f"(from {roles} where false)").replace(
        "from kpis.kpi_scorecard where accountable is null", "from kpis.kpi_scorecard"
    )
    monkeypatch.setattr(overview, "PEOPLE", without)
    figure = overview.accountable(look(journey="purchase"))
    assert "of no KPI who is accountable" in figure.empty and "kpi_roles.csv" in figure.empty


def test_whom_to_contact_first_are_known_customers_by_what_is_at_stake(look: Callable[..., View]) -> None:
    view = look(("journey", "version", "segment"), journey="purchase")
    found = view.ask(stalled.CUSTOMERS).dicts
    values = [row["value_at_risk"] for row in found if row["value_at_risk"] is not None]
    assert values and values == sorted(values, reverse=True)
    known = view.ask("select customer_id from core.dim_customers where not is_anonymous").rows
    assert {row["customer_id"] for row in found} <= {row[0] for row in known}
    assert f'customer={found[0]["customer_id"]}"' in stalled.contact(view).body


def test_customers_of_a_pool_that_is_not_shown_are_not_listed(look: Callable[..., View]) -> None:
    """A segment with three stalled in a phase: their number is hidden above, so their names are no more shown."""
    hidden = listed = 0
    for journey, segment in itertools.product(JOURNEYS, ("known", "members", "frequent")):
        view = look(("journey", "version", "segment"), journey=journey, segment=segment)
        small = {row["phase_id"] for row in view.ask(stalled.POOLS) if row["is_suppressed"]}
        found = {row["phase_id"] for row in view.ask(stalled.CUSTOMERS)}
        assert not small & found
        hidden, listed = hidden + len(small), listed + len(found)
        if small:
            assert stalled.contact(view) and view.suppressed_count
    assert hidden and listed


def test_a_late_answer_counts_once_however_many_journeys_it_is_in(look: Callable[..., View]) -> None:
    view = look(journey="support")
    found = by(view.ask(gaps.ANSWERS), "touchpoint")
    contacts = view.ask(
        "select count(distinct from_event_id) as late, count(*) as gaps from flows.fct_gaps "
        "where gap_kind = 'communication' and from_name <> '(map)'"
    ).first()
    assert sum(row["late_answers"] for row in found.values()) == contacts["late"] < contacts["gaps"]
    for row in found.values():
        assert row["never_answered"] <= row["late_answers"] <= row["inbound_events"]
        answered = view.ask(
            "select max(wait_seconds) as longest from flows.fct_gaps where gap_kind = 'communication' "
            f"and to_event_id is not null and from_name = '{row['touchpoint']}'"
        ).first()["longest"]
        # who is still waiting has no wait yet, and would lengthen the median until now
        if answered is None:
            assert row["median_wait_seconds"] is None
        else:
            assert row["limit_seconds"] < row["median_wait_seconds"] <= answered


def kpis_of(release: Release) -> list[str]:
    return [row[0] for row in release.ask("select kpi_id from kpis.dim_kpis order by kpi_id").rows]


def test_every_question_about_every_kpi_has_an_answer(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    # one picture is drawn as the other
    monkeypatch.setattr(kpi, "rated", lambda rows, **_: Markup(len(rows)))
    page = PAGES["kpi"]
    shown = dict.fromkeys((question.name for question in page.questions), 0)
    for one in kpis_of(release):
        filters, _ = read_filters(release, {"kpi": one}, page.takes)
        assert filters.kpi == one and not filters.unknown
        for question in page.questions:
            figure = question.answer(View(release, filters, path="/kpi", extra={"kpi": one}))
            assert figure.empty or (figure.answer and figure.table is not None), (one, question.name)
            said = " ".join((figure.answer, figure.counted, *figure.notes))
            assert not re.search(r"\bNone\b|\bnan\b", said), (one, question.name)
            shown[question.name] += not figure.empty
    # of a few KPIs only, and of a long history: test_what_moves_before_a_kpi_is_said_with_its_noise
    del shown["relations"]
    assert min(shown.values()) > 20


RELATIONS_MADE = """(
    from (values
        ('purchase_delivery_satisfaction', 'loyalty_recommendation', 1, 'month', 'month', 'beyond_noise', 24, 0.71,
            0.41, 0.87, 0.001, 0.012, 12, date '2024-01-01', date '2026-01-01'),
        ('purchase_return_share', 'loyalty_recommendation', 0, 'month', 'month', 'within_noise', 24, -0.2, -0.55, 0.22,
            0.35, 0.6, 12, date '2024-01-01', date '2026-01-01'),
        ('purchase_return_share', 'loyalty_recommendation', 3, 'month', 'month', 'not_enough_history', 9, null, null,
            null, null, null, 12, null, null)
    ) as made (leading_kpi_id, outcome_kpi_id, lag, period, outcome_period, status, change_count, correlation,
        correlation_ci_lower, correlation_ci_upper, p_value, adjusted_p_value, tried_count, first_period_start,
        last_period_start)
)"""


def test_what_moves_before_a_kpi_is_said_with_its_noise(
    look: Callable[..., View], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the outcome as of the KPI that leads; of a young warehouse why nothing is said yet."""
    young = kpi.relations(look(("journey", "kpi"), kpi="loyalty_recommendation"))
    assert young.table is not None
    most = max(row["change_count"] for row in young.table)
    assert young.empty.startswith("Nothing can be said yet") and f"there are {most} at most" in young.empty
    assert kpi.relations(look(("journey", "kpi"), kpi="purchase_value_per_buyer")).empty == kpi.NO_RELATION
    monkeypatch.setattr(kpi, "RELATIONS", kpi.RELATIONS.replace("kpis.agg_kpi_relations", RELATIONS_MADE))
    outcome = kpi.relations(look(("journey", "kpi"), kpi="loyalty_recommendation"))
    assert outcome.answer == (
        "Changes of Satisfaction with deliveries and of Net promoter score, 1 month later, rise and fall together: "
        "+0.71 (+0.41 to +0.87), over 24 changes, more than chance explains. 1 of 2 relations of this KPI is "
        "beyond noise."
    )
    assert any("12 relations" in note for note in outcome.notes) and any(
        "fewer than 12" in note for note in outcome.notes
    )
    leads = kpi.relations(look(("journey", "kpi"), kpi="purchase_return_share"))
    assert "go opposite ways: −0.20 (−0.55 to +0.22)" in leads.answer
    assert "no more than chance may do. 0 of 1 relations" in leads.answer


def test_a_kpi_is_chosen_by_its_address(release: Release) -> None:
    takes = PAGES["kpi"].takes
    filters, _ = read_filters(release, {"kpi": "support_answered_share"}, takes)
    assert (filters.journey, filters.kpi) == ("support", "support_answered_share")
    # a journey that is chosen comes with its own KPIs, and the page says that another one was asked for
    filters, choices = read_filters(release, {"kpi": "support_answered_share", "journey": "purchase"}, takes)
    assert filters.journey == "purchase" and filters.kpi == choices[1].options[0][0]
    assert filters.unknown == (
        f"The KPI “support_answered_share” is of another journey; shown is {choices[1].options[0][1]}.",
    )
    filters, _ = read_filters(release, {"kpi": "no_such"}, takes)
    assert filters.kpi and filters.unknown[0].startswith("KPI “no_such” is not in this release")


def test_a_kpi_by_channel_adds_up_days_then_divides(look: Callable[..., View]) -> None:
    """Where days add up to the period, all channels together have the period's value; else the figure says so."""
    added = apart = 0
    for one in kpis_of(look(journey="purchase").release):
        view = look(("journey", "kpi"), kpi=one)
        figure = kpi.channels(view)
        if figure.table is None:
            continue
        values = [row for row in view.ask(kpi.VALUES).dicts if row["value"] is not None]
        chosen = kpi._chosen(values, "")
        whole = next((row for row in figure.table if row["part"] == "all"), None)
        if whole is None:
            continue
        says_so = any("counts twice" in note for note in figure.notes)
        if whole["numerator"] == pytest.approx(chosen["numerator"]) and whole["denominator"] == chosen["denominator"]:
            assert not says_so, one
            added += 1
        else:
            assert "95 %" not in figure.unit, one
            apart += says_so
    assert added > 10 and apart > 2


def test_a_ratio_by_channel_says_that_its_parts_are_of_different_events(look: Callable[..., View]) -> None:
    said = {True: 0, False: 0}
    for one in kpis_of(look(journey="purchase").release):
        view = look(("journey", "kpi"), kpi=one)
        figure = kpi.channels(view)
        is_ratio = any(
            row["denominator_name"] and row["unit"] != "share"
            for row in view.ask(kpi.MEANING, today=view.release.as_of.date()).dicts
        )
        if figure.table is not None and len(figure.table):
            assert any("are different things" in note for note in figure.notes) == is_ratio, one
            said[is_ratio] += 1
    assert min(said.values()) > 5


def test_a_kpi_by_segment_shows_nobody_alone(look: Callable[..., View]) -> None:
    shown = left_out = 0
    for one in kpis_of(look(journey="purchase").release):
        view = look(("journey", "kpi"), kpi=one)
        figure = kpi.segments(view)
        if figure.table is None:
            continue
        parts, small = kpi._parts(view, figure.table, {}, "segment", adds_up=True)
        for part in parts:
            row = next(row for row in figure.table if row["part"] == ("all" if part.is_all else part.name))
            assert part.over is None or part.over >= view.min_cell_size
            assert row["hidden_days"] <= row["days"] - row["hidden_days"]
            assert not row["hidden_days"] or part.days == f"{row['days'] - row['hidden_days']} of {row['days']} days"
        shown, left_out = shown + len(parts), left_out + small
        assert not small or any("not shown" in note for note in figure.notes)
    assert shown > 20 and left_out > 20


def test_whether_a_kpi_moved_by_more_than_chance_is_said_of_shares_alone(
    look: Callable[..., View], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kpi, "rated", lambda rows, **_: Markup(len(rows)))
    said = {False: 0, True: 0}
    for one in kpis_of(look(journey="purchase").release):
        view = look(("journey", "kpi"), kpi=one)
        figure = kpi.periods(view)
        if figure.empty:
            continue
        values = [row for row in view.ask(kpi.VALUES).dicts if row["value"] is not None]
        is_said = "chance explains" in figure.answer or "chance may do" in figure.answer
        assert not is_said or values[-1]["value_ci_lower"] is not None
        said[is_said] += 1
    assert min(said.values()) > 5


def test_levels_and_months_split_the_instances(look: Callable[..., View]) -> None:
    def count(**filters: str) -> int:
        view = look(ALL_FILTERS, journey="purchase", **filters)
        return view.ask("select count(*) as instances from ({instances}) as instances").first()["instances"]

    total = count()
    view = look(journey="purchase")
    without_step = view.ask(
        "select count(*) as n from journeys.fct_journeys where journey_id = $journey and level is null"
    )
    assert sum(count(level=level) for level in ("micro", "macro", "omni")) == total - without_step.first()["n"]
    months = [
        value
        for value, _ in next(
            choice for choice in read_filters(view.release, {}, ALL_FILTERS)[1] if choice.name == "since"
        ).options
        if value
    ]
    before = view.ask(
        "select count(*) as n from journeys.fct_journeys where journey_id = $journey and started_at < $first::date",
        first=f"{months[0]}-01",
    ).first()["n"]
    assert sum(count(since=month, until=month) for month in months) == total - before
    assert count(since=months[2]) + count(until=months[1]) == total


def random_addresses(release: Release, count: int, page: Page) -> list[dict[str, str]]:
    """Addresses as people click them together: each filter open or set to one of its options."""
    chance = random.Random(7)
    _, choices = read_filters(release, {}, [*ALL_FILTERS, *(one for one in page.takes if isinstance(one, Own))])
    options = {choice.name: [value for value, _ in choice.options] for choice in choices}
    return [
        {name: chance.choice(values) for name, values in options.items() if name == "journey" or chance.random() < 0.35}
        for _ in range(count)
    ]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_question_has_an_answer_whatever_is_chosen(release: Release, page: Page) -> None:
    for asked in [{}, *random_addresses(release, 25, page)]:
        filters, _ = read_filters(release, asked, page.takes)
        for question in page.questions:
            view = View(release, filters, path=f"/{page.name}", extra=asked)
            figure = question.answer(view)
            where = (page.name, question.name, asked)
            assert figure.empty or figure.answer or figure.body, where
            assert "None" not in figure.answer + figure.counted, where
            assert not re.search(r"\bnan\b", str(figure.body)), where


def test_the_sql_beside_a_figure_gives_its_rows(release: Release) -> None:
    """What is shown can be pasted: no parameter is left in it."""
    seen = 0
    for page, asked in [(one, asked) for one in PAGES.values() for asked in random_addresses(release, 3, one)]:
        filters, _ = read_filters(release, asked, page.takes)
        for question in page.questions:
            view = View(release, filters, path=f"/{page.name}", extra=asked)
            figure = question.answer(view)
            for query in view.queries:
                rows = release.ask(query).rows
                if figure.table is not None and len(view.queries) == 1 and not view.suppressed_count:
                    assert sorted(map(str, rows)) == sorted(map(str, figure.table.rows)) or question.name in OWN_TABLES
                seen += 1
    assert seen > 40


# Their table is made of the rows of the query: with names in place of ids.
OWN_TABLES = {"map", "who", "funnel", "paths", "survival"}


def test_a_release_without_feedback_says_how_it_comes(empty: Settings) -> None:
    releases = Releases(empty)
    with releases.current() as release:
        filters, choices = read_filters(release, {}, PAGES["voice"].takes)
        assert "asked" not in [choice.name for choice in choices]
        figures: list[Figure] = [one.answer(View(release, filters)) for one in PAGES["voice"].questions]
    releases.close()
    assert "surveys.responses" in figures[0].empty
    assert all(figure.empty for figure in figures)


def test_by_segment_nobody_is_shown_alone(look: Callable[..., View], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither fewer than five in a row, nor fewer than five outside of it: all minus the segment would show those."""
    every = look(("journey",), journey="purchase")
    of_all = by(every.ask(channels.FOLLOWS.replace("COLUMN", "channel")), "from_name", "to_name")
    hidden = 0
    for segment in ("known", "anonymous", "members", "frequent"):
        view = look(("journey", "segment"), journey="purchase", segment=segment)
        shown = view.ask_by_group(channels.FOLLOWS.replace("COLUMN", "channel"), ("from_name", "to_name"))
        for row in shown:
            outside = of_all[row["from_name"], row["to_name"]]["customers"] - row["customers"]
            assert row["customers"] >= 5
            assert outside == 0 or outside >= 5
        hidden += view.suppressed_count
    assert hidden > 0


@pytest.mark.parametrize("page", ["map", "phases", "channels"])
def test_a_figure_by_segment_says_nothing_false(release: Release, page: str) -> None:
    """What is left out is neither zero nor nobody, and a total with one row missing would tell that row."""
    hidden = 0
    for journey, segment in itertools.product(JOURNEYS, ("known", "anonymous", "members", "frequent")):
        asked = {"journey": journey, "segment": segment, "since": "2026-04", "until": "2026-05"}
        filters, _ = read_filters(release, asked, PAGES[page].takes)
        for question in PAGES[page].questions:
            shown = answer(PAGES[page], question, View(release, filters, path=f"/{page}", extra=asked))
            hidden += shown.suppressed_count
            if shown.suppressed_count:
                assert "obody" not in shown.figure.empty + shown.figure.answer, asked
                assert "Nobody has fallen out" not in shown.figure.answer, asked
    assert hidden > 0


def test_a_stop_that_is_left_out_is_not_one_that_nobody_came_to(look: Callable[..., View]) -> None:
    view = look(("journey", "segment"), journey="purchase", segment="members")
    shown = {(row["line"], row["phase_id"]): row["visit_count"] for row in journey_map._filtered(view)[0]}
    counted = by(view.ask(journey_map.FILTERED_STOPS), "line", "phase_id")
    assert any(count is None for count in shown.values())
    assert all(
        count is None or count == counted.get(key, {"visit_count": 0})["visit_count"] for key, count in shown.items()
    )
    assert all(key in counted for key, count in shown.items() if count is None)


def test_one_row_that_is_left_out_takes_another_with_it(look: Callable[..., View]) -> None:
    view = look(("journey", "segment"), journey="purchase", segment="members")
    query = (
        "select name, customers from (values ('a', 50), ('b', 40), ('c', 2), ('d', 30)) as counted (name, customers)"
    )
    assert [row["name"] for row in view.ask_by_group(query, ("name",))] == ["a", "b"]
    assert view.suppressed_count == 2 and view.hidden == {("c",), ("d",)}


def test_a_month_by_segment_is_shown_whole_or_not_at_all(look: Callable[..., View]) -> None:
    """With single outcomes left out the others would look like more than they are."""
    view = look(("journey", "segment"), journey="purchase", segment="members")
    whole: dict = {}
    for row in view.ask(phases.BY_MONTH, phase="interest"):
        whole.setdefault(row["month"], set()).add(row["outcome"])
    shown: dict = {}
    for row in view.ask_by_group(phases.BY_MONTH, ("month", "outcome"), phase="interest"):
        shown.setdefault(row["month"], set()).add(row["outcome"])
    for month, outcomes in shown.items():
        assert outcomes == whole[month]


def test_an_address_says_what_is_chosen_and_nothing_else() -> None:
    filters = Filters(journey="purchase", since="2026-03", until="2025-12", segment="all")
    assert filters.address() == "journey=purchase&since=2026-03&until=2025-12"
    assert filters.address(until="", level="omni") == "journey=purchase&since=2026-03&level=omni"
    assert str(filters.first_day) == "2026-03-01"
    assert str(filters.day_after) == "2026-01-01"


def test_what_the_release_does_not_have_is_said(release: Release) -> None:
    filters, choices = read_filters(release, {"journey": "x<y", "segment": "vip"}, ("journey", "segment"))
    assert [message.split(" is ")[0] for message in filters.unknown] == ["Journey “x<y”", "Segment “vip”"]
    assert filters.segment == "all" and filters.journey == choices[0].options[0][0]


def test_a_text_is_no_formula_in_a_spreadsheet() -> None:
    table = Table(("=name", "n"), [("=1+1", -1), ("+49 30", 2.5), ("@x", None), ("-a", 0), ("\tb", 1), ("fine", 1)])
    lines = csv_text(table.columns, table.rows).splitlines()
    assert lines[0] == "'=name,n"
    assert lines[1:3] == ["'=1+1,-1", "'+49 30,2.5"]
    assert all(line.startswith("'") for line in lines[3:5])
    assert lines[-1] == "fine,1"
