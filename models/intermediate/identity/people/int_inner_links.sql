{#-
    Links between identifiers that have more links than this one: every other link only adds a single identifier.
    Each end represents itself and the identifiers that are linked to it alone.
-#}
with hanging as (
    select identifier_hash, count(*) as hanging_count
    from (
        select identifier_a as identifier_hash from {{ ref('int_accepted_links') }} where link_count_b = 1
        union all
        select identifier_b from {{ ref('int_accepted_links') }} where link_count_a = 1
    ) as ends
    group by identifier_hash
)

select
    links.link_key,
    {{ number_of_text('links.identifier_a') }} as node_a,
    {{ number_of_text('links.identifier_b') }} as node_b,
    cast(1 + coalesce(hanging_a.hanging_count, 0) as bigint) as identifier_count_a,
    cast(1 + coalesce(hanging_b.hanging_count, 0) as bigint) as identifier_count_b
from {{ ref('int_accepted_links') }} as links
left join hanging as hanging_a
    on hanging_a.identifier_hash = links.identifier_a
left join hanging as hanging_b
    on hanging_b.identifier_hash = links.identifier_b
where links.link_count_a > 1 and links.link_count_b > 1
