{#-
    Which name follows which within an instance, for each of the four names of a step, over all instances (level `all`)
    and by the level of the instance. Each kind of name is counted separately, and by numbers, which identify the journey
    as well: one count over all four would sort four times the rows. The few results get their names at the end.
-#}
with pairs as (
    select
        linked.name_number,
        linked.next_name_number,
        linked.customer_number,
        instances.level,
        linked.next_seconds
    from {{ ref('int_numbered_step_pairs') }} as linked
    inner join {{ ref('int_instance_numbers') }} as instances
        on instances.instance_number = linked.instance_number
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
        case when grouping(pairs.level) = 1 then 'all' else pairs.level end as level,
        from_names.{{ step_type }}_number as from_number,
        to_names.{{ step_type }}_number as to_number,
        count(*) as transition_count,
        count(distinct pairs.customer_number) as customer_count,
        {{ quantiles_of('pairs.next_seconds', [0.5, 0.9]) }} as quantile_seconds
    from pairs
    inner join step_names as from_names
        on from_names.name_number = pairs.name_number
    inner join step_names as to_names
        on to_names.name_number = pairs.next_name_number
    group by
        from_names.{{ step_type }}_number,
        to_names.{{ step_type }}_number,
        -- once per level, and once over all
        rollup(pairs.level)
),

{{ step_type }}_transitions as (
    select
        from_names.journey_id,
        counts.level,
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
    journey_id,
    level,
    step_type,
    from_name,
    to_name,
    cast(transition_count as bigint) as transition_count,
    cast(customer_count as bigint) as customer_count,
    cast({{ element_at_place('quantile_seconds', 1) }} as bigint) as median_seconds,
    cast({{ element_at_place('quantile_seconds', 2) }} as bigint) as p90_seconds,
    cast(transition_count as double)
    / sum(transition_count) over (partition by journey_id, level, step_type, from_name) as from_share
from transitions
