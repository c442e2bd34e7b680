"""Lists the stalled, the value at stake and who is accountable, and counts them in pools.

Readings chosen where the design leaves room:

- A contact is any counted event that has a direction.
- The customer's amount is that of counted events that some measure sums up (subject `events`, aggregation `sum`, value
  column `amount`), each once, after the instant 365 days before the clock and up to the clock. Money without a rate is
  left out and counted; who has nothing but that has nothing of their own.
- A journey's usual value is the discrete median over its completed instances, of all versions, of what their steps
  came to, those that came to nothing left out; there is none where all did.
- Accountable for a phase is who is accountable for its first primary KPI of progress by id, else the version's owner.
- A pool is suppressed like a KPI by segment; the group is its stalled intervals; those outside count stalled or open.
- A channel that is called all is (all).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.oracles.feed import Row
from tests.oracles.flows import percentile
from tests.oracles.journeys import Definitions, Instance, norm_seconds, steps
from tests.oracles.kpis import MIN_CELL_SIZE, channel_as_dimension, rate_on, suppressed
from tests.oracles.timeline import counted, total_order

Event = Mapping[str, Any]
Seeds = Mapping[str, Sequence[Mapping[str, str]]]
YEAR = timedelta(days=365)
assert MIN_CELL_SIZE > 1


def stalled_rows(
    intervals: Sequence[Row],
    instances: Sequence[Instance],
    events: Iterable[Event],
    seeds: Seeds,
    known: Definitions,
    *,
    as_of: datetime,
    priorities: Mapping[str, int],
) -> list[Row]:
    """Returns one row per stalled interval, shaped like `flows.stalled_customers`."""
    by_customer: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=total_order(priorities)):
        if counted(event):
            by_customer[event["customer_id"]].append(event)
    worth = {
        event["event_id"]: amount_of(event, seeds, known)
        for of_customer in by_customer.values()
        for event in of_customer
        if is_money(event, seeds)
    }
    usual = usual_values(instances, by_customer, worth, as_of=as_of)
    channel_of = {
        event["event_id"]: event["channel"] or "(none)" for all_of in by_customer.values() for event in all_of
    }
    rows = []
    for interval in intervals:
        if not interval["is_stalled"]:
            continue
        of_customer = by_customer[interval["customer_id"]]
        contact = ([event for event in of_customer if event.get("direction")] or [None])[-1]
        spent = [
            worth[event["event_id"]]
            for event in of_customer
            if event["event_id"] in worth and as_of - YEAR < event["occurred_at"] <= as_of
        ]
        rated = [amount for amount in spent if amount is not None]
        median = usual.get(interval["journey_id"])
        norm = norm_of(interval, intervals, known)
        assert norm is not None
        rows.append(
            {
                "journey_id": interval["journey_id"],
                "journey_version": interval["journey_version"],
                "entry_event_id": interval["entry_event_id"],
                "customer_id": interval["customer_id"],
                "phase_id": interval["phase_id"],
                "channel": channel_of[interval["entry_event_id"]],
                "last_contact_event_id": contact["event_id"] if contact else None,
                "last_contact_channel": (contact["channel"] or "(none)") if contact else None,
                "last_contact_at": contact["occurred_at"] if contact else None,
                **answering(interval, seeds),
                "value_basis": "own" if rated else "none" if median is None else "journey_median",
                "value_at_risk": max(sum(rated), Decimal(0)) if rated else median,
                "without_rate_count": len(spent) - len(rated),
                "dwell_seconds": interval["dwell_seconds"],
                "norm_seconds": norm,
                "over_norm_seconds": interval["dwell_seconds"] - norm,
                "entered_at": interval["entered_at"],
            }
        )
    return rows


def norm_of(interval: Row, intervals: Sequence[Row], known: Definitions) -> int | None:
    """Returns how long an interval like this one may last."""
    through = [
        one["dwell_seconds"]
        for one in intervals
        if one["outcome"] == "fell_through"
        and (one["journey_id"], one["phase_id"]) == (interval["journey_id"], interval["phase_id"])
    ]
    phase = known.phases[interval["journey_id"], interval["journey_version"], interval["phase_id"]]
    return norm_seconds(through, phase.stalled_after_days)


def is_money(event: Event, seeds: Seeds) -> bool:
    """Returns whether some measure sums up the event's amount."""
    return event["amount"] is not None and any(
        (measure["subject"], measure["aggregation"], measure["value_column"]) == ("events", "sum", "amount")
        and all(
            measure[column] in ("", event.get(column))
            for column in ("event_name", "source_system", "channel", "touchpoint", "feedback_kind")
        )
        for measure in seeds.get("measures", ())
    )


def amount_of(event: Event, seeds: Seeds, known: Definitions) -> Decimal | None:
    """Returns the event's amount in the reporting currency, None without a rate."""
    rate = rate_on(known.day_of(event["occurred_at"]), event["currency"], seeds.get("exchange_rates", ()), "EUR")
    return None if rate is None else (event["amount"] * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)


