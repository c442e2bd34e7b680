{#-
    Each KPI's numerator and denominator in each period of its scorecard row. Customers are counted once a period, not
    once a day.
-#}
with customer_facts as (
    select measure_id, customer_id, measured_on
    from {{ ref('int_measured_facts') }}
    where
        aggregation = 'distinct_customers'
        and measured_on in (select measured_on from {{ ref('int_kpi_period_days') }})
),

kpi_measures as (
    select kpi_id, 'numerator' as part, numerator_measure_id as measure_id from {{ ref('kpis') }}
    union all
    select kpi_id, 'denominator', denominator_measure_id
    from {{ ref('kpis') }}
    where denominator_measure_id is not null
),

windows as (
    select
        kpi_measures.kpi_id,
        kpi_measures.part,
        kpi_measures.measure_id,
        periods.comparison,
        periods.period_start,
        periods.period_end
    from kpi_measures
    inner join {{ ref('int_kpi_periods') }} as periods
        on periods.kpi_id = kpi_measures.kpi_id
),

totals as (
    select
        windows.kpi_id,
        windows.part,
        windows.comparison,
        cast(sum(daily.measured_value) as decimal(28, 6)) as measured_value
    from windows
    inner join {{ ref('int_measure_values_daily') }} as daily
        on
            daily.measure_id = windows.measure_id
            and daily.channel = 'all'
            and daily.segment = 'all'
            and daily.measured_on between windows.period_start and windows.period_end
    inner join {{ ref('measures') }} as additive
        on additive.measure_id = windows.measure_id and additive.aggregation <> 'distinct_customers'
    group by windows.kpi_id, windows.part, windows.comparison
    union all
    select
        windows.kpi_id,
        windows.part,
        windows.comparison,
        cast(count(distinct customer_facts.customer_id) as decimal(28, 6))
    from windows
    inner join customer_facts
        on
            customer_facts.measure_id = windows.measure_id
            and customer_facts.measured_on between windows.period_start and windows.period_end
    group by windows.kpi_id, windows.part, windows.comparison
),

-- the days of the period on which either measure has a value
days_measured as (
    select windows.kpi_id, windows.comparison, count(distinct daily.measured_on) as day_count
    from windows
    inner join {{ ref('int_measure_values_daily') }} as daily
        on
            daily.measure_id = windows.measure_id
            and daily.channel = 'all'
            and daily.segment = 'all'
            and daily.measured_on between windows.period_start and windows.period_end
    group by windows.kpi_id, windows.comparison
),

records_begin as (
    select min(occurred_on) as first_day
    from {{ ref('int_timeline_events') }}
    where not is_bot and not is_after_as_of
)

select
    kpis.kpi_id,
    periods.comparison,
    cast(
        coalesce(max(totals.measured_value) filter (where totals.part = 'numerator'), 0) as double
    ) as numerator,
    case
        when min(kpis.denominator_measure_id) is not null
            then cast(
                coalesce(max(totals.measured_value) filter (where totals.part = 'denominator'), 0) as double
            )
    end as denominator,
    cast(coalesce(min(days_measured.day_count), 0) as bigint) as measured_day_count,
    coalesce(min(periods.period_start) >= min(records_begin.first_day), false) as is_on_record,
    min(periods.period_start) as period_start,
    min(periods.period_end) as period_end
from {{ ref('kpis') }} as kpis
inner join {{ ref('int_kpi_periods') }} as periods
    on periods.kpi_id = kpis.kpi_id
left join totals
    on totals.kpi_id = kpis.kpi_id and totals.comparison = periods.comparison
left join days_measured
    on days_measured.kpi_id = kpis.kpi_id and days_measured.comparison = periods.comparison
cross join records_begin
group by kpis.kpi_id, periods.comparison
