"""Everyone with a role at a KPI finds a page and a text of their own in the release, and nobody's address."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.digests.month import Channel, Month
from orchestration.lib.digests.recipients import Role, recipients, slug_of
from orchestration.lib.digests.rendering import amount, change
from orchestration.lib.digests.writing import read_index
from orchestration.lib.release.privacy import find_in_bytes
from tests.orchestration.digests.conftest import ROLES, Shop
from tests.orchestration.digests.one_kpi import Page, one_kpi, rendered, text_of


def named(*people: tuple[str, str | None]) -> list[tuple[str, str, str | None]]:
    found = recipients(Role("passed", "informed", person, email) for person, email in people)
    return [(one.slug, one.person, one.email) for one in found]


@pytest.mark.parametrize(
    ("person", "slug"),
    [
        ("Head of Sales", "head-of-sales"),
        ("Jürgen Groß", "juergen-gross"),
        ("Søren Åkesson", "soren-akesson"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "person"),
        ("李明", "person"),
        ("CON\\nul\x00", "con-nul"),
        ("a" * 300, "a" * 60),
    ],
)
def test_a_file_name_is_safe_whatever_people_are_called(person: str, slug: str) -> None:
    assert slug_of(person) == slug


def test_two_people_of_one_name_have_a_digest_each() -> None:
    assert named(("Ann", "ann@shop.example"), ("Ann", "ann@elsewhere.example"), ("ann", None)) == [
        ("ann", "Ann", "ann@elsewhere.example"),
        ("ann-2", "Ann", "ann@shop.example"),
        ("ann-3", "ann", None),
    ]


def test_a_name_that_looks_like_a_number_of_another_takes_the_next() -> None:
    assert [slug for slug, *_ in named(("Ann", "a@x.example"), ("Ann", "b@x.example"), ("Ann 2", None))] == [
        "ann",
        "ann-2",
        "ann-2-2",
    ]


def test_one_address_is_enough_and_blanks_and_capitals_make_no_other_person() -> None:
    assert named(("Ann  Lee", "Ann@Shop.example"), ("Ann Lee", "ann@shop.example "), ("Ann Lee", None)) == [
        ("ann-lee", "Ann Lee", "ann@shop.example")
    ]


def test_each_gets_what_they_answer_for_and_the_informed_the_summary(shop: Shop) -> None:
    release = shop.publish_release()
    people = {person["slug"]: person for person in read_index(release.directory)}
    assert {slug: (person["answering_count"], person["informed_count"]) for slug, person in people.items()} == {
        "ann": (0, 1),
        "ann-2": (2, 0),
        "bob": (1, 1),
        "cleo": (0, 2),
        "juergen-gross": (2, 0),
    }
    assert people["juergen-gross"]["status_counts"] == {"red": 1, "amber": 1, "green": 0, "no_data": 0}
    mine = (release.directory / people["juergen-gross"]["text"]).read_text(encoding="utf-8")
    # primary first, though the other sorts before it
    assert mine.index("Passed <on> & bought") < mine.index("Carts per view")
    assert "value 40.0 %, over 20, between 20.0 % and 64.0 %; target 50.0 %, green from 45.0 %" in mine, "few"
    assert "value 10.0 %, over 1,000 (windows are open: it still moves); target 30.0 %\n" in mine, "a thousand are not"
    assert "the status is of the last period whose windows have closed, May 2026: 20.0 %" in mine
    assert mine.count("compared at equal age: the period before as it was on 1 June 2026") == 1
    assert "against the period before: +2.0 points, better; against a year before: −10.0 points, worse\n" in mine
    assert "against the period before: −5.0 points, worse\n" in mine, "nothing is said of a year without figures"
    # the same figures, because everything in the month happened in its last full week
    assert "\n  week: 40 entered, 7 ran out of time; 1 stalled now" in mine
    assert "\n  40 entered, 7 ran out of time; 1 stalled now" in mine
    assert mine.count("22 to 28 June 2026") == 1 and "\nPeriod: June 2026; week: 22 to 28 June 2026\n" in mine
    assert "nothing was measured on 1 of 7 days" in mine
    summary = (release.directory / people["cleo"]["text"]).read_text(encoding="utf-8")
    assert "Buying: 1 red, 0 amber, 1 green, 0 no data, 2 in all" in summary
    # the red figure is of May, the change is June's: each says so
    assert (
        "Passed <on> & bought (Buying, Looking): 20.0 % (May 2026), target 30.0 %; June 2026 against the period "
        "before, at equal age: +2.0 points, better; accountable: Jürgen Groß" in summary
    )
    page = text_of((release.directory / people["cleo"]["html"]).read_text(encoding="utf-8"))
    assert (
        "Passed <on> & bought primary; Buying, Looking accountable: Jürgen Groß 20.0 % May 2026 target 30.0 %" in page
    )
    assert "YOUR KPIS" not in summary


def test_journeys_and_phases_of_one_name_are_distinguished() -> None:
    kpis = [
        one_kpi("carts", "shop", "start"),
        one_kpi("calls", "support", "start"),
        one_kpi("mails", "support", "begin"),
    ]
    text = rendered(kpis).text
    assert text.count("BUYING: YOUR KPIS") == 2 and text.count("\nStart\n") == 3


def test_a_kpi_says_how_much_of_what_it_is_measured_on_names_nobody() -> None:
    def text(linkable_share: float | None) -> str:
        return rendered([replace(one_kpi("passed", "shop", "start"), linkable_share=linkable_share)]).text

    assert "\n    38.0 % of the events that it is measured on name nobody\n" in text(0.62)
    assert "name nobody" not in text(0.95) + text(None)


def test_a_rate_over_too_few_says_so() -> None:
    kpi = replace(one_kpi("passed", "shop", "start"), value=None, denominator=3.0, status="no_data")
    digest = rendered([kpi])
    assert "value –, over 3, too few to say; target" in digest.text
    assert "over 3, too few to say" in text_of(digest.html)
    assert "worse" not in digest.html and "better" not in digest.html, "a change that is not known is none"


def test_what_turned_since_the_release_before_is_first(shop: Shop) -> None:
    shop.publish_release(passed="amber", day=1)
    release = shop.publish_release(passed="red", day=2)
    text = (release.directory / "digests" / "juergen-gross.txt").read_text(encoding="utf-8")
    assert text.index("TURNED SINCE") < text.index("red (was amber): Passed <on> & bought") < text.index("BUYING")
    again = shop.publish_release(passed="red", day=3)
    assert "TURNED" not in (again.directory / "digests" / "juergen-gross.txt").read_text(encoding="utf-8")


def test_a_page_is_whole_in_itself_escaped_and_its_tables_can_be_read_aloud(shop: Shop) -> None:
    release = shop.publish_release()
    for path in (release.directory / "digests").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        page = Page()
        page.feed(text)
        assert not {"a", "img", "link", "script", "iframe", "form"} & set(page.tags)
        of_svg = 'xmlns="http://www.w3.org/2000/svg"'
        assert not re.search(r"https?:|url\(|//", text.replace(of_svg, "")), "nothing from elsewhere"
        assert "Passed &lt;on&gt; &amp; bought" in text or "Passed" not in text
        tables = page.tags.count("table") - page.attributes.count(("role", "presentation"))
        assert page.tags.count("caption") == tables == page.tags.count("thead")
        assert {value for name, value in page.attributes if name == "scope"} == {"col", "row"}
        assert ("lang", "en") in page.attributes


def test_no_address_is_in_the_release_and_the_manifest_says_where_digests_are(shop: Shop) -> None:
    release = shop.publish_release()
    assert find_in_bytes(release.directory, sorted({email for *_, email in ROLES if email})) == []
    manifest = json.loads((release.directory / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["digests"] == {"index": "digests/index.json", "person_count": 5}
    for person in read_index(release.directory):
        assert (release.directory / person["html"]).is_file() and (release.directory / person["text"]).is_file()


def test_what_a_candidate_noted_that_was_never_published_goes(shop: Shop) -> None:
    release = shop.publish_release(day=1)
    with open_duckdb(shop.settings.warehouse) as connection:
        connection.execute("insert into landing.digests (release_id, slug) values ('never', 'ann')")
    following = shop.publish_release(day=2)
    with open_duckdb(shop.settings.warehouse, read_only=True) as connection:
        known = connection.execute("select distinct release_id from landing.digests").fetchall()
    assert {row[0] for row in known} == {release.release_id, following.release_id}


def test_a_configuration_without_roles_has_no_digest(shop: Shop) -> None:
    roles = (("nothing", "informed", "Ann", None),)
    [only] = read_index(shop.publish_release(roles=roles).directory)
    assert (only["answering_count"], only["informed_count"]) == (0, 0)


def test_amounts_and_changes_read_as_people_say_them() -> None:
    assert [amount(value, "seconds") for value in (59, 61, 661, 3_660, 90_061)] == [
        "59 s",
        "1 min 1 s",
        "11 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert amount(1320.0, "households") == "1,320 households" and amount(2.25, "baskets") == "2.25 baskets"
    assert change(-3600.0, "seconds", "down") == "−1 h, better"


def test_the_day_of_a_digest_is_the_clock_of_its_release(shop: Shop) -> None:
    release = shop.publish_release(day=3)
    assert f"{datetime(2026, 7, 4, tzinfo=UTC):%Y-%m-%d}" in read_index(release.directory)[0]["subject"]


def test_who_has_kpis_of_feeling_and_money_reads_what_was_said_and_spent(shop: Shop) -> None:
    """Of the last complete month, by all departments, by the default rule; nobody else gets either."""
    folder = shop.publish_release().directory / "digests"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}
    said = {slug for slug, text in texts.items() if "WHAT CUSTOMERS SAID IN JUNE 2026" in text}
    spent = {slug for slug, text in texts.items() if "WHAT WAS SPENT IN JUNE 2026" in text}
    assert (said, spent) == ({"ann-2", "juergen-gross"}, {"ann", "bob", "cleo"})
    text = texts["juergen-gross"]
    assert (
        "Recommendation (NPS) of the brand, all journeys: 34 (28 to 40), over 312 scores\n    +5 against the month"
        in text
    )
    assert "(−2 to +12): no more than chance may do" in text
    assert "80.0 % (75.0 % to 85.0 %), over 90 scores" in text
    assert "−10.0 points against the month before (−15.0 to −5.0): more than chance explains" in text
    assert not re.search(r"\b9[789]\b", text), "of another journey, a single department, and a month that is not over"
    text = texts["bob"]
    assert "1,200 EUR were spent. The rule last touch (the default) credits" in text
    assert "3,000 EUR of order after refunds: 2.50 for each EUR." in text
    assert "Ads <paid>: spent 1,000, net value 3,000, ROAS 3.00 (2.00 to 4.00)" in text
    assert "post: spent 200, net value 0, ROAS 0.00 (no interval)" in text
    assert "Ads &lt;paid&gt;" in (folder / "bob.html").read_text(encoding="utf-8")


def test_without_answers_and_spend_a_digest_says_nothing_of_them() -> None:
    kpis = [one_kpi("nps", kind="feeling"), one_kpi("sales", kind="money")]
    assert "WHAT" not in rendered(kpis).text and "What was spent" not in rendered(kpis).html
    unpriced = Month(date(2026, 1, 1), "EUR", channels=[Channel("Ads", 50.0, None, None, None)])
    assert "50 EUR were spent; no rule credits it with a value." in rendered(kpis, month=unpriced).text
