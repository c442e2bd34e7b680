"""A visit gets its channel from what its link says: campaign tags, the page it came from, a click id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, differences, make_warehouse

pytestmark = pytest.mark.xdist_group("channels")

CONTRACTS = read_contracts(PROJECT_ROOT / "models")
MARTS = ("+dim_channels", "+unassigned_channels", "+channel_rule_matches")

# Source, medium and campaign → the channel of Google's published default channel group, by our name for it.
PUBLISHED = [
    ("(direct)", "(none)", None, "direct"),
    ("(direct)", "(not set)", "(direct)", "direct"),
    ("google", "cpc", "brand", "paid_search"),
    ("google", " CPC", "Brand", "paid_search"),
    ("bing", "ppc", "spring", "paid_search"),
    ("yahoo.com", "paid-search", None, "paid_search"),
    ("baidu", "paidsearch", None, "paid_search"),
    ("google", "cpc", "Cross-network | all year", "cross_network"),
    ("google", "cpc", "shopping_nl", "paid_shopping"),
    ("Google Shopping", "cpc", None, "paid_shopping"),
    ("amazon", "paid", "books", "paid_shopping"),
    ("facebook", "cpc", "spring", "paid_social"),
    ("instagram", "paid_social", None, "paid_social"),
    ("l.facebook.com", "paid", None, "paid_social"),
    ("linkedin", "cpm", None, "paid_social"),
    ("tiktok", "retargeting", None, "paid_social"),
    # any medium with "cp" in it is a paid one
    ("youtube", "cpv", None, "paid_video"),
    ("youtube", "cpc", None, "paid_video"),
    ("display_network", "display", "spring", "display"),
    ("partner.example", "Banner", None, "display"),
    ("news.example", "cpm", None, "display"),
    ("outbrain", "cpc", None, "paid_other"),
    ("etsy", "referral", None, "organic_shopping"),
    ("newsletter", "email", "the shop is open", "organic_shopping"),
    ("newsletter", "email", "workshop in May", "email"),
    ("facebook.com", "referral", None, "organic_social"),
    ("t.co", "referral", None, "organic_social"),
    ("agency", "social-media", None, "organic_social"),
    ("vimeo", "referral", None, "organic_video"),
    ("agency", "video", None, "organic_video"),
    ("google", "organic", None, "organic_search"),
    ("duckduckgo", "(not set)", None, "organic_search"),
    ("tweakers.net", "referral", None, "referral"),
    ("blog", "link", None, "referral"),
    ("mailchimp", "e-mail", None, "email"),
    ("E-Mail", "spring", None, "email"),
    ("partner", "affiliate", None, "affiliates"),
    ("spotify", "audio", None, "audio"),
    ("sms", "reminder", None, "sms"),
    ("app", "web push", None, "push"),
    ("firebase", "cloud", None, "push"),
    ("crm", "mobile-message", None, "push"),
    # nothing that is published reads these
    ("leaflet", "print", "spring", None),
    ("agency", "qr", None, None),
]

# Properties of a page view without campaign tags → its channel.
WITHOUT_TAGS: list[tuple[Mapping[str, Any], str | None]] = [
    ({"gclid": "Cj0KCQ"}, "paid_search"),
    ({"wbraid": "x", "referrer": "https://www.google.com/"}, "paid_search"),
    ({"MSCLKID": "9f3c"}, "paid_search"),
    ({"dclid": "CN"}, "display"),
    ({"ttclid": "E.C.P"}, "paid_social"),
    ({"li_fat_id": "7e"}, "paid_social"),
    # every link on Facebook gets one, paid or not
    ({"fbclid": "IwAR"}, "organic_social"),
    ({"fbclid": "IwAR", "utm_source": "facebook", "utm_medium": "paid"}, "paid_social"),
    ({"click_id": "CLK-1"}, "paid_other"),
    ({"click_id": "gclid"}, "paid_search"),
    ({"gclid": "", "referrer": ""}, "web"),
    ({"gclid": None}, "web"),
    # a text that only speaks of a click id
    ({"note": '"gclid":"Cj0KCQ"'}, "web"),
    ({"referrer": "https://www.google.nl/search?q=shoes"}, "organic_search"),
    ({"referrer": "android-app://com.google.android.googlequicksearchbox/"}, "organic_search"),
    ({"referrer": "https://m.facebook.com/"}, "organic_social"),
    ({"referrer": "https://out.reddit.com/t3?url=https://www.google.com"}, "organic_social"),
    ({"referrer": "http://user@tweakers.net:8080/x"}, "referral"),
    ({"referrer": "(direct)"}, "web"),
    ({"referrer": "/cart"}, "web"),
    ({"referrer": "https://www.shop.example/cart", "page_url": "https://shop.example/checkout"}, "web"),
    ({"medium": "cpc"}, "paid_search"),
    ({"medium": "Paid-Social"}, "paid_social"),
    ({"medium": "newsletter"}, "email"),
    ({}, "web"),
]


def row(event_id: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": "2026-02-01T10:00:00Z",
        "event_name": "page_viewed",
        "source_system": "site",
        "properties": json.dumps(properties),
        **more,
    }


def tagged(source: str | None, medium: str | None, campaign: str | None) -> dict[str, Any]:
    tags = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
    return {name: value for name, value in tags.items() if value is not None}


ADDRESSES = (
    "jan(at)example.nl",
    "jan[AT]example.nl",
    "+31 6 12345678",
    "0612345678",
    "06-12 34 56 78",
    "call 020 123 4567",
)
NO_ADDRESSES = ("06-30-2026 mailing", "2026-06-30")


def write(folder: Path, table: str, rows: Iterable[Mapping[str, Any]], name: str = "rows") -> None:
    [contract] = [one for one in CONTRACTS if one.folder == Path(table)]
    nothing = {column.name: None for column in contract.columns}
    path = folder / table / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**nothing, **one}) + "\n" for one in rows), encoding="utf-8")


def warehouse_of(folder: Path, rules: str | None = None) -> Warehouse:
    (folder / "seeds").mkdir(parents=True)
    if rules is not None:
        (folder / "seeds" / "channel_rules.csv").write_text(rules, encoding="utf-8")
    return make_warehouse(folder, seeds=folder / "seeds", as_of="2026-03-01", JOURNEYS_MATCHING="off")


def built(warehouse: Warehouse) -> Warehouse:
    warehouse.land()
    assert not any(result.refused for result in warehouse.landed)
    warehouse.build(select=MARTS)
    return warehouse


def channels(warehouse: Warehouse) -> dict[str, str | None]:
    found = warehouse.query("select event_id, channel from intermediate.int_event_versions where is_current")
    return {one["event_id"]: one["channel"] for one in found}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Every case under the shipped rules, and native visits to the site and the app."""
    warehouse = warehouse_of(tmp_path_factory.mktemp("shipped"))
    extracts = warehouse.settings.extracts
    write(
        extracts,
        "feed/events",
        [
            *(row(f"tagged:{number}", tagged(*case[:3])) for number, case in enumerate(PUBLISHED)),
            *(row(f"untagged:{number}", case[0]) for number, case in enumerate(WITHOUT_TAGS)),
            row("named", {"utm_source": "google", "utm_medium": "cpc"}, channel="kiosk"),
            row("card", {"utm_source": "ann@example.com", "utm_medium": "card"}),
            *(
                row(f"note:{number}", {"utm_source": source, "utm_medium": "note"})
                for number, source in enumerate((*ADDRESSES, *NO_ADDRESSES))
            ),
            row("called", {}, event_name="call_answered"),
            row("lent", {}, event_name="book_lent"),
            row("crawled", {"utm_source": "leaflet", "utm_medium": "print", "user_agent": "Crawler/1"}),
        ],
    )
    times = {"derived_tstamp": "2026-02-01T10:00:00Z", "collector_tstamp": "2026-02-01T10:00:01Z"}
    page = {"event_name": "page_view", "domain_userid": "c-1", **times}
    write(
        extracts,
        "web/events",
        [
            {**page, "event_id": "ad", "mkt_source": "google", "mkt_medium": "cpc", "mkt_clickid": "CLK-1"},
            {**page, "event_id": "found", "refr_urlhost": "www.bing.com"},
            {**page, "event_id": "next", "refr_urlhost": "www.shop.example", "page_urlhost": "shop.example"},
            {**page, "event_id": "typed"},
            {**page, "event_id": "leaflet", "mkt_source": "leaflet", "mkt_medium": "print"},
            {**page, "event_id": "click", "mkt_clickid": "CLK-2"},
        ],
    )
    opened = {"device_id": "d-1", "event_time": "2026-02-01T10:00:00Z", "event_type": "session_start"}
    write(
        extracts,
        "app/events",
        [
            {**opened, "uuid": "link", "event_properties": {"utm_source": "instagram", "utm_medium": "paid"}},
            {**opened, "uuid": "icon", "event_properties": {}},
            {**opened, "uuid": "push", "event_type": "push_opened", "event_properties": {"utm_medium": "cpc"}},
        ],
    )
    return built(warehouse)


