{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_hash',
        'from': {
            'int_identifier_observations': 'identifier_hash',
        },
    }},
) }}

select
    identifier_hash,
    min(identifier_type) as identifier_type,
    cast(sum(observation_count) as bigint) as observation_count,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at
from {{ ref('int_identifier_observations') }}
where {{ is_changed('identifier_hash') }}
group by identifier_hash
