{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'feedback_id',
        'from': {
            'int_feedback_steps': 'feedback_id',
            'int_steps': {'column': 'event_id', 'of': 'int_feedback_steps'},
            'int_instance_bounds': {'column': 'journey_instance_id', 'of': 'this', 'key': 'feedback_id'},
        },
    }},
) }}

{#- The journey instances that the step of an answer or an invitation is part of: at most one per journey. -#}
with said as (
    select feedback_id, event_id
    from {{ ref('int_feedback_steps') }}
    where event_id is not null and {{ is_changed('feedback_id') }}
)

select
    said.feedback_id,
    steps.journey_id,
    steps.journey_instance_id,
    steps.phase_id,
    instances.outcome,
    -- of several journeys the one that began last is the closest to what was said
    row_number() over (
        partition by said.feedback_id order by instances.started_at desc, steps.journey_id asc
    ) as preference
from said
inner join {{ ref('int_steps') }} as steps
    on steps.event_id = said.event_id
inner join {{ ref('int_instance_bounds') }} as instances
    on instances.journey_instance_id = steps.journey_instance_id
{%- if builds_changes_only() %}
where steps.event_id in (select event_id from said)
{%- endif %}
