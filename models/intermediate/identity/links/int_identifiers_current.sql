{{ config(materialized='ephemeral') }}

{#- Identifiers on current records and events, with what identifier_types.csv says of their type. -#}
select
    seen.identifier_hash,
    seen.identifier_type,
    identifier_types.kind as identifier_kind,
    identifier_types.priority as type_priority,
    identifier_types.is_unique_per_person,
    identifier_types.max_people,
    coalesce(identifier_types.max_devices, {{ var('max_devices_per_identifier') }}) as max_devices,
    seen.observation_count,
    seen.first_seen_at
from {{ ref('int_identifiers') }} as seen
inner join {{ ref('identifier_types') }} as identifier_types
    on identifier_types.identifier_type = seen.identifier_type
-- identifiers that only superseded rows have are not current
where seen.observation_count > 0
