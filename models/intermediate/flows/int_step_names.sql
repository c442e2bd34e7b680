{#-
    The names of steps, under the four kinds of name that flows are shown by: few rows, so that the steps carry one
    number for all four. The number of a name identifies its journey as well.
-#}
with names as (
    select distinct
        journey_id,
        coalesce(phase_id, '(none)') as phase,
        coalesce(channel, '(none)') as channel,
        coalesce(touchpoint, '(none)') as touchpoint,
        coalesce(event_name, '(none)') as event
    from {{ ref('int_steps') }}
)

select
    journey_id,
    {% for step_type in step_types() -%}
    {{ step_type }},
    dense_rank() over (
        order by journey_id, {{ step_type }}
    ) as {{ step_type }}_number,
    {% endfor -%}
    row_number() over (order by journey_id, {{ step_types() | join(', ') }}) as name_number
from names