def test_tags_give_the_channel_of_the_published_group(shipped: Warehouse) -> None:
    found = channels(shipped)
    wrong = {case: found[f"tagged:{n}"] for n, case in enumerate(PUBLISHED) if found[f"tagged:{n}"] != case[3]}
    assert wrong == {}


def test_without_tags_the_click_id_and_the_referrer_say_it(shipped: Warehouse) -> None:
    found = channels(shipped)
    wrong = [
        (properties, channel, found[f"untagged:{number}"])
        for number, (properties, channel) in enumerate(WITHOUT_TAGS)
        if found[f"untagged:{number}"] != channel
    ]
    assert wrong == []


def test_a_channel_that_the_event_names_is_kept_and_others_go_by_the_name_of_the_event(shipped: Warehouse) -> None:
    found = channels(shipped)
    assert [found[name] for name in ("named", "called", "lent", "card")] == ["kiosk", "phone", None, None]


def test_visits_of_the_site_and_the_app_have_the_channel_that_brought_them(shipped: Warehouse) -> None:
    found = channels(shipped)
    assert {name: found[f"web:{name}"] for name in ("ad", "found", "next", "typed", "leaflet", "click")} == {
        "ad": "paid_search",
        "found": "organic_search",
        "next": "web",
        "typed": "web",
        "leaflet": None,
        "click": "paid_other",
    }
    assert [found[f"app:{name}"] for name in ("link", "icon", "push")] == ["paid_social", "app", "push"]


