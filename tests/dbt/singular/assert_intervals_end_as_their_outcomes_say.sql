-- An interval that moved to another phase, forward or back, is followed by one that begins when it ended; no other is. One in a
-- terminal phase is completed and took no time, a pending one has no end, and an instance ends as its last interval does.
with intervals as (
    select
        intervals.interval_id,
        intervals.outcome,
        intervals.dwell_seconds,
        intervals.left_at,
        phases.is_terminal,
        journeys.outcome as instance_outcome,
        journeys.ended_at,
        lead(intervals.entered_at) over (
            partition by intervals.journey_instance_id order by intervals.interval_number
        ) as next_entered_at
    from {{ ref('fct_phase_intervals') }} as intervals
    left join {{ ref('fct_journeys') }} as journeys
        on journeys.journey_instance_id = intervals.journey_instance_id
    left join {{ ref('dim_phases') }} as phases
        on
            phases.journey_id = intervals.journey_id
            and phases.journey_version = intervals.journey_version
            and phases.phase_id = intervals.phase_id
)

select *
from intervals
where
    (outcome in ('fell_through', 'regressed') and left_at is distinct from next_entered_at)
    or (outcome not in ('fell_through', 'regressed') and next_entered_at is not null)
    or (is_terminal and (outcome <> 'completed' or dwell_seconds <> 0))
    or (outcome = 'pending') <> (left_at is null)
    or (
        next_entered_at is null
        and (instance_outcome is distinct from outcome or ended_at is distinct from left_at)
    )
    or instance_outcome is null
