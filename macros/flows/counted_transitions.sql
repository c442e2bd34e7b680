{#-
    Which name follows which within an instance, counted at each naming of steps, per journey and, if a column of the
    instances is given, per value of it. Each naming is counted by itself: one count over all four would sort four times
    the rows. They are counted by the naming's numbers, which tell the journey too; the few results get their names.
-#}
{% macro counted_transitions(cut=none) -%}
{%- set keys = ['journey_id'] + ([cut] if cut else []) -%}
with steps as (
    select
        linked.name_number,
        linked.next_name_number,
        linked.customer_number,
        {% if cut -%}
        instances.{{ cut }},
        {% endif -%}
        linked.next_seconds
    from {{ ref('int_numbered_step_pairs') }} as linked
    {% if cut -%}
    inner join {{ ref('int_instance_numbers') }} as instances
        on instances.instance_number = linked.instance_number
    {% endif -%}
    where linked.next_name_number is not null
),

step_names as (
    select * from {{ ref('int_step_names') }}
),

{% for step_type in step_types() -%}
{{ step_type }}_names as (
    select distinct {{ step_type }}_number, journey_id, {{ step_type }} from step_names
),

{{ step_type }}_counts as (
    select
        {% if cut -%}
        steps.{{ cut }},
        {% endif -%}
        from_names.{{ step_type }}_number as from_number,
        to_names.{{ step_type }}_number as to_number,
        count(*) as transition_count,
        count(distinct steps.customer_number) as customer_count,
        {{ quantiles_of('steps.next_seconds', [0.5, 0.9]) }} as quantile_seconds
    from steps
    inner join step_names as from_names
        on from_names.name_number = steps.name_number
    inner join step_names as to_names
        on to_names.name_number = steps.next_name_number
    group by {{ 'steps.' ~ cut ~ ', ' if cut }}from_names.{{ step_type }}_number, to_names.{{ step_type }}_number
),

{{ step_type }}_transitions as (
    select
        from_names.journey_id,
        {% if cut -%}
        counts.{{ cut }},
        {% endif -%}
        '{{ step_type }}' as step_type,
        from_names.{{ step_type }} as from_name,
        to_names.{{ step_type }} as to_name,
        counts.transition_count,
        counts.customer_count,
        counts.quantile_seconds
    from {{ step_type }}_counts as counts
    inner join {{ step_type }}_names as from_names
        on from_names.{{ step_type }}_number = counts.from_number
    inner join {{ step_type }}_names as to_names
        on to_names.{{ step_type }}_number = counts.to_number
),

{% endfor -%}
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
    cast({{ element_at_place('quantile_seconds', 1) }} as bigint) as median_seconds,
    cast({{ element_at_place('quantile_seconds', 2) }} as bigint) as p90_seconds,
    cast(transition_count as double)
    / sum(transition_count) over (partition by {{ keys | join(', ') }}, step_type, from_name) as from_share
from transitions
{%- endmacro %}
