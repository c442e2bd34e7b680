{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['identifier_a', 'identifier_b']}},
) }}

{#- Trusted links; the materialisation turns them into (node_key, component_key). -#}
select identifier_a, identifier_b
from {{ ref('int_trusted_links') }}
