{#- One row per day from two years before the clock to the clock. -#}
with bounds as (
    select
        cast({{ local_date(as_of()) }} - interval 800 day as date) as first_day,
        {{ local_date(as_of()) }} as last_day
),

days as (
    {{ days_between('first_day', 'last_day', 'bounds') }}
)

select measured_on as date_day
from days
