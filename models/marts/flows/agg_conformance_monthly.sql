{#- Whether whole instances went as designed, by the month in which they began: counts add up over levels. -#}
with moves as (
    select
        intervals.journey_instance_id,
        count(*) as move_count,
        count_if(designed.is_allowed) as allowed_count
    from {{ ref('int_phase_intervals') }} as intervals
    inner join {{ ref('int_designed_moves') }} as designed
        on
            designed.journey_id = intervals.journey_id
            and designed.journey_version = intervals.journey_version
            and designed.from_phase_id = intervals.phase_id
            and designed.to_phase_id = intervals.next_phase_id
    group by intervals.journey_instance_id
),

instances as (
    select
        journey_instances.journey_id,
        journey_instances.journey_version,
        journey_instances.level,
        moves.move_count,
        moves.allowed_count,
        cast(date_trunc('month', {{ local_date('journey_instances.started_at') }}) as date) as month_starts_on
    from {{ ref('int_journey_instances') }} as journey_instances
    left join moves
        on moves.journey_instance_id = journey_instances.journey_instance_id
)

select
    journey_id,
    journey_version,
    level,
    cast(count(*) as bigint) as instance_count,
    cast(count(move_count) as bigint) as moved_count,
    cast(count_if(coalesce(allowed_count = move_count, false)) as bigint) as conforming_count,
    cast(coalesce(sum(move_count), 0) as bigint) as move_count,
    cast(coalesce(sum(allowed_count), 0) as bigint) as allowed_count,
    cast(sum(allowed_count) as double) / nullif(sum(move_count), 0) as conformance_share,
    count_if(coalesce(allowed_count = move_count, false))
    / cast(nullif(count(move_count), 0) as double) as conforming_share,
    month_starts_on
from instances
group by journey_id, journey_version, level, month_starts_on