def usual_values(
    instances: Sequence[Instance],
    by_customer: Mapping[str, Sequence[Event]],
    worth: Mapping[str, Decimal | None],
    *,
    as_of: datetime,
) -> dict[str, Decimal]:
    """Returns what half of each journey's completed instances with a value came to at most."""
    values: dict[str, list[Decimal]] = defaultdict(list)
    for instance in instances:
        if instance.intervals[-1].outcome == "completed":
            inside = steps(instance, by_customer[instance.customer_id], as_of=as_of)
            spent = [worth.get(event["event_id"]) or Decimal(0) for event in inside]
            if sum(spent) > 0:
                values[instance.journey_id].append(sum(spent, Decimal(0)))
    return {journey_id: percentile(of_journey, 0.5) for journey_id, of_journey in values.items()}


def answering(interval: Row, seeds: Seeds) -> Row:
    """Returns who is responsible and accountable for those in an interval's phase."""
    owner = next(
        row.get("owner")
        for row in seeds["journeys"]
        if (row["journey_id"], row["journey_version"]) == (interval["journey_id"], interval["journey_version"])
    )
    speaking = sorted(
        kpi["kpi_id"]
        for kpi in seeds.get("kpis", ())
        if (kpi["journey_id"], kpi["phase_id"]) == (interval["journey_id"], interval["phase_id"])
        and (kpi["kind"], kpi["tier"]) == ("progress", "primary")
    )
    people = {
        role: sorted(
            row["person"]
            for row in seeds.get("kpi_roles", ())
            if speaking and (row["kpi_id"], row["role"]) == (speaking[0], role)
        )
        for role in ("responsible", "accountable")
    }
    accountable = (people["accountable"] or [owner or None])[0]
    return {"responsible": (people["responsible"] or [accountable])[0], "accountable": accountable}


def _customers(rows: Iterable[Row]) -> int:
    return len({row["customer_id"] for row in rows})


def pool_rows(
    stalled: Sequence[Row],
    intervals: Sequence[Row],
    events: Iterable[Event],
    segments: Mapping[str, set[str]],
    seeds: Seeds,
    known: Definitions,
    *,
    as_of: datetime,
) -> list[Row]:
    """Returns one row per pool of open intervals, shaped like `flows.agg_stalled_customers`."""
    channel_of = {event["event_id"]: event["channel"] or "(none)" for event in events}
    stuck = {(row["journey_id"], row["entry_event_id"]): row for row in stalled}
    pools: dict[tuple[tuple[str, str, str], str, str], list[Row]] = defaultdict(list)
    for interval in intervals:
        if interval["outcome"] != "pending":
            continue
        phase = (interval["journey_id"], interval["journey_version"], interval["phase_id"])
        for segment in ("all", *(name for name, inside in segments.items() if interval["customer_id"] in inside)):
            for channel in ("all", channel_as_dimension(channel_of[interval["entry_event_id"]])):
                pools[phase, channel, segment].append(interval)
    of_pool = {
        pool: [
            stuck[interval["journey_id"], interval["entry_event_id"]]
            for interval in inside
            if (interval["journey_id"], interval["entry_event_id"]) in stuck
        ]
        for pool, inside in pools.items()
    }
    hidden = suppressed(
        {pool: _customers(rows) for pool, rows in of_pool.items()},
        {pool: _customers(inside) for pool, inside in pools.items()},
    )
    bases = {
        pool: {
            basis: _customers([row for row in rows if row["value_basis"] == basis])
            for basis in ("own", "journey_median")
        }
        for pool, rows in of_pool.items()
    }
    found = []
    for pool, inside in pools.items():
        rows = of_pool[pool]
        phase, channel, segment = pool
        # each customer is worth what they are worth once, however many cases they have
        worth = list({row["customer_id"]: row for row in rows}.values())
        of_all = bases[phase, channel, "all"]
        is_of_few = segment != "all" and any(
            0 < count < MIN_CELL_SIZE
            for basis, of_basis in bases[pool].items()
            for count in (of_basis, of_all[basis] - of_basis)
        )
        values = [row["value_at_risk"] for row in worth if row["value_at_risk"] is not None]
        of_own = [row["value_at_risk"] for row in worth if row["value_basis"] == "own"]
        silent = [(as_of - row["last_contact_at"]) // timedelta(seconds=1) for row in rows if row["last_contact_at"]]
        figures = {
            "open_count": len(inside),
            "stalled_count": len(rows),
            "stalled_share": len(rows) / len(inside),
            "median_dwell_seconds": percentile([row["dwell_seconds"] for row in rows], 0.5) if rows else None,
            "norm_seconds": norm_of(inside[0], intervals, known),
            "median_silent_seconds": percentile(silent, 0.5) if silent else None,
            "value_at_risk": sum(values) if values else None,
            "own_value_at_risk": sum(of_own) if of_own and not is_of_few else None,
            "own_value_count": None if is_of_few else len(of_own),
            "median_value_count": None if is_of_few else sum(row["value_basis"] == "journey_median" for row in worth),
            "without_rate_count": sum(row["without_rate_count"] for row in worth) if rows else None,
            "oldest_entered_at": min((row["entered_at"] for row in rows), default=None),
        }
        journey_id, journey_version, phase_id = phase
        found.append(
            {
                "journey_id": journey_id,
                "journey_version": journey_version,
                "phase_id": phase_id,
                "channel": channel,
                "segment": segment,
                **answering(inside[0], seeds),
                **(dict.fromkeys(figures) if pool in hidden else figures),
                "is_suppressed": pool in hidden,
            }
        )
    return found
