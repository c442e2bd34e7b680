{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_phase_intervals': 'customer_id',
        },
    }},
) }}

{#- What became of an instance after it was in a phase for the last time: a later phase or completion, a drop-off, or neither yet. -#}
with intervals as (
    select
        journey_instance_id,
        journey_id,
        journey_version,
        customer_id,
        phase_id,
        phase_order,
        interval_number,
        last_value(outcome) over (
            partition by journey_instance_id
            order by interval_number rows between unbounded preceding and unbounded following
        ) as instance_outcome,
        last_value(left_at) over (
            partition by journey_instance_id
            order by interval_number rows between unbounded preceding and unbounded following
        ) as instance_ended_at,
        min(entered_at) over (partition by journey_instance_id, phase_id) as entered_at,
        max(phase_order) over (
            partition by journey_instance_id
            order by interval_number rows between 1 following and unbounded following
        ) as later_order
    from {{ ref('int_phase_intervals') }}
    where {{ is_changed('customer_id') }}
),

last_intervals as (
    select
        journey_instance_id,
        journey_id,
        journey_version,
        customer_id,
        phase_id,
        instance_outcome,
        instance_ended_at,
        entered_at,
        instance_outcome = 'completed' or coalesce(later_order > phase_order, false) as has_progressed,
        row_number() over (
            partition by journey_instance_id, phase_id order by interval_number desc
        ) as intervals_from_last
    from intervals
)

select
    journey_instance_id,
    journey_id,
    journey_version,
    customer_id,
    phase_id,
    instance_outcome,
    has_progressed,
    instance_outcome = 'fell_out' and not has_progressed as has_dropped_off,
    entered_at,
    instance_ended_at
from last_intervals
where intervals_from_last = 1
