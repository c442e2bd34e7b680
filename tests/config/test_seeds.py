"""Contradictions in configuration are reported with file, line and fix; what is missing has a stated default."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from orchestration.lib.config.seeds import SeedReport, SeedsInvalid, read_definitions, resolve_seeds
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "seeds"
TODAY = date(2026, 3, 1)

# A small configuration without errors; each test below spoils one file of it.
SOUND = {
    "sources": "source_system,priority\nweb,10\ntill,20\n",
    "journeys": "journey_id,journey_version,journey_name,validated_on\nbuying,1,Buying,2026-01-01\n",
    "phases": (
        "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
        "buying,1,looking,1,Looking,14,false,true\n"
        "buying,1,bought,2,Bought,,true,true\n"
    ),
    "critical_events": (
        "critical_event_id,journey_id,journey_version,phase_id,event_name,property_name,property_value\n"
        "looked,buying,1,looking,product_viewed,,\n"
        "bought,buying,1,bought,order_placed,,\n"
    ),
    "measures": (
        "measure_id,subject,aggregation,value_column,event_name,journey_id,outcome,level,conversion_type,is_paid_only\n"
        "orders,events,count,,order_placed,,,,,\n"
        "revenue,events,sum,amount,order_placed,,,,,\n"
        "passed,intervals,count,,,buying,fell_through|completed,omni,,\n"
        "earned,credits,sum,net_value,,,,,purchase,true\n"
    ),
    "churn_rules": "churn_rule_id,event_name,silent_days\nsilence,order_placed,90\ncancelled,subscription_cancelled,\n",
    "kpis": (
        "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id,denominator_measure_id\n"
        "order_value,Order value,buying,bought,money,primary,up,EUR,month,revenue,orders\n"
    ),
    "kpi_roles": "kpi_id,role,person,email\norder_value,accountable,Shop keeper,keeper@example.com\n",
    "kpi_targets": (
        "kpi_id,valid_from,target,amber_bound,red_bound,valid_to\n"
        "order_value,2025-01-01,40,35,30,2025-06-01\n"
        "order_value,2025-06-01,45,40,35,\n"
    ),
    "channels": "channel,channel_name,is_paid\nweb,Web,false\n",
    "channel_rules": (
        "channel_rule_id,rule_order,utm_source,utm_source_match,utm_medium,utm_medium_match,click_id,channel\n"
        "ads,1,google|bing,,^(cpc|ppc)$,pattern,,ads\n"
        "letters,2,news,starts,email|e-mail,,,mail\n"
        "links,3,,,,,fbclid,friends\n"
    ),
    "campaign_names": (
        "delivered_name,campaign,source_system,channel\nSpring 2026,spring,ads,\nspring,spring,,\nspring,easter,feed,\n"
        "fall,autumn,,web\n"
    ),
    "feedback_topics": "topic,language,stems\nwaiting,en,wait slow\nwaiting,nl,wacht traag\n",
    "unit_costs": (
        "unit_cost_id,event_name,department,cost,cost_per,duration_property,valid_from,valid_to\n"
        "call,call_answered,,0.62,minute,talk_seconds,,2026-01-01\n"
        "call_2026,call_answered,,0.66,minute,talk_seconds,2026-01-01,\nline,call_answered,,0.08,event,,,\n"
    ),
    "conversion_types": (
        "conversion_rule_id,conversion_type,event_name,value_column,is_new_customer_only,reference_property,"
        "refund_event_name,refund_value_property,refund_source_system\n"
        "order,purchase,order_placed,amount,false,order_id,order_returned,paid_back,\n"
        "receipt,purchase,store_purchase,amount,,,,,\n"
        "sign_up,sign_up,signed_up,,,,,,\n"
    ),
    "touch_rules": (
        "touch_rule_id,event_name,channel,touch_kind,window_days,is_touch,is_direct,ad_property\n"
        "seen,ad_impression,,view,1,,,creative_id\n"
        "visit,page_viewed,direct,visit,30,,true,\n"
    ),
    "attribution_rules": (
        "rule,conversion_type,method,window_days,weights,weights_of_two,half_life_days,is_default,based_on\n"
        "linear,,linear,,,,,true,\n"
        "j_shaped,,custom,,0.2|0.2|0.6,0.3|0.7,,,\n"
        "decay,purchase,time_decay,14,,,7,,\n"
        "tested,,calibrated,,,,,,linear\n"
    ),
    "channel_calibrations": (
        "calibration_id,channel,conversion_type,incremental_share,share_ci_lower,share_ci_upper,source,valid_from,valid_to\n"
        "regions,web,purchase,0.5,0.3,0.7,Hold-out by region,2025-01-01,2027-01-01\n"
    ),
    "segments": (
        "segment,segment_name,attribute,comparison,value,is_published\n"
        "regulars,Regulars,event_count,at_least,10,false\n"
        "regulars,,is_anonymous,equals,false,\n"
        "neighbours,Neighbours,country,one_of,NL|BE,\n"
        "young,Young,birth_date,at_least,2000-01-01,\n"
    ),
}


def resolved(folder: Path, **changed: str) -> SeedReport:
    seeds = folder / "seeds"
    seeds.mkdir(exist_ok=True)
    for name, text in (SOUND | changed).items():
        (seeds / f"{name}.csv").write_text(text, encoding="utf-8")
    return resolve_seeds(seeds, SHIPPED, folder / "resolved", today=TODAY)


def errors(folder: Path, **changed: str) -> list[str]:
    with pytest.raises(SeedsInvalid) as error:
        resolved(folder, **changed)
    return [str(problem) for problem in error.value.report.errors]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=lambda example: example.name)
def test_shipped_seeds_hold_no_error(example, tmp_path: Path) -> None:
    report = resolve_seeds(PROJECT_ROOT / example.seeds, SHIPPED, tmp_path, today=example.as_of.date())
    assert report.errors == ()


def test_a_sound_configuration_has_no_error(tmp_path: Path) -> None:
    assert resolved(tmp_path).errors == ()


# Which seed is spoilt, its text before and after, and what the message says: file and line, value, cure.
SPOILT = [
    ("phases", "buying,1,looking", "biuying,1,looking", "phases.csv line 2", "biuying", "journeys.csv"),
    ("critical_events", "1,looking,prod", "1,lookin,prod", "critical_events.csv line 2", "phase lookin", "phases.csv"),
    (
        "critical_events",
        "buying,1,looking",
        "selling,1,looking",
        "critical_events.csv line 2",
        "journey selling",
        "Add it",
    ),
    ("measures", ",,,buying,", ",,,selling,", "measures.csv line 4", "journey selling", "Add it"),
    ("kpis", "buying,bought", "buying,boght", "kpis.csv line 2", "phase boght", "phases.csv"),
    (
        "kpis",
        "revenue,orders",
        "revenue,order",
        "kpis.csv line 2",
        "denominator_measure_id = order",
        "Did you mean orders?",
    ),
    (
        "kpi_targets",
        "order_value,",
        "ordervalue,",
        "kpi_targets.csv line 2",
        "ordervalue is not in kpis.csv",
        "order_value?",
    ),
    ("kpi_roles", "accountable", "responsible", "kpis.csv line 2", "nobody is accountable", "kpi_roles.csv"),
    ("phases", "Looking,14", "Looking,-14", "phases.csv line 2", "window_days = -14", "at least 0"),
    ("phases", "Looking,14", 'Looking,"14,5"', "phases.csv line 2", "window_days = 14,5", "decimal point"),
    ("phases", "Looking,14", "Looking,nan", "phases.csv line 2", "window_days = nan", "finite"),
    ("phases", "bought,2", "bought,1", "phases.csv line 3", "phase_order 1", "taken by line 2"),
    ("phases", "looking,1,", "looking,1.5,", "phases.csv line 2", "phase_order = 1.5", "whole number"),
    ("phases", "14,false", "14,no", "phases.csv line 2", "is_terminal = no", "true or false"),
    ("phases", "looking,1,Looking", "looking,1,", "phases.csv line 2", "phase_name is empty", "Fill it in"),
    ("journeys", "2026-01-01", "01.01.2026", "journeys.csv line 2", "validated_on = 01.01.2026", "2026-01-31"),
    ("kpis", "money", "monney", "kpis.csv line 2", "kind = monney", "Did you mean money?"),
    ("kpis", ",up,", ",higher,", "kpis.csv line 2", "direction = higher", "up, down"),
    ("kpis", "month", "quarter", "kpis.csv line 2", "period = quarter", "day, week, month"),
    ("measures", "sum,amount", "sum,", "measures.csv line 3", "a sum needs a value_column", "Name what"),
    ("measures", ",,,buying,", ",,,,", "measures.csv line 4", "needs a journey_id", "Name the journey"),
    (
        "measures",
        "sum,amount",
        "sum,spend",
        "measures.csv line 3",
        "value_column = spend: events",
        "amount or feedback",
    ),
    ("measures", "events,sum,amount", "spend,sum,spend", "measures.csv line 3", "event_name = order", "Leave it empty"),
    (
        "measures",
        "events,count,,order_placed",
        "spend,count,,",
        "measures.csv line 2",
        "aggregation = count",
        "Set sum",
    ),
    (
        "measures",
        "events,sum,amount,order_placed,,,",
        "costs,sum,service_cost,order_placed,,pending,",
        "measures.csv line 3",
        "outcome = pending: costs",
        "Leave it empty",
    ),
    ("measures", "|completed", "|finished", "measures.csv line 4", "outcome finished", "completed"),
    (
        "kpi_targets",
        "30,2025-06",
        "30,2024-06",
        "kpi_targets.csv line 2",
        "valid_to = 2024-06-01",
        "first day on which",
    ),
    ("kpi_targets", "30,2025-06-01", "30,", "kpi_targets.csv line 3", "line 2 still holds", "valid_to = 2025-06-01"),
    ("churn_rules", ",90", ",0", "churn_rules.csv line 2", "silent_days = 0", "at least 1"),
    ("churn_rules", ",order_placed", ",", "churn_rules.csv line 2", "event_name is empty", "Fill it in"),
    ("kpi_roles", "keeper@", "keeper at ", "kpi_roles.csv line 2", "email = keeper at example.com", "Correct it"),
    ("kpi_roles", "keeper@", "kee\0per@", "kpi_roles.csv line 2", "U+0000 at place 4", "again"),
    ("kpi_roles", "keeper@", "keeper\x7f@", "kpi_roles.csv line 2", "U+007F at place 7", "again"),
    ("kpi_roles", "keeper@", "keeper\u200b@", "kpi_roles.csv line 2", "expected one address", "Correct it"),
    ("kpi_roles", "Shop keeper", "Shop\x1b[31m", "kpi_roles.csv line 2", "person = Shop\ufffd[31m: holds", "U+001B"),
    ("kpi_roles", "Shop keeper", '"Shop\nBcc: x"', "kpi_roles.csv line 3", "U+000A at place 5", "again"),
    ("channels", "web", "all", "channels.csv line 2", "channel = all", "Choose another"),
    ("channel_rules", "^(cpc", "^((cpc", "channel_rules.csv line 2", "utm_medium = ^((cpc", "a backslash before"),
    ("channel_rules", "(cpc", "(?<!x)(cpc", "channel_rules.csv line 2", "is no regular expression", "to contains"),
    ("channel_rules", "e-mail", "", "channel_rules.csv line 3", "utm_medium = email|", "Take the | out"),
    ("channel_rules", "news,starts", "news,begins", "channel_rules.csv line 3", "utm_source_match = begins", "starts"),
    ("channel_rules", "news,starts", ",starts", "channel_rules.csv line 3", "utm_source_match is filled", "empty both"),
    ("channel_rules", "friends", "all", "channel_rules.csv line 4", "channel = all", "Choose another"),
    (
        "campaign_names",
        "fall,autumn,,web",
        "spring  2026,may,ads,",
        "campaign_names.csv line 5",
        "of line 2",
        "Keep one",
    ),
    (
        "campaign_names",
        "spring,easter",
        "spring,Fall",
        "campaign_names.csv line 4",
        "campaign = Fall: line 5",
        "autumn",
    ),
    ("campaign_names", "spring,easter,feed", "spring,easter,", "campaign_names.csv line 4", "in line 3", "Keep one"),
    ("campaign_names", "fall,autumn", "fall,", "campaign_names.csv line 5", "campaign is empty", "Fill it in"),
    ("campaign_names", ",web", ",all", "campaign_names.csv line 5", "channel = all", "Choose another"),
    ("feedback_topics", "waiting,en", '"wait,ing",en', "feedback_topics.csv line 2", "topic = wait,ing", "without one"),
    ("feedback_topics", ",nl,", ",NL,", "feedback_topics.csv line 3", "language = NL", "small letters"),
    ("feedback_topics", "wait slow", "wait 24h", "feedback_topics.csv line 2", "24h", "without other signs"),
    ("feedback_topics", "wait slow", "w slow", "feedback_topics.csv line 2", "single letter", "2 letters or more"),
    ("feedback_topics", "wait slow", "", "feedback_topics.csv line 2", "stems is empty", "Fill it in"),
    ("feedback_topics", ",nl,", ",en,", "feedback_topics.csv line 3", "waiting", "line 2"),
    ("unit_costs", "0.62", "-0.62", "unit_costs.csv line 2", "cost = -0.62", "at least 0"),
    ("unit_costs", "0.62", "1000000", "unit_costs.csv line 2", "cost = 1000000", "less than 1,000,000"),
    ("unit_costs", "0.62,minute", "0.62,hour", "unit_costs.csv line 2", "cost_per = hour", "event, minute"),
    ("unit_costs", "0.62,minute,talk_seconds", "0.62,minute,", "unit_costs.csv line 2", "per minute needs", "Name the"),
    (
        "unit_costs",
        "event,",
        "event,talk_seconds",
        "unit_costs.csv line 4",
        "duration_property = talk",
        "Leave it empty",
    ),
    ("unit_costs", "line,call_answered", "line,", "unit_costs.csv line 4", "of every event", "Fill in one of"),
    ("unit_costs", ",,2026-01-01\n", ",,2026-02-01\n", "unit_costs.csv line 3", "call in line 2 are both", "on a day"),
    ("unit_costs", ",,2026-01-01\n", ",,\n", "unit_costs.csv line 3", "from 2026-01-01 on", "let valid_to"),
    (
        "unit_costs",
        "2026-01-01,\n",
        "2026-01-01,2025-01-01\n",
        "unit_costs.csv line 3",
        "before its first day",
        "first",
    ),
    ("segments", "young,Young", "All,All", "segments.csv line 5", "segment = All", "Choose another"),
    ("segments", "young,Young", "(none),None", "segments.csv line 5", "segment = (none)", "Choose another"),
    ("segments", "country", "contry", "segments.csv line 4", "attribute = contry", "Did you mean country?"),
    ("segments", "one_of", "any_of", "segments.csv line 4", "comparison = any_of", "one_of?"),
    ("segments", "at_least,10", "at_least,ten", "segments.csv line 2", "value = ten", "whole number"),
    ("segments", "equals,false", "equals,no", "segments.csv line 3", "value = no", "true or false"),
    ("segments", "equals,false", "below,false", "segments.csv line 3", "comparison = below", "equals, not_equals"),
    ("segments", "2000-01-01", "20000101", "segments.csv line 5", "value = 20000101", "2026-01-31"),
    ("segments", "NL|BE", "NL| BE", "segments.csv line 4", "value = NL| BE", "without blanks"),
    ("segments", "regulars,,", "regulars,Others,", "segments.csv line 3", "another segment_name in line 2", "one name"),
    ("segments", "equals,false,", "equals,false,true", "segments.csv line 3", "is_published of segment", "Say it once"),
    ("segments", "10,false", "10,perhaps", "segments.csv line 2", "is_published = perhaps", "true or false"),
    (
        "measures",
        "amount,order_placed,,,",
        "amount,order_placed,,,omni",
        "measures.csv line 3",
        "level = omni",
        "count intervals",
    ),
    ("critical_events", "viewed,,", "viewed,page,", "critical_events.csv line 2", "property_value", "Fill in both"),
    ("critical_events", "viewed,,", "viewed,a\\b,c", "critical_events.csv line 2", "property_name = a", "Rename"),
    ("critical_events", "viewed,,", "viewed,'a\"b',c", "critical_events.csv line 2", "a\"b'", "Rename"),
    (
        "critical_events",
        "property_name,property_value\nlooked,buying,1,looking,product_viewed,,",
        "property_name,property_value,occurrence\nlooked,buying,1,looking,product_viewed,,,0",
        "critical_events.csv line 2",
        "occurrence = 0",
        "2 for the second",
    ),
    (
        "measures",
        "outcome,level,conversion_type,is_paid_only\norders,events,count,,order_placed,,,,,",
        "outcome,level,occurrence,is_paid_only\norders,events,count,,order_placed,,,,second,",
        "measures.csv line 2",
        "occurrence = second",
        "whole number from 1",
    ),
    (
        "segments",
        "value,is_published\nregulars,Regulars,event_count,at_least,10,false\nregulars,,is_anonymous,equals,false,",
        "value,event_name\nregulars,Regulars,event_count,at_least,10,\nregulars,,is_anonymous,equals,false,order_placed",
        "segments.csv line 3",
        "event_name = order_placed",
        "Leave it empty",
    ),
    ("kpi_targets", "40,35,30", "40,45,30", "kpi_targets.csv line 2", "out of order", "order_value"),
    ("sources", "priority", "prioritty", "sources.csv line 1", "no column prioritty", "Did you mean priority?"),
    ("sources", "source_system,priority", "priority,priority", "sources.csv line 1", "is twice", "Keep one"),
    ("kpis", "kpi_id,kpi_name", "kpi_id,name", "kpis.csv line 1", "column kpi_name is missing", "Add it to the header"),
    (
        "sources",
        "till,20",
        "till,9999999999999999999",
        "sources.csv line 3",
        "priority = 99",
        "at most 9223372036854775807",
    ),
    ("journeys", "2026-01-01", "20260101", "journeys.csv line 2", "validated_on = 20260101", "2026-01-31"),
    ("kpi_targets", "40,35,30", "nan,35,30", "kpi_targets.csv line 2", "target = nan", "finite"),
    (
        "sources",
        "till,20",
        "web,20",
        "sources.csv line 3",
        "source_system = web is in line 2",
        "Keep one of the two",
    ),
]
SPOILT += [
    (
        "conversion_types",
        "false,order_id,order_returned",
        "false,,order_returned",
        "conversion_types.csv line 2",
        "without a reference_property",
        "such as order_id",
    ),
    (
        "conversion_types",
        "amount,,,,,",
        "amount,,,,,till",
        "conversion_types.csv line 3",
        "refund_source_system = till: of which refunds?",
        "Fill in refund_event_name",
    ),
    (
        "conversion_types",
        "signed_up,,,,,,",
        "signed_up,,,id,left,paid_back,",
        "conversion_types.csv line 4",
        "no value to take back",
        "Set value_column = amount",
    ),
    (
        "conversion_types",
        "store_purchase,amount,,",
        "store_purchase,amount,true,",
        "conversion_types.csv line 3",
        "is_new_customer_only of purchase is true here and false in line 2",
        "make two types",
    ),
    (
        "conversion_types",
        "order_placed,amount",
        "order_placed,amonut",
        "conversion_types.csv line 2",
        "value_column = amonut",
        "Did you mean amount?",
    ),
    (
        "touch_rules",
        "view,1,,,",
        "view,1,,true,",
        "touch_rules.csv line 2",
        "only a visit comes directly",
        "is_direct = false",
    ),
    ("touch_rules", "view,1", "viewed,1", "touch_rules.csv line 2", "touch_kind = viewed", "Did you mean view?"),
    ("touch_rules", "view,1", "view,-1", "touch_rules.csv line 2", "window_days = -1", "at least 0"),
    # an instant so many days later is beyond what engines can write
    ("touch_rules", "view,1", "view,36501", "touch_rules.csv line 2", "window_days = 36501", "at most 36500"),
    (
        "attribution_rules",
        "time_decay,14",
        "time_decay,1e9",
        "attribution_rules.csv line 4",
        "window_days = 1e9",
        "at most 36500",
    ),
    ("touch_rules", "creative_id", "cre\\ative", "touch_rules.csv line 2", "backslash", "Rename"),
    (
        "attribution_rules",
        ",,linear,",
        ",,liner,",
        "attribution_rules.csv line 2",
        "method = liner",
        "Did you mean linear?",
    ),
    (
        "attribution_rules",
        ",,linear,,,,,true",
        ",,linear,,,,,",
        "attribution_rules.csv line 2",
        "no rule is the default for conversions of the type purchase",
        "Set is_default = true",
    ),
    (
        "attribution_rules",
        "0.3|0.7,,",
        "0.3|0.7,,true",
        "attribution_rules.csv line 3",
        "j_shaped and linear in line 2 are both the default",
        "Set is_default = false",
    ),
    (
        "attribution_rules",
        "0.2|0.2|0.6",
        "0.2|0.2|0.5",
        "attribution_rules.csv line 3",
        "they sum to 0.9",
        "sum to 1",
    ),
    (
        "attribution_rules",
        "0.2|0.2|0.6",
        "0.2|0.8",
        "attribution_rules.csv line 3",
        "expected 3 shares",
        "0.4|0.2|0.4",
    ),
    (
        "attribution_rules",
        "0.2|0.2|0.6",
        "1.2|0.2|-0.4",
        "attribution_rules.csv line 3",
        "expected 3 shares from 0 to 1",
        "0.4|0.2|0.4",
    ),
    (
        "attribution_rules",
        "0.3|0.7",
        "0.3|0.6",
        "attribution_rules.csv line 3",
        "weights_of_two = 0.3|0.6",
        "sum to 0.9",
    ),
    (
        "attribution_rules",
        "0.2|0.2|0.6,0.3|0.7",
        ",",
        "attribution_rules.csv line 3",
        "method = custom needs weights",
        "0.2|0.2|0.6",
    ),
    (
        "attribution_rules",
        "linear,,,,,true",
        "linear,,,0.5|0.5,,true",
        "attribution_rules.csv line 2",
        "linear has no weights",
        "method = custom",
    ),
    (
        "attribution_rules",
        "linear,,,,,true",
        "linear,,,,7,true",
        "attribution_rules.csv line 2",
        "linear has no half-life",
        "time_decay",
    ),
    ("attribution_rules", "14,,,7,", "14,,,-7,", "attribution_rules.csv line 4", "half_life_days = -7", "at least 0"),
    ("attribution_rules", "14,,,7,", "14,,,0,", "attribution_rules.csv line 4", "more than 0", "such as 7"),
    (
        "attribution_rules",
        "decay,purchase",
        "decay,purchas",
        "attribution_rules.csv line 4",
        "conversion_type = purchas",
        "Did you mean purchase?",
    ),
    *(
        ("attribution_rules", before, after, f"attribution_rules.csv line {line}", said, cure)
        for before, after, line, said, cure in (
            ("calibrated,,,,,,linear", "calibrated,,,,,,", 5, "needs based_on", "such as last_non_direct"),
            ("calibrated,,,,,,linear", "calibrated,,,,,,liner", 5, "based_on = liner", "Did you mean linear?"),
            ("calibrated,,,,,,linear", "calibrated,,,,,,tested", 5, "can't be calibrated", "another method"),
            ("calibrated,,,,,,linear", "calibrated,,,,,,decay", 5, "type purchase", "Set conversion_type = purchase"),
            ("calibrated,,,,,,linear", "calibrated,7,,,,,linear", 5, "window_days = 7", "set it there"),
            ("true,\n", "true,decay\n", 2, "linear is based on no rule", "set method = calibrated"),
            ("linear,,,,,true,\n", "linear,,,,,,\n", 2, "no rule is the default", "Set is_default = true"),
        )
    ),
    *(
        ("measures", before, after, f"measures.csv line {line}", said, cure)
        for before, after, line, said, cure in (
            (",purchase,true", ",,true", 5, "credits needs a conversion_type", "Name one of"),
            (",purchase,true", ",purchas,true", 5, "conversion_type = purchas", "Did you mean purchase?"),
            ("credits,sum,net_value,,", "credits,sum,net_value,sold,", 5, "event_name = sold", "Leave it empty"),
            ("credits,sum,net_value", "credits,count,", 5, "shares of conversions are added up", "Set sum"),
            ("credits,sum,net_value", "credits,sum,amount", 5, "credits have none", "net_value"),
            ("credits,sum", "conversions,sum", 5, "is_paid_only = true: conversions", "Leave it empty"),
            (
                "order_placed,,,,,\n",
                "order_placed,,,,purchase,\n",
                2,
                "events can't be narrowed",
                "conversions or",
            ),
        )
    ),
    *(
        ("channel_calibrations", before, after, "channel_calibrations.csv line 2", said, cure)
        for before, after, said, cure in (
            ("0.5,0.3", "1.5,0.3", "incremental_share = 1.5", "at most 1"),
            ("0.5,0.3", "0.2,0.3", "within its interval", "from 0.3 to 0.7"),
            ("0.5,0.3,0.7", "0.5,0.5,0.5", "both 0.5", "Fill in the bounds"),
            ("0.5,0.3,0.7", "0.5,,0.7", "share_ci_lower", ""),
            ("2027-01-01", "2024-01-01", "valid_to = 2024-01-01", "the first day on which"),
            ("web,purchase", "web,purchas", "conversion_type = purchas", "Did you mean purchase?"),
        )
    ),
]


def test_a_calibrated_rule_is_no_default(tmp_path: Path) -> None:
    rules = SOUND["attribution_rules"].replace("linear,,,,,true,", "linear,,,,,,")
    rules = rules.replace("calibrated,,,,,,linear", "calibrated,,,,,true,linear")
    assert errors(tmp_path, attribution_rules=rules) == [
        "attribution_rules.csv line 5: tested is calibrated and can not be the default: each new experiment would "
        "change the figures of all months. Set is_default = true for the rule that it is based on, and show both."
    ]


def test_a_paid_channel_without_a_calibration_that_holds_is_a_warning(tmp_path: Path) -> None:
    """Its credit stays whole next to channels that keep a part of theirs."""
    channels = SOUND["channels"].rstrip("\n") + "\nbanner,Banners,true\n"
    found = warnings(tmp_path, channels=channels)
    assert len(found) == 1 and "banner is paid and has no calibration: tested leaves it all" in found[0]
    others = SOUND["channel_calibrations"] + "old,banner,,0.5,0.3,0.7,Hold-out,,2025-02-01\nodd,banners,,0.5,0,1,X,,\n"
    found = warnings(tmp_path, channels=channels, channel_calibrations=others)
    assert len(found) == 2 and "banner is paid and has no calibration that still holds" in found[0], found
    assert "channel_calibrations.csv line 4: channel = banners" in found[1] and "Did you mean banner?" in found[1]


def test_a_case_key_is_one_of_all_versions_and_rules_need_it(tmp_path: Path) -> None:
    header, first = SOUND["journeys"].splitlines()
    journey = first.split(",")
    second = ",".join([journey[0], "2", *journey[2:]])
    phases = SOUND["phases"] + "".join(
        line.replace(f"{journey[0]},1,", f"{journey[0]},2,") + "\n" for line in SOUND["phases"].splitlines()[1:]
    )
    dates = {"": ",2025-01-01", "2": "2025-01-01,"}
    two = f"{header},case_key,valid_from,valid_to\n{first},ticket,{dates['']}\n{second},order,{dates['2']}\n"
    messages = errors(tmp_path, journeys=two, phases=phases)
    assert any(
        line.startswith("journeys.csv line 3: case_key") and "is order here and ticket in line 2" in line
        for line in messages
    ), messages
    rules = SOUND["critical_events"].splitlines()
    spoilt = "\n".join([rules[0] + ",case_property", rules[1] + ",ticket", *(rule + "," for rule in rules[2:])]) + "\n"
    messages = errors(tmp_path, critical_events=spoilt)
    assert any(
        line.startswith("critical_events.csv line 2: case_property = ticket") and "case_key of journeys.csv" in line
        for line in messages
    ), messages


@pytest.mark.parametrize(("seed", "before", "after", "place", "what", "cure"), SPOILT, ids=lambda text: text[:24])
def test_an_error_names_file_line_value_and_cure(
    seed: str, before: str, after: str, place: str, what: str, cure: str, tmp_path: Path
) -> None:
    assert before in SOUND[seed]
    messages = errors(tmp_path, **{seed: SOUND[seed].replace(before, after, 1)})
    assert any(line.startswith(f"{place}: ") and what in line and cure in line for line in messages), messages


def test_a_journey_without_phases_is_an_error_of_the_journey(tmp_path: Path) -> None:
    messages = errors(tmp_path, journeys=SOUND["journeys"] + "idle,1,Idle,2026-01-01\n")
    assert messages == ["journeys.csv line 3: version 1 of journey idle has no phase. Add its phases to phases.csv."]


def test_two_accountable_persons_are_one_too_many(tmp_path: Path) -> None:
    messages = errors(tmp_path, kpi_roles=SOUND["kpi_roles"] + "order_value,accountable,Her sister\n")
    assert len(messages) == 1
    assert messages[0].startswith("kpi_roles.csv line 3: order_value has 2 accountable persons (line 2 names one).")


def versions(*rows: str) -> dict[str, str]:
    """A journey in the versions that these rows of journeys.csv give, each with the phases of the sound one."""
    phases, rules = SOUND["phases"].splitlines(), SOUND["critical_events"].splitlines()
    numbers = [row.split(",")[1] for row in rows]
    return {
        "journeys": "\n".join(["journey_id,journey_version,journey_name,valid_from,valid_to,validated_on", *rows]),
        "phases": "\n".join(
            [phases[0], *(line.replace("buying,1", f"buying,{number}") for number in numbers for line in phases[1:])]
        ),
        "critical_events": "\n".join(
            [
                rules[0],
                *(
                    f"v{number}_{line}".replace("buying,1", f"buying,{number}")
                    for number in numbers
                    for line in rules[1:]
                ),
            ]
        ),
    }


def warnings(folder: Path, **changed: str) -> list[str]:
    """Warnings of journeys alone: the sound configuration has KPIs for some phases only."""
    messages = (str(problem) for problem in resolved(folder, **changed).warnings)
    return [line for line in messages if "has no KPI of the kind" not in line]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        # every value that meets the rule meets an earlier one
        ("late,4,google,,cpc,,,ads", "ads in line 2 matches first"),
        ("late,4,Bing ,,^(cpc|ppc)$,pattern,,ads", "ads in line 2 matches first"),
        ("late,4,newsletter,,E-Mail,,,mail", "letters in line 3 matches first"),
        ("late,4,news of may,starts,email,,,mail", "letters in line 3 matches first"),
        ("late,4,facebook,,social,,fbclid,friends", "links in line 4 matches first"),
        # the ids themselves are not compared
        ("late,4,,,,,Cj0KCQ,ads", "click_id = Cj0KCQ: what is compared is the kind of a click id"),
    ],
)
def test_a_channel_rule_that_can_never_match_is_a_warning(rule: str, reason: str, tmp_path: Path) -> None:
    [warning] = warnings(tmp_path, channel_rules=SOUND["channel_rules"] + rule + "\n")
    assert warning.startswith("channel_rules.csv line 5: late can never match: ") and reason in warning


@pytest.mark.parametrize(
    "rule",
    [
        "late,4,google,,cpm,,,ads",
        "late,4,google,contains,cpc,,,ads",
        "late,4,google,,^cpc$,pattern,,ads",
        "late,4,oldnews,,email,,,mail",
        "early,0,google,,cpc,,,ads",
        "late,4,news,contains,email,,,mail",
    ],
)
def test_a_channel_rule_that_may_match_is_no_warning(rule: str, tmp_path: Path) -> None:
    assert warnings(tmp_path, channel_rules=SOUND["channel_rules"] + rule + "\n") == []


def test_a_rule_about_hosts_is_not_written_as_an_address(tmp_path: Path) -> None:
    rules = (
        "channel_rule_id,rule_order,referrer,referrer_match,channel\n"
        "whole,1,https://www.example.org/,,friends\nhost,2,example.org,,friends\nsub,3,blog.example.org,,friends\n"
    )
    assert warnings(tmp_path, channel_rules=rules) == [
        "channel_rules.csv line 2: whole can never match: referrer = https://www.example.org/: what is compared is the "
        "host without www. Write it as in example.org."
    ]


def test_medium_and_utm_medium_are_one_value(tmp_path: Path) -> None:
    rules = (
        "channel_rule_id,rule_order,medium,utm_medium,utm_medium_match,channel\n"
        "two,1,cpc,email,,ads\none,2,cpc,cp,starts,ads\n"
    )
    [warning] = warnings(tmp_path, channel_rules=rules)
    assert warning.startswith("channel_rules.csv line 2: two can never match: medium and utm_medium")


def test_versions_that_follow_each_other_are_in_order_whatever_their_numbers(tmp_path: Path) -> None:
    found = versions(
        "buying,3,Buying,,2025-01-01,2024-06-01",
        "buying,1,Buying,2025-07-01,,2026-01-01",
        "buying,2,Buying,2025-01-01,2025-07-01,2024-06-01",
    )
    assert warnings(tmp_path, **found) == []


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [
        ("buying,1,Buying,2025-01-01,2025-07-01,", "buying,2,Buying,2025-06-30,,", "on 2025-06-30"),
        ("buying,1,Buying,2025-01-01,2025-07-01,", "buying,2,Buying,2025-06-01,,", "from 2025-06-01 to 2025-06-30"),
        ("buying,1,Buying,,,", "buying,2,Buying,2025-06-01,2025-06-03,", "from 2025-06-01 to 2025-06-02"),
        ("buying,1,Buying,2025-01-01,,", "buying,2,Buying,2025-06-01,,", "from 2025-06-01 on"),
        ("buying,1,Buying,,2025-06-01,", "buying,2,Buying,,2025-07-01,", "up to 2025-05-31"),
        ("buying,1,Buying,,,", "buying,2,Buying,,,", "on all days"),
    ],
)
def test_versions_that_overlap_are_an_error_that_names_both_lines_and_the_days(
    first: str, second: str, days: str, tmp_path: Path
) -> None:
    [messages] = errors(tmp_path, **versions(first, second))
    assert messages == (
        f"journeys.csv line 3: version 2 of journey buying and version 1 in line 2 are both valid {days}. One version "
        "may be valid on a day: let valid_to of the earlier be valid_from of the later."
    )


@pytest.mark.parametrize("valid_to", ["2025-06-01", "2025-05-31"])
def test_a_version_that_is_valid_on_no_day_is_an_error(valid_to: str, tmp_path: Path) -> None:
    [messages] = errors(tmp_path, **versions(f"buying,1,Buying,2025-06-01,{valid_to},"))
    assert messages.startswith("journeys.csv line 2: version 1 of journey buying is valid on no day: valid_to")
    assert "set a later one, or leave it empty" in messages


def test_days_between_two_prices_are_a_warning(tmp_path: Path) -> None:
    gap = SOUND["unit_costs"].replace(",,2026-01-01\n", ",,2025-12-30\n")
    assert warnings(tmp_path, unit_costs=gap) == [
        "unit_costs.csv line 3: call_2026 begins later than call in line 2 ends: from 2025-12-30 to 2025-12-31 these "
        "events take another price that matches, or have none and are counted as without a cost. If that is not "
        "intended, set valid_to of the one to valid_from of the other."
    ]


def test_days_since_the_last_price_ended_are_a_warning(tmp_path: Path) -> None:
    ended = SOUND["unit_costs"].replace("talk_seconds,2026-01-01,\n", "talk_seconds,2026-01-01,2026-01-02\n")
    assert warnings(tmp_path, unit_costs=ended) == [
        "unit_costs.csv line 3: call_2026 ended, and no price follows it: from 2026-01-02 on these events take another "
        "price that matches, or have none and are counted as without a cost. If that is not intended, add a row with "
        "the price that holds now, or remove valid_to."
    ]


def test_days_on_which_no_version_is_valid_are_a_warning(tmp_path: Path) -> None:
    found = versions("buying,1,Buying,,2025-06-01,2026-01-01", "buying,2,Buying,2025-06-04,,2026-01-01")
    [messages] = warnings(tmp_path, **found)
    assert messages.startswith(
        "journeys.csv line 3: no version of journey buying is valid from 2025-06-01 to 2025-06-03, between line 2 and "
        "this one: matched events on those days begin nothing."
    )


def test_references_hold_by_version(tmp_path: Path) -> None:
    found = versions("buying,1,Buying,,2025-06-01,2026-01-01", "buying,2,Buying,2025-06-01,,2026-01-01")
    spoilt = found["phases"].replace("buying,2,bought", "buying,2,paid")
    [messages] = errors(tmp_path, **{**found, "phases": spoilt})
    assert messages.startswith("critical_events.csv line 5: phase bought is not in phases.csv.")


def test_a_phase_that_no_critical_event_leads_into_is_a_warning(tmp_path: Path) -> None:
    rules = "\n".join(SOUND["critical_events"].splitlines()[:2])
    assert warnings(tmp_path, critical_events=rules) == [
        "phases.csv line 3: no critical event leads into phase bought of buying version 1: nobody can reach it. Add "
        "one to critical_events.csv."
    ]


def test_a_required_phase_behind_a_required_end_is_a_warning(tmp_path: Path) -> None:
    phases = SOUND["phases"].replace("14,false,true", "14,true,true")
    [messages] = warnings(tmp_path, phases=phases)
    assert messages.startswith("phases.csv line 3: phase bought of buying version 1 lies behind looking (line 2)")


@pytest.mark.parametrize(
    ("rule", "messages"),
    [
        ("again,buying,1,bought,product_viewed,,", "line 2: looked never counts: whatever it matches, again in"),
        ("again,buying,1,looking,product_viewed,,", "line 4: again never counts: whatever it matches, looked in"),
        ("again,buying,1,looking,order_placed,a,b", "line 4: again never counts: whatever it matches, bought in"),
        ("again,buying,1,bought,product_viewed,a,b", None),
        ("again,buying,1,looking,product_viewed,a,b", None),
        # an exact name counts before a wildcard, whatever the phase
        ("again,buying,1,bought,*,,", None),
        ("again,buying,1,looking,order_*,,", None),
    ],
)
def test_a_rule_that_another_always_overrules_is_a_warning(rule: str, messages: str | None, tmp_path: Path) -> None:
    said = warnings(tmp_path, critical_events=SOUND["critical_events"] + rule + "\n")
    assert len(said) == (messages is not None)
    assert all(line.startswith(f"critical_events.csv {messages}") for line in said)


def test_of_two_like_rules_the_one_that_ends_the_case_counts(tmp_path: Path) -> None:
    header, *rules = SOUND["critical_events"].splitlines()
    rules = [f"{rule}," for rule in rules] + ["ended,buying,1,looking,product_viewed,,,true"]
    said = warnings(tmp_path, critical_events="\n".join([f"{header},ends_case", *rules]) + "\n")
    assert [line.partition(" in ")[0] for line in said] == [
        "critical_events.csv line 2: looked never counts: whatever it matches, ended"
    ]


def test_a_file_that_no_seed_is_named_like_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    [messages] = errors(tmp_path, journies="journey_id\nbuying\n")
    assert messages == "journies.csv: no seed has this name. Did you mean journeys?"


def test_a_value_that_would_be_cut_off_at_its_comma_is_an_error(tmp_path: Path) -> None:
    [messages] = errors(tmp_path, kpi_roles=SOUND["kpi_roles"] + "order_value,informed,Anna,, who owns the shop\n")
    assert (
        messages.startswith("kpi_roles.csv line 3: the row has 1 value(s) more than the header")
        and "quotes" in messages
    )


def test_a_seed_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    resolved(tmp_path)
    (tmp_path / "seeds" / "sources.csv").write_bytes("source_system,priority\ncafé,1\n".encode("latin-1"))
    with pytest.raises(SeedsInvalid, match=r"sources\.csv: the file is not UTF-8\. Save it again"):
        resolve_seeds(tmp_path / "seeds", SHIPPED, tmp_path / "resolved", today=TODAY)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    messages = errors(
        tmp_path,
        phases=SOUND["phases"].replace("14", "-14"),
        kpi_roles=SOUND["kpi_roles"].replace("accountable", "boss"),
    )
    assert {line.split(" line")[0] for line in messages} >= {"phases.csv", "kpi_roles.csv", "kpis.csv"}


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    """A quoted line break and an empty line above must not move the number."""
    seeds = 'source_system,priority,description\nweb,10,"two\nlines"\n\ntill,-1,\n'
    [messages] = errors(tmp_path, sources=seeds)
    assert messages.startswith("sources.csv line 5: priority = -1")


def test_errors_leave_the_resolved_seeds_as_they_were(tmp_path: Path) -> None:
    resolved(tmp_path)
    before = (tmp_path / "resolved" / "phases.csv").read_bytes()
    errors(tmp_path, phases=SOUND["phases"].replace("Looking,14", "Looking,-14"))
    assert (tmp_path / "resolved" / "phases.csv").read_bytes() == before


def test_missing_seeds_are_empty_or_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    resolve_seeds(tmp_path / "seeds", SHIPPED, tmp_path / "resolved", today=TODAY)
    for definition in read_definitions(SHIPPED / "_seeds.yml"):
        found = rows(tmp_path / "resolved" / f"{definition.name}.csv")
        if definition.name in (
            "identifier_types", "channel_rules", "bot_rules", "touch_rules", "attribution_rules", "feedback_topics",
        ):  # fmt: skip
            assert definition.when_missing == "shipped"
            assert len(found) == len(rows(SHIPPED / f"{definition.name}.csv")) > 0
        else:
            assert definition.when_missing == "empty", definition.name
            assert found == [], definition.name


def test_a_people_record_is_an_identifier_in_every_business(tmp_path: Path) -> None:
    types = "identifier_type,kind,priority,is_unique_per_person,normalisation\nbadge,person,1,true,exact\n"
    resolved(tmp_path, identifier_types=types)
    found = rows(tmp_path / "resolved" / "identifier_types.csv")
    assert [row["identifier_type"] for row in found] == ["badge", "record"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("badge,person,1,true,maybe,exact", ["line 2: is_compared = maybe", "true or false"]),
        ("tag,device,1,false,true,exact", ["line 2: tag is_compared = true", "identifies a device", "Set false"]),
        ("phone,person,1,false,true,phone", ["line 2: phone is_compared = true", "in any case. Leave it empty"]),
        ("record,person,9,false,true,exact", ["line 2: record is_compared = true", "Leave it empty"]),
        ("Tax-No,person,1,true,true,digits", ["line 2: Tax-No is_compared = true", "Rename it"]),
    ],
)
def test_only_numbers_of_people_are_compared(tmp_path: Path, row: str, said: list[str]) -> None:
    header = "identifier_type,kind,priority,is_unique_per_person,is_compared,normalisation"
    found = errors(tmp_path, identifier_types=f"{header}\n{row}\n")
    assert len(found) == 1 and all(part in found[0] for part in ["identifier_types.csv", *said]), found
    assert resolved(tmp_path, identifier_types=f"{header}\nbadge,person,1,true,true,exact\n").errors == ()


def test_files_of_spreadsheets_are_read_as_they_are(tmp_path: Path) -> None:
    """A byte order mark, CRLF and blanks around values come from spreadsheets and change nothing."""
    text = "\ufeff" + SOUND["sources"].replace("\n", "\r\n").replace("web,10", " web , 10 ")
    assert resolved(tmp_path, sources=text).errors == ()
    assert rows(tmp_path / "resolved" / "sources.csv")[0] == {
        "source_system": "web", "source_name": "", "priority": "10", "description": "",
    }  # fmt: skip


def test_a_map_that_nobody_validated_for_a_year_is_a_warning(tmp_path: Path) -> None:
    report = resolved(tmp_path, journeys=SOUND["journeys"].replace("2026-01-01", "2025-02-01"))
    messages = "\n".join(str(problem) for problem in report.warnings)
    assert "journeys.csv line 2: the map of buying was last validated on 2025-02-01" in messages


MEASURES = (
    "measure_id,subject,aggregation,value_column,event_name,channel,journey_id,phase_id,outcome,is_pending_included\n"
    "orders,events,count,,order_placed,,,,,\nrevenue,events,sum,amount,order_placed,,,,,\n"
    "app_orders,events,count,,order_placed,app,,,,\nbuyers,events,distinct_customers,,order_placed,,,,,\n"
    "returns,events,count,,order_returned,,,,,\nmood,events,sum,feedback_share,rated,,,,,\n"
    "rated,events,count,,rated,,,,,\nrated_at_all,events,count,feedback_share,rated,,,,,\n"
    "happy,events,count,top_two_boxes,rated,,,,,\npoints,events,sum,nps_points,rated,,,,,\n"
    "looks,intervals,count,,,,buying,looking,,\npassed,intervals,count,,,,buying,looking,fell_through,\n"
    "ended,intervals,count,,,,buying,looking,,false\nlost,intervals,count,,,,buying,looking,fell_out|pending,\n"
    "all_ended,intervals,count,,,,buying,,,false\nall_passed,intervals,count,,,,buying,,fell_through,\n"
)


@pytest.mark.parametrize(
    ("part", "whole", "reason"),
    [
        ("app_orders", "orders", None),
        ("mood", "rated", None),
        ("mood", "rated_at_all", None),
        ("happy", "rated_at_all", None),
        ("points", "rated", "nps_points is not a number from 0 to 1"),
        ("passed", "looks", None),
        ("passed", "ended", None),
        ("orders", "app_orders", "only the latter asks for channel = app"),
        ("returns", "orders", "only the latter asks for event_name = order_placed"),
        ("orders", "buyers", "a count is no part of a distinct_customers"),
        ("revenue", "orders", "amount is not a number from 0 to 1"),
        ("rated", "rated_at_all", "only the latter asks for a value in feedback_share"),
        ("lost", "ended", "the latter leaves out some of its outcomes"),
        ("looks", "passed", "the latter leaves out some of its outcomes"),
        ("passed", "orders", "only the latter asks for subject = events"),
        ("orders", "", "without a denominator_measure_id"),
        ("all_passed", "all_ended", "nothing is decided against in phase bought"),
    ],
)
def test_a_share_is_of_a_whole_and_may_not_exceed_1(part: str, whole: str, reason: str | None, tmp_path: Path) -> None:
    kpis = SOUND["kpis"].replace("EUR,month,revenue,orders", f"share,month,{part},{whole}")
    if reason is None:
        assert resolved(tmp_path, measures=MEASURES, kpis=kpis).errors == ()
    else:
        [said] = errors(tmp_path, measures=MEASURES, kpis=kpis)
        assert said.startswith("kpis.csv line 2: order_value is a share") and reason in said, said
        assert "Set" in said or "Name" in said


def test_one_figure_under_two_names_is_a_warning(tmp_path: Path) -> None:
    twice = SOUND["kpis"] + "same,The same,buying,looking,money,primary,up,EUR,month,revenue,orders\n"
    roles = SOUND["kpi_roles"] + "same,accountable,Shop keeper,\n"
    messages = [str(problem) for problem in resolved(tmp_path, kpis=twice, kpi_roles=roles).warnings]
    assert any(
        line.startswith("kpis.csv line 3: same is the same figure as order_value in line 2. Keep it")
        for line in messages
    )


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=lambda example: example.name)
def test_shipped_kpis_show_no_figure_twice(example, tmp_path: Path) -> None:
    report = resolve_seeds(PROJECT_ROOT / example.seeds, SHIPPED, tmp_path, today=example.as_of.date())
    assert [line for line in map(str, report.warnings) if "the same figure" in line] == []


def test_a_phase_without_a_kind_of_kpi_is_a_warning(tmp_path: Path) -> None:
    messages = "\n".join(str(problem) for problem in resolved(tmp_path).warnings)
    assert "phases.csv line 3: phase bought of buying has no KPI of the kind feeling" in messages


def test_seeds_are_written_only_when_they_change(tmp_path: Path) -> None:
    """dbt parses the project again when the time of a file changes."""
    resolved(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "resolved").iterdir()}
    resolved(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "resolved").iterdir()} == before


def test_a_decision_is_made_once_whichever_way_round(tmp_path: Path) -> None:
    head, one, other = "decision,type_a,identifier_a,type_b,identifier_b", "email,a@example.com", "phone,+3161"
    for first, second in ((one, other), (other, one)):
        rows = f"{head}\nmust_link,{first},{second}\nmust_link,{second},{first}\n"
        messages = errors(tmp_path, identity_decisions=rows)
        assert messages == [
            "identity_decisions.csv line 3: line 2 says the same the other way round. Keep one of the two."
        ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("meta: {minimum: 0}", "meta: {minimun: 0}", "config.meta.minimun: there is no such key"),
        ("meta: {minimum: 0}", "meta: {minimum: low}", "config.meta.minimum: Input should be a valid decimal"),
        (
            "meta: {required: true}",
            "meta: {required: perhaps}",
            "config.meta.required: Input should be a valid boolean",
        ),
        (
            "when_missing: empty",
            "when_missing: made_up",
            "config.meta.when_missing: Input should be 'empty' or 'shipped'",
        ),
        ("data_type: bigint", "data_type: int", "data_type: String should match pattern"),
    ],
)
def test_a_mistake_in_the_declaration_of_seeds_is_named_with_its_line(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = (SHIPPED / "_seeds.yml").read_text(encoding="utf-8")
    (tmp_path / "_seeds.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(SeedsInvalid, match=rf"_seeds\.yml line {line}: seeds\.\d+\..*{said}"):
        read_definitions(tmp_path / "_seeds.yml")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("shoop,,,,,,,,", "source_name = shoop: no source has this name. Did you mean shop?"),
        ("shop,order,,,,,,,", "table_name = order: shop has no such table. Did you mean orders?"),
        ("shop,orders,,prise,,,,,", "column_name = prise: shop.orders has no such column."),
        (",orders,,,,,,,", "table_name = orders: its source is missing. Fill in source_name."),
        ("shop,,,total_price,,,,,", "column_name = total_price: its table is missing. Fill in table_name."),
        ("shop,,rows,,,,,2026-01-01,", "ends_on = 2026-01-01: a source or table ends, no metric or column."),
        (",,,,,,,2026-01-01,", "ends_on = 2026-01-01: of which source? Fill in source_name."),
        ("shop,,row,,,,,,", "metric = row: expected one of rows, rows_relative"),
        ("shop,,rows,,-1,,,,", "minimum_effect = -1: expected at least 0."),
        ("shop,,rows,,,no,,,", "is_on = no: expected true or false."),
    ],
)
def test_a_limit_of_deliveries_that_says_nothing_usable_is_an_error(tmp_path: Path, row: str, says: str) -> None:
    header = "source_name,table_name,metric,column_name,minimum_effect,is_on,blocks,ends_on,reason\n"
    [error] = errors(tmp_path, delivery_limits=f"{header}{row}\n")
    assert error.startswith(f"delivery_limits.csv line 2: {says}"), error


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("order_valu,value,,,,", "kpi_id = order_valu is not in kpis.csv. Did you mean order_value?"),
        (",valu,,,,", "figure = valu: expected one of value, volume"),
        (",,-1,,,", "minimum_effect = -1: expected at least 0."),
        (",,,no,,", "is_on = no: expected true or false."),
        (",,,,yes,", "blocks = yes: expected true or false."),
    ],
)
def test_a_limit_of_kpis_that_says_nothing_usable_is_an_error(tmp_path: Path, row: str, says: str) -> None:
    [error] = errors(tmp_path, kpi_limits=f"kpi_id,figure,minimum_effect,is_on,blocks,reason\n{row}\n")
    assert error.startswith(f"kpi_limits.csv line 2: {says}"), error


OTHERS = "measure_id,subject,aggregation,value_column,outcome,churn_rule_id,feedback_kind,channel\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("left,churn,count,,churned,,,", "needs a churn_rule_id. Name the rule"),
        (
            "left,churn,count,,churned,silense,,",
            "churn_rule_id = silense is not in churn_rules.csv.",
        ),
        ("left,churn,count,,fell_out,silence,,", "outcome fell_out: expected churned, stayed, joined by |"),
        ("left,churn,sum,amount,,silence,,", "value_column = amount: churn have none. Leave it empty"),
        ("left,churn,count,,,silence,nps,", "feedback_kind = nps: churn can't be narrowed by it"),
        ("sent,invitations,distinct_customers,,,,,", "an invitation may go to nobody who is known. Set count"),
        ("sent,invitations,count,,churned,,,", "outcome churned: expected answered, unanswered, joined by |"),
        ("sent,invitations,count,,,,,web", "channel = web: invitations can't be narrowed by it"),
        ("sent,events,count,,,silence,,", "churn_rule_id = silence: events are no churn"),
    ],
)
def test_measures_of_churn_and_invitations_have_what_they_need(tmp_path: Path, row: str, message: str) -> None:
    sound = "orders,events,count,,,,,\nrevenue,events,sum,amount,,,,\n"
    found = errors(tmp_path, measures=f"{OTHERS}{sound}{row}\n")
    assert any(error.startswith("measures.csv line 4") and message in error for error in found), found


def test_kpis_without_a_timing_have_none_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    """Seeds of an earlier version have no such column."""
    resolved(tmp_path)
    header, row = (tmp_path / "resolved" / "kpis.csv").read_text(encoding="utf-8").splitlines()
    assert header.endswith(",timing") and row.endswith(",")
    header, row = SOUND["kpis"].splitlines()
    [found] = errors(tmp_path, kpis=f"{header},timing\n{row},soon\n")
    assert found.startswith("kpis.csv line 2: timing = soon: ") and "leads, lags, outcome" in found
