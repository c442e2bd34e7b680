{#-
    Steps from which more instances progressed than took the next step, or more progressed or wait than took the step, or
    more progressed directly than progressed; and steps that are missing between the first and the last.
-#}
{% test funnel_adds_up(model) %}
with steps as (
    select
        *,
        lead(entered_count, 1, 0) over journey as next_entered_count,
        row_number() over journey as place
    from {{ model }}
    window journey as (partition by journey_id, journey_version order by step_order)
)

select *
from steps
where
    step_order <> place
    or eventual_count <> next_entered_count
    or next_hit_count > eventual_count
    or eventual_count + pending_count > entered_count
{% endtest %}
