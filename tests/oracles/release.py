"""Works out from delivered text what a release has to say, by asking every other oracle in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from tests.oracles import (
    attribution,
    costs,
    feed,
    flows,
    funnels,
    gaps,
    identity,
    journeys,
    kpis,
    ownership,
    performance,
    sessions,
    spend,
    stalled,
    survival,
    timeline,
    versions,
)
from tests.oracles.feed import Row

Texts = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Release:
    """The tables an oracle can speak about; rows shaped like the release's.

    Ids of events, customers and visitors follow the given hash. `session_id`, `journey_instance_id` and
    `interval_id` are the oracle's own names: compare by `first_event_id` and `entry_event_id` instead. `flows` holds
    rows by the name of their table.
    """

    events: Sequence[Row]
    sessions: Sequence[Row]
    customers: Sequence[Row]
    bridge: Sequence[Row]
    records: Sequence[Row]
    over_cap: Sequence[Row]
    links: Sequence[Row]
    decisions: Sequence[Row]
    journeys: Sequence[Row]
    intervals: Sequence[Row]
    transitions: Sequence[Row]
    phases_daily: Sequence[Row]
    phase_survival: Sequence[Row]
    phase_conversions: Sequence[Row]
    funnel_steps: Sequence[Row]
    gaps: Sequence[Row]
    gap_totals: Sequence[Row]
    stalled: Sequence[Row]
    stalled_pools: Sequence[Row]
    overruled_matches: Sequence[Row]
    flows: Mapping[str, Sequence[Row]]
    segments: Sequence[Row]
    kpi_values: Sequence[Row]
    kpi_values_by_level: Sequence[Row]
    kpi_periods: Sequence[Row]
    scorecard: Sequence[Row]
    attribution: attribution.Attribution
    event_statuses: Sequence[Row]
    people_statuses: Sequence[Row]
    spend: Sequence[Row]
    service_costs: Sequence[Row]
    customer_costs: Sequence[Row]
    touchpoint_costs: Sequence[Row]
    journey_costs: Sequence[Row]
    channel_performance: Sequence[Row]


MAY_BE_MISSING = ("channel", "touchpoint", "department", "campaign", "currency", "amount")


def expected(
    delivered: Mapping[str, Texts],
    seeds: Mapping[str, Texts],
    *,
    as_of: datetime,
    hash_of: identity.HashOf,
    time_zone: str = "UTC",
    inactivity_seconds: int = 1800,
    max_hours: int = 24,
    policy: ownership.Policy = "last_login",
) -> Release:
    """Returns what the release of these deliveries of the feed, and of ads.daily_spend, says.

    `delivered` holds rows of text by table, each with its `batch`; `as_of` is naive UTC.
    """
    event_statuses = versions.with_status(
        delivered.get("events", ()), ["event_id"], version_column="updated_at", key_scope="source_system"
    )
    people_statuses = versions.with_status(
        delivered.get("people", ()), ["source_system", "person_key"], version_column="updated_at"
    )
    priorities = timeline.source_priorities(seeds.get("sources", ()))
    types = identity.identifier_types(seeds["identifier_types"])
    events = feed.event_rows(versions.current(event_statuses))
    who = identity.solved(
        events,
        feed.people_rows(versions.current(people_statuses)),
        event_versions=feed.event_rows(versions.landed(event_statuses)),
        people_versions=feed.people_rows(versions.landed(people_statuses)),
        types=types,
        blocked=identity.blocked_values(seeds.get("blocked_identifiers", ()), types),
        priorities=priorities,
        hash_of=hash_of,
        decisions=seeds.get("identity_decisions", ()),
        policy=policy,
    )
    for event in events:
        # a delivery may come without columns that its contract does not require
        for name in MAY_BE_MISSING:
            event.setdefault(name, None)
        event["customer_id"] = who.customer_of_event[event["event_id"]]
        event["visitor_id"] = who.visitor_of_event[event["event_id"]]
        event["is_identified"] = event["customer_id"] in who.people_customers
        event["is_linkable"] = event["event_id"] in who.linkable_events
    events = timeline.numbered(timeline.marked(events, seeds.get("bot_rules", ()), as_of), priorities)
    found = sessions.sessions_of_events(events, priorities, inactivity_seconds=inactivity_seconds, max_hours=max_hours)
    for event in events:
        event["session_id"] = found.get(event["event_id"])

    known = journeys.definitions(seeds, time_zone=time_zone)
    attributed = attribution.attributed(events, seeds, as_of=as_of)
    instances, overruled = journeys.walked(events, known, as_of=as_of, priorities=priorities)
    intervals = journeys.interval_rows(instances, as_of=as_of)
    walks = flows.walks(instances, events, as_of=as_of, priorities=priorities)
    levels = journeys.instance_rows(instances, events, as_of=as_of, priorities=priorities)
    level_of = {row["journey_instance_id"]: row["level"] for row in levels}
    spent = spend.spend_rows(delivered, seeds, as_of=as_of)
    service_costs = costs.cost_rows(events, seeds, known)
    steps = costs.steps_of(instances, events, as_of=as_of, priorities=priorities)
    of_money = kpis.money_facts(
        spent, service_costs, [(one.journey_id, one.phase_id, one.event_id) for one in steps], seeds
    )
    of_money += kpis.churn_facts(events, seeds, known, as_of)
    of_money += kpis.credit_facts(attributed, seeds)
    facts = [*kpis.facts(events, intervals, level_of, seeds, known), *of_money]

    @cache
    def facts_at(moment: datetime) -> Sequence[kpis.Fact]:
        """What measures of intervals count for somebody who asks at an earlier moment; levels are those of now."""
        before = [event for event in events if event["occurred_at"] <= moment]
        walked, _ = journeys.walked(before, known, as_of=moment, priorities=priorities)
        place = {(row["journey_id"], row["entry_event_id"]): row["journey_instance_id"] for row in intervals}
        then = [
            {**row, "journey_instance_id": place[row["journey_id"], row["entry_event_id"]]}
            for row in journeys.interval_rows(walked, as_of=moment)
        ]
        return kpis.interval_facts(then, events, level_of, seeds, known)

    kpi_periods = kpis.period_rows(
        facts,
        seeds,
        known,
        kpis.beginnings(events, intervals, seeds, known, of_money),
        facts_at,
        kpis.coverage(events, facts, seeds, known),
        as_of=as_of,
    )
    customer_of_record = {row["person_key_hash"]: row["customer_id"] for row in who.records}
    people = [
        {
            **person,
            "customer_id": customer_of_record[hash_of("record", f"{person['source_system']}:{person['person_key']}")],
        }
        for person in feed.people_rows(versions.current(people_statuses))
    ]
    in_segment = kpis.members(who.customers, people, seeds, known)
    found_gaps = gaps.gap_rows(
        instances, events, seeds, as_of=as_of, priorities=priorities, inactivity_seconds=inactivity_seconds
    )
    stuck = stalled.stalled_rows(intervals, instances, events, seeds, known, as_of=as_of, priorities=priorities)
    return Release(
        events=events,
        sessions=sessions.session_rows(events, found, priorities),
        customers=who.customers,
        bridge=who.bridge,
        records=who.records,
        over_cap=who.over_cap,
        links=who.links,
        decisions=who.decisions,
        journeys=levels,
        intervals=intervals,
        transitions=journeys.transition_rows(intervals),
        phases_daily=journeys.daily_rows(intervals, known, as_of=as_of),
        phase_survival=survival.survival_rows(intervals, known),
        phase_conversions=survival.conversion_rows(intervals, known),
        funnel_steps=funnels.funnel_rows(instances, known, as_of=as_of),
        gaps=found_gaps,
        gap_totals=gaps.total_rows(found_gaps, instances),
        stalled=stuck,
        stalled_pools=stalled.pool_rows(stuck, intervals, events, in_segment, seeds, known, as_of=as_of),
        overruled_matches=overruled,
        flows={
            "agg_transitions": flows.transition_rows(walks),
            "agg_transitions_by_level": flows.transition_rows(walks, "level"),
            "agg_variants": flows.variant_rows(walks),
            "agg_variants_by_level": flows.variant_rows(walks, "level"),
            "agg_rework": flows.rework_rows(walks),
            "agg_eventually_follows": flows.follows_rows(walks),
            "agg_conformance": flows.conformance_rows(instances, known),
            "agg_conformance_monthly": flows.monthly_conformance_rows(instances, walks, known),
            "map_stops": flows.stop_rows(walks, known, seeds.get("channels", ())),
            "map_edges": flows.move_rows(walks, is_transfer=False),
            "map_transfers": flows.move_rows(walks, is_transfer=True),
        },
        segments=[
            {"segment": segment, "customer_id": customer_id}
            for segment, customers in in_segment.items()
            for customer_id in customers
        ],
        kpi_values=kpis.daily_rows(facts, in_segment, seeds),
        kpi_values_by_level=kpis.by_level_rows(facts, seeds),
        kpi_periods=kpi_periods,
        scorecard=kpis.scorecard_rows(kpi_periods, seeds),
        attribution=attributed,
        event_statuses=event_statuses,
        people_statuses=people_statuses,
        spend=spent,
        service_costs=service_costs,
        customer_costs=costs.customer_rows(service_costs),
        touchpoint_costs=costs.touchpoint_rows(service_costs),
        journey_costs=costs.instance_rows(steps, service_costs),
        channel_performance=performance.performance_rows(attributed, spent, service_costs, seeds),
    )
