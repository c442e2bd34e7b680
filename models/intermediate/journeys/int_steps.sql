{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'customer_id', 'changed': 'int_changed_journey_customers'}},
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
    from {{ ref('int_instance_bounds') }}
    where {{ is_changed('customer_id', ref('int_changed_journey_customers'), 'customer_id') }}
),

intervals as (
    select
        row_number() over (order by intervals.interval_id) as interval_number,
        journeys.instance_number,
        journeys.until,
        intervals.journey_id,
        intervals.phase_id,
        intervals.entry_event_id,
        intervals.outcome
    from {{ ref('int_phase_intervals') }} as intervals
    inner join journeys
        on journeys.journey_instance_id = intervals.journey_instance_id
    where {{ is_changed('intervals.customer_id', ref('int_changed_journey_customers'), 'customer_id') }}
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

events_with_interval as (
    select
        events.event_id,
        events.event_number,
        events.occurred_at,
        last_value(intervals.interval_number ignore nulls) over (
            partition by travellers.traveller_number order by events.event_number rows unbounded preceding
        ) as interval_number
    from travellers
    inner join events
        on events.customer_id = travellers.customer_id and events.occurred_at >= travellers.started_at
    left join intervals
        on intervals.journey_id = travellers.journey_id and intervals.entry_event_id = events.event_id
),

steps_in_intervals as (
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
        and (intervals.outcome <> 'completed' or intervals.entry_event_id = events_with_interval.event_id)
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
        coalesce(journeys.instance_number, case when intervals.outcome = 'completed' then 0 end) as mark,
        events.event_number,
        events.occurred_at
    from first_instants
    inner join events
        on events.customer_id = first_instants.customer_id and events.occurred_at = first_instants.started_at
    left join journeys
        on journeys.journey_id = first_instants.journey_id and journeys.first_event_id = events.event_id
    left join intervals
        on intervals.journey_id = first_instants.journey_id and intervals.entry_event_id = events.event_id
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
steps_before_the_first_match as (
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
    select * from steps_in_intervals
    union all
    select * from steps_before_the_first_match
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
inner join {{ ref('int_event_versions') }} as unioned
    on unioned.event_id = numbered.event_id and unioned.is_current
