{{ config(materialized='ephemeral') }}

{#- Contacts of customers whose answer came later than their touchpoint's limit, or not, or lies after the clock. -#}
with contacts as (
    select
        event_id,
        customer_id,
        touchpoint,
        answer_event_id,
        answer_touchpoint,
        limit_seconds,
        contacted_at,
        answered_at
    from {{ ref('int_contacts') }}
    where
        {{ is_changed('customer_id') }}
        and coalesce({{ seconds_between('contacted_at', 'answered_at') }} > limit_seconds, true)
)

select
    'communication:' as id_prefix,
    'communication' as gap_kind,
    steps.journey_instance_id,
    steps.journey_id,
    contacts.customer_id,
    steps.phase_id,
    contacts.event_id as from_event_id,
    contacts.answer_event_id as to_event_id,
    contacts.touchpoint as from_name,
    contacts.answer_touchpoint as to_name,
    contacts.touchpoint,
    contacts.limit_seconds,
    contacts.contacted_at as started_at,
    contacts.answered_at as ended_at,
    cast(null as timestamp) as waits_until
from contacts
left join {{ ref('int_gap_steps') }} as steps
    on steps.event_id = contacts.event_id
