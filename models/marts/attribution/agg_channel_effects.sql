{#- What would be lost without a channel: the chain of channels of each conversion type and period, solved. -#}
{%- set periods = {'month': 'period_start', 'all': 'min(period_start) over (partition by conversion_type)'} -%}
with path_touches as (
    {% for period, starts in periods.items() -%}
    select
        conversion_type,
        '{{ period }}' as period,
        {{ starts }} as period_start,
        path_id,
        customer_id,
        path_outcome,
        channel
    from {{ ref('int_path_touches') }}
    where displaced_at is null
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

by_period as (
    select
        conversion_type,
        period,
        min(period_start) as period_start,
        count(distinct case when path_outcome = 'converted' then path_id end) as all_converted_count,
        count(distinct case when path_outcome = 'null' then path_id end) as all_null_count,
        count(distinct case when path_outcome = 'pending' then path_id end) as all_pending_count,
        count(distinct case when path_outcome = 'converted' then customer_id end) as converting_customer_count
    from path_touches
    group by conversion_type, period, case when period = 'month' then period_start end
),

by_channel as (
    select
        conversion_type,
        period,
        case when period = 'month' then period_start end as month_starts_on,
        channel,
        count(distinct case when path_outcome = 'converted' then path_id end) as converted_count,
        count(distinct case when path_outcome = 'null' then path_id end) as null_count,
        count(distinct case when path_outcome = 'pending' then path_id end) as pending_count
    from path_touches
    group by conversion_type, period, case when period = 'month' then period_start end, channel
)

select
    by_channel.conversion_type,
    by_channel.period,
    by_channel.channel,
    cast(by_channel.converted_count as bigint) as converted_count,
    cast(by_channel.null_count as bigint) as null_count,
    cast(by_channel.pending_count as bigint) as pending_count,
    cast(by_period.all_converted_count as bigint) as all_converted_count,
    cast(by_period.all_null_count as bigint) as all_null_count,
    cast(by_period.all_pending_count as bigint) as all_pending_count,
    cast(by_period.converting_customer_count as bigint) as converting_customer_count,
    {% for figure in ['base_probability', 'removal_effect', 'credited_conversions'] -%}
    solutions.{{ figure }},
    {% for bound in ['ci_lower', 'ci_upper'] -%}
    case
        when by_period.converting_customer_count >= {{ customer_group_count() }}
            then solutions.{{ figure }}_{{ bound }}
    end as {{ figure }}_{{ bound }},
    {% endfor -%}
    {% endfor -%}
    by_period.period_start
from by_channel
inner join by_period
    on
        by_period.conversion_type = by_channel.conversion_type
        and by_period.period = by_channel.period
        and (by_channel.period = 'all' or by_period.period_start = by_channel.month_starts_on)
-- a channel that is on pending paths alone is in no chain
left join {{ ref('int_channel_solutions') }} as solutions
    on
        solutions.conversion_type = by_channel.conversion_type
        and solutions.period = by_channel.period
        and (by_channel.period = 'all' or solutions.period_start = by_channel.month_starts_on)
        and solutions.channel = by_channel.channel
