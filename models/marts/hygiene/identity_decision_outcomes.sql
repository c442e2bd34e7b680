with decisions as (
    select decision, type_a, identifier_a, type_b, identifier_b, link_key
    from {{ ref('int_identity_decisions') }}
),

decisions_with_ends as (
    select
        decisions.*,
        trust_a.identifier_hash is not null and trust_b.identifier_hash is not null as are_known,
        coalesce(trust_a.is_trusted and trust_b.is_trusted, false) as are_trusted,
        resolved_links.refused_because
    from decisions
    left join {{ ref('int_identifier_trust') }} as trust_a
        on trust_a.identifier_hash = decisions.identifier_a
    left join {{ ref('int_identifier_trust') }} as trust_b
        on trust_b.identifier_hash = decisions.identifier_b
    left join {{ ref('int_resolved_links') }} as resolved_links
        on resolved_links.link_key = decisions.link_key and decisions.decision = 'must_link'
)

select
    decision,
    type_a,
    identifier_a,
    type_b,
    identifier_b,
    case
        when not are_known then 'unknown_identifier'
        when not are_trusted then 'not_trusted'
        when identifier_a = identifier_b then case decision when 'must_link' then 'applied' else 'refused' end
        when refused_because is not null then 'refused'
        else 'applied'
    end as outcome,
    refused_because
from decisions_with_ends
