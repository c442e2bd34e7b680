{{ config(materialized='ephemeral') }}

{#- The identifiers and links of each customer that is a person. -#}
with identifiers as (
    select owner_id as customer_id, count(*) as identifier_count
    from {{ ref('int_identifier_owners') }}
    where identifier_kind = 'person'
    group by owner_id
),

links as (
    select
        links.customer_id,
        count(*) as link_count,
        count_if(bridges.link_key is not null) as bridge_count
    from {{ ref('int_accepted_links') }} as links
    left join {{ ref('int_bridge_links') }} as bridges
        on bridges.link_key = links.link_key
    group by links.customer_id
)

select
    identifiers.customer_id,
    identifiers.identifier_count,
    coalesce(links.link_count, 0) as link_count,
    coalesce(links.bridge_count, 0) as bridge_count,
    row_number() over (order by identifiers.identifier_count desc, identifiers.customer_id asc) as size_rank
from identifiers
left join links
    on links.customer_id = identifiers.customer_id
