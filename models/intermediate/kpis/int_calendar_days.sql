{#- From the day before which landing takes no time for true: nothing that landed decides which days there are. -#}
with bounds as (
    select
        cast('1990-01-01' as date) as first_day,
        {{ local_date(as_of()) }} as last_day
),

days as (
    {{ days_between('first_day', 'last_day', 'bounds') }}
)

select measured_on as date_day
from days
