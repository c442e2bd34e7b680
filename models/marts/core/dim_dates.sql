with bounds as (
    select first_day, last_day from {{ ref('int_calendar_bounds') }}
),

days as (
    {{ days_between('first_day', 'last_day', 'bounds') }}
)

select
    measured_on as date_day,
    cast(extract(year from measured_on) as bigint) as year_number,
    cast(extract(month from measured_on) as bigint) as month_number,
    cast(date_trunc('week', measured_on) as date) as week_starts_on,
    cast(date_trunc('month', measured_on) as date) as month_starts_on
from days
