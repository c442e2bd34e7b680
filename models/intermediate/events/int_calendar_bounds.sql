{%- set starts_on = var('calendar_starts_on') | string -%}
{%- if starts_on and not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', starts_on) -%}
    {%- do exceptions.raise_compiler_error(
        'dbt_project.yml: calendar_starts_on is ' ~ starts_on ~ '; write a day such as 2026-01-01, or leave it empty.'
    ) -%}
{%- endif %}
with months as (
    select
        cast(date_trunc('month', occurred_on) as date) as month_starts_on,
        count(*) as event_count
    from {{ ref('int_timeline_events') }}
    where not is_after_as_of
    group by 1
),

months_with_quieter_ones as (
    select
        month_starts_on,
        event_count,
        sum(event_count) over (
            order by event_count, month_starts_on rows unbounded preceding
        ) as event_count_up_to,
        sum(event_count) over () as total_event_count
    from months
),

-- A few rows with an old or mistaken date must not make a calendar of empty years, though they may have most months:
-- the median is that of events.
median_month as (
    select min(event_count) as event_count
    from months_with_quieter_ones
    where event_count_up_to * 2 >= total_event_count
),

counted_months as (
    select min(months.month_starts_on) as month_starts_on
    from months
    inner join median_month
        on months.event_count * 100 >= median_month.event_count
)

select
    coalesce(
        {% if starts_on %}cast('{{ starts_on }}' as date){% else %}month_starts_on{% endif %},
        {{ local_date(as_of()) }}
    ) as first_day,
    {{ local_date(as_of()) }} as last_day
from counted_months
