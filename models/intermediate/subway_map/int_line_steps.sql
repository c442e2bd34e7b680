{{ config(materialized='view') }}

{#- Each step on the line of its channel, on the line of all customers, and on the line of each of its customer's segments. -#}
with steps as (
    select
        instance_number,
        customer_number,
        journey_id,
        customer_id,
        outcome,
        channel,
        next_channel,
        phase,
        next_phase,
        step_number,
        next_seconds,
        feedback_share,
        next_feedback_share
    from {{ ref('int_step_pairs') }}
),

steps_of_segments as (
    select segments.segment as line, steps.*
    from steps
    inner join {{ ref('int_segment_members') }} as segments
        on segments.customer_id = steps.customer_id
    union all
    select 'all' as line, steps.*
    from steps
)

{% set columns = [
    'instance_number', 'customer_number', 'journey_id', 'outcome', 'phase', 'next_phase', 'step_number', 'next_seconds',
    'feedback_share', 'next_feedback_share',
] | join(', ') -%}
select 'channel' as line_type, channel as line, next_channel as next_line, {{ columns }}
from steps
union all
select
    'segment' as line_type,
    line,
    case when next_phase is not null then line end as next_line,
    {{ columns }}
from steps_of_segments
