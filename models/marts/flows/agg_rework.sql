{#-
    What is done again, and with what instances begin and end. An instance's further steps of a name are repeats (right
    after one of the same name) or returns (after others), so that steps = instances + repeats + returns.
-#}
with
{% for step_type in step_types() %}
{{ step_type }}_visits as (
    select
        journey_id,
        '{{ step_type }}' as step_type,
        {{ step_type }} as name,
        min(outcome) as outcome,
        count(*) as step_count,
        count_if(coalesce(next_{{ step_type }} = {{ step_type }}, false)) as repeat_count,
        bool_or(step_number = 1) as is_first,
        bool_or(next_{{ step_type }} is null) as is_last,
        {{ seconds_between('min(occurred_at)', 'max(occurred_at)') }} as seconds
    from {{ ref('int_step_pairs') }}
    group by journey_id, instance_number, {{ step_type }}
),
{% endfor %}
visits as (
    {% for step_type in step_types() -%}
    select * from {{ step_type }}_visits
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

select
    journey_id,
    step_type,
    name,
    cast(sum(step_count) as bigint) as step_count,
    cast(count(*) as bigint) as instance_count,
    cast(count_if(step_count > 1) as bigint) as reworked_count,
    cast(sum(repeat_count) as bigint) as repeat_count,
    cast(sum(step_count - 1 - repeat_count) as bigint) as return_count,
    cast(count_if(is_first) as bigint) as first_step_count,
    cast(count_if(is_last) as bigint) as last_step_count,
    cast(count_if(is_last and outcome = 'completed') as bigint) as completed_last_step_count,
    cast(count_if(outcome = 'fell_out') as bigint) as fell_out_count,
    cast(count_if(outcome = 'fell_out' and step_count > 1) as bigint) as reworked_fell_out_count,
    count_if(step_count > 1) / cast(count(*) as double) as reworked_share,
    -- the seconds between an instance's visits add up to those between its first and its last
    cast(sum(seconds) as double) / nullif(sum(step_count - 1), 0) as mean_seconds_between,
    cast(percentile_disc(0.5) within group (order by case when step_count > 1 then seconds end) as bigint)
        as median_reworked_seconds
from visits
group by journey_id, step_type, name
