{#- The last period of each KPI, with the status of the last one that can be rated. -#}
with period_values as (
    select * from {{ ref('fct_kpi_values') }}
),

last_periods as (
    select *
    from period_values
    qualify row_number() over (partition by kpi_id order by period_start desc) = 1
),

last_rated_periods as (
    select *
    from period_values
    where status is not null
    qualify row_number() over (partition by kpi_id order by period_start desc) = 1
)

select
    kpis.kpi_id,
    kpis.journey_id,
    kpis.phase_id,
    kpis.kpi_name,
    kpis.kind,
    kpis.tier,
    kpis.direction,
    kpis.unit,
    kpis.period,
    last_periods.value,
    last_periods.value_ci_lower,
    last_periods.value_ci_upper,
    last_periods.numerator,
    last_periods.denominator,
    {% for column in ['target', 'amber_bound', 'red_bound'] -%}
    case
        when rated.kpi_id is not null then rated.{{ column }}
        else last_periods.{{ column }}
    end as {{ column }},
    {% endfor -%}
    coalesce(rated.status, 'no_data') as status,
    rated.value as status_value,
    last_periods.trend,
    last_periods.trend_year,
    last_periods.previous_value,
    last_periods.previous_denominator,
    last_periods.year_before_value,
    kpis.responsible,
    kpis.accountable,
    last_periods.without_rate_count,
    last_periods.linkable_share,
    last_periods.measured_day_count,
    last_periods.period_day_count,
    last_periods.is_mature,
    last_periods.period_start,
    last_periods.period_end,
    rated.period_start as status_period_start,
    rated.period_end as status_period_end,
    last_periods.compared_at
from {{ ref('dim_kpis') }} as kpis
inner join last_periods
    on last_periods.kpi_id = kpis.kpi_id
left join last_rated_periods as rated
    on rated.kpi_id = kpis.kpi_id
