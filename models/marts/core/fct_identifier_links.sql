{#- What ties identifiers together, and what was kept from doing so: the evidence of who is who. -#}
with seen_together as (
    select
        link_key,
        identifier_a,
        identifier_b,
        link_rule,
        source_system,
        sighting_count,
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
    from {{ ref('int_links_trusted') }} as links
    inner join {{ ref('int_people_matched') }} as matched
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
        guarded_a.identifier_type as type_a,
        guarded_b.identifier_type as type_b,
        guarded_a.identifier_kind,
        case
            when guarded_a.is_blocked or guarded_b.is_blocked then 'blocked'
            when guarded_a.is_over_cap or guarded_b.is_over_cap then 'over_cap'
            else judged.refused_because
        end as refused_because,
        judged.conflict_a,
        judged.conflict_b
    from links
    inner join {{ ref('int_identifiers_guarded') }} as guarded_a
        on guarded_a.identifier_hash = links.identifier_a
    inner join {{ ref('int_identifiers_guarded') }} as guarded_b
        on
            guarded_b.identifier_hash = links.identifier_b
            and guarded_b.identifier_kind = guarded_a.identifier_kind
    left join {{ ref('int_links_judged') }} as judged
        on judged.link_key = links.link_key
)

select
    links.link_key,
    links.type_a,
    links.identifier_a,
    links.type_b,
    links.identifier_b,
    links.link_rule,
    links.source_system,
    case when links.identifier_kind = 'person' and links.refused_because is null then resolved.owner_id end
        as customer_id,
    case when links.identifier_kind = 'device' and links.refused_because is null then resolved.owner_id end
        as visitor_id,
    case when links.refused_because is null then 'taken' else 'refused' end as status,
    links.refused_because,
    links.conflict_a,
    links.conflict_b,
    links.strongest_comparison,
    links.sighting_count,
    bridges.smaller_side_count,
    links.match_weight,
    links.match_probability,
    links.first_seen_at,
    links.last_seen_at
from links_with_verdicts as links
left join {{ ref('int_identifiers_resolved') }} as resolved
    on resolved.identifier_hash = links.identifier_a
left join {{ ref('int_bridges_found') }} as bridges
    on bridges.link_key = links.link_key
