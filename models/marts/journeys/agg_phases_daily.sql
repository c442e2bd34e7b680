with intervals as (
    select
        journey_id,
        phase_id,
        outcome,
        {{ local_date('entered_at') }} as entered_on,
        {{ local_date('left_at') }} as left_on
    from {{ ref('fct_phase_intervals') }}
),

bounds as (
    select min(entered_on) as first_day, {{ local_date(as_of()) }} as last_day
    from intervals
    having min(entered_on) is not null
),

days as (
    {{ days_between('first_day', 'last_day', 'bounds') }}
),

phases as (
    select distinct journey_id, phase_id from {{ ref('phases') }}
),

changes as (
    select
        journey_id,
        phase_id,
        entered_on as measured_on,
        1 as entered_count,
        case when outcome = 'fell_through' then 1 else 0 end as fell_through_count,
        case when outcome = 'regressed' then 1 else 0 end as regressed_count,
        case when outcome = 'completed' then 1 else 0 end as completed_count,
        case when outcome = 'fell_out' then 1 else 0 end as fell_out_count,
        case when outcome = 'pending' then 1 else 0 end as pending_count,
        0 as left_fell_through_count,
        0 as left_regressed_count,
        0 as left_completed_count,
        0 as left_fell_out_count,
        0 as left_yesterday_count
    from intervals
    union all
    select
        journey_id,
        phase_id,
        left_on,
        0,
        0,
        0,
        0,
        0,
        0,
        case when outcome = 'fell_through' then 1 else 0 end,
        case when outcome = 'regressed' then 1 else 0 end,
        case when outcome = 'completed' then 1 else 0 end,
        case when outcome = 'fell_out' then 1 else 0 end,
        0
    from intervals
    where left_on is not null
    union all
    -- an interval that ends on a day was still open on that day
    select journey_id, phase_id, cast(left_on + interval 1 day as date), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
    from intervals
    where left_on is not null
),

changes_by_day as (
    select
        journey_id,
        phase_id,
        measured_on,
        sum(entered_count) as entered_count,
        sum(fell_through_count) as fell_through_count,
        sum(regressed_count) as regressed_count,
        sum(completed_count) as completed_count,
        sum(fell_out_count) as fell_out_count,
        sum(pending_count) as pending_count,
        sum(left_fell_through_count) as left_fell_through_count,
        sum(left_regressed_count) as left_regressed_count,
        sum(left_completed_count) as left_completed_count,
        sum(left_fell_out_count) as left_fell_out_count,
        sum(left_yesterday_count) as left_yesterday_count
    from changes
    group by journey_id, phase_id, measured_on
),

counted as (
    select
        phases.journey_id,
        phases.phase_id,
        {% for column in [
            'entered_count', 'fell_through_count', 'regressed_count', 'completed_count', 'fell_out_count',
            'pending_count', 'left_fell_through_count', 'left_regressed_count', 'left_completed_count',
            'left_fell_out_count',
        ] -%}
        cast(coalesce(changes_by_day.{{ column }}, 0) as bigint) as {{ column }},
        {% endfor -%}
        cast(sum(
            coalesce(changes_by_day.entered_count, 0) - coalesce(changes_by_day.left_yesterday_count, 0)
        ) over (
            partition by phases.journey_id, phases.phase_id order by days.measured_on rows unbounded preceding
        ) as bigint) as present_count,
        days.measured_on
    from phases
    cross join days
    left join changes_by_day
        on
            changes_by_day.journey_id = phases.journey_id
            and changes_by_day.phase_id = phases.phase_id
            and changes_by_day.measured_on = days.measured_on
)

select
    journey_id,
    phase_id,
    entered_count,
    fell_through_count,
    regressed_count,
    completed_count,
    fell_out_count,
    pending_count,
    present_count,
    left_fell_through_count,
    left_regressed_count,
    left_completed_count,
    left_fell_out_count,
    measured_on
from counted
-- who enters or leaves on a day is present on it, so nothing is counted where nobody is
where present_count > 0
