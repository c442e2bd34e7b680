{#-
    How long a hand-over takes nine times in ten where the journey progresses, by pair of names: at least as long as a
    session may be silent, and only where twenty show it.
-#}
with hand_overs as (
    select
        journey_id,
        gap_kind,
        from_name,
        to_name,
        {{ seconds_between('started_at', 'ended_at') }} as wait_seconds
    from {{ ref('int_waits') }}
    where gap_kind <> 'communication' and has_progressed
)

select
    journey_id,
    gap_kind,
    from_name,
    to_name,
    cast(count(*) as bigint) as progressed_count,
    cast(greatest(
        percentile_disc(0.9) within group (order by wait_seconds),
        {{ var('session_inactivity_seconds') }}
    ) as bigint) as norm_seconds
from hand_overs
group by journey_id, gap_kind, from_name, to_name
having count(*) >= 20
