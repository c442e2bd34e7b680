{#- Journeys and step types, by level if it is given, whose variants are not as many as instances and their ends. -#}
{% test variants_add_up(model, dimension=none) %}
{%- set keys = 'journey_id' ~ (', ' ~ dimension if dimension else '') %}
with expected as (
    select
        {{ keys }},
        step_types.step_type,
        count(*) as instance_count,
        count_if(journeys.outcome = 'completed') as completed_count,
        count_if(journeys.outcome = 'fell_out') as fell_out_count
    from {{ ref('fct_journeys') }} as journeys
    cross join (values ('phase'), ('channel'), ('touchpoint'), ('event')) as step_types (step_type)
    group by {{ keys }}, step_types.step_type
),

found as (
    select
        {{ keys }},
        step_type,
        sum(instance_count) as instance_count,
        sum(completed_count) as completed_count,
        sum(fell_out_count) as fell_out_count,
        count(*) as variant_count,
        max(variant_rank) as last_rank
    from {{ model }}
    group by {{ keys }}, step_type
)

select {{ keys }}, step_type, expected.instance_count as expected_count, found.instance_count as found_count
from expected
full join found using ({{ keys }}, step_type)
where
    expected.instance_count is distinct from found.instance_count
    or expected.completed_count is distinct from found.completed_count
    or expected.fell_out_count is distinct from found.fell_out_count
    or found.variant_count is distinct from found.last_rank
{% endtest %}
