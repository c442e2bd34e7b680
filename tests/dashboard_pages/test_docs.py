"""The docs name pages and figures that exist: what docs/answers.md asks is answered by clicking."""

from __future__ import annotations

import re

import pytest

from dashboard.app import find_pages
from dashboard.filters import read_filters
from dashboard.release import Release
from dashboard.view import View
from orchestration.lib.core.settings import PROJECT_ROOT

pytestmark = pytest.mark.xdist_group("published_examples")

ANSWERS = (PROJECT_ROOT / "docs" / "answers.md").read_text(encoding="utf-8")
POINTER = re.compile(r"^In the dashboard: page \*(.+?)\*, “(.+?)”$", re.MULTILINE)
PAGES = {page.title: page for page in find_pages()}


def test_each_question_of_the_answers_names_its_figure() -> None:
    questions = re.split(r"^\*\*(?=[^*]+[?:]\*\*)", ANSWERS.partition("\n## ")[2], flags=re.MULTILINE)[1:]
    assert len(questions) >= 15
    for question in questions:
        assert len(POINTER.findall(question)) == 1, question.splitlines()[0]


@pytest.mark.parametrize(("title", "text"), POINTER.findall(ANSWERS))
def test_a_figure_that_the_answers_name_has_an_answer(release: Release, title: str, text: str) -> None:
    page = PAGES[title]
    [question] = [one for one in page.questions if one.text == text]
    filters, _ = read_filters(release, {}, page.takes)
    figure = question.answer(View(release, filters, path=f"/{page.name}"))
    # there is no release before the first
    assert (figure.answer and figure.body) or figure.empty.startswith("This is the first release"), figure.empty


def test_the_table_of_pages_is_complete() -> None:
    text = (PROJECT_ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^\| page \| questions \|\n\|---\|---\|\n((?:\|.+\|\n)+)", text, re.MULTILINE)
    described = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()}
    assert described == {(page.title, " ".join(question.text for question in page.questions)) for page in find_pages()}
