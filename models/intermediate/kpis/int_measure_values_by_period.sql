{#- What each measure comes to in the periods of its KPIs, open intervals as they are at the clock. -#}
with additive as (
    select distinct measure_id, period
    from {{ ref('int_kpi_measures') }}
    where aggregation <> 'distinct_customers'
)

select
    additive.measure_id,
    additive.period,
    cast(sum(daily.measured_value) as decimal(28, 6)) as measured_value,
    sum(daily.without_rate_count) as without_rate_count,
    days.period_start
from additive
inner join {{ ref('int_measure_values_daily') }} as daily
    on daily.measure_id = additive.measure_id and daily.channel = 'all' and daily.segment = 'all'
inner join {{ ref('int_period_days') }} as days
    on days.period = additive.period and days.measured_on = daily.measured_on
group by additive.measure_id, additive.period, days.period_start
union all
select measure_id, period, cast(customer_count as decimal(28, 6)), 0, period_start
from {{ ref('int_measure_customers_by_period') }}