def test_what_got_no_channel_is_listed_with_its_raw_values(shipped: Warehouse) -> None:
    listed = shipped.query("select * from hygiene.unassigned_channels order by all")
    assert [(one["source_system"], one["event_name"], one["utm_source"], one["utm_medium"]) for one in listed] == [
        ("site", "book_lent", "(none)", "(none)"),
        # an address in a tag is not published
        ("site", "page_viewed", "(address)", "card"),
        *(("site", "page_viewed", source, "note") for source in ("(address)", *NO_ADDRESSES)),
        ("site", "page_viewed", "agency", "qr"),
        ("site", "page_viewed", "leaflet", "print"),
        ("web", "page_viewed", "leaflet", "print"),
    ]
    counts = {(one["utm_source"], one["utm_medium"]): one["event_count"] for one in listed}
    assert counts.pop(("(address)", "note")) == len(ADDRESSES)
    assert set(counts.values()) == {1}, "a bot's visit is nobody's"
    [none] = shipped.query("select * from core.dim_channels where channel = '(none)'")
    assert (none["channel_name"], none["event_count"], none["is_declared"]) == (
        "No channel",
        6 + len(ADDRESSES) + len(NO_ADDRESSES),
        False,
    )
    assert "utm_source leaflet, utm_medium print (3)" in none["most_frequent_raw_values"]
    [social] = shipped.query("select * from core.dim_channels where channel = 'organic_social'")
    assert "utm_source facebook.com, utm_medium referral (1)" in social["most_frequent_raw_values"]
    [kiosk] = shipped.query("select * from core.dim_channels where channel = 'kiosk'")
    assert kiosk["most_frequent_raw_values"] is None


