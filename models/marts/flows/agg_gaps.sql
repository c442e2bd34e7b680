{#-
    What gaps cost: of the instances that were open when their first such gap was known, how many fell out afterwards, and
    the same of instances that were open as long after they first entered the phase, wherever they were by then, without a
    gap of the kind. Instances that are not decided count for neither. Ages are whole seconds.
-#}
with gaps as (
    select
        coalesce(journey_id, '(none)') as journey_id,
        coalesce(phase_id, '(none)') as phase_id,
        gap_kind,
        from_name,
        -- what ended a silence is not known when it becomes a gap: those that nothing ended would be lost by definition
        case when gap_kind = 'communication' then '(any)' else to_name end as to_name,
        customer_id,
        journey_instance_id,
        to_event_id,
        has_progressed,
        has_dropped_off,
        wait_seconds,
        known_at
    from {{ ref('fct_gaps') }}
),

counted as (
    select
        journey_id,
        phase_id,
        gap_kind,
        from_name,
        to_name,
        count(*) as gap_count,
        count(distinct customer_id) as customer_count,
        count(distinct journey_instance_id) as instance_count,
        count(distinct case when has_progressed then journey_instance_id end) as progressed_count,
        count(distinct case when has_dropped_off then journey_instance_id end) as dropped_off_count,
        count_if(to_event_id is null) as unended_count,
        percentile_disc(0.5) within group (order by wait_seconds) as median_wait_seconds,
        percentile_disc(0.9) within group (order by wait_seconds) as p90_wait_seconds
    from gaps
    group by journey_id, phase_id, gap_kind, from_name, to_name
),

decided as (
    select
        journey_instance_id,
        journey_id,
        phase_id,
        entered_at,
        case when instance_outcome = 'fell_out' then 1 else 0 end as fell_out,
        {{ seconds_between('entered_at', 'instance_ended_at') }} as end_age
    from {{ ref('int_phase_exits') }}
    where instance_outcome in ('completed', 'fell_out')
),

-- an instance counts once per pair of names, at the age at which its first such gap was known
exposed as (
    select
        gaps.journey_id,
        gaps.phase_id,
        gaps.gap_kind,
        gaps.from_name,
        gaps.to_name,
        gaps.journey_instance_id,
        min(decided.fell_out) as fell_out,
        min(decided.end_age) as end_age,
        min({{ seconds_between('decided.entered_at', 'gaps.known_at') }}) as known_age
    from gaps
    inner join decided
        on
            decided.journey_instance_id = gaps.journey_instance_id
            and decided.phase_id = gaps.phase_id
    group by
        gaps.journey_id,
        gaps.phase_id,
        gaps.gap_kind,
        gaps.from_name,
        gaps.to_name,
        gaps.journey_instance_id
),

first_of_kind as (
    select journey_instance_id, phase_id, gap_kind, min(known_age) as known_age
    from exposed
    group by journey_instance_id, phase_id, gap_kind
),

kinds as (
    select distinct journey_id, phase_id, gap_kind
    from exposed
),

-- until when an instance is one without a gap of the kind: to its end, or to its first gap
unexposed as (
    select
        decided.journey_id,
        decided.phase_id,
        kinds.gap_kind,
        decided.fell_out,
        least(decided.end_age, coalesce(first_of_kind.known_age, decided.end_age)) as until_age
    from decided
    inner join kinds
        on
            kinds.journey_id = decided.journey_id
            and kinds.phase_id = decided.phase_id
    left join first_of_kind
        on
            first_of_kind.journey_instance_id = decided.journey_instance_id
            and first_of_kind.phase_id = decided.phase_id
            and first_of_kind.gap_kind = kinds.gap_kind
),

ages as (
    select
        journey_id,
        phase_id,
        gap_kind,
        from_name,
        to_name,
        known_age as age,
        fell_out,
        0 as without_count,
        0 as without_fell_out,
        1 as is_gap
    from exposed
    where end_age > known_age
    union all
    select journey_id, phase_id, gap_kind, null, null, until_age, null, 1, fell_out, 0
    from unexposed
),

-- to each gap those that were without one for longer
compared as (
    select
        ages.*,
        sum(without_count) over older as older_count,
        sum(without_fell_out) over older as older_fell_out
    from ages
    window older as (
        partition by journey_id, phase_id, gap_kind
        order by age desc, is_gap desc rows unbounded preceding
    )
),

compared_by_pair as (
    select
        journey_id,
        phase_id,
        gap_kind,
        from_name,
        to_name,
        count(*) as open_count,
        sum(fell_out) as open_fell_out_count,
        count_if(older_count > 0) as compared_count,
        percentile_disc(0.5) within group (order by older_count) as median_without_count,
        -- decimals, as a sum of doubles depends on the order of the rows
        sum(cast(older_fell_out / nullif(older_count, 0) as decimal(38, 18)))
        / nullif(count_if(older_count > 0), 0) as fall_out_share_without
    from compared
    where is_gap = 1
    group by journey_id, phase_id, gap_kind, from_name, to_name
)

select
    counted.journey_id,
    counted.phase_id,
    counted.gap_kind,
    counted.from_name,
    counted.to_name,
    cast(counted.gap_count as bigint) as gap_count,
    cast(counted.customer_count as bigint) as customer_count,
    cast(counted.instance_count as bigint) as instance_count,
    cast(counted.progressed_count as bigint) as progressed_count,
    cast(counted.dropped_off_count as bigint) as dropped_off_count,
    cast(counted.unended_count as bigint) as unended_count,
    cast(counted.median_wait_seconds as bigint) as median_wait_seconds,
    cast(counted.p90_wait_seconds as bigint) as p90_wait_seconds,
    cast(coalesce(compared_by_pair.open_count, 0) as bigint) as open_count,
    cast(coalesce(compared_by_pair.open_fell_out_count, 0) as bigint) as open_fell_out_count,
    cast(coalesce(compared_by_pair.compared_count, 0) as bigint) as compared_count,
    cast(compared_by_pair.median_without_count as bigint) as median_without_count,
    cast(
        compared_by_pair.open_fell_out_count / nullif(compared_by_pair.open_count, 0) as double
    ) as fall_out_share,
    cast(compared_by_pair.fall_out_share_without as double) as fall_out_share_without
from counted
left join compared_by_pair
    on
        compared_by_pair.journey_id = counted.journey_id
        and compared_by_pair.phase_id = counted.phase_id
        and compared_by_pair.gap_kind = counted.gap_kind
        and compared_by_pair.from_name = counted.from_name
        and compared_by_pair.to_name = counted.to_name
