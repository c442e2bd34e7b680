"""At the end of a run, rules that nothing which landed meets are named with their line; the shipped ones are not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.warehouse.unmatched_rules import warnings_of_unmatched_rules

JOURNEYS = {
    "journeys": "journey_id,journey_version,journey_name\nbuying,1,Buying\n",
    "phases": (
        "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
        "buying,1,bought,1,Bought,,true,true\n"
    ),
    "critical_events": (
        "critical_event_id,journey_id,journey_version,phase_id,event_name\n"
        "bought,buying,1,bought,order_placed\nborrowed,buying,1,bought,order_lent\n"
    ),
}
CONVERSIONS = (
    "conversion_rule_id,conversion_type,event_name,value_column\n"
    "order,purchase,order_placed,amount\nloan,purchase,order_lent,\n"
)
TOUCHES = "touch_rule_id,event_name,touch_kind,window_days\nvisit,page_viewed,visit,30\nfax,fax_read,open,7\n"
CHANNEL_RULES = "channel_rule_id,rule_order,event_name,channel\nstore,1,store_purchase,store\nfax,2,fax_received,fax\n"

NAMES = "delivered_name,source_system,channel,campaign\nspring sale,,,spring\nad07,ads,,winter\n"
PRICES = (
    "unit_cost_id,event_name,channel,touchpoint,department,cost,cost_per\n"
    "call,call_answered,,,,1,event\nof_service,,phone,,service,2,event\n"
)


def warnings(folder: Path, *, matched: str = "bought", **seeds: str) -> list[str]:
    files = JOURNEYS | seeds
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    settings = read_settings(
        {"JOURNEYS_EXTRACTS": str(folder), "JOURNEYS_SEEDS": str(folder), "JOURNEYS_DATA_SET": "tested"}
    )
    with open_duckdb() as connection:
        prices = ", ".join(
            "(" + ", ".join(f"'{cell}'" if cell else "null" for cell in line.split(",")[:5]) + ")"
            for line in (files.get("unit_costs") or PRICES).splitlines()[1:]
        )
        names = ", ".join(
            "(" + ", ".join(f"'{cell}'" if cell else "null" for cell in line.split(",")[:3]) + ")"
            for line in (files.get("campaign_names") or NAMES).splitlines()[1:]
        )
        ids = [line.split(",")[0] for line in files["critical_events"].splitlines()[1:]]
        connection.execute(f"""
            create schema config; create schema intermediate; create schema hygiene;
            create table config.critical_events as select unnest({ids}) as critical_event_id;
            create table intermediate.int_matched_events as select unnest({matched.split()}) as critical_event_id;
            create table hygiene.channel_rule_matches as
                from (values ('store', 3), ('fax', 0), ('direct', 0)) as rules(channel_rule_id, event_count);
            create schema attribution;
            create table attribution.fct_service_costs as
                select 'call_answered' as event_name, 'phone' as channel, null as touchpoint, 'service' as department;
            create table config.unit_costs as
                from (values {prices}) as u(unit_cost_id, event_name, channel, touchpoint, department);
            create table config.conversion_types as select unnest(['order', 'loan']) as conversion_rule_id;
            create table intermediate.int_conversion_events as
                select 'order' as conversion_rule_id, null as reference_key;
            create table intermediate.int_refund_events as
                select 'order' as conversion_rule_id, null as reference_key, null as stated_amount;
            create schema core;
            create table core.fct_events as
                select
                    unnest(['order_placed', 'order_returned']) as event_name, 'shop' as source_system,
                    'email' as channel, ' Spring  SALE' as campaign;
            create table attribution.fct_spend_daily as
                select 'ads' as source_system, 'display' as channel, 'AD07' as delivered_campaign;
            create table config.campaign_names as
                from (values {names}) as n(delivered_name, source_system, channel);
            create table config.touch_rules as select unnest(['visit', 'fax', 'call_answered']) as touch_rule_id;
            create table intermediate.int_touch_events as
                select 'visit' as touch_rule_id, 'web' as channel, 'web/campaign/ad/1' as ad_key;
        """)
        return list(warnings_of_unmatched_rules(connection, settings, today=date(2026, 3, 1)))


@pytest.mark.parametrize(
    ("seeds", "of_channels"),
    [
        ({}, []),
        (
            {"channel_rules": CHANNEL_RULES},
            [
                "channel_rules.csv line 3: fax gives no event its channel. Compare with hygiene.unassigned_channels "
                "and the rules before, or remove the row."
            ],
        ),
        (
            {"conversion_types": CONVERSIONS, "touch_rules": TOUCHES},
            [
                "conversion_types.csv line 3: loan makes nothing that landed a conversion. Compare its filters with "
                "core.fct_events, or remove the row.",
                "touch_rules.csv line 3: fax makes nothing that landed a touch. Compare its filters with "
                "core.fct_events, or remove the row.",
            ],
        ),
        # nor does a shipped rule for touches
        ({"touch_rules": (PROJECT_ROOT / "seeds" / "touch_rules.csv").read_text(encoding="utf-8")}, []),
        # the shipped rule `direct` matches nothing either, which says nothing of who copied it
        ({"channel_rules": (PROJECT_ROOT / "seeds" / "channel_rules.csv").read_text(encoding="utf-8")}, []),
    ],
    ids=["shipped", "own", "own conversions and touches", "copied touches", "copied"],
)
def test_a_rule_that_nothing_meets_is_a_warning(seeds: dict[str, str], of_channels: list[str], tmp_path: Path) -> None:
    assert warnings(tmp_path, **seeds) == [
        "critical_events.csv line 3: borrowed matches nothing that landed. Compare event_name, channel, touchpoint "
        "and property with core.fct_events, or remove the row.",
        *of_channels,
    ]


def test_many_rules_that_nothing_meets_are_one_warning(tmp_path: Path) -> None:
    """Bug: who had no app and no web tool got seventy lines at the end of every run."""
    rules = JOURNEYS["critical_events"] + "lent,buying,1,bought,lent\nheld,buying,1,bought,held\n"
    rules += "bought2,buying,1,bought,order_placed\nsent,buying,1,bought,sent\ngone,buying,1,bought,gone\n"
    assert warnings(tmp_path, critical_events=rules, matched="bought bought2") == [
        "critical_events.csv lines 3-5, 7-8: borrowed, lent, held and 2 more match nothing that landed. Compare "
        "event_name, channel, touchpoint and property with core.fct_events, or remove the rows."
    ]


def test_a_price_of_nothing_that_landed_is_a_warning(tmp_path: Path) -> None:
    prices = PRICES + "fax,fax_received,,,,1,event\nmisspelt,call_answered,,,sevice,1,event\n"
    assert warnings(tmp_path, unit_costs=prices)[1:] == [
        f"unit_costs.csv line {line}: {name} is the price of nothing that landed. Compare event_name, channel, "
        "touchpoint and department with core.fct_events, or remove the row."
        for line, name in ((4, "fax"), (5, "misspelt"))
    ]


def test_a_spelling_that_no_campaign_has_is_a_warning(tmp_path: Path) -> None:
    """Nobody was told of a name that was misspelt in the file that maps misspelt names."""
    names = NAMES + "AD07,ads,email,mail\nSprngsale,,,spring\nspring sale,feed,,spring\n"
    assert warnings(tmp_path, campaign_names=NAMES)[1:] == []
    assert warnings(tmp_path, campaign_names=names)[1:] == [
        f"campaign_names.csv line {line}: {name} is the name of no campaign that landed. Compare delivered_name, "
        "source_system and channel with campaign in core.fct_events and delivered_campaign in "
        "attribution.fct_spend_daily, or remove the row."
        for line, name in ((4, "AD07"), (5, "Sprngsale"), (6, "spring sale"))
    ]


def test_refunds_and_properties_that_nothing_has_are_warnings(tmp_path: Path) -> None:
    conversions = (
        "conversion_rule_id,conversion_type,event_name,value_column,reference_property,refund_event_name,"
        "refund_value_property\n"
        "order,purchase,order_placed,amount,order_no,order_ret*|order_canceled,paid\n"
        "loan,purchase,order_lent,amount,loan_no,loan_returned,\n"
    )
    touches = "touch_rule_id,event_name,touch_kind,window_days,ad_property\nvisit,page_viewed,visit,30,creative\n"
    said = warnings(tmp_path, conversion_types=conversions, touch_rules=touches)[1:]
    fix = "Compare it with properties in core.fct_events, or leave it empty."
    order = "conversion_types.csv line 2:"
    assert said == [
        "conversion_types.csv line 3: loan makes nothing that landed a conversion. Compare its filters with "
        "core.fct_events, or remove the row.",
        f"{order} refund_event_name = order_canceled of order matches no event that landed: nothing is refunded by it. "
        "Compare it, and refund_source_system, with core.fct_events, or leave it out.",
        f"{order} reference_property = order_no of order: no event that it matches has it. {fix}",
        f"{order} reference_property = order_no of order: no refund of it has it. {fix}",
        f"{order} refund_value_property = paid of order: no refund of it has it. {fix}",
        f"touch_rules.csv line 2: ad_property = creative of visit: no event that it matches has it. {fix}",
    ]
