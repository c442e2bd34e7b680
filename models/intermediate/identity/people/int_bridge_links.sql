{#- The links whose removal splits a customer into two parts of more than one identifier each. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.identity.bridges.bridge_links'}},
) }}

{{ argument('links') }}
select link_key, node_a, node_b, identifier_count_a, identifier_count_b
from {{ ref('int_inner_links') }}
order by link_key;
