{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_versions': 'event_id',
            'int_event_identities': 'event_id',
            'int_visitor_ownerships': {'column': 'visitor_id', 'of': 'int_event_identities'},
        },
    }},
) }}

{#-
    Every event's one customer: the person it names, else the owner of its device at that moment, else an anonymous
    customer of its own.
-#}
with events as (
    select event_id, is_bot, occurred_at, event_order
    from {{ ref('int_event_versions') }}
    where
        is_current
        and {{ is_changed('event_id') }}
),

identified as (
    select
        events.event_id,
        events.is_bot,
        events.occurred_at,
        events.event_order,
        identities.visitor_id,
        identities.person_id
    from events
    left join {{ ref('int_event_identities') }} as identities
        on identities.event_id = events.event_id
)

select
    identified.event_id,
    coalesce(
        identified.person_id,
        ownerships.customer_id,
        'a_' || {{ hash_text("'event:' || identified.event_id") }}
    ) as customer_id,
    identified.visitor_id,
    identified.person_id is not null or coalesce(ownerships.is_person, false) as is_identified,
    identified.is_bot,
    identified.occurred_at,
    identified.event_order
from identified
left join {{ ref('int_visitor_ownerships') }} as ownerships
    on
        ownerships.visitor_id = identified.visitor_id
        and identified.person_id is null
        and ownerships.valid_from <= identified.occurred_at
        and (ownerships.valid_to is null or ownerships.valid_to > identified.occurred_at)
