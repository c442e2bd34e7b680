{#- Journeys and step types, by level if it is given, whose pairs are not as many as steps minus instances. -#}
{% test transitions_add_up(model, dimension=none) %}
{%- set keys = 'journey_id' ~ (', ' ~ dimension if dimension else '') %}
with expected as (
    select
        {{ keys }},
        step_types.step_type,
        sum(journeys.step_count) - count(*) as pair_count
    from {{ ref('fct_journeys') }} as journeys
    cross join (values ('phase'), ('channel'), ('touchpoint'), ('event')) as step_types (step_type)
    group by {{ keys }}, step_types.step_type
),

found as (
    select {{ keys }}, step_type, sum(transition_count) as pair_count
    from {{ model }}
    group by {{ keys }}, step_type
)

select {{ keys }}, step_type, expected.pair_count as expected_count, found.pair_count as found_count
from expected
full join found using ({{ keys }}, step_type)
where coalesce(expected.pair_count, 0) <> coalesce(found.pair_count, 0)
{% endtest %}
