{{ config(materialized='view') }}

{#- The linked steps with their names and those of the step after. -#}
select
    linked.instance_number,
    linked.customer_number,
    instances.journey_id,
    instances.customer_id,
    instances.level,
    instances.outcome,
    {% for step_type in step_types() -%}
    names.{{ step_type }},
    next_names.{{ step_type }} as next_{{ step_type }},
    {% endfor -%}
    linked.step_number,
    linked.next_seconds,
    linked.feedback_share,
    linked.next_feedback_share,
    linked.occurred_at
from {{ ref('int_numbered_step_pairs') }} as linked
inner join {{ ref('int_instance_numbers') }} as instances
    on instances.instance_number = linked.instance_number
inner join {{ ref('int_step_names') }} as names
    on names.name_number = linked.name_number
left join {{ ref('int_step_names') }} as next_names
    on next_names.name_number = linked.next_name_number
