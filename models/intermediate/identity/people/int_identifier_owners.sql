{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_hash',
        'from': {
            'int_identifier_trust': 'all',
            'int_identifier_components': 'all',
            'int_resolved_links': 'all',
        },
    }},
) }}

{#-
    The person or the visitor behind each trusted identifier. The id is that of the smallest identifier of the
    component, by first seen, then type priority, then hash: a later merge does not rename the earlier person.
-#}
with parts as (
    select identifier_a as identifier_hash, part_a as component_key
    from {{ ref('int_resolved_links') }}
    union
    select identifier_b, part_b
    from {{ ref('int_resolved_links') }}
),

identifiers as (
    select
        trust.identifier_hash,
        trust.identifier_type,
        trust.identifier_kind,
        trust.type_priority,
        trust.first_seen_at,
        coalesce(parts.component_key, components.component_key, trust.identifier_hash) as component_key
    from {{ ref('int_identifier_trust') }} as trust
    left join {{ ref('int_identifier_components') }} as components
        on components.node_key = trust.identifier_hash
    left join parts
        on parts.identifier_hash = trust.identifier_hash
    where trust.is_trusted
)

select
    identifier_hash,
    identifier_type,
    identifier_kind,
    type_priority,
    case identifier_kind when 'person' then 'c_' else 'v_' end || first_value(identifier_hash) over (
        partition by component_key order by first_seen_at nulls last, type_priority, identifier_hash
    ) as owner_id,
    first_seen_at
from identifiers
