{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_versions': 'event_id',
            'int_phone_numbers': 'never: numbers are looked up before the rows that state them are built',
            'identifier_types': 'all',
        },
    }},
) }}

with events as (
    select version_key, event_id, source_system, identifiers, is_current, occurred_at
    from {{ ref('int_event_versions') }}
    where
        {{ element_count('identifiers') }} > 0
        and {{ is_changed('event_id') }}
),

exploded as (
    select
        events.version_key,
        events.event_id,
        events.source_system,
        entry.identifier_type,
        entry.identifier_hash,
        events.is_current,
        events.occurred_at
    from events
    cross join {{ exploded('events.identifiers', 'entry') }}
    where entry.unusable_because is null
),

canonical as (
    select
        exploded.version_key,
        exploded.event_id,
        exploded.source_system,
        exploded.identifier_type,
        {{ canonical_hash('exploded.identifier_hash') }} as identifier_hash,
        exploded.is_current,
        exploded.occurred_at
    from exploded
    left join {{ ref('int_phone_numbers') }} as phone_numbers
        on phone_numbers.written_hash = exploded.identifier_hash
)

select
    canonical.version_key,
    canonical.event_id,
    canonical.source_system,
    canonical.identifier_type,
    canonical.identifier_hash,
    identifier_types.kind as identifier_kind,
    identifier_types.priority as type_priority,
    -- a version of a row may be several events
    count(*) over (partition by canonical.version_key, canonical.event_id) as identifier_count,
    canonical.is_current,
    canonical.occurred_at
from canonical
inner join {{ ref('identifier_types') }} as identifier_types
    on identifier_types.identifier_type = canonical.identifier_type
where canonical.identifier_hash is not null
