{#- Every pair of person identifiers that an accepted link joins, and how many links each end has. -#}
with accepted_links as (
    select
        links.link_key,
        links.identifier_a,
        links.identifier_b,
        owners.owner_id as customer_id
    from {{ ref('int_trusted_links') }} as links
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = links.identifier_a and owners.identifier_kind = 'person'
    left join {{ ref('int_resolved_links') }} as resolved_links
        on resolved_links.link_key = links.link_key
    where resolved_links.refused_because is null
),

degrees as (
    select identifier_hash, count(*) as link_count
    from (
        select identifier_a as identifier_hash from accepted_links
        union all
        select identifier_b from accepted_links
    ) as ends
    group by identifier_hash
)

select
    accepted_links.link_key,
    accepted_links.identifier_a,
    accepted_links.identifier_b,
    accepted_links.customer_id,
    degrees_a.link_count as link_count_a,
    degrees_b.link_count as link_count_b
from accepted_links
inner join degrees as degrees_a
    on degrees_a.identifier_hash = accepted_links.identifier_a
inner join degrees as degrees_b
    on degrees_b.identifier_hash = accepted_links.identifier_b
