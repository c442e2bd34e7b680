-- A share is of a whole: what is above the line is a part of what is below it, on every day and over every period.
with valued as (
    select kpi_id, period_start as begins_on, value from {{ ref('fct_kpi_values') }}
    union all
    select kpi_id, measured_on, value from {{ ref('fct_kpi_values_daily') }}
    union all
    select kpi_id, measured_on, value from {{ ref('fct_kpi_values_by_level_daily') }}
)

select valued.kpi_id, valued.begins_on, valued.value
from valued
inner join {{ ref('dim_kpis') }} as kpis
    on kpis.kpi_id = valued.kpi_id and kpis.unit = 'share'
where valued.value < 0 or valued.value > 1
