{#-
    Which name follows which within an instance, counted at each naming of steps, per journey and, if a column is
    given, per value of it. Each naming is counted by itself: one count over all four would sort four times the rows.
-#}
{% macro counted_transitions(steps, cut=none) -%}
{%- set keys = ['journey_id'] + ([cut] if cut else []) -%}
with
{% for step_type in step_types() %}
{{ step_type }}_transitions as (
    select
        {{ keys | join(', ') }},
        '{{ step_type }}' as step_type,
        {{ step_type }} as from_name,
        next_{{ step_type }} as to_name,
        count(*) as transition_count,
        count(distinct customer_number) as customer_count,
        percentile_disc(0.5) within group (order by next_seconds) as median_seconds,
        percentile_disc(0.9) within group (order by next_seconds) as ninth_decile_seconds
    from {{ steps }}
    where next_{{ step_type }} is not null
    group by {{ keys | join(', ') }}, {{ step_type }}, next_{{ step_type }}
),
{% endfor %}
transitions as (
    {% for step_type in step_types() -%}
    select * from {{ step_type }}_transitions
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

select
    {{ keys | join(',\n    ') }},
    step_type,
    from_name,
    to_name,
    cast(transition_count as bigint) as transition_count,
    cast(customer_count as bigint) as customer_count,
    cast(median_seconds as bigint) as median_seconds,
    cast(ninth_decile_seconds as bigint) as ninth_decile_seconds,
    cast(transition_count as double)
    / sum(transition_count) over (partition by {{ keys | join(', ') }}, step_type, from_name) as from_share
from transitions
{%- endmacro %}