def test_each_rule_is_listed_with_the_events_that_have_their_channel_from_it(shipped: Warehouse) -> None:
    counted = {one["channel_rule_id"]: one for one in shipped.query("select * from hygiene.channel_rule_matches")}
    [direct] = shipped.query("select count(*) as events from core.dim_channels where channel = 'direct'")
    assert counted["direct"]["event_count"] == 2 and direct["events"] == 1
    assert counted["event_store_visited"]["event_count"] == 0
    total = shipped.query("select count(channel_rule_id) as events from intermediate.int_event_versions")
    assert sum(one["event_count"] for one in counted.values()) == total[0]["events"]


OWN_RULES = """\
channel_rule_id,rule_order,source_system,event_name,medium,utm_source,utm_source_match,utm_campaign,utm_campaign_match,referrer,referrer_match,click_id,channel
letters,5,,,,news,starts,,,,,,mail
may,1,,,,,,may,contains,,,,spring
partners,4,site,page_viewed,,,,,,^(www\\.)?partner[0-9]+\\.example$,pattern,,partners
ads,3,,,cpc|ppc,,,,,,,,ads
first_of_two,6,,,,twice,,,,,,,first
second_of_two,6,,,,twice,,,,,,,second
twitter,7,,,,,,,,,,twclid,birds
rest,9,till,,,,,,,,,,till
"""
UNDER_OWN_RULES: list[tuple[Mapping[str, Any], str | None]] = [
    ({"utm_source": "NEWS of today"}, "mail"),
    ({"utm_source": "old news"}, None),
    # the smallest rule_order wins, wherever its line is
    ({"utm_source": "news", "utm_campaign": "In  MAY", "medium": "cpc"}, "spring"),
    ({"utm_source": "news", "medium": " Ppc "}, "ads"),
    ({"medium": "ppc2"}, None),
    ({"referrer": "https://partner12.example/page"}, "partners"),
    ({"referrer": "https://partner.example/page"}, None),
    ({"utm_source": "twice"}, "first"),
    ({"twclid": "x"}, "birds"),
    ({}, None),
]


@pytest.fixture
def own(tmp_path: Path) -> Warehouse:
    warehouse = warehouse_of(tmp_path, OWN_RULES)
    rows = [row(f"{number}", case[0]) for number, case in enumerate(UNDER_OWN_RULES)]
    write(warehouse.settings.extracts, "feed/events", [*rows, row("till", {}, source_system="till")])
    return built(warehouse)


def test_own_rules_match_by_their_kinds_in_their_order_and_a_change_of_them_changes_events(
    own: Warehouse, tmp_path: Path
) -> None:
    found = channels(own)
    wrong = [
        (properties, channel, found[f"{number}"])
        for number, (properties, channel) in enumerate(UNDER_OWN_RULES)
        if found[f"{number}"] != channel
    ]
    assert wrong == []
    assert found["till"] == "till"

    # an event that lands later is read by the same rules, and so is every event by other ones
    write(own.settings.extracts, "feed/events", [row("late", {"utm_source": "news"})], name="late")
    built(own)
    assert channels(own) == {**found, "late": "mail"}
    changed = OWN_RULES.replace("news,starts", "old,starts")
    (own.settings.seeds / "channel_rules.csv").write_text(changed, encoding="utf-8")
    built(own)
    assert channels(own) == {**found, "0": None, "1": "mail", "late": None}

    again = warehouse_of(tmp_path / "again", changed)
    again.deliver(own.settings.extracts)
    assert differences(own, built(again)) == {}
