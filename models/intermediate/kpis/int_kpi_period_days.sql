{#- Every day that some scorecard period covers. -#}
with bounds as (
    select distinct period_start, period_end from {{ ref('int_kpi_periods') }}
),

days as (
    select date_day from {{ ref('int_calendar_days') }}
)

select distinct days.date_day as measured_on
from days
inner join bounds
    on days.date_day between bounds.period_start and bounds.period_end
