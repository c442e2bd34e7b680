{#-
    The earlier periods with which a KPI's open periods are compared, as they were at the age of the open one: an interval
    that was not over by then is pending, and has lasted until then. Everything else is there
    when its period is over.
-#}
with periods as (
    select
        kpi_id,
        period,
        period_start,
        previous_start,
        year_before_start,
        began_on,
        {{ seconds_between('ended_at', as_of()) }} as age_seconds
    from {{ ref('int_kpi_periods') }}
    where not is_mature
),

compared as (
    select
        kpi_id,
        period,
        'previous' as comparison,
        period_start,
        previous_start as compared_start,
        age_seconds
    from periods
    where previous_start >= began_on
    union all
    select kpi_id, period, 'year_before', period_start, year_before_start, age_seconds
    from periods
    where year_before_start >= began_on
),

cuts as (
    select
        compared.kpi_id,
        compared.period,
        compared.comparison,
        compared.period_start,
        compared.compared_start,
        max(days.period_end) as compared_end,
        {{ seconds_after(
            instant_of_day('cast(max(days.period_end) + interval 1 day as date)'), 'max(compared.age_seconds)'
        ) }} as compared_at
    from compared
    inner join {{ ref('int_period_days') }} as days
        on days.period = compared.period and days.period_start = compared.compared_start
    group by
        compared.kpi_id, compared.period, compared.comparison, compared.period_start, compared.compared_start
),

interval_cuts as (
    select distinct measures.measure_id, cuts.compared_start, cuts.compared_end, cuts.compared_at
    from cuts
    inner join {{ ref('int_kpi_measures') }} as measures
        on measures.kpi_id = cuts.kpi_id
    where measures.subject = 'intervals'
),

-- a row for each day, so that intervals are found by equality
interval_cut_days as (
    select interval_cuts.*, calendar.date_day
    from interval_cuts
    inner join {{ ref('int_calendar_days') }} as calendar
        on calendar.date_day between interval_cuts.compared_start and interval_cuts.compared_end
),

intervals as (
    select * from {{ ref('int_measurable_intervals') }}
    where measured_on in (select date_day from interval_cut_days)
),

-- a match at that moment belongs to the interval; a deadline at that moment has not passed
intervals_then as (
    select
        interval_cut_days.measure_id,
        interval_cut_days.compared_start,
        interval_cut_days.compared_end,
        interval_cut_days.compared_at,
        intervals.journey_id,
        intervals.phase_id,
        intervals.customer_id,
        intervals.entry_channel,
        intervals.level,
        case
            when intervals.left_at < interval_cut_days.compared_at then intervals.outcome
            when intervals.left_at = interval_cut_days.compared_at and intervals.outcome <> 'fell_out'
                then intervals.outcome
            else 'pending'
        end as outcome,
        intervals.dwell_seconds,
        {{ seconds_between('intervals.entered_at', 'interval_cut_days.compared_at') }} as open_seconds
    from interval_cut_days
    inner join {{ ref('measures') }} as of_journey
        on of_journey.measure_id = interval_cut_days.measure_id
    inner join intervals
        on intervals.measured_on = interval_cut_days.date_day and intervals.journey_id = of_journey.journey_id
),

interval_totals as (
    select
        measures.measure_id,
        intervals_then.compared_start,
        intervals_then.compared_end,
        intervals_then.compared_at,
        cast(case min(measures.aggregation)
            when 'count' then count(*)
            when 'distinct_customers' then count(distinct intervals_then.customer_id)
            when 'sum' then coalesce(sum(
                case intervals_then.outcome
                    when 'pending' then intervals_then.open_seconds
                    else intervals_then.dwell_seconds
                end
            ), 0)
        end as decimal(28, 6)) as measured_value
    from intervals_then
    inner join {{ ref('measures') }} as measures
        on
            measures.measure_id = intervals_then.measure_id
            and {{ is_measured_interval('measures', 'intervals_then') }}
    group by
        measures.measure_id,
        intervals_then.compared_start,
        intervals_then.compared_end,
        intervals_then.compared_at
),

parts as (
    select
        cuts.kpi_id,
        cuts.comparison,
        cuts.period_start,
        cuts.compared_start,
        cuts.compared_at,
        measures.part,
        coalesce(interval_totals.measured_value, event_totals.measured_value, 0) as measured_value
    from cuts
    inner join {{ ref('int_kpi_measures') }} as measures
        on measures.kpi_id = cuts.kpi_id
    left join interval_totals
        on
            measures.subject = 'intervals'
            and interval_totals.measure_id = measures.measure_id
            and interval_totals.compared_start = cuts.compared_start
            and interval_totals.compared_end = cuts.compared_end
            and interval_totals.compared_at = cuts.compared_at
    left join {{ ref('int_measure_values_by_period') }} as event_totals
        on
            measures.subject <> 'intervals'
            and event_totals.measure_id = measures.measure_id
            and event_totals.period = cuts.period
            and event_totals.period_start = cuts.compared_start
),

counted as (
    select
        kpi_id,
        comparison,
        cast(max(measured_value) filter (where part = 'numerator') as double) as numerator,
        cast(max(measured_value) filter (where part = 'denominator') as double) as denominator,
        period_start,
        compared_at
    from parts
    group by kpi_id, comparison, period_start, compared_at
)

select
    kpi_id,
    comparison,
    numerator,
    denominator,
    {{ kpi_value('numerator', 'denominator', 'true') }} as value,
    period_start,
    compared_at
from counted
