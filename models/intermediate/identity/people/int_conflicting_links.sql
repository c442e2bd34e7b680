{#-
    The links of components that would break a rule: two values of one unique-per-person type in one person, both ends of
    a must_not_link, or a cannot-link pair of matching. Few components do, so that the next model can take their links one
    by one.
-#}
with identifiers as (
    select
        grouped.node_key as identifier_hash,
        grouped.component_key,
        case when trust.is_unique_per_person then trust.identifier_type end as unique_type,
        trust.identifier_type = 'record' as is_record
    from {{ ref('int_identifier_components') }} as grouped
    inner join {{ ref('int_identifier_trust') }} as trust
        on trust.identifier_hash = grouped.node_key
),

components_with_two_people as (
    select component_key
    from identifiers
    where unique_type is not null
    group by component_key, unique_type
    having count(*) > 1
),

divided_pairs as (
    select identifier_a, identifier_b
    from {{ ref('int_identity_decisions') }}
    where decision = 'must_not_link'
    union
    select record_a, record_b
    from {{ ref('int_cannot_link_pairs') }}
),

components_with_a_divide as (
    select identifiers_a.component_key
    from divided_pairs
    inner join identifiers as identifiers_a
        on identifiers_a.identifier_hash = divided_pairs.identifier_a
    inner join identifiers as identifiers_b
        on
            identifiers_b.identifier_hash = divided_pairs.identifier_b
            and identifiers_b.component_key = identifiers_a.component_key
),

components as (
    select component_key from components_with_two_people
    union
    select component_key from components_with_a_divide
)

select
    links.link_key,
    links.identifier_a,
    links.identifier_b,
    identifiers_a.unique_type as unique_type_a,
    identifiers_b.unique_type as unique_type_b,
    identifiers_a.is_record as is_record_a,
    identifiers_b.is_record as is_record_b,
    links.rule_rank = 0 as is_decision,
    cast(row_number() over (
        order by
            links.rule_rank asc,
            links.type_priority asc,
            links.first_seen_at asc nulls first,
            links.match_weight desc nulls last,
            links.link_key asc
    ) as bigint) as link_number
from {{ ref('int_trusted_links') }} as links
inner join identifiers as identifiers_a
    on identifiers_a.identifier_hash = links.identifier_a
inner join identifiers as identifiers_b
    on identifiers_b.identifier_hash = links.identifier_b
where identifiers_a.component_key in (select component_key from components)
