{#- Each day with the day, the week (from Monday) and the month that it lies in. -#}
with days as (
    select date_day from {{ ref('int_calendar_days') }}
),

starts as (
    select date_day, 'day' as period, date_day as period_start from days
    union all
    select date_day, 'week', cast(date_trunc('week', date_day) as date) from days
    union all
    select date_day, 'month', cast(date_trunc('month', date_day) as date) from days
)

select
    period || ' ' || cast(period_start as {{ dbt.type_string() }}) as period_key,
    period,
    date_day as measured_on,
    period_start,
    case period
        when 'day' then period_start
        when 'week' then cast(period_start + interval 6 day as date)
        when 'month' then cast(period_start + interval 1 month - interval 1 day as date)
    end as period_end
from starts
