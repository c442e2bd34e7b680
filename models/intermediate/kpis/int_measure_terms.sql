{#-
    Since when a measure can be compared, and how long it waits for what it counts to end. It begins with the first event
    of its name and source (one that names neither: of its channel, touchpoint and kind of feedback), with the first interval
    of its phase, or with the first spend, cost, conversion, credit, churn or invitation that it counts, and no earlier than
    the calendar: a zero before that says only that nothing was recorded. It waits if it asks how intervals end, how long
    they last or what level their journey has.
-#}
with measures as (
    select
        *,
        event_name is null and source_system is null as is_of_any_source
    from {{ ref('measures') }}
),

first_events as (
    select
        event_name,
        source_system,
        coalesce(channel, '(none)') as channel,
        touchpoint,
        feedback_kind,
        min(occurred_on) as began_on
    from {{ ref('int_timeline_events') }}
    where not is_bot and not is_after_as_of
    group by event_name, source_system, coalesce(channel, '(none)'), touchpoint, feedback_kind
),

first_intervals as (
    select journey_id, phase_id, min(measured_on) as began_on
    from {{ ref('int_measurable_intervals') }}
    group by journey_id, phase_id
),

beginnings as (
    select measures.measure_id, min(first_events.began_on) as began_on
    from measures
    inner join first_events
        on
            (measures.event_name is null or first_events.event_name = measures.event_name)
            and (measures.source_system is null or first_events.source_system = measures.source_system)
            and (
                not measures.is_of_any_source
                or (
                    (measures.channel is null or first_events.channel = measures.channel)
                    and (measures.touchpoint is null or first_events.touchpoint = measures.touchpoint)
                    and (
                        measures.feedback_kind is null
                        or first_events.feedback_kind = measures.feedback_kind
                    )
                )
            )
    where measures.subject = 'events'
    group by measures.measure_id
    union all
    select measures.measure_id, min(first_intervals.began_on)
    from measures
    inner join first_intervals
        on
            first_intervals.journey_id = measures.journey_id
            and (measures.phase_id is null or first_intervals.phase_id = measures.phase_id)
    where measures.subject = 'intervals'
    group by measures.measure_id
    {%- for facts in [
        ref('int_measured_spend'),
        ref('int_measured_costs'),
        ref('int_measured_churn'),
        ref('int_measured_invitations'),
        ref('int_measured_credits'),
    ] %}
    union all
    select measure_id, min(measured_on)
    from {{ facts }}
    group by measure_id
    {%- endfor %}
),

waits as (
    select
        measures.measure_id,
        max(phases.window_days) as wait_days,
        count_if(phases.window_days is null) > 0 as waits_without_limit
    from measures
    inner join {{ ref('phases') }} as phases
        on
            phases.journey_id = measures.journey_id
            and (measures.phase_id is null or phases.phase_id = measures.phase_id)
    where
        measures.subject = 'intervals'
        and not phases.is_terminal
        and (
            measures.outcome is not null
            or measures.level is not null
            or coalesce(measures.value_column = 'dwell_seconds', false)
            or not coalesce(measures.is_pending_included, true)
        )
    group by measures.measure_id
)

select
    measures.measure_id,
    coalesce(waits.wait_days, 0) as wait_days,
    coalesce(waits.waits_without_limit, false) as waits_without_limit,
    -- a few rows of long ago are no record
    case when beginnings.began_on is not null then greatest(beginnings.began_on, calendar.first_day) end
        as began_on
from measures
cross join {{ ref('int_calendar_bounds') }} as calendar
left join beginnings
    on beginnings.measure_id = measures.measure_id
left join waits
    on waits.measure_id = measures.measure_id
