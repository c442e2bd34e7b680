{#- A separate table, so that a total and its parts are not added up. -#}
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
