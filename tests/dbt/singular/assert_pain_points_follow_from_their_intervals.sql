-- every quadrant is what the two intervals say, every part is within its whole, the limit is that of its kind of wait, and
-- a phase has all steps of its touchpoints
with phases as (
    select
        journey_id,
        phase_id,
        sum(case when touchpoint = 'all' then step_count end) as step_count,
        sum(case when touchpoint <> 'all' then step_count end) as touchpoint_step_count,
        sum(case when touchpoint = 'all' then scored_count end) as scored_count,
        sum(case when touchpoint <> 'all' then scored_count end) as touchpoint_scored_count
    from {{ ref('agg_pain_points') }}
    group by journey_id, phase_id
)

select journey_id, phase_id, touchpoint
from {{ ref('agg_pain_points') }}
where
    quadrant <> case
        when slow_share_ci_lower > 0.25 and negative_share_ci_lower > journey_negative_share
            then 'slow_and_irritating'
        when slow_share_ci_lower > 0.25 and negative_share_ci_upper < journey_negative_share
            then 'slow_but_fine'
        when slow_share_ci_upper < 0.25 and negative_share_ci_lower > journey_negative_share
            then 'fast_but_irritating'
        when slow_share_ci_upper < 0.25 and negative_share_ci_upper < journey_negative_share then 'fine'
        else 'unclear'
    end
    or slow_count > wait_count
    or negative_count > scored_count
    or repeated_count > instance_count
    or repeat_count is distinct from case when repeat_count is not null then step_count - instance_count end
    or dropped_off_count > decided_count
    or decided_count > instance_count
    or customer_count > instance_count
    or (wait_count > 0) <> (wait_kind <> 'none')
    or (wait_count > 0) <> (limit_seconds is not null)
    or limit_basis <> case wait_kind
        when 'answer' then 'touchpoint'
        when 'dwell' then 'phase'
        when 'next_step' then 'journey'
        else 'none'
    end
    or (touchpoint = 'all') <> (wait_kind = 'dwell' or (wait_kind = 'none' and touchpoint = 'all'))
    or wait_count < {{ var('min_cell_size') }} and slow_share is not null
    or scored_count < {{ var('min_cell_size') }} and negative_share is not null
    or decided_count < {{ var('min_cell_size') }} and dropped_off_share is not null
union all
select journey_id, phase_id, 'all'
from phases
where coalesce(touchpoint_step_count, 0) > step_count or coalesce(touchpoint_scored_count, 0) > scored_count
