"""Each query of the cookbook gives rows on releases of both examples, and no error on one without a row."""

from __future__ import annotations

import re

import duckdb
import pytest

from orchestration.lib.core.connection import confine, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("published_examples")]

TEXT = (PROJECT_ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
RECIPE = re.compile(r"^### \d+\. (.+?)\n\n(?:<!-- .+? -->\n\n)?```sql\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RECIPES: dict[str, str] = dict(RECIPE.findall(TEXT))
# The grocer has tills and mailed coupons: no cart, ticket or product that is looked at, another journey, one channel,
# and files without a wrong row.
WITHOUT_ROWS_OF_HOUSEHOLDS = {
    "How many filled a cart and did not order within seven days?",
    "What becomes of those who enter a phase?",
    "Which kinds of products are looked at, and which go into carts?",
    "Do customers who had a ticket buy again?",
    "Which hand-overs between devices, channels or departments take longest?",
    "Whom should we contact today?",
    "Which rows were refused, and why?",
}


def rows(settings: Settings, sql: str) -> list[tuple]:
    release = (settings.serving / "customer_journeys.duckdb").resolve()
    with open_duckdb(release, read_only=True) as connection:
        confine(connection)
        return connection.execute(sql).fetchall()


def test_what_has_no_rows_is_asked() -> None:
    assert set(RECIPES) >= WITHOUT_ROWS_OF_HOUSEHOLDS


def test_there_are_twenty_questions_each_with_an_answer_and_a_warning() -> None:
    parts = re.split(r"^### \d+\. ", TEXT, flags=re.MULTILINE)[1:]
    assert len(parts) == len(RECIPES) == 20
    for part in parts:
        title = part.splitlines()[0]
        assert title.endswith("?"), title
        assert part.count("```sql") == part.count("```text") == 1 and part.count("**What could mislead:** ") == 1, title
    used = {
        macro for macro in ("core.customer_timeline(", "core.did_then_not(", "journeys.next_steps(") if macro in TEXT
    }
    assert len(used) == 3


@pytest.mark.parametrize("title", RECIPES)
def test_a_question_has_an_answer_on_the_default_example(title: str, omnichannel: Settings) -> None:
    assert rows(omnichannel, RECIPES[title])


@pytest.mark.parametrize("title", RECIPES)
def test_a_question_is_asked_of_the_households_too(title: str, complete_journey: Settings) -> None:
    assert bool(rows(complete_journey, RECIPES[title])) == (title not in WITHOUT_ROWS_OF_HOUSEHOLDS)


@pytest.mark.parametrize("title", RECIPES)
def test_a_question_is_no_error_where_nothing_has_landed(title: str, empty: Settings) -> None:
    try:
        rows(empty, RECIPES[title])
    except duckdb.Error as error:
        pytest.fail(str(error))
