{#-
    Steps are the required phases of the version that an instance began under. Only entries of intervals can be steps: at
    the entry of step k the instance is in phase k, so the first match of phase k+1 after it follows a match of another
    phase, and such a match begins an interval; so does the first match of step 1, because it is the instance's first or
    follows another phase. If that first match comes after the window, every later one does too, so the funnel of the
    instance ends there.
-#}
with recursive steps as (
    select
        journey_id,
        cast(journey_version as bigint) as journey_version,
        phase_id,
        window_days * 86400 as window_seconds,
        row_number() over (partition by journey_id, journey_version order by phase_order) as step_order,
        count(*) over (partition by journey_id, journey_version) as step_count
    from {{ ref('phases') }}
    where is_required
),

intervals as (
    select
        intervals.journey_instance_id,
        intervals.journey_id,
        intervals.journey_version,
        intervals.interval_number,
        steps.step_order,
        intervals.entered_at,
        {{ seconds_after('intervals.entered_at', 'steps.window_seconds') }} as deadline
    from {{ ref('fct_phase_intervals') }} as intervals
    inner join steps
        on
            steps.journey_id = intervals.journey_id
            and steps.journey_version = intervals.journey_version
            and steps.phase_id = intervals.phase_id
),

-- each interval twice: as the one that looks for the next step, and as that next step
intervals_by_pair as (
    select *, step_order as pair_order, cast(null as bigint) as found_number from intervals
    union all
    select *, step_order - 1 as pair_order, interval_number as found_number from intervals
),

intervals_with_next as (
    select
        *,
        min(found_number) over (
            partition by journey_instance_id, pair_order
            order by interval_number rows between 1 following and unbounded following
        ) as next_number
    from intervals_by_pair
    qualify pair_order = step_order
),

first_steps as (
    select *
    from intervals_with_next
    where step_order = 1
    qualify row_number() over (partition by journey_instance_id order by interval_number) = 1
),

entries as (
    select
        journey_instance_id,
        journey_id,
        journey_version,
        interval_number,
        next_number,
        step_order,
        entered_at,
        deadline
    from first_steps
    union all
    select
        intervals_with_next.journey_instance_id,
        intervals_with_next.journey_id,
        intervals_with_next.journey_version,
        intervals_with_next.interval_number,
        intervals_with_next.next_number,
        intervals_with_next.step_order,
        intervals_with_next.entered_at,
        intervals_with_next.deadline
    from entries
    inner join intervals_with_next
        on
            intervals_with_next.journey_instance_id = entries.journey_instance_id
            and intervals_with_next.interval_number = entries.next_number
            and (entries.deadline is null or intervals_with_next.entered_at <= entries.deadline)
),

entries_with_next as (
    select
        journey_instance_id,
        journey_id,
        journey_version,
        interval_number,
        step_order,
        lead(interval_number) over instance as next_number,
        entered_at,
        lead(entered_at) over instance as next_entered_at,
        deadline
    from entries
    window instance as (partition by journey_instance_id order by step_order)
),

counts as (
    select
        entries.journey_id,
        entries.journey_version,
        entries.step_order,
        count(*) as entered_count,
        count(entries.next_number) as eventual_count,
        -- intervals are numbered without gaps: the next one is the next match of another phase
        count_if(entries.next_number = entries.interval_number + 1) as next_hit_count,
        count_if(
            entries.next_number is null
            and journeys.outcome = 'pending'
            and (entries.deadline is null or entries.deadline >= {{ as_of() }})
        ) as pending_count,
        percentile_disc(0.5) within group (
            order by {{ seconds_between('entries.entered_at', 'entries.next_entered_at') }}
        ) as median_seconds
    from entries_with_next as entries
    inner join {{ ref('fct_journeys') }} as journeys
        on journeys.journey_instance_id = entries.journey_instance_id
    group by entries.journey_id, entries.journey_version, entries.step_order
)

select
    steps.journey_id,
    steps.journey_version,
    cast(steps.step_order as bigint) as step_order,
    steps.phase_id,
    cast(coalesce(counts.entered_count, 0) as bigint) as entered_count,
    cast(coalesce(counts.eventual_count, 0) as bigint) as eventual_count,
    cast(coalesce(counts.next_hit_count, 0) as bigint) as next_hit_count,
    -- no step follows the last
    cast(
        case when steps.step_order < steps.step_count then coalesce(counts.pending_count, 0) else 0 end
        as bigint
    ) as pending_count,
    case
        when steps.step_order < steps.step_count
            then counts.eventual_count / cast(nullif(counts.entered_count, 0) as double)
    end as eventual_share,
    -- without a window nobody is ever decided against: the share would be 1 however few take the next step
    case
        when steps.step_order < steps.step_count and steps.window_seconds is not null then
            counts.eventual_count / cast(nullif(counts.entered_count - counts.pending_count, 0) as double)
    end as decided_eventual_share,
    cast(counts.median_seconds as bigint) as median_seconds
from steps
left join counts
    on
        counts.journey_id = steps.journey_id
        and counts.journey_version = steps.journey_version
        and counts.step_order = steps.step_order
