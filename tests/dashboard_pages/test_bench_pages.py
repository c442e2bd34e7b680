"""What `make bench-pages` compares: marts and finest tables have the same rows, and a difference ends the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import pages
from benchmarks.sizes import OtherResult
from dashboard.app import find_pages
from dashboard.release import Release

pytestmark = pytest.mark.xdist_group("published_examples")


def test_both_ways_to_answer_have_the_same_rows(release: Release) -> None:
    pairs = pages.ask_pairs(release)
    assert [pair.name for pair in pairs] == [twin.name for twin in pages.TWINS]
    assert all(len(pair.mart_seconds) == len(pair.finest_seconds) == pages.ROUNDS for pair in pairs)


def test_other_rows_end_the_run(release: Release) -> None:
    stops = next(twin for twin in pages.TWINS if twin.name == "map: stops")
    odd = replace(
        stops, asked_of_mart=f"select * replace (visit_count + 1 as visit_count) from ({stops.asked_of_mart})"
    )
    with pytest.raises(OtherResult, match=r"map: stops: flows\.map_stops and journeys\.fct_steps have other rows"):
        pages.ask_pairs(release, [odd])


def test_a_figure_is_asked_anew_each_time(release: Release) -> None:
    page = next(page for page in find_pages() if page.name == "channels")
    asked = pages.ask_figure(release, page, page.questions[0], "level", {"level": "omni"})
    assert len(asked.seconds) == pages.ROUNDS and min(asked.seconds) > 0
    slow = replace(asked, cpu_seconds=[1.5, 1.5, 1.5])
    assert f"More than 1 CPU second: page channels, figure {page.questions[0].name}, by level." in pages.report(
        "1k", 1_000, [slow], [], []
    )
