{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_versions': 'event_id',
            'int_phone_numbers': 'never: numbers are looked up before the rows that state them are built',
        },
    }},
) }}

with events as (
    select version_key, event_id, source_system, identifiers, occurred_at
    from {{ ref('int_event_versions') }}
    where
        is_current
        and {{ element_count('identifiers') }} > 0
        and {{ is_changed('event_id') }}
)

select
    events.version_key,
    events.event_id,
    events.source_system,
    entry.identifier_type,
    {{ unusable_reason('entry') }} as unusable_because,
    events.occurred_at
from events
cross join {{ exploded('events.identifiers', 'entry') }}
left join {{ ref('int_phone_numbers') }} as phone_numbers
    on phone_numbers.written_hash = entry.identifier_hash and phone_numbers.is_unusable
where entry.unusable_because is not null or phone_numbers.is_unusable
