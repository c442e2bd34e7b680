{#-
    CTEs that tell what became of an instance once it was in a phase for the last time, ending in `phase_exits`: one
    row per instance and phase, with `has_progressed` (a later phase followed, or the instance was completed) and `has_dropped_off`
    (it fell out without).

    stays        name of a relation of stays (journey_instance_id, journey_id, phase_id, phase_order, interval_number,
                 outcome)
-#}
{% macro phase_exits(intervals) -%}
intervals_with_later as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        phase_order,
        interval_number,
        last_value(outcome) over (
            partition by journey_instance_id
            order by interval_number rows between unbounded preceding and unbounded following
        ) as instance_outcome,
        max(phase_order) over (
            partition by journey_instance_id
            order by interval_number rows between 1 following and unbounded following
        ) as later_order
    from {{ intervals }}
),

last_intervals as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        instance_outcome,
        instance_outcome = 'completed' or coalesce(later_order > phase_order, false) as has_progressed,
        row_number() over (
            partition by journey_instance_id, phase_id order by interval_number desc
        ) as intervals_from_last
    from intervals_with_later
),

phase_exits as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        has_progressed,
        instance_outcome = 'fell_out' and not has_progressed as has_dropped_off
    from last_intervals
    where intervals_from_last = 1
)
{%- endmacro %}
