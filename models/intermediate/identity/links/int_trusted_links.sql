{#-
    Every pair of identifiers that a trusted link joins, once, with the columns by which trust is ordered: decisions of people
    come first, then the strongest type at either end, then the pair seen together first; fuzzy links come last.
-#}
with pairs as (
    select
        link_key,
        identifier_a,
        identifier_b,
        min(first_seen_at) as first_seen_at
    from {{ ref('int_identifier_links') }}
    group by link_key, identifier_a, identifier_b
),

decisions as (
    select link_key, identifier_a, identifier_b
    from {{ ref('int_identity_decisions') }}
    where decision = 'must_link' and identifier_a <> identifier_b
),

-- last in order, also if a value joins the two: its link may be refused
fuzzy as (
    select
        record_a || '-' || record_b as link_key,
        record_a as identifier_a,
        record_b as identifier_b,
        match_weight
    from {{ ref('int_record_pairs') }}
    where is_link
),

links as (
    select
        link_key, identifier_a, identifier_b, 1 as rule_rank,
        cast(null as double) as match_weight, first_seen_at
    from pairs
    union all
    select link_key, identifier_a, identifier_b, 0, null, null
    from decisions
    union all
    select link_key, identifier_a, identifier_b, 2, match_weight, null
    from fuzzy
),

joined as (
    select
        link_key,
        identifier_a,
        identifier_b,
        min(rule_rank) as rule_rank,
        max(match_weight) as match_weight,
        min(first_seen_at) as first_seen_at
    from links
    group by link_key, identifier_a, identifier_b
)

select
    joined.link_key,
    joined.identifier_a,
    joined.identifier_b,
    trust_a.identifier_kind,
    case joined.rule_rank when 0 then 'decision' when 1 then 'seen_together' else 'fuzzy' end as link_basis,
    joined.rule_rank,
    least(trust_a.type_priority, trust_b.type_priority) as type_priority,
    joined.match_weight,
    joined.first_seen_at
from joined
inner join {{ ref('int_identifier_trust') }} as trust_a
    on trust_a.identifier_hash = joined.identifier_a and trust_a.is_trusted
inner join {{ ref('int_identifier_trust') }} as trust_b
    on
        trust_b.identifier_hash = joined.identifier_b
        and trust_b.is_trusted
        -- a decision that names hashes may pair a person with a device
        and trust_b.identifier_kind = trust_a.identifier_kind
