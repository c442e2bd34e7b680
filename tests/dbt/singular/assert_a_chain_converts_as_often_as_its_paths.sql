-- the chance to convert from the start of a chain is converted paths among decided ones, and no removal effect is outside 0 to 1
with months as (
    select
        conversion_type,
        'month' as period,
        period_start,
        count(distinct case when path_outcome = 'converted' then path_id end) as converted_count,
        count(distinct case when path_outcome = 'null' then path_id end) as null_count
    from {{ ref('int_path_touches') }}
    group by conversion_type, period_start
),

paths as (
    select conversion_type, period, period_start, converted_count, null_count
    from months
    union all
    select
        conversion_type,
        'all' as period,
        null as period_start,
        sum(converted_count) as converted_count,
        sum(null_count) as null_count
    from months
    group by conversion_type
)

select chains.conversion_type, chains.period, chains.period_start, chains.channel
from {{ ref('int_channel_solutions') }} as chains
left join paths
    on
        paths.conversion_type = chains.conversion_type
        and paths.period = chains.period
        and (paths.period_start = chains.period_start or chains.period = 'all')
where
    paths.conversion_type is null
    or abs(
        chains.base_probability
        - cast(paths.converted_count as double) / (paths.converted_count + paths.null_count)
    ) > 1e-9
    or chains.removal_effect not between -1e-9 and 1 + 1e-9
    or (chains.removal_effect is null) <> (paths.converted_count = 0)
