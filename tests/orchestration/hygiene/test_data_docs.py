"""The pages of a release: what they say, what they must not hold, and that they need no network."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from orchestration.lib.hygiene.data_docs import write_data_docs
from orchestration.lib.hygiene.landing_suites import landing_suite
from orchestration.lib.hygiene.published_suites import published_suite
from orchestration.lib.hygiene.results import CheckResult, SuiteResult

from .conftest import AS_OF, CORE, EVENTS, PEPPER, SPEND, run_suites

OUTSIDE = re.compile(r"(?:https?:)?//[a-z0-9]", re.IGNORECASE)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("<body") :])))


@pytest.fixture
def site(warehouse, tmp_path):
    warehouse.execute(
        "update raw.feed__events set direction = 'ann@example.org', _row_key = 'ann@example.org' ||"
        " _line where _line < 4",
        "update raw.feed__events set currency = 'eur'",
        "update core.fct_events set campaign = 'for bob@example.org' where event_id = 'e7'",
        "alter table raw.feed__events drop column amount",
    )
    suites = [
        landing_suite(EVENTS, as_of=AS_OF),
        landing_suite(SPEND, as_of=AS_OF),
        published_suite("core", CORE, as_of=AS_OF),
        published_suite("journeys", [replace(mart, schema="journeys") for mart in CORE], as_of=AS_OF),
    ]
    results = run_suites(warehouse.path, suites, pepper=PEPPER)
    index = write_data_docs(results, tmp_path / "release" / "data_docs", run_id="run-1")
    return index, results


def test_pages_show_what_the_suites_found(site):
    index, results = site
    front = text_of(index.read_text())
    assert "Hygiene of run run-1" in front
    for suite in results:
        assert f"{suite.suite} {suite.verdict} {len(suite.results)}" in front
        page = index.parent / f"{suite.suite}.html"
        assert f'href="{page.name}"' in index.read_text()
        words = text_of(page.read_text())
        for result in suite.results:
            assert re.sub(r"\s+", " ", result.message) in words
            assert all(key in words for key in result.sample_keys)
    assert {suite.verdict for suite in results} == {"pass", "fail", "error"}
    places = [front.index(f" {suite.suite} ") for suite in sorted(results, key=lambda suite: suite.verdict == "pass")]
    assert places == sorted(places), "suites with findings are first"


def test_pages_hold_no_value_of_any_row(site):
    index, _ = site
    for page in index.parent.rglob("*"):
        assert "example.org" not in page.read_text()


def test_pages_ask_nobody_for_anything(site):
    index, _ = site
    pages = list(index.parent.rglob("*"))
    assert len(pages) == 5, "nothing but the index and a page per suite"
    for page in pages:
        text = page.read_text()
        assert not OUTSIDE.search(text), OUTSIDE.search(text)
        assert "<script" not in text and "<link" not in text and "<img" not in text
        for target in re.findall(r'href="([^"#]+)"', text):
            assert (index.parent / target).is_file(), target


def test_messages_cannot_break_the_page(tmp_path):
    check = CheckResult(
        table_schema="raw",
        table_name="t",
        expectation="x",
        column_name=None,
        verdict="fail",
        severity="error",
        rows_checked=1,
        unexpected_count=1,
        sample_keys=(),
        message="expected <b>a</b> & $column ${x} {y} '$'; look with: select 1 where a < 2",
    )
    suite = SuiteResult(suite="landing.t", gate="landing", results=(check,), checked_at=AS_OF)
    index = write_data_docs([suite], tmp_path / "docs", run_id="<r>")
    assert check.message in text_of((tmp_path / "docs" / "landing.t.html").read_text())
    assert "<r>" not in index.read_text()


def test_writing_again_replaces_the_site(tmp_path):
    directory = tmp_path / "docs"
    directory.mkdir()
    (directory / "old.html").write_text("old")
    write_data_docs([], directory, run_id="r2")
    assert [page.name for page in directory.iterdir()] == ["index.html"]
    assert [page.name for page in tmp_path.iterdir()] == ["docs"], "no half-built site is left behind"
