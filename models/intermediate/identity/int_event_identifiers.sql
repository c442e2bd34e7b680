{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'event_id', 'touched': 'int_events_touched', 'tracks': ['identifier_hash']}},
) }}

with events as (
    select version_key, event_id, source_system, identifiers, is_current, occurred_at
    from {{ ref('int_events_unioned') }}
    where
        len(identifiers) > 0
        and {{ is_touched('event_id', ref('int_events_touched'), 'event_id') }}
),

exploded as (
    select
        events.version_key,
        events.event_id,
        events.source_system,
        entry.identifier_type,
        entry.identifier_hash,
        len(events.identifiers) as identifier_count,
        events.is_current,
        events.occurred_at
    from events
    cross join {{ exploded('events.identifiers', 'entry') }}
)

select
    exploded.version_key,
    exploded.event_id,
    exploded.source_system,
    exploded.identifier_type,
    exploded.identifier_hash,
    identifier_types.kind as identifier_kind,
    identifier_types.priority as type_priority,
    exploded.identifier_count,
    exploded.is_current,
    exploded.occurred_at
from exploded
inner join {{ ref('identifier_types') }} as identifier_types
    on identifier_types.identifier_type = exploded.identifier_type
