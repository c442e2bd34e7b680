{#- The periods that each KPI's scorecard row compares: the last complete one before the clock, the one before, and a year earlier. -#}
with kpis as (
    select kpi_id, period from {{ ref('kpis') }}
),

last_complete as (
    select
        kpi_id,
        period,
        case period
            when 'day' then cast({{ local_date(as_of()) }} - interval 1 day as date)
            when 'week' then cast(date_trunc('week', {{ local_date(as_of()) }}) - interval 7 day as date)
            when 'month' then cast(date_trunc('month', {{ local_date(as_of()) }}) - interval 1 month as date)
        end as period_start
    from kpis
),

starts as (
    select kpi_id, period, 'current' as comparison, period_start from last_complete
    union all
    select
        kpi_id,
        period,
        'previous',
        case period
            when 'day' then cast(period_start - interval 1 day as date)
            when 'week' then cast(period_start - interval 7 day as date)
            when 'month' then cast(period_start - interval 1 month as date)
        end
    from last_complete
    union all
    -- days and weeks are compared with the same days of the week, 52 weeks before
    select
        kpi_id,
        period,
        'year_before',
        case period
            when 'month' then cast(period_start - interval 12 month as date)
            else cast(period_start - interval 364 day as date)
        end
    from last_complete
)

select
    kpi_id,
    comparison,
    period_start,
    case period
        when 'day' then period_start
        when 'week' then cast(period_start + interval 6 day as date)
        when 'month' then cast(period_start + interval 1 month - interval 1 day as date)
    end as period_end
from starts
