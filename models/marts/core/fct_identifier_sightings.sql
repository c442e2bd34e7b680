select
    case when guarded.identifier_kind = 'person' then resolved.owner_id end as customer_id,
    case when guarded.identifier_kind = 'device' then resolved.owner_id end as visitor_id,
    sighted.identifier_type,
    sighted.identifier_hash,
    sighted.source_system,
    sighted.seen_on,
    case
        when guarded.is_blocked then 'blocked'
        when guarded.is_over_cap then 'over_cap'
        else 'trusted'
    end as trust,
    sighted.sighting_count,
    guarded.person_count,
    sighted.first_seen_at,
    sighted.last_seen_at
from {{ ref('int_identifiers_sighted') }} as sighted
inner join {{ ref('int_identifiers_guarded') }} as guarded
    on guarded.identifier_hash = sighted.identifier_hash
left join {{ ref('int_identifiers_resolved') }} as resolved
    on resolved.identifier_hash = sighted.identifier_hash
where sighted.sighting_count > 0
