"""Compares a built warehouse with what the oracles say of the same rows, one published table at a time.

Each function returns what is not as it should be, one line each; nothing when all is well. Ids that the oracle has
no opinion on (sessions, instances, intervals) are recognised by their events.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.conftest import Warehouse
from tests.oracles.hashes import hash_of
from tests.oracles.journeys import OUTCOMES
from tests.oracles.release import Release

Row = Mapping[str, Any]
ByKey = dict[Hashable, dict[str, Any]]
Comparison = Callable[[Warehouse, Release], list[str]]


def events(built: Warehouse, expected: Release) -> list[str]:
    columns = (
        "customer_id", "visitor_id", "event_number", "source_system", "event_name", "channel", "touchpoint",
        "amount", "currency", "is_identified", "is_linkable", "is_bot", "is_after_as_of", "occurred_at",
    )  # fmt: skip
    said = built.query("select * from core.fct_events")
    return _differing(_by(["event_id"], expected.events, columns), _by(["event_id"], said, columns))


def sessions(built: Warehouse, expected: Release) -> list[str]:
    def with_events(of_sessions: Iterable[Row], rows: Iterable[Row]) -> ByKey:
        inside = defaultdict(list)
        for event in of_sessions:
            inside[event["session_id"]].append(event["event_id"])
        named = [{**row, "events": tuple(sorted(inside[row["session_id"]]))} for row in rows]
        return _by(["events"], named, ["visitor_id", "customer_id", "event_count", "started_at", "ended_at"])

    said = with_events(
        built.query("select event_id, session_id from core.fct_events"),
        built.query("select * from core.fct_sessions"),
    )
    return _differing(with_events(expected.events, expected.sessions), said)


def customers(built: Warehouse, expected: Release) -> list[str]:
    columns = ("is_anonymous", "is_linkable", "event_count", "first_seen_at", "last_seen_at")
    said = built.query("select * from core.dim_customers")
    return _differing(_by(["customer_id"], expected.customers, columns), _by(["customer_id"], said, columns))


def owners_of_identifiers(built: Warehouse, expected: Release) -> list[str]:
    keys, columns = ("identifier_type", "identifier_hash", "valid_from"), ("customer_id", "valid_to")
    said = built.query("select * from core.bridge_customer_identifiers")
    return _differing(_by(keys, expected.bridge, columns), _by(keys, said, columns))


def customers_of_records(built: Warehouse, expected: Release) -> list[str]:
    keys, columns = ("source_system", "person_key_hash"), ("customer_id",)
    said = built.query("select * from core.bridge_customer_records")
    return _differing(_by(keys, expected.records, columns), _by(keys, said, columns))


def values_over_cap(built: Warehouse, expected: Release) -> list[str]:
    wanted = [
        {**row, "identifier_hash": hash_of(row["identifier_type"], row["identifier"])} for row in expected.over_cap
    ]
    said = built.query(
        "select identifier_type, identifier_hash, person_count as people_count "
        "from intermediate.int_identifier_trust where is_over_cap and not is_blocked"
    )
    keys, columns = ("identifier_type", "identifier_hash"), ("people_count",)
    return _differing(_by(keys, wanted, columns), _by(keys, said, columns))


def links(built: Warehouse, expected: Release) -> list[str]:
    """Pairs that something joins, accepted or refused; what blocked and over-cap values would join is left out."""
    said = built.query(
        "select distinct identifier_a, identifier_b, status, refused_because from core.fct_identifier_links "
        "where refused_because is null or refused_because not in ('blocked', 'over_cap')"
    )
    keys, columns = ("identifier_a", "identifier_b"), ("status", "refused_because")
    return _differing(_by(keys, expected.links, columns), _by(keys, said, columns))


def decisions(built: Warehouse, expected: Release) -> list[str]:
    """What became of decisions, whichever end the seed names first and however often it says the same."""

    def outcomes(rows: Iterable[Row]) -> ByKey:
        return {
            (row["decision"], frozenset({row["identifier_a"], row["identifier_b"]}), row["outcome"]): {} for row in rows
        }

    said = built.query("select * from hygiene.identity_decision_outcomes")
    return _differing(outcomes(expected.decisions), outcomes(said))


def health(built: Warehouse, expected: Release) -> list[str]:
    """The lines of hygiene.identity_health that bad input shows in, counted from what the oracle says."""
    wanted: Counter[tuple[str, str]] = Counter()
    for row in expected.links:
        if row["status"] == "refused":
            wanted["links_refused", row["refused_because"]] += 1
    for row in expected.over_cap:
        wanted["values_over_cap", row["identifier_type"]] += 1
    for decision, _, outcome in {
        (row["decision"], frozenset({row["identifier_a"], row["identifier_b"]}), row["outcome"])
        for row in expected.decisions
    }:
        wanted["decisions", f"{decision} {outcome}"] += 1
    wanted["customers", "(all)"] = sum(not row["is_anonymous"] for row in expected.customers)
    said = {
        (row["measure"], row["dimension_value"]): int(row["value"])
        for row in built.query("select * from hygiene.identity_health")
        if row["measure"] in {"links_refused", "values_over_cap", "decisions", "customers"}
        and row["dimension_value"] not in ("blocked", "over_cap")
    }
    return [
        f"{line}: expected {wanted.get(line, 0)}, found {said.get(line, 0)}"
        for line in sorted(wanted.keys() | said.keys())
        if wanted.get(line, 0) != said.get(line, 0)
    ]


def intervals(built: Warehouse, expected: Release) -> list[str]:
    columns = (
        "customer_id", "phase_id", "phase_order", "interval_number", "first_event_id", "outcome", "next_phase_id",
        "dwell_seconds", "is_stalled", "entered_at", "left_at",
    )  # fmt: skip
    said = built.query("select * from journeys.fct_phase_intervals")
    begun = _first_events(said)
    named = [{**row, "first_event_id": begun.get(row["journey_instance_id"])} for row in said]
    keys = ("journey_id", "entry_event_id")
    return _differing(_by(keys, expected.intervals, columns), _by(keys, named, columns))


def journeys(built: Warehouse, expected: Release) -> list[str]:
    begun = _first_events(built.query("select * from journeys.fct_phase_intervals"))
    said = [
        {
            **row,
            "first_event_id": begun.get(row["journey_instance_id"]),
            "journey_version": str(row["journey_version"]),
        }
        for row in built.query("select * from journeys.fct_journeys")
    ]
    keys, columns = (
        ("journey_id", "first_event_id"),
        (
            "journey_version", "customer_id", "level", "outcome", "first_event_name", "last_event_name",
            "duration_seconds", "started_at", "last_step_at", "ended_at",
        ),
    )  # fmt: skip
    return _differing(_by(keys, expected.journeys, columns), _by(keys, said, columns))


def moves(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("""
        select
            moves.*, entered.entry_event_id as event_id, left_intervals.outcome, moves.moved_at as occurred_at
        from journeys.fct_phase_transitions as moves
        inner join journeys.fct_phase_intervals as entered on entered.interval_id = moves.to_interval_id
        inner join journeys.fct_phase_intervals as left_intervals on left_intervals.interval_id = moves.from_interval_id
    """)
    keys = ("journey_id", "event_id")
    columns = ("customer_id", "from_phase_id", "to_phase_id", "outcome", "dwell_seconds", "occurred_at")
    return _differing(_by(keys, expected.transitions, columns), _by(keys, said, columns))


def phases_by_day(built: Warehouse, expected: Release) -> list[str]:
    left = [f"left_{outcome}" for outcome in OUTCOMES if outcome != "pending"]
    counts = ("entered", *OUTCOMES, "present", *left)
    said = [
        {
            "journey_id": row["journey_id"],
            "phase_id": row["phase_id"],
            "day": row["measured_on"],
            **{name: row[f"{name}_count"] for name in counts},
        }
        for row in built.query("select * from journeys.agg_phases_daily")
    ]
    keys = ("journey_id", "phase_id", "day")
    # a day without anything to count has no row on either side
    return _differing(_by(keys, expected.phases_daily, counts), _by(keys, said, counts))


def survival(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("select * from journeys.agg_phase_survival")
    return _differing_about(("journey_id", "journey_version", "phase_id", "dwell_days"), expected.phase_survival, said)


def conversions(built: Warehouse, expected: Release) -> list[str]:
    keys = ("journey_id", "journey_version", "phase_id", "month_starts_on")
    said = built.query("select * from journeys.agg_phase_conversions")
    return _differing_about(keys, expected.phase_conversions, said)


def funnels(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("select * from journeys.agg_funnel_steps")
    return _differing_about(("journey_id", "journey_version", "step_order"), expected.funnel_steps, said)


def _flow(table: str, *keys: str, where: str = "true") -> Comparison:
    """The comparison of a table of flows by its key, over the columns that the oracle has."""

    def compare(built: Warehouse, expected: Release) -> list[str]:
        wanted = expected.flows[table]
        columns = [name for name in wanted[0] if name not in keys]
        said = [
            {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
            for row in built.query(f"select * from flows.{table} where {where}")
        ]
        return _differing(_by(keys, wanted, columns), _by(keys, said, columns))

    compare.__name__ = table
    return compare


PAIRS = ("step_type", "from_name", "to_name")
COMPARISONS_OF_FLOWS: tuple[Comparison, ...] = (
    _flow("agg_transitions", "journey_id", *PAIRS),
    _flow("agg_transitions_by_level", "journey_id", "level", *PAIRS),
    _flow("agg_variants", "journey_id", "step_type", "variant_rank"),
    _flow("agg_variants_by_level", "journey_id", "level", "step_type", "variant_rank"),
    _flow("agg_eventually_follows", "journey_id", *PAIRS),
    _flow("agg_rework", "journey_id", "step_type", "name"),
    _flow("agg_conformance", "journey_id", "journey_version", "from_phase_id"),
    _flow("agg_conformance_monthly", "journey_id", "journey_version", "level", "month_starts_on"),
    # who is in a segment is no matter of flows
    _flow("map_stops", "stop_id", where="line_type = 'channel' or line = 'all'"),
    _flow("map_edges", "from_stop_id", "to_stop_id", where="line_type = 'channel' or line = 'all'"),
    _flow("map_transfers", "from_stop_id", "to_stop_id"),
)


def segments(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("select * from intermediate.int_segment_members")
    keys = ("segment", "customer_id")
    return _differing(_by(keys, expected.segments, ()), _by(keys, said, ()))


def kpi_values(built: Warehouse, expected: Release) -> list[str]:
    keys = ("kpi_id", "channel", "segment", "measured_on")
    columns = (
        "numerator", "denominator", "value", "value_ci_lower", "value_ci_upper", "group_count", "without_rate_count",
        "is_suppressed",
    )  # fmt: skip
    said = [_rounded(row) for row in built.query("select * from kpis.fct_kpi_values_daily")]
    return _differing(_by(keys, map(_rounded, expected.kpi_values), columns), _by(keys, said, columns))


def kpi_values_by_level(built: Warehouse, expected: Release) -> list[str]:
    keys = ("kpi_id", "level", "measured_on")
    columns = ("numerator", "denominator", "value", "value_ci_lower", "value_ci_upper", "group_count")
    said = [_rounded(row) for row in built.query("select * from kpis.fct_kpi_values_by_level_daily")]
    return _differing(_by(keys, map(_rounded, expected.kpi_values_by_level), columns), _by(keys, said, columns))


def kpi_periods(built: Warehouse, expected: Release) -> list[str]:
    columns = (
        "period", "status", "value", "value_ci_lower", "value_ci_upper", "numerator", "denominator", "target", "trend",
        "trend_year", "previous_value", "previous_denominator", "year_before_value", "linkable_share",
        "without_rate_count", "measured_day_count", "period_day_count",
        "is_mature",
        "is_on_record", "period_end", "compared_at",
    )  # fmt: skip
    keys = ("kpi_id", "period_start")
    said = [_rounded(row) for row in built.query("select * from kpis.fct_kpi_values")]
    return _differing(_by(keys, map(_rounded, expected.kpi_periods), columns), _by(keys, said, columns))


def scorecard(built: Warehouse, expected: Release) -> list[str]:
    columns = (
        "tier", "value", "value_ci_lower", "value_ci_upper", "numerator", "denominator", "target", "status",
        "status_value", "trend", "trend_year", "previous_value", "previous_denominator", "year_before_value",
        "responsible", "accountable",
        "without_rate_count",
        "linkable_share", "measured_day_count", "period_day_count", "is_mature", "period_start", "period_end",
        "status_period_start",
        "status_period_end", "compared_at",
    )  # fmt: skip
    said = [_rounded(row) for row in built.query("select * from kpis.kpi_scorecard")]
    return _differing(_by(["kpi_id"], map(_rounded, expected.scorecard), columns), _by(["kpi_id"], said, columns))


def _rounded(row: Row) -> dict[str, Any]:
    """A row whose fractions are rounded to where two ways of calculating them agree."""
    return {name: round(value, 8) if isinstance(value, float) else value for name, value in row.items()}


def gaps(built: Warehouse, expected: Release) -> list[str]:
    begun = _first_events(built.query("select * from journeys.fct_phase_intervals"))
    said = [
        {**row, "first_event_id": begun.get(row["journey_instance_id"])}
        for row in built.query("select * from flows.fct_gaps")
    ]

    def named(rows: Iterable[Row]) -> list[Row]:
        # what the map expects and what a contact waits for may begin at one event
        return [{**row, "is_of_map": row["from_name"] == "(map)"} for row in rows]

    keys = ("gap_kind", "is_of_map", "journey_id", "first_event_id", "from_event_id")
    columns = (
        "customer_id", "phase_id", "to_event_id", "from_name", "to_name", "touchpoint", "wait_seconds",
        "limit_seconds", "limit_basis", "has_progressed", "has_dropped_off", "started_at", "ended_at", "known_at",
    )  # fmt: skip
    return _differing(_by(keys, named(expected.gaps), columns), _by(keys, named(said), columns))


def gap_totals(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("select * from flows.agg_gaps")
    return _differing_about(("journey_id", "phase_id", "gap_kind", "from_name", "to_name"), expected.gap_totals, said)


def stalled(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("""
        select stalled.*, intervals.entry_event_id
        from flows.stalled_customers as stalled
        inner join journeys.fct_phase_intervals as intervals using (interval_id)
    """)
    left_out = {"interval_id", "journey_instance_id"}
    said_columns = [{name: value for name, value in row.items() if name not in left_out} for row in said]
    return _differing_about(("journey_id", "entry_event_id"), expected.stalled, said_columns)


def stalled_pools(built: Warehouse, expected: Release) -> list[str]:
    said = built.query("select * from flows.agg_stalled_customers")
    keys = ("journey_id", "journey_version", "phase_id", "channel", "segment")
    return _differing_about(keys, expected.stalled_pools, said)


def spend(built: Warehouse, expected: Release) -> list[str]:
    # the key of a row in words: the feed has no campaign id, and no platform
    keys = ("source_system", "spent_on", "platform", "campaign_id", "channel", "delivered_campaign")
    columns = (
        "campaign", "currency", "delivered_amount", "spend", "repeated_spend", "impressions", "clicks", "has_rate",
        "is_repeated", "is_after_as_of", "reported_at",
    )  # fmt: skip
    said = built.query("select * from attribution.fct_spend_daily")
    return _differing(_by(keys, expected.spend, columns), _by(keys, said, columns))


def service_costs(built: Warehouse, expected: Release) -> list[str]:
    columns = (
        "customer_id", "channel", "touchpoint", "department", "event_unit_cost_id", "minute_unit_cost_id",
        "cost_status", "duration_seconds", "event_cost", "minute_cost", "cost", "is_linkable", "occurred_on",
    )  # fmt: skip
    said = built.query("select * from attribution.fct_service_costs")
    return _differing(_by(["event_id"], expected.service_costs, columns), _by(["event_id"], said, columns))


def customer_costs(built: Warehouse, expected: Release) -> list[str]:
    columns = ("customer_kind", "event_count", "uncosted_event_count", "cost")
    said = built.query("select * from attribution.agg_customer_costs")
    return _differing(_by(["customer_id"], expected.customer_costs, columns), _by(["customer_id"], said, columns))


def touchpoint_costs(built: Warehouse, expected: Release) -> list[str]:
    keys = ("measured_on", "channel", "touchpoint", "department")
    columns = ("event_count", "uncosted_event_count", "cost")
    said = built.query("select * from attribution.agg_touchpoint_costs_daily")
    return _differing(_by(keys, expected.touchpoint_costs, columns), _by(keys, said, columns))


def journey_costs(built: Warehouse, expected: Release) -> list[str]:
    """Allocated costs are exact in the oracle: they may differ by a millionth per event."""
    keys, columns = ("journey_id", "first_event_id"), ("event_count", "uncosted_event_count", "cost")
    begun = _first_events(built.query("select * from journeys.fct_phase_intervals"))
    said = [
        {**row, "first_event_id": begun.get(row["journey_instance_id"])}
        for row in built.query("select * from attribution.agg_journey_costs")
    ]
    allocated = {key: row["allocated_cost"] for key, row in _by(keys, said, ["allocated_cost"]).items()}
    off = [
        f"{key}: allocated {allocated.get(key)}, expected {float(row['allocated_cost'])}"
        for key, row in _by(keys, expected.journey_costs, ["allocated_cost", "event_count"]).items()
        if abs(Fraction(allocated.get(key) or 0) - row["allocated_cost"]) * 1_000_000 > row["event_count"]
    ]
    return off + _differing(_by(keys, expected.journey_costs, columns), _by(keys, said, columns))


def channel_performance(built: Warehouse, expected: Release) -> list[str]:
    keys = ("conversion_type", "rule", "channel", "campaign", "measured_on")
    said = built.query("select * from attribution.agg_channel_performance")
    return _differing_about(keys, [_rounded(row) for row in expected.channel_performance], map(_rounded, said))


def _attribution(table: str, *keys: str, of: str, leaving_out: Collection[str] = ()) -> Comparison:
    """The comparison of a table of attribution by its key, over the columns that the oracle and the table both have."""

    def compare(built: Warehouse, expected: Release) -> list[str]:
        wanted: Sequence[Row] = getattr(expected.attribution, of)
        said = built.query(f"select * from attribution.{table}")
        names = set(said[0]) & set(wanted[0]) if said and wanted else set()
        columns = [name for name in sorted(names) if name not in (*keys, *leaving_out)]
        return _differing(_by(keys, _rounded_all(wanted), columns), _by(keys, _rounded_all(said), columns))

    compare.__name__ = table
    return compare


def _rounded_all(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [{**_rounded(row), "session_id": (row.get("session_id") is None)} for row in rows]


def channel_credits(built: Warehouse, expected: Release) -> list[str]:
    """Credits of channels; the intervals of Markov rules have a test of their own."""
    keys = ("conversion_type", "rule", "period", "period_start", "channel")
    bounds = [
        f"{figure}_ci_{end}" for figure in ("credited_conversions", "credited_value") for end in ("lower", "upper")
    ]
    wanted = expected.attribution.channel_credits
    is_bounded: dict[Hashable, bool] = {tuple(row[name] for name in keys): row["is_bounded"] for row in wanted}
    said = built.query("select * from attribution.agg_channel_credits")
    columns = [name for name in said[0] if name in wanted[0] and name not in keys]

    def shown(rows: Iterable[Row]) -> ByKey:
        found = _by(keys, rows, columns)
        for key, row in found.items():
            if not is_bounded.get(key, True):
                row.update(dict.fromkeys(bounds))
        return {
            key: {
                # sums of hundreds of shares, each to twelve places, and of cents as doubles
                name: round(value, 6) if isinstance(value, float) else value
                for name, value in row.items()
            }
            for key, row in found.items()
        }

    return _differing(shown(wanted), shown(said))


COMPARISONS_OF_ATTRIBUTION: tuple[Comparison, ...] = (
    _attribution("fct_touchpoints", "touchpoint_event_id", of="touchpoints"),
    _attribution("fct_conversions", "conversion_id", of="conversions"),
    _attribution("fct_refunds", "refund_id", of="refunds"),
    _attribution("fct_attribution_credits", "conversion_id", "rule", "touchpoint_event_id", of="credits"),
    _attribution("fct_refund_credits", "refund_id", "rule", "touchpoint_event_id", of="refund_credits"),
    _attribution("agg_channel_effects", "conversion_type", "period", "period_start", "channel", of="channel_effects"),
    channel_credits,
    _attribution("agg_conversion_paths", "conversion_type", "path", of="conversion_paths"),
    _attribution("agg_rule_disagreement", "conversion_type", "period", "period_start", "channel", of="disagreements"),
)
# What says who is who, and what hangs on it alone.
COMPARISONS_OF_IDENTITY: tuple[Comparison, ...] = (
    events,
    sessions,
    customers,
    owners_of_identifiers,
    customers_of_records,
    values_over_cap,
    links,
    decisions,
)
# health counts over tables that a part of a build leaves out
COMPARISONS: tuple[Comparison, ...] = (
    health,
    *COMPARISONS_OF_IDENTITY,
    intervals,
    journeys,
    moves,
    phases_by_day,
    gaps,
    gap_totals,
    stalled,
    stalled_pools,
    survival,
    conversions,
    funnels,
    *COMPARISONS_OF_FLOWS,
    segments,
    kpi_values,
    kpi_values_by_level,
    kpi_periods,
    scorecard,
    spend,
    service_costs,
    customer_costs,
    touchpoint_costs,
    journey_costs,
    channel_performance,
    *COMPARISONS_OF_ATTRIBUTION,
)


def problems(
    built: Warehouse, expected: Release, comparisons: Sequence[Comparison] = COMPARISONS
) -> dict[str, list[str]]:
    """What is not as the oracle says, by table."""
    found = {compare.__name__: compare(built, expected) for compare in comparisons}
    return {name: lines for name, lines in found.items() if lines}


def _first_events(rows: Iterable[Row]) -> dict[str, str]:
    """The event that began each journey instance, from its intervals."""
    return {row["journey_instance_id"]: row["entry_event_id"] for row in rows if row["interval_number"] == 1}


def _by(keys: Sequence[str], rows: Iterable[Row], columns: Sequence[str]) -> ByKey:
    """Rows by their key, reduced to some columns; raises AssertionError for a key that comes twice."""
    found: ByKey = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        assert key not in found, f"{key} twice"
        found[key] = {name: row[name] for name in columns}
    return found


def _differing_about(keys: Sequence[str], wanted: Iterable[Row], said: Iterable[Row]) -> list[str]:
    """What differs, shares to nine places and versions as texts, in every column that the built table has."""

    def with_text_versions(rows: Iterable[Row]) -> list[dict[str, Any]]:
        return [
            {**row, **({"journey_version": str(row["journey_version"])} if "journey_version" in row else {})}
            for row in rows
        ]

    said = with_text_versions(said)
    columns = list(said[0]) if said else []
    return _differing(_by(keys, with_text_versions(wanted), columns), _by(keys, said, columns))


def _same(wanted: object, said: object) -> bool:
    """Whether two values are equal, doubles to nine places: the oracles add them up in another order."""
    if isinstance(wanted, float) and isinstance(said, float):
        return math.isclose(wanted, said, rel_tol=0, abs_tol=1e-9)
    return wanted == said


def _differing(wanted: ByKey, said: ByKey, most: int = 6) -> list[str]:
    """What is missing, what nobody expects and what differs, the first few of each."""
    missing = [f"{key}: not there" for key in wanted if key not in said]
    extra = [f"{key}: not expected: {said[key]}" for key in said if key not in wanted]
    differs = []
    for key in wanted:
        if key in said:
            names = [name for name in wanted[key] if not _same(wanted[key][name], said[key][name])]
            if not names:
                continue
            expected = "; ".join(f"{name} should be {wanted[key][name]}, is {said[key][name]}" for name in names)
            differs.append(f"{key}: {expected}")
    return [*missing[:most], *extra[:most], *differs[:most]]
