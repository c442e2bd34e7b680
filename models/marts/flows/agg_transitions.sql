{#- Who follows whom: pairs of neighbouring steps, seen at four levels of naming. A step after itself is a pair too. -#}
{%- set step_types = {'phase': 'phase_id', 'channel': 'channel', 'touchpoint': 'touchpoint', 'event': 'event_name'} %}
with pairs as (
    select
        journey_id,
        customer_id,
        {% for column in step_types.values() -%}
        coalesce({{ column }}, '(none)') as from_{{ column }},
        lead(coalesce({{ column }}, '(none)')) over instance as to_{{ column }},
        {% endfor -%}
        {{ seconds_between('occurred_at', 'lead(occurred_at) over instance') }} as seconds
    from {{ ref('int_steps_numbered') }}
    window instance as (partition by journey_instance_id order by step_number)
),

named_pairs as (
    {% for step_type, column in step_types.items() -%}
    select
        journey_id,
        '{{ step_type }}' as step_type,
        from_{{ column }} as from_name,
        to_{{ column }} as to_name,
        customer_id,
        seconds
    from pairs
    where to_{{ column }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    journey_id,
    step_type,
    from_name,
    to_name,
    cast(count(*) as bigint) as transition_count,
    cast(count(distinct customer_id) as bigint) as customer_count,
    cast(percentile_disc(0.5) within group (order by seconds) as bigint) as median_seconds
from named_pairs
group by journey_id, step_type, from_name, to_name
