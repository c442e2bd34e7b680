{#- KPIs of which both measures count intervals, by the level of the journey of the interval. -#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'intervals'
),

kpis as (
    select
        kpis.kpi_id,
        kpis.numerator_measure_id,
        kpis.denominator_measure_id,
        {{ is_share_of_counts('kpis', 'numerators', 'denominators') }} as is_share_of_counts
    from {{ ref('kpis') }} as kpis
    inner join measures as numerators
        on numerators.measure_id = kpis.numerator_measure_id
    left join measures as denominators
        on denominators.measure_id = kpis.denominator_measure_id
    where kpis.denominator_measure_id is null or denominators.measure_id is not null
),

totals as (
    select
        measure_id,
        level,
        cast(case min(aggregation)
            when 'count' then count(*)
            when 'distinct_customers' then count(distinct customer_id)
            when 'sum' then coalesce(sum(measured_value), 0)
        end as decimal(28, 6)) as measured_value,
        count(distinct customer_id) as customer_count,
        measured_on
    from {{ ref('int_measured_intervals') }}
    group by measure_id, level, measured_on
),

parts as (
    select
        kpis.kpi_id,
        totals.level,
        totals.measured_on,
        totals.measured_value as numerator,
        cast(null as decimal(28, 6)) as denominator,
        case when kpis.denominator_measure_id is null then totals.customer_count end as group_count
    from kpis
    inner join totals
        on totals.measure_id = kpis.numerator_measure_id
    union all
    select
        kpis.kpi_id,
        totals.level,
        totals.measured_on,
        null,
        totals.measured_value,
        totals.customer_count
    from kpis
    inner join totals
        on totals.measure_id = kpis.denominator_measure_id
),

counted as (
    select
        kpi_id,
        level,
        measured_on,
        cast(coalesce(max(numerator), 0) as double) as numerator,
        cast(coalesce(max(denominator), 0) as double) as denominator,
        cast(coalesce(max(group_count), 0) as bigint) as group_count
    from parts
    group by kpi_id, level, measured_on
)

select
    counted.kpi_id,
    counted.level,
    counted.numerator,
    case when kpis.denominator_measure_id is not null then counted.denominator end as denominator,
    case
        when kpis.denominator_measure_id is null then counted.numerator
        else counted.numerator / nullif(counted.denominator, 0)
    end as value,
    case
        when kpis.is_share_of_counts
            then {{ wilson_bound('counted.numerator', 'counted.denominator', 'lower') }}
    end as value_ci_lower,
    case
        when kpis.is_share_of_counts
            then {{ wilson_bound('counted.numerator', 'counted.denominator', 'upper') }}
    end as value_ci_upper,
    counted.group_count,
    counted.measured_on
from counted
inner join kpis
    on kpis.kpi_id = counted.kpi_id
