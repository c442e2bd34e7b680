{#- A separate table, so that a total and its parts are not added up. -#}
select
    journey_id,
    level,
    step_type,
    variant,
    variant_rank,
    step_count,
    path_count,
    instance_count,
    customer_count,
    completed_count,
    fell_out_count,
    instance_share,
    median_seconds,
    is_shortened,
    is_rest
from {{ ref('int_variants') }}
where level <> 'all'
