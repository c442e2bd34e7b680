{#- The paths of channels that customers take before they convert, or do not; the most frequent are named. -#}
with path_touches as (
    select
        path_id,
        conversion_id,
        conversion_type,
        customer_id,
        path_outcome,
        channel,
        touch_number,
        touch_count,
        occurred_at
    from {{ ref('int_path_touches') }}
    where displaced_at is null
),

-- a long path shows its first names only, so that one of any length costs what its touches cost
paths as (
    select
        path_id,
        min(conversion_id) as conversion_id,
        min(conversion_type) as conversion_type,
        min(customer_id) as customer_id,
        min(path_outcome) as path_outcome,
        min(touch_count) as touch_count,
        {{ ordered_path(name_in_path('channel'), 'touch_number') }}
        || case when min(touch_count) > {{ var('max_variant_names') }} then ' > …' else '' end as path,
        min(occurred_at) as began_at
    from path_touches
    where touch_number <= {{ var('max_variant_names') }}
    group by path_id
),

ranked as (
    select
        conversion_type,
        path,
        row_number() over (
            partition by conversion_type
            order by
                count_if(path_outcome = 'converted') desc, count(*) desc, min(touch_count) asc, path asc
        ) as path_rank
    from paths
    group by conversion_type, path
),

named as (
    select
        paths.path_id,
        paths.conversion_id,
        paths.conversion_type,
        paths.customer_id,
        paths.path_outcome,
        paths.touch_count,
        paths.began_at,
        case when ranked.path_rank <= {{ var('max_variants') }} then ranked.path else '(other)' end as path,
        least(ranked.path_rank, {{ var('max_variants') }} + 1) as path_rank
    from paths
    inner join ranked
        on ranked.conversion_type = paths.conversion_type and ranked.path = paths.path
)

select
    named.conversion_type,
    named.path,
    cast(named.path_rank as bigint) as path_rank,
    cast(max(named.touch_count) as bigint) as touch_count,
    cast(count(distinct named.customer_id) as bigint) as customer_count,
    cast(count_if(named.path_outcome = 'converted') as bigint) as converted_count,
    cast(count_if(named.path_outcome = 'null') as bigint) as null_count,
    cast(count_if(named.path_outcome = 'pending') as bigint) as pending_count,
    cast(sum(conversions.gross_value) as decimal(18, 2)) as gross_value,
    cast(sum(conversions.net_value) as decimal(18, 2)) as net_value,
    percentile_disc(0.5) within group (
        order by {{ seconds_between('named.began_at', 'conversions.converted_at') }}
    ) / cast(3600 as double) as median_hours,
    named.path_rank > {{ var('max_variants') }} as is_rest
from named
left join {{ ref('int_conversions') }} as conversions
    on conversions.conversion_id = named.conversion_id
group by named.conversion_type, named.path, named.path_rank
