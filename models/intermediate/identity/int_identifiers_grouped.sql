{{ config(
    materialized='connected_components',
    meta={'components': {'node': 'identifier_hash', 'edge': ['identifier_a', 'identifier_b']}},
) }}

{#- Trusted links; the materialisation turns them into (node_key, component_key). -#}
select distinct
    links.identifier_a,
    links.identifier_b
from {{ ref('int_identifier_links') }} as links
inner join {{ ref('int_identifiers_guarded') }} as guarded_a
    on guarded_a.identifier_hash = links.identifier_a and guarded_a.is_trusted
inner join {{ ref('int_identifiers_guarded') }} as guarded_b
    on guarded_b.identifier_hash = links.identifier_b and guarded_b.is_trusted
