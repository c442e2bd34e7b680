"""Each query of the cookbook gives rows on releases of both examples, and no error on one without a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

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
    "How many left a cart for seven days, and how many may still order?",
    "Through which channel did customers come last before their first purchase?",
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


@pytest.fixture
def days() -> Iterator[Callable[..., list[tuple]]]:
    """Answers a question from events of one customer each: days of 2026 before the clock, 1 July, and what happened."""
    with duckdb.connect() as connection:
        connection.execute("""
            create schema core; create schema hygiene;
            create table hygiene.releases as select timestamp '2026-07-01' as as_of;
            create table core.fct_events (
                customer_id varchar, event_number bigint, event_name varchar, channel varchar, direction varchar,
                session_id varchar, campaign varchar, amount decimal(18, 2), occurred_at timestamp,
                event_id varchar default uuid(), is_linkable boolean default true, is_bot boolean default false,
                is_after_as_of boolean default false
            );
            create view core.dim_customers as
            select customer_id, false as is_anonymous, min(occurred_at) filter (where amount > 0) as first_purchase_at
            from core.fct_events group by customer_id;
        """)

        def answer(title: str, *events: tuple) -> list[tuple]:
            connection.executemany(
                "insert into core.fct_events (customer_id, event_number, event_name, channel, direction, session_id, "
                "campaign, amount, occurred_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (customer, number, name, channel, direction, session, campaign, amount,
                     datetime(2026, 7, 1) - timedelta(days=before))
                    for number, (customer, before, name, channel, direction, session, campaign, amount) in enumerate(
                        events
                    )
                ],
            )  # fmt: skip
            return connection.execute(RECIPES[title]).fetchall()

        yield answer


def test_who_may_still_buy_is_not_among_those_who_did_not(days: Callable[..., list[tuple]]) -> None:
    """Ann bought, Bob did not, and Cleo has had her ticket or mail for a week."""
    ticket, mail = ("ticket_opened", "email", "inbound", None, None, None), ("email_sent", "email", "outbound", None)
    order = ("order_placed", "web", "inbound", "s", None, 10)
    assert days(
        "Do customers who had a ticket buy again?",
        ("ann", 120, *ticket), ("ann", 100, *order), ("bob", 120, *ticket), ("cleo", 7, *ticket),
    ) == [(2, 1)]  # fmt: skip
    assert days(
        "Which campaigns are followed by a purchase within 30 days?",
        *(("ann", 110, *mail, "spring", None), *((f"bob {n}", 40, *mail, "spring", None) for n in range(9))),
        *((f"cleo {n}", 7, *mail, "spring", None) for n in range(9)),
    ) == [("spring", 10, 1, 0.1)]


def test_a_purchase_is_not_the_contact_before_itself(days: Callable[..., list[tuple]]) -> None:
    """Ann searched, and ordered in a later session; Bob came to the store twice; Cleo and Dan only to buy."""
    title = "Through which channel did customers come last before their first purchase?"
    assert days(
        title,
        ("ann", 9, "page_viewed", "organic_search", "inbound", "first", None, None),
        ("ann", 8.99, "product_viewed", "web", "inbound", "first", None, None),
        ("ann", 5.1, "page_viewed", "web", "inbound", "second", None, None),
        ("ann", 5.05, "email_sent", "email", "outbound", None, None, None),
        ("ann", 5.04, "contact_changed", "crm", "inbound", None, None, None),
        ("ann", 5.03, "checkout_started", "web", "inbound", "second", None, None),
        ("ann", 5, "order_placed", "web", "inbound", "second", None, 20),
        ("bob", 30.3, "store_visited", "store", "inbound", None, None, None),
        ("bob", 2.3, "store_visited", "store", "inbound", None, None, None),
        ("bob", 2.2, "store_purchase", "store", "inbound", None, None, 20),
        ("cleo", 2.3, "store_visited", "store", "inbound", None, None, None),
        ("cleo", 2.2, "store_purchase", "store", "inbound", None, None, 20),
        ("dan", 2.3, "page_viewed", "paid_search", "inbound", "only", None, None),
        ("dan", 2.2, "order_placed", "web", "inbound", "only", None, 20),
    ) == [("organic_search", 1), ("store", 1)]


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
