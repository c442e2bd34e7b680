{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_journey_customers_touched'}},
) }}

with instances as (
    select
        journey_instance_id,
        min(journey_id) as journey_id,
        min(journey_version) as journey_version,
        min(customer_id) as customer_id,
        max_by(outcome, interval_number) as outcome,
        max_by(entry_event_id, interval_number) as last_entry_event_id,
        cast(count(*) as bigint) as interval_count,
        min(entered_at) as started_at,
        -- an open stay has no end, and neither has its instance
        case when count(*) = count(left_at) then max(left_at) end as ended_at
    from {{ ref('int_phase_stays') }}
    where {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
    group by journey_instance_id
),

events as (
    select
        stitched.event_id,
        stitched.customer_id,
        unioned.channel,
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
    inner join {{ ref('int_events_unioned') }} as unioned
        on unioned.event_id = stitched.event_id and unioned.is_current
    where
        not stitched.is_bot
        and stitched.occurred_at <= {{ as_of() }}
        and stitched.customer_id in (select customer_id from instances)
),

terminal_events as (
    select instances.journey_instance_id, events.event_number
    from instances
    inner join events
        on events.event_id = instances.last_entry_event_id
    where instances.outcome = 'completed'
),

steps as (
    select
        instances.journey_instance_id,
        events.channel,
        lag(events.channel) over (
            partition by instances.journey_instance_id order by events.event_number
        ) as previous_channel
    from instances
    inner join events
        on
            events.customer_id = instances.customer_id
            and events.occurred_at >= instances.started_at
            and events.occurred_at <= coalesce(instances.ended_at, {{ as_of() }})
    left join terminal_events
        on terminal_events.journey_instance_id = instances.journey_instance_id
    where
        events.channel is not null
        and (
            terminal_events.event_number is null
            or events.event_number <= terminal_events.event_number
        )
),

channels_by_instance as (
    select
        journey_instance_id,
        count(distinct channel) as channel_count,
        count_if(previous_channel is distinct from channel) as run_count
    from steps
    group by journey_instance_id
)

select
    instances.journey_instance_id,
    instances.journey_id,
    instances.journey_version,
    instances.customer_id,
    case
        when coalesce(channels_by_instance.channel_count, 0) <= 1 then 'micro'
        when channels_by_instance.run_count = channels_by_instance.channel_count then 'macro'
        else 'omni'
    end as level,
    instances.outcome,
    instances.interval_count,
    instances.started_at,
    instances.ended_at
from instances
left join channels_by_instance
    on channels_by_instance.journey_instance_id = instances.journey_instance_id
