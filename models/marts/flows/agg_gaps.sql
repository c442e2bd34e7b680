{#-
    What gaps cost: of the instances that had one, how many dropped off from its phase, and the same of the instances that
    were in the phase without a gap of the kind. Instances that are still open count for neither.
-#}
with gaps as (
    select
        coalesce(journey_id, '(none)') as journey_id,
        coalesce(phase_id, '(none)') as phase_id,
        gap_kind,
        from_name,
        to_name,
        customer_id,
        journey_instance_id,
        to_event_id,
        has_progressed,
        has_dropped_off,
        wait_seconds
    from {{ ref('fct_gaps') }}
),

instances_by_phase as (
    select
        journey_id,
        phase_id,
        count_if(has_dropped_off) as dropped_off_count,
        count_if(has_progressed) as progressed_count
    from {{ ref('int_phase_exits') }}
    group by journey_id, phase_id
),

-- an instance progresses from a phase or drops off there, the same for each of its gaps
instances_with_gap as (
    select
        journey_id,
        phase_id,
        gap_kind,
        count(distinct case when has_dropped_off then journey_instance_id end) as dropped_off_count,
        count(distinct case when has_progressed then journey_instance_id end) as progressed_count
    from gaps
    group by journey_id, phase_id, gap_kind
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
    cast(
        counted.dropped_off_count / nullif(counted.dropped_off_count + counted.progressed_count, 0) as double
    ) as drop_off_share,
    cast(
        (instances_by_phase.dropped_off_count - instances_with_gap.dropped_off_count)
        / nullif(
            instances_by_phase.dropped_off_count
            - instances_with_gap.dropped_off_count
            + instances_by_phase.progressed_count
            - instances_with_gap.progressed_count,
            0
        ) as double
    ) as drop_off_share_without,
    cast(counted.median_wait_seconds as bigint) as median_wait_seconds,
    cast(counted.p90_wait_seconds as bigint) as p90_wait_seconds
from counted
inner join instances_with_gap
    on
        instances_with_gap.journey_id = counted.journey_id
        and instances_with_gap.phase_id = counted.phase_id
        and instances_with_gap.gap_kind = counted.gap_kind
left join instances_by_phase
    on
        instances_by_phase.journey_id = counted.journey_id
        and instances_by_phase.phase_id = counted.phase_id
