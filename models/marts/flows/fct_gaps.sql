{#- Where journeys break: hand-overs between devices, channels and departments, answers and contacts that took too long. -#}
with waits as (
    select
        waits.id_prefix,
        waits.journey_instance_id,
        waits.journey_id,
        waits.customer_id,
        waits.phase_id,
        waits.from_event_id,
        waits.gap_kind,
        waits.from_name,
        waits.touchpoint,
        waits.has_progressed,
        waits.has_dropped_off,
        waits.started_at,
        -- an answer that the contact itself announces may lie after the clock
        case when waits.ended_at <= {{ as_of() }} then waits.to_event_id end as to_event_id,
        case when waits.ended_at <= {{ as_of() }} then waits.to_name end as to_name,
        case when waits.ended_at <= {{ as_of() }} then waits.ended_at end as ended_at,
        waits.waits_until,
        norms.norm_seconds is not null as is_usual,
        coalesce(norms.norm_seconds, waits.limit_seconds) as limit_seconds
    from {{ ref('int_waits') }} as waits
    left join {{ ref('int_hand_over_norms') }} as norms
        on
            norms.journey_id = waits.journey_id
            and norms.gap_kind = waits.gap_kind
            and norms.from_name = waits.from_name
            and norms.to_name = waits.to_name
),

measured as (
    select
        waits.*,
        {{ seconds_between('started_at', 'coalesce(ended_at, waits_until, ' ~ as_of() ~ ')') }}
            as wait_seconds
    from waits
)

select
    id_prefix || coalesce(journey_instance_id || '/', '') || from_event_id as gap_id,
    journey_instance_id,
    journey_id,
    customer_id,
    phase_id,
    from_event_id,
    to_event_id,
    gap_kind,
    from_name,
    coalesce(to_name, '(none)') as to_name,
    touchpoint,
    wait_seconds,
    limit_seconds,
    case when is_usual then 'usual' else 'stated' end as limit_basis,
    has_progressed,
    has_dropped_off,
    started_at,
    ended_at,
    -- a hand-over is one when the next step comes, a silence when it has lasted too long
    case
        when gap_kind = 'communication' then {{ seconds_after('started_at', 'limit_seconds') }}
        else ended_at
    end as known_at
from measured
where wait_seconds > limit_seconds
