{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_steps': 'customer_id',
            'int_instance_bounds': 'customer_id',
            'int_customer_summaries': 'customer_id',
        },
    }},
) }}

{#-
    What the steps of an instance say: the first and the last, how long they lasted, how many channels it used and
    whether it returned to one. Steps without a channel do not count for channels.
-#}
with steps as (
    select
        journey_instance_id,
        channel,
        lag(channel) over (partition by journey_instance_id order by step_number) as previous_channel
    from {{ ref('int_steps') }}
    where
        channel is not null
        and {{ is_changed('customer_id') }}
),

channels as (
    select
        journey_instance_id,
        count(distinct channel) as channel_count,
        count_if(previous_channel is distinct from channel) as run_count
    from steps
    group by journey_instance_id
),

ends as (
    select
        journey_instance_id,
        min_by(event_name, step_number) as first_event_name,
        max_by(event_name, step_number) as last_event_name,
        count(*) as step_count,
        min(occurred_at) as first_step_at,
        max(occurred_at) as last_step_at
    from {{ ref('int_steps') }}
    where {{ is_changed('customer_id') }}
    group by journey_instance_id
)

select
    bounds.journey_instance_id,
    bounds.journey_id,
    bounds.customer_id,
    case
        when coalesce(channels.channel_count, 0) <= 1 then 'micro'
        when channels.run_count = channels.channel_count then 'macro'
        else 'omni'
    end as level,
    bounds.outcome,
    bounds.case_value,
    customers.is_linkable,
    ends.first_event_name,
    ends.last_event_name,
    bounds.journey_version,
    bounds.interval_count,
    cast(ends.step_count as bigint) as step_count,
    cast(coalesce(channels.channel_count, 0) as bigint) as channel_count,
    {{ seconds_between('ends.first_step_at', 'ends.last_step_at') }} as duration_seconds,
    bounds.started_at,
    ends.last_step_at,
    bounds.ended_at
from {{ ref('int_instance_bounds') }} as bounds
inner join ends
    on ends.journey_instance_id = bounds.journey_instance_id
inner join {{ ref('int_customer_summaries') }} as customers
    on customers.customer_id = bounds.customer_id
left join channels
    on channels.journey_instance_id = bounds.journey_instance_id
where {{ is_changed('bounds.customer_id') }}
