{#- Intervals by the month in which they began, so that two rows of a phase show what changed since last month. -#}
with intervals as (
    select
        journey_id,
        journey_version,
        phase_id,
        outcome,
        case when outcome = 'fell_through' then dwell_seconds end as conversion_seconds,
        cast(date_trunc('month', {{ local_date('entered_at') }}) as date) as month_starts_on
    from {{ ref('fct_phase_intervals') }}
),

counts as (
    select
        journey_id,
        journey_version,
        phase_id,
        cast(count(*) as bigint) as entered_count,
        {% for outcome in ['fell_through', 'regressed', 'completed', 'fell_out', 'pending'] -%}
        cast(count_if(outcome = '{{ outcome }}') as bigint) as {{ outcome }}_count,
        {% endfor -%}
        cast(count_if(outcome in ('fell_through', 'completed')) as bigint) as converted_count,
        cast(count_if(outcome <> 'pending') as bigint) as decided_count,
        percentile_disc(0.5) within group (order by conversion_seconds) as median_seconds,
        percentile_disc(0.9) within group (order by conversion_seconds) as p90_seconds,
        month_starts_on
    from intervals
    group by journey_id, journey_version, phase_id, month_starts_on
),

-- in a phase without a window nobody falls out, and in a terminal one everybody completes: a share of decided ones
-- would say nothing of either
decidable_phases as (
    select
        journey_id,
        cast(journey_version as bigint) as journey_version,
        phase_id
    from {{ ref('phases') }}
    where window_days is not null and not is_terminal
),

counts_with_decidable as (
    select
        counts.*,
        case when decidable_phases.phase_id is not null then counts.decided_count end as decidable_count
    from counts
    left join decidable_phases
        on
            decidable_phases.journey_id = counts.journey_id
            and decidable_phases.journey_version = counts.journey_version
            and decidable_phases.phase_id = counts.phase_id
),

half_gone as (
    select journey_id, journey_version, phase_id, month_starts_on, min(dwell_seconds) as median_dwell_seconds
    from {{ ref('int_dwell_points') }}
    where survival_share <= 0.5 and month_starts_on is not null
    group by journey_id, journey_version, phase_id, month_starts_on
)

select
    counts.journey_id,
    counts.journey_version,
    counts.phase_id,
    counts.entered_count,
    counts.fell_through_count,
    counts.regressed_count,
    counts.completed_count,
    counts.fell_out_count,
    counts.pending_count,
    {% for prefix, trials in [('', 'counts.entered_count'), ('decided_', 'counts.decidable_count')] -%}
    case
        when {{ trials }} >= {{ var('min_cell_size') }}
            then counts.converted_count / cast({{ trials }} as double)
    end as {{ prefix }}conversion_share,
    case
        when {{ trials }} >= {{ var('min_cell_size') }}
            then {{ wilson_bound('counts.converted_count', trials, 'lower') }}
    end as {{ prefix }}conversion_share_ci_lower,
    case
        when {{ trials }} >= {{ var('min_cell_size') }}
            then {{ wilson_bound('counts.converted_count', trials, 'upper') }}
    end as {{ prefix }}conversion_share_ci_upper,
    {% endfor -%}
    cast(counts.median_seconds as bigint) as median_conversion_seconds,
    cast(counts.p90_seconds as bigint) as p90_conversion_seconds,
    cast(half_gone.median_dwell_seconds as bigint) as median_dwell_seconds,
    counts.month_starts_on
from counts_with_decidable as counts
left join half_gone
    on
        half_gone.journey_id = counts.journey_id
        and half_gone.journey_version = counts.journey_version
        and half_gone.phase_id = counts.phase_id
        and half_gone.month_starts_on = counts.month_starts_on
