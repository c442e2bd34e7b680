select
    case when trust.identifier_kind = 'person' then owners.owner_id end as customer_id,
    case when trust.identifier_kind = 'device' then owners.owner_id end as visitor_id,
    observations.identifier_type,
    observations.identifier_hash,
    observations.source_system,
    observations.seen_on,
    case
        when trust.is_blocked then 'blocked'
        when trust.is_over_cap then 'over_cap'
        else 'trusted'
    end as trust,
    observations.observation_count,
    trust.person_count,
    observations.first_seen_at,
    observations.last_seen_at
from {{ ref('int_identifier_observations') }} as observations
inner join {{ ref('int_identifier_trust') }} as trust
    on trust.identifier_hash = observations.identifier_hash
left join {{ ref('int_identifier_owners') }} as owners
    on owners.identifier_hash = observations.identifier_hash
where observations.observation_count > 0
