select
    case when trust.identifier_kind = 'person' then owners.owner_id end as customer_id,
    case when trust.identifier_kind = 'device' then owners.owner_id end as visitor_id,
    sighted.identifier_type,
    sighted.identifier_hash,
    sighted.source_system,
    sighted.seen_on,
    case
        when trust.is_blocked then 'blocked'
        when trust.is_over_cap then 'over_cap'
        else 'trusted'
    end as trust,
    sighted.observation_count,
    trust.person_count,
    sighted.first_seen_at,
    sighted.last_seen_at
from {{ ref('int_identifier_observations') }} as sighted
inner join {{ ref('int_identifier_trust') }} as trust
    on trust.identifier_hash = sighted.identifier_hash
left join {{ ref('int_identifier_owners') }} as owners
    on owners.identifier_hash = sighted.identifier_hash
where sighted.observation_count > 0
