{#-
    CTEs that tell what became of an instance once it was in a phase for the last time, ending in `phases_left`: one
    row per instance and phase, with `has_gone_on` (a later phase followed, or the instance was completed) and `is_lost`
    (it fell out without).

    stays        name of a relation of stays (journey_instance_id, journey_id, phase_id, phase_order, interval_number,
                 outcome)
-#}
{% macro phases_left(stays) -%}
stays_with_later as (
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
    from {{ stays }}
),

last_stays as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        instance_outcome,
        instance_outcome = 'completed' or coalesce(later_order > phase_order, false) as has_gone_on,
        row_number() over (
            partition by journey_instance_id, phase_id order by interval_number desc
        ) as stays_from_last
    from stays_with_later
),

phases_left as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        has_gone_on,
        instance_outcome = 'fell_out' and not has_gone_on as is_lost
    from last_stays
    where stays_from_last = 1
)
{%- endmacro %}
