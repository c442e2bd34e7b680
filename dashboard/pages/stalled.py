"""Stalled customers: who is stuck in a phase now, what is at stake, and who answers for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from dashboard import words
from dashboard.draw import Bar, Part, bars, table
from dashboard.figure import Figure, Page
from dashboard.names import channel_names, phase_names
from dashboard.view import View

PAGE = Page(
    name="stalled",
    title="Stalled",
    about=(
        "Customers who are in a phase longer than nine of ten who went on: how many, how long, what they are worth,"
        " whose they are."
    ),
    order=60,
    takes=("journey", "version", "segment"),
)

POOLS = """
select phase_id, journey_version, responsible, accountable, open_count, stalled_count, stalled_share, norm_seconds,
    median_dwell_seconds, median_silent_seconds, value_at_risk, own_value_at_risk, own_value_count, median_value_count,
    is_suppressed
from flows.agg_stalled_customers
where journey_id = $journey and ($version is null or journey_version = $version) and channel = 'all'
    and segment = $segment
order by value_at_risk desc nulls last, stalled_count desc, phase_id, journey_version
"""
BY_CHANNEL = """
select channel, phase_id, journey_version, stalled_count, value_at_risk, is_suppressed
from flows.agg_stalled_customers
where journey_id = $journey and ($version is null or journey_version = $version) and channel <> 'all'
    and segment = $segment
order by channel, phase_id, journey_version
"""


@PAGE.question("pools", "Who is stuck, and what is at stake?", is_wide=True)
def pools(view: View) -> Figure:
    found = view.ask(POOLS)
    shown = [row for row in found if not row["is_suppressed"] and row["stalled_count"]]
    view.suppressed_count += sum(1 for row in found if row["is_suppressed"])
    if not shown:
        return Figure(empty="Nobody is stalled in this journey with these filters.", table=found)
    names = phase_names(view)
    currency = view.release.currency
    total = sum(row["stalled_count"] for row in shown)
    value = sum(row["value_at_risk"] or 0 for row in shown)
    top = shown[0]
    rows = [
        (
            (names.get(row["phase_id"], row["phase_id"]), f"version {row['journey_version']}"),
            (f"{row['stalled_count']:,}", f"{words.percent(row['stalled_share'])} of {row['open_count']:,} open"),
            (_money(row["value_at_risk"], currency), f"{words.count(row['own_value_count'])} by their own purchases"),
            (words.duration(row["median_dwell_seconds"]), f"usual: up to {words.duration(row['norm_seconds'])}"),
            words.duration(row["median_silent_seconds"]),
            (row["responsible"] or "–", row["accountable"] or ""),
        )
        for row in shown
    ]
    return Figure(
        answer=(
            f"{total:,} phase intervals are stalled, with {_money(value, currency)} at stake; most of it in "
            f"{names.get(top['phase_id'], top['phase_id'])} ({_money(top['value_at_risk'], currency)}), which is "
            f"{top['responsible'] or 'nobody'}'s."
            if value
            else f"{total:,} phase intervals are stalled."
        ),
        body=table(
            "Stalled customers by phase",
            ("Phase", "Stalled#", "Value at risk#", "Median time in it#", "Median silence#", "Responsible"),
            rows,
        ),
        table=found,
        counted=f"{total:,} stalled phase intervals",
        unit="value: what a customer bought in the last 365 days, else the median of completed ones",
        notes=(
            (
                "Value at risk is what they bought in a year before, not what would be lost: some of them come back"
                " unasked. A value taken from the median says nothing of the single customer."
            ),
        ),
    )


@PAGE.question("where", "Where were they last seen?", is_wide=True)
def where(view: View) -> Figure:
    found = view.ask(BY_CHANNEL)
    view.suppressed_count += sum(1 for row in found if row["is_suppressed"])
    of_channels: dict[str, dict[str, Any]] = {}
    for row in found:
        if not row["is_suppressed"] and row["stalled_count"]:
            channel = of_channels.setdefault(
                row["channel"], {"channel": row["channel"], "stalled": 0, "value_at_risk": 0}
            )
            channel["stalled"] += row["stalled_count"]
            channel["value_at_risk"] += row["value_at_risk"] or 0
    shown = sorted(of_channels.values(), key=lambda row: (-row["value_at_risk"], -row["stalled"], row["channel"]))
    if not shown:
        return Figure(empty="Nobody is stalled in this journey with these filters.")
    names = channel_names(view)
    currency = view.release.currency
    has_value = any(row["value_at_risk"] for row in shown)
    drawn = [
        Bar(
            names.get(row["channel"], row["channel"]),
            (
                Part(
                    float((row["value_at_risk"] if has_value else row["stalled"]) or 0),
                    "accent",
                    f"{names.get(row['channel'], row['channel'])}: {row['stalled']:,} stalled,"
                    f" {_money(row['value_at_risk'], currency)}",
                ),
            ),
            f"{_money(row['value_at_risk'], currency)} · {row['stalled']:,}" if has_value else f"{row['stalled']:,}",
        )
        for row in shown[:20]
    ]
    return Figure(
        answer=(
            f"Most is at stake where they were last seen in {names.get(shown[0]['channel'], shown[0]['channel'])}: "
            f"{shown[0]['stalled']:,} stalled phase intervals"
        )
        + (f", {_money(shown[0]['value_at_risk'], currency)}." if has_value else "."),
        body=bars(drawn),
        table=found,
        counted=f"{sum(row['stalled'] for row in shown):,} stalled phase intervals",
        unit="value at risk and number of stalled phase intervals by the channel of the last step",
    )


# By segment, customers of a pool that is not shown are no more to be listed than counted.
CUSTOMERS = """
select stalled.customer_id, stalled.phase_id, stalled.journey_version, stalled.channel, stalled.value_at_risk,
    stalled.value_basis, stalled.dwell_seconds, stalled.norm_seconds, stalled.last_contact_channel,
    stalled.last_contact_at, stalled.responsible, count(*) over () as stalled_count
