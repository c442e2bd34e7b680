{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'identifier_hash', 'touched': 'int_identifiers_touched'}},
) }}

select
    identifier_hash,
    min(identifier_type) as identifier_type,
    cast(sum(sighting_count) as bigint) as sighting_count,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at
from {{ ref('int_identifiers_sighted') }}
where {{ is_touched('identifier_hash', ref('int_identifiers_touched'), 'identifier_hash') }}
group by identifier_hash
