"""Draws an event log of people on a purchase journey and puts it where the models of journeys and flows read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from orchestration.lib.core.connection import open_duckdb

AS_OF = datetime(2026, 7, 1)
DAYS = 365
# event_name, channel, touchpoint, department, direction, device_type, the phase that it marks
EVENTS: Sequence[tuple[str, str | None, str | None, str | None, str, str | None, str | None]] = (
    ("ad_clicked", "paid_search", "ad", None, "inbound", "mobile", "awareness"),
    ("page_viewed", "web", "page", None, "inbound", "desktop", None),
    ("searched", "web", "search", None, "inbound", "desktop", None),
    ("product_viewed", "web", "product_page", None, "inbound", "desktop", "interest"),
    ("app_opened", "app", "app_start", None, "inbound", "mobile", None),
    ("newsletter_subscribed", "email", "newsletter_form", None, "inbound", None, "interest"),
    ("email_opened", "email", "newsletter", None, "inbound", "mobile", None),
    ("email_sent", "email", "newsletter", None, "outbound", None, None),
    ("added_to_cart", "web", "cart", None, "inbound", "desktop", "consideration"),
    ("store_visited", "store", "store_visit", "stores", "inbound", None, "consideration"),
    ("checkout_started", "web", "checkout", None, "inbound", "desktop", None),
    ("call_answered", "phone", "support_call", "service", "inbound", None, None),
    ("order_placed", "web", "checkout", None, "inbound", "desktop", "purchase"),
    ("store_purchase", "store", "till", "stores", "inbound", None, "purchase"),
    ("order_delivered", "shop", "delivery", "logistics", "outbound", None, None),
    ("survey_answered", "survey", None, None, "inbound", None, None),
    ("loyalty_joined", "store", "loyalty_programme", None, "inbound", None, "loyalty"),
)
# What follows, and how often, of a hundred; the rest is drawn from everything.
FOLLOWS: Mapping[str, Mapping[str, int]] = {
    "ad_clicked": {"page_viewed": 50, "product_viewed": 45},
    "page_viewed": {"page_viewed": 30, "product_viewed": 35, "searched": 20, "email_sent": 10},
    "searched": {"product_viewed": 75, "searched": 10, "page_viewed": 10},
    "product_viewed": {"product_viewed": 45, "added_to_cart": 14, "page_viewed": 15, "email_sent": 10, "searched": 10},
    "app_opened": {"product_viewed": 70, "searched": 20},
    "newsletter_subscribed": {"email_sent": 90},
    "email_opened": {"product_viewed": 50, "email_sent": 35},
    "email_sent": {"email_opened": 40, "email_sent": 30, "page_viewed": 10, "ad_clicked": 5, "app_opened": 10},
    "added_to_cart": {"checkout_started": 40, "product_viewed": 35, "added_to_cart": 10, "email_sent": 10},
    "store_visited": {"store_purchase": 45, "product_viewed": 20, "email_sent": 20},
    "checkout_started": {"order_placed": 60, "product_viewed": 20, "call_answered": 10},
    "call_answered": {"order_placed": 20, "page_viewed": 30, "email_sent": 40},
    "order_placed": {"order_delivered": 85, "email_sent": 10},
    "store_purchase": {"email_sent": 50, "loyalty_joined": 15, "survey_answered": 15},
    "order_delivered": {"email_sent": 50, "survey_answered": 25, "loyalty_joined": 8},
    "survey_answered": {"email_sent": 70, "page_viewed": 20},
    "loyalty_joined": {"email_sent": 60, "app_opened": 30},
}
# phase_id, phase_order, window_days, is_terminal
PHASES: Sequence[tuple[str, int, int | None, bool]] = (
    ("awareness", 1, 30, False),
    ("interest", 2, 30, False),
    ("consideration", 3, 21, False),
    ("purchase", 4, 45, False),
    ("loyalty", 5, None, True),
)
EVENTS_PER_CUSTOMER = 60


def make_log(database: Path, count: int, *, seed: int = 1) -> None:
    """Writes about so many events as the intermediate tables that the models read.

    How much a customer does is log-normal; each event draws the next from what usually follows. Two events in three
    follow within minutes, the others after days; some share an instant.
    """
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    names = [event[0] for event in EVENTS]
    chances = np.full((len(names), len(names)), 1.0)
    for name, follows in FOLLOWS.items():
        row = chances[names.index(name)]
        row *= (100 - sum(follows.values())) / len(names)
        for following, share in follows.items():
            row[names.index(following)] += share
    bounds = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)

    lengths: list[int] = []
    total = 0
    # what falls after the clock is taken out again, and then customers until the count is right
    while total < 1.7 * count:
        length = int(min(np.ceil(rng.lognormal(np.log(EVENTS_PER_CUSTOMER) - 0.5, 1.0)), 5_000))
        lengths.append(length)
        total += length
    length_of = np.sort(np.array(lengths))[::-1]
    customers, codes = [], []
    state = rng.choice(len(names), len(length_of), p=_first_chances(names))
    for step in range(length_of[0]):
        # customers are ordered by how much they do: those who still do something are the first ones
        active = int(np.searchsorted(-length_of, -step, side="left"))
        if step:
            state[:active] = (rng.random(active)[:, None] > bounds[state[:active]]).sum(axis=1)
        customers.append(np.arange(active))
        codes.append(state[:active].copy())
    customer, code = np.concatenate(customers), np.concatenate(codes)
    order = np.argsort(customer, kind="stable")
    customer, code = customer[order], code[order]
    gaps = np.where(
        rng.random(total) < 0.65, rng.exponential(90.0, total), rng.lognormal(np.log(3 * 86_400.0), 1.2, total)
    )
    gaps = np.where(rng.random(total) < 0.02, 0.0, gaps).astype(np.int64)
    begins = np.flatnonzero(np.diff(customer, prepend=-1))
    elapsed = np.cumsum(gaps)
    started = rng.integers(0, DAYS * 86_400, len(length_of))
    seconds = elapsed - elapsed[begins][customer] + started[customer]
    has_happened = seconds <= DAYS * 86_400
    mixed = rng.permutation(len(length_of))
    happened = np.bincount(customer[has_happened], minlength=len(length_of))
    is_kept = np.zeros(len(length_of), bool)
    is_kept[mixed[np.cumsum(happened[mixed]) <= count]] = True
    rows = np.flatnonzero(has_happened & is_kept[customer])
    drawn = pa.table({"number": rows, "customer": customer[rows], "code": code[rows], "seconds": seconds[rows]})
    _write(database, drawn)


def _first_chances(names: Sequence[str]) -> list[float]:
    likely = {"ad_clicked": 0.3, "page_viewed": 0.3, "product_viewed": 0.2, "store_visited": 0.1}
    return [likely.get(name, 0.1 / (len(names) - len(likely))) for name in names]


def _write(database: Path, drawn: object) -> None:
    import pyarrow as pa

    columns = ("event_name", "channel", "touchpoint", "department", "direction", "device_type", "phase_id")
    words = pa.table({name: [event[place] for event in EVENTS] for place, name in enumerate(columns)})
    with open_duckdb(database) as connection:
        connection.register("drawn", drawn)
        connection.register("words", words.append_column("code", pa.array(range(len(EVENTS)), pa.int64())))
        connection.execute("create schema if not exists intermediate; create schema if not exists config")
        connection.execute("create table config.phases (phase_id varchar, phase_order bigint, window_days bigint)")
        connection.execute("alter table config.phases add column is_terminal boolean")
        connection.executemany("insert into config.phases values (?, ?, ?, ?)", list(PHASES))
        connection.execute(f"""
            alter table config.phases add column journey_id varchar default 'purchase';
            alter table config.phases add column journey_version bigint default 1;
            alter table config.phases add column is_required boolean default true;

            create table config.journeys as
            select
                'purchase' as journey_id,
                1::bigint as journey_version,
                null::varchar as case_key,
                null::date as valid_from,
                null::date as valid_to;

            create table intermediate.int_event_versions as
            select
                'web:' || md5(cast(number as varchar)) as event_id,
                'c_' || md5(cast(customer as varchar)) as customer_id,
                null::varchar as visitor_id,
                'event:' || number as record_key,
                'web' as source_system,
                words.* exclude (code),
                null::varchar as campaign,
                null::varchar as currency,
                null::varchar as feedback_kind,
                null::varchar as reference_id,
                null::varchar as reference_kind,
                null::varchar as properties,
                null::decimal(18, 2) as amount,
                case when words.event_name = 'survey_answered' then cast(number % 11 as double) end as feedback_score,
                case when words.event_name = 'survey_answered' then 0.0::double end as feedback_scale_min,
                case when words.event_name = 'survey_answered' then 10.0::double end as feedback_scale_max,
                case when words.event_name = 'survey_answered' then number % 11 / 10.0::double end as feedback_share,
                case
                    when words.event_name <> 'survey_answered' then null
                    when number % 11 >= 9 then 'promoter'
                    when number % 11 >= 7 then 'passive'
                    else 'detractor'
                end as feedback_group,
                true as is_identified,
                true as is_linkable,
                false as is_bot,
                true as is_current,
                timestamp '{AS_OF:%Y-%m-%d}' - interval {DAYS} day + to_seconds(seconds) as occurred_at,
                timestamp '{AS_OF:%Y-%m-%d}' as loaded_at,
                {{
                    'occurred_at': timestamp '{AS_OF:%Y-%m-%d}' - interval {DAYS} day + to_seconds(seconds),
                    'source_priority': 100,
                    'sequence_number': cast(number as bigint),
                    'event_id': 'web:' || md5(cast(number as varchar))
                }} as event_order
            from drawn inner join words using (code)
            -- as they land: by time, all customers together
            order by seconds, number;

            create view intermediate.int_events_stitched as select * from intermediate.int_event_versions;
            create table intermediate.int_customer_summaries as
            select distinct customer_id, true as is_linkable from intermediate.int_event_versions;
            create table intermediate.int_events_sessionized as select '' as event_id, '' as session_id where false;
            create table config.exchange_rates as
            select '' as currency, 1.0 as rate_to_reporting, date '2026-01-01' as valid_from where false;

            create table intermediate.int_match_cases as
            select
                '' as journey_id, 1::bigint as journey_version, '' as customer_id, '' as event_id, '' as case_id,
                '' as case_value, false as is_terminal, false as is_walked
            where false;

            create table intermediate.int_matched_events as
            select
                'purchase_' || events.event_name as critical_event_id,
                'purchase' as journey_id,
                events.customer_id,
                events.event_id,
                events.phase_id,
                events.channel,
                1::bigint as journey_version,
                phases.phase_order,
                phases.window_days * 86400 as window_seconds,
                events.event_number,
                phases.is_terminal,
                false as ends_case,
                true as is_counted,
                cast(events.occurred_at as date) as occurred_on,
                events.occurred_at
            from (
                select *, row_number() over (partition by customer_id order by event_order) as event_number
                from intermediate.int_event_versions
            ) as events
            inner join config.phases as phases using (phase_id)
        """)
