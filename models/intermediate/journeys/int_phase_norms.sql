{#-
    How long a phase may take: the p90 of intervals that progressed, if there are at least twenty of them; else the
    limit of the seed.
-#}
with passed as (
    select
        journey_id,
        phase_id,
        count(*) as interval_count,
        percentile_disc(0.9) within group (order by dwell_seconds) as usual_seconds
    from {{ ref('int_phase_intervals') }}
    where outcome = 'fell_through'
    group by journey_id, phase_id
)

select
    phases.journey_id,
    phases.phase_id,
    cast(phases.journey_version as bigint) as journey_version,
    cast(coalesce(passed.interval_count, 0) as bigint) as passed_count,
    case
        when passed.interval_count >= 20 then cast(passed.usual_seconds as bigint)
        else cast(phases.stalled_after_days * 86400 as bigint)
    end as norm_seconds
from {{ ref('phases') }} as phases
left join passed
    on passed.journey_id = phases.journey_id and passed.phase_id = phases.phase_id