from flows.stalled_customers as stalled
inner join core.dim_customers as customers
    on customers.customer_id = stalled.customer_id and not customers.is_anonymous
where stalled.journey_id = $journey and ($version is null or stalled.journey_version = $version)
    and ($segment = 'all' or stalled.customer_id in (
        select customer_id from customers.segment_members where segment = $segment
    ))
    and (stalled.phase_id, stalled.journey_version) not in (
        select (phase_id, journey_version) from flows.agg_stalled_customers
        where journey_id = $journey and channel = 'all' and segment = $segment and is_suppressed
    )
order by stalled.value_at_risk desc nulls last, stalled.interval_id
limit 500
"""
CUSTOMERS_SHOWN = 15
BASES = {"own": "their own purchases", "journey_median": "median of completed ones", "none": ""}


@PAGE.question("contact", "Whom to contact first?", is_wide=True)
def contact(view: View) -> Figure:
    found = view.ask(CUSTOMERS)
    pools = view.look_up(POOLS)
    view.suppressed_count += sum(1 for row in pools if row["is_suppressed"])
    if not found:
        return Figure(empty="No known customer is stalled in this journey with these filters.")
    phases, names, currency = phase_names(view), channel_names(view), view.release.currency
    rows = []
    for row in found.dicts[:CUSTOMERS_SHOWN]:
        last = row["last_contact_channel"]
        rows.append(
            (
                (
                    Markup('<a href="/customer?{}">{}…</a>').format(
                        urlencode({"journey": view.filters.journey, "customer": row["customer_id"]}),
                        row["customer_id"][:10],
                    ),
                    phases.get(row["phase_id"], row["phase_id"]),
                ),
                (_money(row["value_at_risk"], currency), BASES.get(row["value_basis"], row["value_basis"])),
                (words.duration(row["dwell_seconds"]), f"usual: up to {words.duration(row['norm_seconds'])}"),
                (
                    (words.day(row["last_contact_at"]), names.get(last, last))
                    if row["last_contact_at"]
                    else "no contact yet"
                ),
                row["responsible"] or "–",
            )
        )
    first = found.first()
    total = first["stalled_count"]
    where = phases.get(first["phase_id"], first["phase_id"])
    return Figure(
        answer=(
            f"Of {words.plural(total, 'stalled phase interval')} of known customers, most is at stake for one in "
            f"{where}: {_money(first['value_at_risk'], currency)}"
            + (" that they bought in the year before." if first["value_basis"] == "own" else ".")
            if first["value_at_risk"]
            else f"{words.plural(total, 'phase interval')} of known customers "
            + ("is" if total == 1 else "are")
            + " stalled; what is at stake is not known."
        ),
        body=table(
            "Stalled customers, by value at risk",
            ("Customer", "Value at risk#", "Time in it#", "Last contact", "Responsible"),
            rows,
        ),
        table=found,
        counted=f"{words.plural(total, 'stalled phase interval')} of known customers",
        unit="value at risk: what they bought in the last 365 days, else the median of completed ones",
        notes=(
            (
                "A high value is what they bought, not a chance to win them back. Whether they agreed to be contacted"
                " is not in this release. Who is stalled twice is in the list twice, each time with their whole value."
            ),
            *(
                (
                    (
                        f"The first {CUSTOMERS_SHOWN}; the CSV has "
                        + ("all." if total <= len(found) else f"the first {len(found)}.")
                    ),
                )
                if total > CUSTOMERS_SHOWN
                else ()
            ),
        ),
    )


def _money(value: Any, currency: str) -> str:
    return "–" if value is None else f"{value:,.0f} {currency}".strip()
