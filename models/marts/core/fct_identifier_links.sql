{#- The links between identifiers, accepted and refused: the evidence of who is who. -#}
with seen_together as (
    select
        link_key,
        identifier_a,
        identifier_b,
        link_rule,
        source_system,
        observation_count,
        cast(null as double) as match_weight,
        cast(null as double) as match_probability,
        cast(null as {{ dbt.type_string() }}) as strongest_comparison,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identifier_links') }}
),

decided as (
    select distinct link_key, identifier_a, identifier_b
    from {{ ref('int_identity_decisions') }}
    where decision = 'must_link' and identifier_a <> identifier_b
),

matched as (
    select
        links.link_key,
        links.identifier_a,
        links.identifier_b,
        matched.match_weight,
        matched.match_probability,
        matched.strongest_comparison
    from {{ ref('int_trusted_links') }} as links
    inner join {{ ref('int_record_pairs') }} as matched
        on matched.record_a = links.identifier_a and matched.record_b = links.identifier_b
    where links.link_basis = 'fuzzy'
),

links as (
    select * from seen_together
    union all
    select link_key, identifier_a, identifier_b, 'decision', 'decision', null, null, null, null, null, null
    from decided
    union all
    select
        link_key, identifier_a, identifier_b, 'fuzzy', 'matching', null,
        match_weight, match_probability, strongest_comparison, null, null
    from matched
),

links_with_verdicts as (
    select
        links.*,
        trust_a.identifier_type as type_a,
        trust_b.identifier_type as type_b,
        trust_a.identifier_kind,
        case
            when trust_a.is_blocked or trust_b.is_blocked then 'blocked'
            when trust_a.is_over_cap or trust_b.is_over_cap then 'over_cap'
            else resolved_links.refused_because
        end as refused_because,
        resolved_links.conflict_a,
        resolved_links.conflict_b
    from links
    inner join {{ ref('int_identifier_trust') }} as trust_a
        on trust_a.identifier_hash = links.identifier_a
    inner join {{ ref('int_identifier_trust') }} as trust_b
        on
            trust_b.identifier_hash = links.identifier_b
            and trust_b.identifier_kind = trust_a.identifier_kind
    left join {{ ref('int_resolved_links') }} as resolved_links
        on resolved_links.link_key = links.link_key
)

select
    links.link_key,
    links.type_a,
    links.identifier_a,
    links.type_b,
    links.identifier_b,
    links.link_rule,
    links.source_system,
    case when links.identifier_kind = 'person' and links.refused_because is null then owners.owner_id end
        as customer_id,
    case when links.identifier_kind = 'device' and links.refused_because is null then owners.owner_id end
        as visitor_id,
    case when links.refused_because is null then 'accepted' else 'refused' end as status,
    links.refused_because,
    links.conflict_a,
    links.conflict_b,
    links.strongest_comparison,
    links.observation_count,
    bridges.smaller_side_count,
    links.match_weight,
    links.match_probability,
    links.first_seen_at,
    links.last_seen_at
from links_with_verdicts as links
left join {{ ref('int_identifier_owners') }} as owners
    on owners.identifier_hash = links.identifier_a
left join {{ ref('int_bridge_links') }} as bridges
    on bridges.link_key = links.link_key
