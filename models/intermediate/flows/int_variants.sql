{#- The paths that instances took, the most frequent first, over all levels (`all`) and by level; rarer paths are one row, (other). -#}
with paths_taken as (
    select
        paths.journey_id,
        paths.level,
        paths.step_type,
        paths.path_key,
        paths.customer_number,
        paths.outcome,
        paths.seconds,
        named.step_count,
        coalesce(named.variant, '(other)') as variant,
        coalesce(named.variant_rank, {{ var('max_variants') }} + 1) as variant_rank
    from {{ ref('int_instance_paths') }} as paths
    left join {{ ref('int_named_paths') }} as named
        on
            named.journey_id = paths.journey_id
            and named.level = paths.level
            and named.step_type = paths.step_type
            and named.path_key = paths.path_key
)

select
    journey_id,
    level,
    step_type,
    variant,
    cast(variant_rank as bigint) as variant_rank,
    cast(step_count as bigint) as step_count,
    cast(count(distinct path_key) as bigint) as path_count,
    cast(count(*) as bigint) as instance_count,
    cast(count(distinct customer_number) as bigint) as customer_count,
    cast(count_if(outcome = 'completed') as bigint) as completed_count,
    cast(count_if(outcome = 'fell_out') as bigint) as fell_out_count,
    cast(count(*) as double)
    / sum(count(*)) over (partition by journey_id, level, step_type) as instance_share,
    cast(percentile_disc(0.5) within group (order by seconds) as bigint) as median_seconds,
    coalesce(step_count > {{ var('max_variant_names') }}, false) as is_shortened,
    variant_rank > {{ var('max_variants') }} as is_rest
from paths_taken
group by journey_id, level, step_type, variant, variant_rank, step_count
