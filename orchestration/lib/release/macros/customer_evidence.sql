-- All identifiers of a customer, the devices they used included: where each was seen, how often, from when to when, and
-- by what rule it is theirs. A device is theirs during an interval of ownership alone, so it may have several rows.
create macro core.customer_evidence(of_customer) as table
select
    sightings.identifier_type,
    sightings.identifier_hash,
    bridge.link_rule,
    sightings.source_system,
    sightings.seen_on,
    sightings.sighting_count,
    sightings.first_seen_at,
    sightings.last_seen_at,
    bridge.valid_from,
    bridge.valid_to
from core.bridge_customer_identifiers as bridge
inner join core.fct_identifier_sightings as sightings
    on sightings.identifier_hash = bridge.identifier_hash
where bridge.customer_id = of_customer
order by sightings.first_seen_at, sightings.identifier_type, sightings.identifier_hash, sightings.source_system, bridge.valid_from
