{#-
    The path that an instance took, for each of the four names of a step, as a key that equal paths share. The path of
    phases is that of the phases entered: a customer who stays in one takes no further step of it. Each instance is
    counted over all levels (`all`) and under its own.
-#}
with step_keys as (
    select
        linked.instance_number,
        {% for step_type in step_types() if step_type != 'phase' -%}
        {{ path_key('names.' ~ step_type ~ '_number', 'linked.step_number') }} as {{ step_type }}_key,
        {% endfor -%}
        count(*) as step_count,
        {{ seconds_between('min(linked.occurred_at)', 'max(linked.occurred_at)') }} as seconds
    from {{ ref('int_numbered_step_pairs') }} as linked
    inner join {{ ref('int_step_names') }} as names
        on names.name_number = linked.name_number
    group by linked.instance_number
),

phase_keys as (
    select
        journey_instance_id,
        {{ path_key('phase_id', 'interval_number') }} as phase_key,
        count(*) as interval_count
    from {{ ref('int_phase_intervals') }}
    group by journey_instance_id
),

instances as (
    select
        numbered.journey_id,
        numbered.level,
        numbered.customer_number,
        numbered.outcome,
        phase_keys.phase_key,
        phase_keys.interval_count,
        step_keys.*
    from step_keys
    inner join {{ ref('int_instance_numbers') }} as numbered
        on numbered.instance_number = step_keys.instance_number
    inner join phase_keys
        on phase_keys.journey_instance_id = numbered.journey_instance_id
),

instances_by_level as (
    {% for level in ["'all'", 'level'] -%}
    select
        journey_id,
        {{ level }} as level,
        customer_number,
        outcome,
        instance_number,
        {% for step_type in step_types() -%}
        {{ step_type }}_key,
        {% endfor -%}
        interval_count,
        step_count,
        seconds
    from instances
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

{% for step_type in step_types() -%}
select
    journey_id,
    level,
    '{{ step_type }}' as step_type,
    {{ step_type }}_key as path_key,
    instance_number,
    customer_number,
    outcome,
    {{ 'interval_count' if step_type == 'phase' else 'step_count' }} as step_count,
    seconds
from instances_by_level
{{ 'union all' if not loop.last }}
{% endfor %}
