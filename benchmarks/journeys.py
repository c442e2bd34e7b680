"""`make bench-journeys`: how many true phase intervals the warehouse reproduces, where the truth is known.

The simulator's history of phases is compared with `journeys.fct_phase_intervals`, interval by interval; each not
reproduced gets one reason, so that the reasons add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from benchmarks.example import built_at_each_dirt, sizes_and_dirt
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.dbt.compiled import expressions

# The visit that opens a phase holds its event: 99 in 100 follow within ten minutes, and visits lie hours apart.
TOLERANCE_SECONDS = 3_600
SELECTED = ("+fct_phase_intervals", "+fct_journeys", "+bridge_customer_identifiers", "+dim_customers")

# Why a true interval is not reproduced: the first reason that holds.
REASONS = {
    "reproduced": "the same person, phase and outcome, begun within the hour",
    "lost_to_dirt": "observed without dirt, and not with it: a row was broken, a clock is wrong",
    "nobody": "no identifier of the person ever landed",
    "without_trace": "no event of the person within the hour, such as in a store without a card",
    "no_critical_event": "events, but none that marks the phase",
    "other_customer": "the event that marks it belongs to another customer than the person's main one",
    "already_there": "in the warehouse the customer is in the phase already: the event is a repeated match",
    "no_interval": "the event exists, but no interval begins with it",
    "window_open": "pending in the warehouse, because the window is open: they had given up silently",
    "came_back": "progressed or regressed in the warehouse: they gave up and began again within the window",
    "put_back": "regressed in the warehouse: an event of an earlier phase came before the next",
    "next_unseen": "fallen out or pending in the warehouse: the next phase left no event in time",
    "other_end": "another outcome",
}


UNSEEN = frozenset({"nobody", "without_trace", "no_critical_event"})
BEGUN = ("reproduced", "window_open", "came_back", "put_back", "next_unseen", "other_end")


@dataclass(frozen=True)
class Truth:
    """How the intervals of one level of dirt came out."""

    reason_of: dict[int, str]
    built_count: int
    built_reasons: dict[str, int]
    by_phase: list[tuple[str, int, int, int, int]]

    @property
    def true_count(self) -> int:
        return len(self.reason_of)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(self.reason_of.values())

    @property
    def share(self) -> float:
        return self.reasons["reproduced"] / max(self.true_count, 1)

    @property
    def begun_share(self) -> float:
        """The share that begins as it did, whatever its outcome."""
        return sum(self.reasons[reason] for reason in BEGUN) / max(self.true_count, 1)

    def compared_with(self, clean: Truth) -> Truth:
        """The same, with what only a clean world shows counted as lost to dirt; the people must be the same."""
        if self.reason_of.keys() != clean.reason_of.keys():
            return self
        lost = {
            interval: "lost_to_dirt" if reason in UNSEEN and clean.reason_of[interval] not in UNSEEN else reason
            for interval, reason in self.reason_of.items()
        }
        return replace(self, reason_of=lost)


def main(arguments: Sequence[str] | None = None) -> int:
    """Scores the example at each level of dirt and prints tables; returns 0."""
    chosen = sizes_and_dirt("python -m benchmarks.journeys", __doc__, arguments)
    found: dict[float, Truth] = {}
    for dirt, settings, truth in built_at_each_dirt(chosen, SELECTED):
        found[dirt] = score(settings, truth)
        if 0.0 in found:
            found[dirt] = found[dirt].compared_with(found[0.0])
        print(f"dirt {dirt:g}: {found[dirt].share:.1%} of {found[dirt].true_count:,} intervals", flush=True)
    print(f"\n### omnichannel, {chosen.customers:,} customers, {chosen.days} days\n\n{tables(found)}", flush=True)
    return 0


def score(settings: Settings, truth: Path) -> Truth:
    """Compares the true purchase journey with a built warehouse."""
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        _who_is_who(connection, truth)
        _intervals(connection, truth)
        reasons = dict(connection.execute("select interval_number, reason from true_reasons").fetchall())
        built = connection.execute("select reason, count(*) from built_reasons group by reason").fetchall()
        by_phase = connection.execute(f"""
            select
                phase_id,
                count(*),
                count_if(reason not in {tuple(sorted(UNSEEN))}),
                count_if(reason in {BEGUN}),
                count_if(reason = 'reproduced')
            from true_reasons
            group by phase_id
            order by min(phase_order)
        """).fetchall()
    return Truth(reasons, sum(count for _, count in built), dict(built), list(by_phase))


def _who_is_who(connection: duckdb.DuckDBPyConnection, truth: Path) -> None:
    """Makes `persons_customers`: every customer that holds an identifier of a person, and which one is the main."""
    connection.execute("""
        create temp table rules as
        select identifier_type, normalisation as rule, kind from config.identifier_types
        union all
        select 'record', 'exact', 'person'
    """)
    trimmed, normalised, hashed = expressions("trimmed_identifier", "normalised_by_rule", "identifier_hash")
    connection.execute(
        f"""
        create temp table persons_customers as
        with trimmed as (
            select person_id, identifier_type, rule, kind, {trimmed} as trimmed_value
            from (select *, identifier as value from read_parquet($truth)) inner join rules using (identifier_type)
        ),
        normalised as (
            select
                *,
                {normalised} as normalised_value,
                identifier_type as type,
                (select value from landing.settings where key = 'pepper') as pepper
            from trimmed
        ),
        hashed as (
            select *, {hashed} as identifier_hash from normalised
        ),
        held as (
            select
                hashed.person_id,
                bridge.customer_id,
                count(distinct bridge.identifier_hash) filter (where kind = 'person') as person_value_count,
                count(distinct bridge.identifier_hash) as value_count
            from hashed
            inner join core.bridge_customer_identifiers as bridge
                on
                    bridge.identifier_type = hashed.identifier_type
                    and bridge.identifier_hash = hashed.identifier_hash
            group by all
        )
        select
            held.*,
            row_number() over (
                partition by held.person_id
                order by person_value_count desc, value_count desc, customers.event_count desc, held.customer_id
            ) = 1 as is_main
        from held
        inner join core.dim_customers as customers on customers.customer_id = held.customer_id
        """,
        {"truth": str(truth / "identifiers.parquet")},
    )


def _intervals(connection: duckdb.DuckDBPyConnection, truth: Path) -> None:
    """Makes `true_reasons`, a reason per true interval, and `built_reasons`, one per built interval."""
    near = f"abs(epoch_us({{one}}) - epoch_us({{other}})) <= {TOLERANCE_SECONDS * 1_000_000}"
    connection.execute(
        """
        create temp table true_intervals as
        select
            row_number() over (order by person_id, entered_at) as interval_number,
            person_id,
            journey_instance,
            phase as phase_id,
            outcome,
            entered_at,
            coalesce(left_at, timestamp '9999-01-01') as left_at
        from read_parquet($truth)
        where journey = 'purchase'
        """,
        {"truth": str(truth / "phase_history.parquet")},
    )
    connection.execute(f"""
        create temp table built_intervals as
        select interval_id, customer_id, phase_id, phase_order, outcome, entry_event_id, entered_at, left_at
        from journeys.fct_phase_intervals
        where journey_id = 'purchase';

        -- of several within the hour the nearest, each built interval for one true interval
        create temp table begun as
        with pairs as (
            select
                true_intervals.interval_number,
                built_intervals.interval_id,
                built_intervals.outcome as built_outcome,
                abs(epoch_us(built_intervals.entered_at) - epoch_us(true_intervals.entered_at)) as apart
            from true_intervals
            inner join persons_customers as main
                on main.person_id = true_intervals.person_id and main.is_main
            inner join built_intervals
                on
                    built_intervals.customer_id = main.customer_id
                    and built_intervals.phase_id = true_intervals.phase_id
                    and {near.format(one="built_intervals.entered_at", other="true_intervals.entered_at")}
            qualify row_number() over (partition by true_intervals.interval_number order by apart, interval_id) = 1
        )
        select * from pairs
        qualify row_number() over (partition by interval_id order by apart, interval_number) = 1;

        create temp table inbound_events as
        select event_id, customer_id, occurred_at
        from intermediate.int_timeline_events
        where not is_bot and direction is distinct from 'outbound';

        create temp table seen as
        select
            true_intervals.interval_number,
            true as has_event,
            bool_or(matches.event_id is not null) as has_match,
            bool_or(matches.event_id is not null and persons_customers.is_main) as has_main_match
        from true_intervals
        inner join persons_customers on persons_customers.person_id = true_intervals.person_id
        inner join inbound_events as events
            on
                events.customer_id = persons_customers.customer_id
                and {near.format(one="events.occurred_at", other="true_intervals.entered_at")}
        left join intermediate.int_matched_events as matches
            on
                matches.event_id = events.event_id
                and matches.journey_id = 'purchase'
                and matches.phase_id = true_intervals.phase_id
        group by true_intervals.interval_number;

        create temp table already_there as
        select distinct true_intervals.interval_number
        from true_intervals
        inner join persons_customers as main
            on main.person_id = true_intervals.person_id and main.is_main
        inner join built_intervals
            on
                built_intervals.customer_id = main.customer_id
                and built_intervals.phase_id = true_intervals.phase_id
                and built_intervals.entered_at <= true_intervals.entered_at + interval {TOLERANCE_SECONDS} second
                and coalesce(built_intervals.left_at, timestamp '9999-01-01') >= true_intervals.entered_at;

        create temp table true_reasons as
        select
            true_intervals.*,
            phases.phase_order,
            begun.interval_id,
            case
                when begun.built_outcome = true_intervals.outcome then 'reproduced'
                when begun.built_outcome = 'pending' and true_intervals.outcome = 'fell_out' then 'window_open'
                when true_intervals.outcome = 'fell_out' and begun.built_outcome is not null then 'came_back'
                when begun.built_outcome = 'regressed' then 'put_back'
                when begun.built_outcome in ('fell_out', 'pending') and true_intervals.outcome <> 'pending'
                    then 'next_unseen'
                when begun.built_outcome is not null then 'other_end'
                when main.person_id is null then 'nobody'
                when seen.has_event is null then 'without_trace'
                when not seen.has_match then 'no_critical_event'
                when not seen.has_main_match then 'other_customer'
                when already_there.interval_number is not null then 'already_there'
                else 'no_interval'
            end as reason
        from true_intervals
        left join (select phase_id, min(phase_order) as phase_order from built_intervals group by phase_id) as phases
            on phases.phase_id = true_intervals.phase_id
        left join (select distinct person_id from persons_customers) as main
            on main.person_id = true_intervals.person_id
        left join begun on begun.interval_number = true_intervals.interval_number
        left join seen on seen.interval_number = true_intervals.interval_number
        left join already_there on already_there.interval_number = true_intervals.interval_number;

        create temp table built_reasons as
        with owners as (
            select customer_id, min(person_id) as person_id, count(*) as person_count
            from persons_customers
            where is_main
            group by customer_id
        )
        select
            built_intervals.interval_id,
            built_intervals.phase_id,
            case
                when bool_or(true_reasons.reason = 'reproduced') then 'reproduced'
                when bool_or(true_reasons.reason is not null) then 'other_end'
                when bool_or(owners.person_id is null) then 'other_customer'
                when bool_or(owners.person_count > 1) then 'several_people'
                when bool_or(within.phase_id = built_intervals.phase_id) then 'again'
                when bool_or(within.phase_id is not null) then 'other_phase'
                else 'between'
            end as reason
        from built_intervals
        left join true_reasons on true_reasons.interval_id = built_intervals.interval_id
        left join owners on owners.customer_id = built_intervals.customer_id
        left join true_intervals as within
            on
                within.person_id = owners.person_id
                and built_intervals.entered_at >= within.entered_at
                and built_intervals.entered_at < within.left_at
        group by built_intervals.interval_id, built_intervals.phase_id;
    """)


BUILT_REASONS = {
    "reproduced": "a true interval, with its outcome",
    "other_end": "a true interval, with another outcome",
    "again": "begun within a true interval of the phase: in the warehouse they were in another phase in between",
    "other_phase": "begun within a true interval of another phase: an ad, a look around, a visit to a store",
    "between": "begun while they wanted nothing",
    "several_people": "of a customer that is several people",
    "other_customer": "of a customer that is nobody's main one: a device without any login, or a part of a person",
}


def tables(found: dict[float, Truth]) -> str:
    """The scores as Markdown tables, a column per level of dirt."""
    levels = list(found)
    head = "".join(f" dirt {dirt:g} |" for dirt in levels)
    rule = "|---|" + "--:|" * len(levels)

    def row(name: str, values: Sequence[str]) -> str:
        return f"| {name} |" + "".join(f" {value} |" for value in values)

    lines = [f"| true intervals |{head}", rule, row("in all", [f"{found[dirt].true_count:,}" for dirt in levels])]
    lines.append(
        row("begun within the hour, whatever the outcome", [f"{found[dirt].begun_share:.1%}" for dirt in levels])
    )
    for reason, meaning in REASONS.items():
        shares = [found[dirt].reasons[reason] / max(found[dirt].true_count, 1) for dirt in levels]
        name = f"**{reason}**: {meaning}" if reason == "reproduced" else f"`{reason}`: {meaning}"
        lines.append(row(name, [f"{share:.1%}" for share in shares]))
    lines += [
        "",
        f"| intervals of the warehouse |{head}",
        rule,
        row("in all", [f"{found[dirt].built_count:,}" for dirt in levels]),
    ]
    for reason, meaning in BUILT_REASONS.items():
        shares = [found[dirt].built_reasons.get(reason, 0) / max(found[dirt].built_count, 1) for dirt in levels]
        lines.append(row(f"`{reason}`: {meaning}", [f"{share:.1%}" for share in shares]))
    lines += ["", "| phase, dirt | true intervals | an event marks them | begun of those | reproduced of those |"]
    lines.append("|---|--:|--:|--:|--:|")
    for dirt in levels:
        for phase_id, count, visible, begun, reproduced in found[dirt].by_phase:
            lines.append(
                f"| {phase_id}, {dirt:g} | {count:,} | {visible:,} | {begun / max(visible, 1):.1%} "
                f"| {reproduced / max(visible, 1):.1%} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
