{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'event_id', 'touched': 'int_events_to_identify', 'tracks': ['visitor_id']}},
) }}

{#- What an event's own identifiers say: whose device it was, and which person it names. -#}
with event_identifiers as (
    select event_id, identifier_hash, occurred_at
    from {{ ref('int_event_identifiers') }}
    where
        is_current
        and {{ is_touched('event_id', ref('int_events_to_identify'), 'event_id') }}
),

resolved as (
    select
        event_identifiers.event_id,
        event_identifiers.occurred_at,
        resolved.identifier_kind,
        resolved.owner_id,
        row_number() over (
            partition by event_identifiers.event_id, resolved.identifier_kind
            order by resolved.type_priority, resolved.identifier_hash
        ) as preference
    from event_identifiers
    inner join {{ ref('int_identifiers_resolved') }} as resolved
        on resolved.identifier_hash = event_identifiers.identifier_hash
)

select
    event_id,
    max(owner_id) filter (where identifier_kind = 'device') as visitor_id,
    max(owner_id) filter (where identifier_kind = 'person') as person_id,
    min(occurred_at) as occurred_at
from resolved
where preference = 1
group by event_id
