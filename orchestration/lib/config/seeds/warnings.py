"""What a configuration without errors leaves out without a word, and what in it is old."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from orchestration.lib.config.seeds.attribution import calibrations_of_no_channel, channels_without_calibration
from orchestration.lib.config.seeds.channel_rules import rules_that_never_match
from orchestration.lib.config.seeds.money import days_without_a_price
from orchestration.lib.config.seeds.problems import Problem
from orchestration.lib.config.seeds.rows import Rows, SeedRow
from orchestration.lib.config.seeds.validity import days_shown, versions_in_time

# A map older than this is read with care: a warning says so.
MAP_IS_FRESH_FOR = timedelta(days=365)
# The columns of critical_events.csv that say which events a rule matches.
RULE_FILTERS = ("event_name", "source_system", "channel", "touchpoint", "property_name", "property_value")


def find_warnings(rows: Rows, today: date) -> Iterator[Problem]:
    """Warnings about seeds without errors."""
    yield from journey_warnings(rows)
    yield from phases_without_kpis(rows)
    yield from figures_shown_twice(rows)
    yield from maps_grown_old(rows, today)
    yield from days_without_a_price(rows, today)
    yield from channels_without_calibration(rows, today)
    yield from calibrations_of_no_channel(rows)
    for rule, reason in rules_that_never_match(rows["channel_rules"]):
        yield rule.problem(f"{rule.get('channel_rule_id')} can never match: {reason}")


def journey_warnings(rows: Rows) -> Iterator[Problem]:
    """What a definition of journeys would leave out without a word: days, phases and rules that never count."""
    yield from days_without_version(rows)
    for journey in rows["journeys"]:
        name = f"{journey.get('journey_id')} version {journey.get('journey_version')}"
        phases = sorted(_own(journey, rows["phases"]), key=lambda row: Decimal(row.get("phase_order") or 0))
        rules = _own(journey, rows["critical_events"])
        yield from phases_out_of_reach(name, phases, rules)
        yield from phases_after_the_end(name, phases)
        yield from rules_that_never_count(phases, rules)


def _own(journey: SeedRow, rows: Sequence[SeedRow]) -> list[SeedRow]:
    version = ("journey_id", "journey_version")
    return [row for row in rows if all(row.get(name) == journey.get(name) for name in version)]


def days_without_version(rows: Rows) -> Iterator[Problem]:
    for versions in versions_in_time(rows["journeys"]).values():
        for earlier, later in itertools.pairwise(versions):
            if earlier.valid_to < later.valid_from:
                yield later.row.problem(
                    f"no version of journey {later.row.get('journey_id')} is valid "
                    f"{days_shown(earlier.valid_to, later.valid_from)}, between line {earlier.row.line} and this one: "
                    "matched events on those days begin nothing. If that is not intended, set valid_to of the one to "
                    "valid_from of the other."
                )


def phases_out_of_reach(name: str, phases: Sequence[SeedRow], rules: Sequence[SeedRow]) -> Iterator[Problem]:
    reached = {rule.get("phase_id") for rule in rules}
    for phase in phases:
        if phase.get("phase_id") not in reached:
            yield phase.problem(
                f"no critical event leads into phase {phase.get('phase_id')} of {name}: nobody can reach it. Add one "
                "to critical_events.csv."
            )


def phases_after_the_end(name: str, phases: Sequence[SeedRow]) -> Iterator[Problem]:
    required = [phase for phase in phases if is_true(phase.get("is_required"))]
    for phase, following in itertools.pairwise(required):
        if is_true(phase.get("is_terminal")):
            yield following.problem(
                f"phase {following.get('phase_id')} of {name} lies behind {phase.get('phase_id')} (line {phase.line}), "
                "which is required and ends the journey: no customer can reach it. Make the last phase terminal."
            )


def rules_that_never_count(phases: Sequence[SeedRow], rules: Sequence[SeedRow]) -> Iterator[Problem]:
    order_of = {phase.get("phase_id"): Decimal(phase.get("phase_order") or 0) for phase in phases}
    for rule, other in overruled_rules(rules, order_of):
        is_same_phase = order_of[rule.get("phase_id")] == order_of[other.get("phase_id")]
        yield rule.problem(
            f"{rule.get('critical_event_id')} never counts: whatever it matches, {other.get('critical_event_id')} in "
            f"line {other.line} matches too, "
            + (
                "for the same phase. Remove one of the two."
                if is_same_phase
                else f"and its phase {other.get('phase_id')} is higher. Narrow that one, or remove this."
            )
        )


def overruled_rules(
    rules: Sequence[SeedRow], order_of: Mapping[str | None, Decimal]
) -> Iterator[tuple[SeedRow, SeedRow]]:
    """Critical events of one version that another one always overrules, each with the first that does.

    One overrules another when all its filters are among the other's and its phase is higher; of two with the same
    filters and phase the one that ends the case counts, else the one of the earlier line. A wildcard overrules only a
    rule of the same name: a more exact name counts before it.
    """

    def filters(rule: SeedRow) -> set[tuple[str, str]]:
        return {(name, rule.values[name]) for name in RULE_FILTERS if name in rule.values}

    def place(rule: SeedRow) -> tuple[bool, int]:
        return not is_true(rule.get("ends_case")), rule.line

    for rule in rules:
        for other in rules:
            if other is rule or not filters(other) <= filters(rule):
                continue
            higher = order_of[other.get("phase_id")] - order_of[rule.get("phase_id")]
            if higher > 0 or (higher == 0 and filters(other) == filters(rule) and place(other) < place(rule)):
                yield rule, other
                break


def phases_without_kpis(rows: Rows) -> Iterator[Problem]:
    if not rows["kpis"]:
        return
    kinds: dict[tuple[str | None, str | None], set[str | None]] = {}
    for row in rows["kpis"]:
        kinds.setdefault((row.get("journey_id"), row.get("phase_id")), set()).add(row.get("kind"))
    # KPIs are those of a phase whatever the version, so one line of it is enough
    first_rows = {(row.get("journey_id"), row.get("phase_id")): row for row in reversed(rows["phases"])}
    for place, row in sorted(first_rows.items(), key=lambda found: found[1].line):
        missing = sorted({"progress", "feeling", "money"} - kinds.get(place, set()))
        if missing:
            yield row.problem(
                f"phase {row.get('phase_id')} of {row.get('journey_id')} has no KPI of the kind {', '.join(missing)}. "
                "Add one to kpis.csv."
            )


def figures_shown_twice(rows: Rows) -> Iterator[Problem]:
    """KPIs that are one figure under several names: what one phase or journey did is read as that of another."""
    seen: dict[tuple[str | None, ...], SeedRow] = {}
    for row in rows["kpis"]:
        figure = tuple(row.get(name) for name in ("numerator_measure_id", "denominator_measure_id", "period"))
        earlier = seen.setdefault(figure, row)
        if earlier is not row:
            yield row.problem(
                f"{row.get('kpi_id')} is the same figure as {earlier.get('kpi_id')} in line {earlier.line}. Keep it "
                "where it belongs, or count what is particular to each."
            )


def maps_grown_old(rows: Rows, today: date) -> Iterator[Problem]:
    for row in rows["journeys"]:
        validated, ends = row.typed.get("validated_on"), row.typed.get("valid_to", date.max)
        # nobody begins under a version that has ended
        if ends > today and (validated is None or today - validated > MAP_IS_FRESH_FOR):
            yield row.problem(
                f"the map of {row.get('journey_id')} was "
                + ("never validated" if validated is None else f"last validated on {validated}")
                + ". Compare it with what customers do and set validated_on."
            )


def is_true(value: str | None) -> bool:
    """Whether a seed's boolean is true."""
    return (value or "").lower() == "true"
