{#-
    Each KPI's complete periods, from the one in which its measures have begun to the last before the clock. A period is
    mature when the windows of the intervals that began on its last day have closed. One that is not is compared with
    earlier periods as they were at its age: so long after their end as the clock is after its own.
-#}
with kpis as (
    select
        measures.kpi_id,
        measures.period,
        max(terms.wait_days) as wait_days,
        bool_or(terms.waits_without_limit) as waits_without_limit,
        case when count(terms.began_on) = count(*) then max(terms.began_on) end as began_on
    from {{ ref('int_kpi_measures') }} as measures
    inner join {{ ref('int_measure_terms') }} as terms
        on terms.measure_id = measures.measure_id
    group by measures.kpi_id, measures.period
),

complete_periods as (
    select
        period,
        period_start,
        period_end,
        cast(period_end + interval 1 day as date) as next_start,
        period_start = max(period_start) over (partition by period) as is_last
    from {{ ref('int_period_days') }}
    where period_end < {{ local_date(as_of()) }}
    group by period, period_start, period_end
),

periods as (
    select
        kpis.kpi_id,
        kpis.period,
        kpis.wait_days,
        kpis.waits_without_limit,
        kpis.began_on,
        complete_periods.is_last,
        complete_periods.period_start,
        complete_periods.period_end,
        {{ instant_of_day('complete_periods.next_start') }} as ended_at,
        case kpis.period
            when 'day' then cast(complete_periods.period_start - interval 1 day as date)
            when 'week' then cast(complete_periods.period_start - interval 7 day as date)
            when 'month' then cast(complete_periods.period_start - interval 1 month as date)
        end as previous_start,
        -- days and weeks are compared with the same days of the week, 52 weeks before
        case kpis.period
            when 'month' then cast(complete_periods.period_start - interval 12 month as date)
            else cast(complete_periods.period_start - interval 364 day as date)
        end as year_before_start
    from kpis
    inner join complete_periods
        on
            complete_periods.period = kpis.period
            and (complete_periods.is_last or complete_periods.period_end >= kpis.began_on)
)

select
    kpi_id,
    period,
    is_last,
    coalesce(
        not waits_without_limit and {{ seconds_after('ended_at', 'wait_days * 86400') }} <= {{ as_of() }},
        false
    ) as is_mature,
    waits_without_limit,
    coalesce(period_start >= began_on, false) as is_on_record,
    began_on,
    period_start,
    period_end,
    previous_start,
    year_before_start,
    ended_at
from periods
