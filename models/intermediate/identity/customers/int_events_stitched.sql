{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_versions': 'event_id',
            'int_event_identities': 'event_id',
            'int_unnamed_events': 'event_id',
            'int_visitor_ownerships': [
                {'column': 'visitor_id', 'of': 'int_event_identities'},
                {'column': 'visitor_id', 'of': 'int_unnamed_events'},
            ],
            'int_shared_device_events': [
                'event_id',
                {'column': 'visitor_id', 'of': 'int_unnamed_events'},
            ],
        },
    }},
) }}

{#-
    Every event's one customer: the person it names, else the owner of its device at that moment. One that names nobody
    belongs to whom another moment of its record names, else to an anonymous customer of the record.
-#}
with events as (
    select event_id, source_system, source_session_id, is_bot, occurred_at, event_order
    from {{ ref('int_event_versions') }}
    where
        is_current
        and {{ is_changed('event_id') }}
),

identified as (
    select
        events.event_id,
        -- two tools may count their sessions by the same numbers
        events.source_system || ':' || events.source_session_id as source_session,
        events.is_bot,
        events.occurred_at,
        events.event_order,
        identities.visitor_id,
        unnamed.record_key,
        coalesce(identities.person_id, unnamed.person_id) as person_id,
        -- whose device counts, and when
        coalesce(identities.visitor_id, unnamed.visitor_id) as owned_visitor_id,
        coalesce(unnamed.naming_event_id, events.event_id) as owned_event_id,
        coalesce(unnamed.named_at, events.occurred_at) as owned_at,
        unnamed.event_id is null or unnamed.moment_count > 1 as is_linkable
    from events
    left join {{ ref('int_event_identities') }} as identities
        on identities.event_id = events.event_id
    left join {{ ref('int_unnamed_events') }} as unnamed
        on unnamed.event_id = events.event_id
)

select
    identified.event_id,
    coalesce(
        identified.person_id,
        shared_devices.customer_id,
        ownerships.customer_id,
        'a_' || {{ hash_text("'record:' || identified.record_key") }}
    ) as customer_id,
    identified.visitor_id,
    identified.source_session,
    identified.person_id is not null
    or coalesce(shared_devices.is_person, ownerships.is_person, false) as is_identified,
    identified.is_linkable,
    identified.is_bot,
    identified.occurred_at,
    identified.event_order
from identified
left join {{ ref('int_visitor_ownerships') }} as ownerships
    on
        ownerships.visitor_id = identified.owned_visitor_id
        and ownerships.device_hash is null
        and identified.person_id is null
        and ownerships.valid_from <= identified.owned_at
        and (ownerships.valid_to is null or ownerships.valid_to > identified.owned_at)
left join {{ ref('int_shared_device_events') }} as shared_devices
    on shared_devices.event_id = identified.owned_event_id
