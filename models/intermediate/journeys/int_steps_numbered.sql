{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_journey_customers_touched'}},
) }}

{#-
    Steps of journey instances: the customer's events from the instance's first instant to its end; a completed one
    ends with its terminal event. Which stay an event falls into is carried along the timeline rather than joined by
    time, so a customer of very many events costs no more than many of few.
-#}
with journeys as (
    select
        journey_instance_id,
        journey_id,
        customer_id,
        first_event_id,
        first_phase_id,
        started_at,
        coalesce(ended_at, {{ as_of() }}) as until
    from {{ ref('int_journeys_outlined') }}
    where {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

stays as (
    select interval_id, journey_instance_id, journey_id, customer_id, phase_id, entry_event_id, outcome
    from {{ ref('int_phase_stays') }}
    where {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

travellers as (
    select journey_id, customer_id, min(started_at) as started_at
    from journeys
    group by journey_id, customer_id
),

events as (
    select
        stitched.event_id,
        stitched.customer_id,
        row_number() over (
            partition by stitched.customer_id
            order by
                stitched.occurred_at,
                stitched.source_priority,
                stitched.sequence_number nulls last,
                stitched.event_id
        ) as event_number,
        stitched.occurred_at
    from {{ ref('int_events_stitched') }} as stitched
    where
        not stitched.is_bot
        and stitched.occurred_at <= {{ as_of() }}
        and stitched.customer_id in (select customer_id from travellers)
),

events_with_stay as (
    select
        travellers.journey_id,
        events.customer_id,
        events.event_id,
        events.event_number,
        events.occurred_at,
        last_value(stays.interval_id ignore nulls) over (
            partition by travellers.journey_id, events.customer_id
            order by events.event_number rows unbounded preceding
        ) as interval_id
    from travellers
    inner join events
        on events.customer_id = travellers.customer_id and events.occurred_at >= travellers.started_at
    left join stays
        on stays.journey_id = travellers.journey_id and stays.entry_event_id = events.event_id
),

steps_in_stays as (
    select
        stays.journey_instance_id,
        stays.journey_id,
        stays.customer_id,
        events_with_stay.event_id,
        stays.phase_id,
        events_with_stay.event_number,
        events_with_stay.occurred_at
    from events_with_stay
    inner join stays
        on stays.interval_id = events_with_stay.interval_id
    inner join journeys
        on journeys.journey_instance_id = stays.journey_instance_id
    where
        events_with_stay.occurred_at <= journeys.until
        and (stays.outcome <> 'completed' or stays.entry_event_id = events_with_stay.event_id)
),

-- an instance holds its first instant whole, what happened just before its first hit included
steps_before_the_first_hit as (
    select
        journeys.journey_instance_id,
        journeys.journey_id,
        journeys.customer_id,
        events.event_id,
        journeys.first_phase_id as phase_id,
        events.event_number,
        events.occurred_at
    from journeys
    inner join events as first_hits
        on first_hits.event_id = journeys.first_event_id
    inner join events
        on
            events.customer_id = journeys.customer_id
            and events.occurred_at = journeys.started_at
            and events.event_number < first_hits.event_number
),

steps as (
    select * from steps_in_stays
    union all
    select * from steps_before_the_first_hit
)

select
    steps.journey_instance_id,
    steps.journey_id,
    steps.customer_id,
    steps.event_id,
    steps.phase_id,
    unioned.event_name,
    unioned.channel,
    unioned.touchpoint,
    unioned.department,
    unioned.direction,
    unioned.device_type,
    cast(row_number() over (
        partition by steps.journey_instance_id order by steps.event_number
    ) as bigint) as step_number,
    steps.occurred_at
from steps
inner join {{ ref('int_events_unioned') }} as unioned
    on unioned.event_id = steps.event_id and unioned.is_current
