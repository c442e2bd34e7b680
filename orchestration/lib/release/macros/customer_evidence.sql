-- All identifiers of a customer, the devices they used included: where each was seen, how often, from when to when, and
-- by what rule it is theirs. A device is theirs during an interval of ownership alone, so it may have several rows.
create macro core.customer_evidence(of_customer) as table
select
    observations.identifier_type,
    observations.identifier_hash,
    bridge.link_rule,
    observations.source_system,
    observations.seen_on,
    observations.observation_count,
    observations.first_seen_at,
    observations.last_seen_at,
    bridge.valid_from,
    bridge.valid_to
from core.bridge_customer_identifiers as bridge
inner join core.fct_identifier_observations as observations
    on observations.identifier_hash = bridge.identifier_hash
where bridge.customer_id = of_customer
order by
    observations.first_seen_at, observations.identifier_type, observations.identifier_hash, observations.source_system,
    observations.seen_on, bridge.valid_from
