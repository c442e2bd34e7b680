{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_instance_bounds': 'customer_id',
            'int_phase_intervals': 'customer_id',
            'int_timeline_events': 'customer_id',
            'int_match_cases': 'customer_id',
            'journeys': 'all',
            'clock': 'never: an event that the clock reaches changes the timeline',
        },
    }},
) }}

{#-
    Steps of journey instances: the customer's events from the instance's first instant to its end, numbered. The pause
    after a step lasts until the next step of the instance. `journeys.fct_steps` publishes this table.
-#}
with steps as (
    select * from {{ ref('int_steps_in_intervals') }}
    union all
    select * from {{ ref('int_steps_before_first_match') }}
),

numbered as (
    select
        instance_number,
        phase_id,
        event_id,
        row_number() over instance as step_number,
        {{ seconds_between('occurred_at', 'lead(occurred_at) over instance') }} as pause_seconds,
        occurred_at
    from steps
    window instance as (partition by instance_number order by event_number)
)

select
    instances.journey_instance_id,
    instances.journey_id,
    instances.customer_id,
    numbered.event_id,
    numbered.phase_id,
    events.event_name,
    events.channel,
    events.touchpoint,
    events.department,
    events.direction,
    events.device_type,
    cast(numbered.step_number as bigint) as step_number,
    cast(numbered.pause_seconds as bigint) as pause_seconds,
    numbered.occurred_at
from numbered
inner join {{ ref('int_step_instances') }} as instances
    on instances.instance_number = numbered.instance_number
inner join {{ ref('int_timeline_events') }} as events
    on events.event_id = numbered.event_id
