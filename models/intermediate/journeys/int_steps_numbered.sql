{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_journey_customers_touched'}},
) }}

{#-
    Steps of journey instances: the customer's events from the instance's first instant to its end; a completed one
    ends with its terminal event. Which stay an event falls into is carried along the timeline rather than joined by
    time, so a customer of very many events costs no more than many of few. Instances, stays and customers on a
    journey go by numbers until the end: sorting and joining millions of rows by texts takes twice as long.
-#}
with journeys as (
    select
        row_number() over (order by journey_instance_id) as instance_number,
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
    select
        row_number() over (order by stays.interval_id) as stay_number,
        journeys.instance_number,
        journeys.until,
        stays.journey_id,
        stays.phase_id,
        stays.entry_event_id,
        stays.outcome
    from {{ ref('int_phase_stays') }} as stays
    inner join journeys
        on journeys.journey_instance_id = stays.journey_instance_id
    where {{ is_touched('stays.customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

travellers as (
    select
        row_number() over (order by journey_id, customer_id) as traveller_number,
        journey_id,
        customer_id,
        min(started_at) as started_at
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
        events.event_id,
        events.event_number,
        events.occurred_at,
        last_value(stays.stay_number ignore nulls) over (
            partition by travellers.traveller_number order by events.event_number rows unbounded preceding
        ) as stay_number
    from travellers
    inner join events
        on events.customer_id = travellers.customer_id and events.occurred_at >= travellers.started_at
    left join stays
        on stays.journey_id = travellers.journey_id and stays.entry_event_id = events.event_id
),

steps_in_stays as (
    select
        stays.instance_number,
        stays.phase_id,
        events_with_stay.event_id,
        events_with_stay.event_number,
        events_with_stay.occurred_at
    from events_with_stay
    inner join stays
        on stays.stay_number = events_with_stay.stay_number
    where
        events_with_stay.occurred_at <= stays.until
        and (stays.outcome <> 'completed' or stays.entry_event_id = events_with_stay.event_id)
),

first_instants as (
    select distinct journey_id, customer_id, started_at
    from journeys
),

-- marks where an instance begins, by its number, and where one is completed, by 0
events_of_first_instants as (
    select
        first_instants.journey_id,
        events.customer_id,
        events.event_id,
        coalesce(journeys.instance_number, case when stays.outcome = 'completed' then 0 end) as mark,
        events.event_number,
        events.occurred_at
    from first_instants
    inner join events
        on events.customer_id = first_instants.customer_id and events.occurred_at = first_instants.started_at
    left join journeys
        on journeys.journey_id = first_instants.journey_id and journeys.first_event_id = events.event_id
    left join stays
        on stays.journey_id = first_instants.journey_id and stays.entry_event_id = events.event_id
),

events_with_next_mark as (
    select
        event_id,
        mark,
        first_value(mark ignore nulls) over (
            partition by journey_id, customer_id, occurred_at
            order by event_number rows between 1 following and unbounded following
        ) as next_mark,
        event_number,
        occurred_at
    from events_of_first_instants
),

-- an instance holds its first instant whole, what happened just before its first hit included; but what came up to the
-- terminal event of the instance before is that one's: an event is a step of one instance of a journey at most
steps_before_the_first_hit as (
    select
        journeys.instance_number,
        journeys.first_phase_id as phase_id,
        events_with_next_mark.event_id,
        events_with_next_mark.event_number,
        events_with_next_mark.occurred_at
    from events_with_next_mark
    inner join journeys
        on journeys.instance_number = events_with_next_mark.next_mark
    where events_with_next_mark.mark is null
),

steps as (
    select * from steps_in_stays
    union all
    select * from steps_before_the_first_hit
),

numbered as (
    select
        instance_number,
        phase_id,
        event_id,
        row_number() over (partition by instance_number order by event_number) as step_number,
        occurred_at
    from steps
)

select
    journeys.journey_instance_id,
    journeys.journey_id,
    journeys.customer_id,
    numbered.event_id,
    numbered.phase_id,
    unioned.event_name,
    unioned.channel,
    unioned.touchpoint,
    unioned.department,
    unioned.direction,
    unioned.device_type,
    cast(numbered.step_number as bigint) as step_number,
    numbered.occurred_at
from numbered
inner join journeys
    on journeys.instance_number = numbered.instance_number
inner join {{ ref('int_events_unioned') }} as unioned
    on unioned.event_id = numbered.event_id and unioned.is_current
