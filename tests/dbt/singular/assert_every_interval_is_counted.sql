-- Days, months and survival curves hold every interval of a phase once; survival leaves terminal phases out.
with counted as (
    select
        intervals.journey_id,
        intervals.phase_id,
        count(*) as interval_count,
        count_if(not phases.is_terminal) as lasting_count,
        0 as daily_count,
        0 as monthly_count,
        0 as surviving_count
    from {{ ref('fct_phase_intervals') }} as intervals
    inner join {{ ref('dim_phases') }} as phases
        on
            phases.journey_id = intervals.journey_id
            and phases.journey_version = intervals.journey_version
            and phases.phase_id = intervals.phase_id
    group by intervals.journey_id, intervals.phase_id
    union all
    select journey_id, phase_id, 0, 0, sum(entered_count), 0, 0
    from {{ ref('agg_phases_daily') }}
    group by journey_id, phase_id
    union all
    select
        journey_id,
        phase_id,
        0,
        0,
        0,
        sum(
            case
                when
                    entered_count
                    = fell_through_count + regressed_count + completed_count + fell_out_count + pending_count
                    then entered_count
            end
        ),
        0
    from {{ ref('agg_phase_conversions') }}
    group by journey_id, phase_id
    union all
    select journey_id, phase_id, 0, 0, 0, 0, sum(exit_count + censored_count)
    from {{ ref('agg_phase_survival') }}
    group by journey_id, phase_id
)

select journey_id, phase_id
from counted
group by journey_id, phase_id
having
    sum(daily_count) <> sum(interval_count)
    or sum(monthly_count) <> sum(interval_count)
    or sum(surviving_count) <> sum(lasting_count)
