{{ config(materialized='ephemeral') }}

{#- Phase intervals in which the journey's design expects a contact and none came within the phase's limit, or none yet. -#}
with intervals as (
    select
        intervals.journey_instance_id,
        intervals.journey_id,
        intervals.customer_id,
        intervals.phase_id,
        intervals.entry_event_id,
        cast(round(phases.contact_within_days * 86400) as bigint) as limit_seconds,
        intervals.entered_at,
        intervals.left_at
    from {{ ref('int_phase_intervals') }} as intervals
    inner join {{ ref('phases') }} as phases
        on
            phases.journey_id = intervals.journey_id
            and phases.journey_version = intervals.journey_version
            and phases.phase_id = intervals.phase_id
            and phases.contact_within_days is not null
    where {{ is_changed('intervals.customer_id') }}
),

steps as (
    select journey_instance_id, event_id, touchpoint, direction, step_number, occurred_at
    from {{ ref('int_gap_steps') }}
),

steps_with_next_contact as (
    select
        journey_instance_id,
        event_id,
        min(case when direction is not null then step_number end) over (
            partition by journey_instance_id
            order by step_number rows between 1 following and unbounded following
        ) as contact_number
    from steps
),

waits as (
    select
        'communication:map:' as id_prefix,
        'communication' as gap_kind,
        intervals.journey_instance_id,
        intervals.journey_id,
        intervals.customer_id,
        intervals.phase_id,
        intervals.entry_event_id as from_event_id,
        next_contacts.event_id as to_event_id,
        '(map)' as from_name,
        next_contacts.touchpoint as to_name,
        cast(null as {{ dbt.type_string() }}) as touchpoint,
        intervals.limit_seconds,
        intervals.entered_at as started_at,
        next_contacts.occurred_at as ended_at,
        intervals.left_at as waits_until
    from intervals
    inner join steps_with_next_contact
        on
            steps_with_next_contact.journey_instance_id = intervals.journey_instance_id
            and steps_with_next_contact.event_id = intervals.entry_event_id
    left join steps as next_contacts
        on
            next_contacts.journey_instance_id = intervals.journey_instance_id
            and next_contacts.step_number = steps_with_next_contact.contact_number
            and (intervals.left_at is null or next_contacts.occurred_at <= intervals.left_at)
)

select *
from waits
where coalesce({{ seconds_between('started_at', 'coalesce(ended_at, waits_until)') }} > limit_seconds, true)
