{{ config(materialized='ephemeral') }}

{#- Contacts of customers whose answer came later than their touchpoint's limit, or has not come by the clock. -#}
with contacts as (
    select
        event_id,
        customer_id,
        touchpoint,
        answer_event_id,
        answer_touchpoint,
        limit_seconds,
        contacted_at,
        -- an answer that the contact itself announces may lie after the clock
        case when answered_at <= {{ as_of() }} then answered_at end as answered_at
    from {{ ref('int_contacts') }}
    where {{ is_changed('customer_id') }}
),

waits as (
    select
        steps.journey_instance_id,
        steps.journey_id,
        contacts.customer_id,
        steps.phase_id,
        contacts.event_id as from_event_id,
        case when contacts.answered_at is not null then contacts.answer_event_id end as to_event_id,
        contacts.touchpoint as from_name,
        case when contacts.answered_at is not null then contacts.answer_touchpoint end as to_name,
        contacts.touchpoint,
        contacts.limit_seconds,
        contacts.contacted_at as started_at,
        contacts.answered_at as ended_at,
        coalesce(contacts.answered_at, {{ as_of() }}) as waited_until
    from contacts
    left join {{ ref('int_gap_steps') }} as steps
        on steps.event_id = contacts.event_id
)

select *
from waits
where {{ seconds_between('started_at', 'waited_until') }} > limit_seconds
