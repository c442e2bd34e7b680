{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'event_id', 'changed': 'int_changed_events', 'tracks': ['identifier_hash']}},
) }}

with events as (
    select version_key, event_id, source_system, identifiers, is_current, occurred_at
    from {{ ref('int_event_versions') }}
    where
        len(identifiers) > 0
        and {{ is_changed('event_id', ref('int_changed_events'), 'event_id') }}
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
),

-- superseded lines of one basket share its version key, and mostly its card
versions as (
    select version_key, event_id, source_system, identifier_type, identifier_hash, is_current, occurred_at
    from canonical
    where is_current
    union all
    select
        version_key,
        event_id,
        source_system,
        identifier_type,
        identifier_hash,
        is_current,
        min(occurred_at) as occurred_at
    from canonical
    where not is_current
    group by all
)

select
    versions.version_key,
    versions.event_id,
    versions.source_system,
    versions.identifier_type,
    versions.identifier_hash,
    identifier_types.kind as identifier_kind,
    identifier_types.priority as type_priority,
    -- a version of a row may be several events
    count(*) over (partition by versions.version_key, versions.event_id) as identifier_count,
    versions.is_current,
    versions.occurred_at
from versions
inner join {{ ref('identifier_types') }} as identifier_types
    on identifier_types.identifier_type = versions.identifier_type
where versions.identifier_hash is not null
