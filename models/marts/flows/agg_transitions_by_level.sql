{#- A table of its own, so that nobody adds up a total and its parts. -#}
select
    journey_id,
    level,
    step_type,
    from_name,
    to_name,
    transition_count,
    customer_count,
    median_seconds,
    p90_seconds,
    from_share
from {{ ref('int_transitions') }}
where level <> 'all'
