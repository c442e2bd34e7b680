{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_hash',
        'from': {
            'int_event_identifiers': 'identifier_hash',
            'int_people_identifiers': 'identifier_hash',
        },
    }},
) }}

{#- First seen takes every version that ever landed, so that a correction does not rename a customer. -#}
with observations as (
    select
        identifier_type,
        identifier_hash,
        source_system,
        'event' as seen_on,
        is_current,
        occurred_at as seen_at
    from {{ ref('int_event_identifiers') }}
    where {{ is_changed('identifier_hash') }}
    union all
    select identifier_type, identifier_hash, source_system, 'record', is_current, updated_at
    from {{ ref('int_people_identifiers') }}
    where {{ is_changed('identifier_hash') }}
)

select
    identifier_hash,
    min(identifier_type) as identifier_type,
    source_system,
    seen_on,
    cast(count_if(is_current) as bigint) as observation_count,
    min(seen_at) as first_seen_at,
    max(seen_at) filter (where is_current) as last_seen_at
from observations
group by identifier_hash, source_system, seen_on
