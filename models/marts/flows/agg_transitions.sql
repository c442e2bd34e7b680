{#- Pairs of neighbouring steps over all instances. A step that follows a step of its own name is a pair as well. -#}
select
    journey_id,
    step_type,
    from_name,
    to_name,
    transition_count,
    customer_count,
    median_seconds,
    p90_seconds,
    from_share
from {{ ref('int_transitions') }}
where level = 'all'
