{#-
    Each KPI's numerator and denominator in each of its complete periods, as they are at the clock, and how much of what
    it is measured on can be followed.
-#}
with periods as (
    select kpi_id, period, is_on_record, period_start
    from {{ ref('int_kpi_periods') }}
),

parts as (
    select
        measures.kpi_id,
        measures.part,
        totals.measured_value,
        totals.without_rate_count,
        totals.period_start
    from {{ ref('int_kpi_measures') }} as measures
    inner join {{ ref('int_measure_values_by_period') }} as totals
        on totals.measure_id = measures.measure_id and totals.period = measures.period
),

totals as (
    select
        kpi_id,
        max(measured_value) filter (where part = 'numerator') as numerator,
        max(measured_value) filter (where part = 'denominator') as denominator,
        sum(without_rate_count) as without_rate_count,
        period_start
    from parts
    group by kpi_id, period_start
),

-- the days of the period on which either measure has a value
days_measured as (
    select measures.kpi_id, days.period_start, count(distinct daily.measured_on) as day_count
    from {{ ref('int_kpi_measures') }} as measures
    inner join {{ ref('int_measure_values_daily') }} as daily
        on daily.measure_id = measures.measure_id and daily.channel = 'all' and daily.segment = 'all'
    inner join {{ ref('int_period_days') }} as days
        on days.period = measures.period and days.measured_on = daily.measured_on
    group by measures.kpi_id, days.period_start
),

coverage as (
    select
        measures.kpi_id,
        days.period_start,
        sum(coverage.linkable_count) / cast(sum(coverage.event_count) as double) as linkable_share
    from {{ ref('int_kpi_measures') }} as measures
    inner join {{ ref('int_measure_coverage') }} as coverage
        on coverage.measure_id = measures.measure_id
    inner join {{ ref('int_period_days') }} as days
        on days.period = measures.period and days.measured_on = coverage.measured_on
    where measures.is_base
    group by measures.kpi_id, days.period_start
),

counted as (
    select
        periods.kpi_id,
        periods.is_on_record,
        cast(coalesce(totals.numerator, 0) as double) as numerator,
        case
            when kpis.denominator_measure_id is not null then cast(coalesce(totals.denominator, 0) as double)
        end as denominator,
        cast(coalesce(totals.without_rate_count, 0) as bigint) as without_rate_count,
        coverage.linkable_share,
        cast(coalesce(days_measured.day_count, 0) as bigint) as measured_day_count,
        periods.period_start
    from periods
    inner join {{ ref('kpis') }} as kpis
        on kpis.kpi_id = periods.kpi_id
    left join totals
        on totals.kpi_id = periods.kpi_id and totals.period_start = periods.period_start
    left join days_measured
        on days_measured.kpi_id = periods.kpi_id and days_measured.period_start = periods.period_start
    left join coverage
        on coverage.kpi_id = periods.kpi_id and coverage.period_start = periods.period_start
)

select
    kpi_id,
    numerator,
    denominator,
    {{ kpi_value('numerator', 'denominator', 'is_on_record') }} as value,
    without_rate_count,
    linkable_share,
    measured_day_count,
    is_on_record,
    period_start
from counted
