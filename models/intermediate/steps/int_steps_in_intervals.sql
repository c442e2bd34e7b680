{{ config(materialized='ephemeral') }}

{#-
    Events from an instance's first match to its end, each in the phase interval in which it happens; a completed instance
    ends with its last match. The interval is carried along the customer's timeline rather than joined by time, so a
    customer of very many events costs no more than many of few.
-#}
with travellers as (
    select
        row_number() over (order by journey_id, customer_id, case_id) as traveller_number,
        journey_id,
        customer_id,
        case_id,
        has_case,
        min(started_at) as started_at
    from {{ ref('int_step_instances') }}
    group by journey_id, customer_id, case_id, has_case
),

events as (
    select event_id, customer_id, event_number, occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and {{ is_changed('customer_id') }}
),

intervals as (
    select * from {{ ref('int_step_intervals') }}
),

events_with_interval as (
    select
        events.event_id,
        events.event_number,
        events.occurred_at,
        {{ last_filled('intervals.interval_number') }} over (
            partition by travellers.traveller_number order by events.event_number rows unbounded preceding
        ) as interval_number
    from travellers
    inner join events
        on events.customer_id = travellers.customer_id and events.occurred_at >= travellers.started_at
    left join {{ ref('int_step_cases') }} as cases
        on cases.journey_id = travellers.journey_id and cases.event_id = events.event_id
    left join intervals
        on intervals.journey_id = travellers.journey_id and intervals.entry_event_id = events.event_id
    where not travellers.has_case or cases.case_id = travellers.case_id
)

select
    intervals.instance_number,
    intervals.phase_id,
    events_with_interval.event_id,
    events_with_interval.event_number,
    events_with_interval.occurred_at
from events_with_interval
inner join intervals
    on intervals.interval_number = events_with_interval.interval_number
where
    events_with_interval.occurred_at <= intervals.until
    and coalesce(events_with_interval.event_number <= intervals.last_event_number, true)
