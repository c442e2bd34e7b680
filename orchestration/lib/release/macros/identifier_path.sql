-- The shortest path of accepted links that joins two identifiers of one customer or visitor, one row per link on it and
-- source of it; no row if nothing joins them. Of paths of one length, the one of the smallest hashes.
create macro core.identifier_path(from_identifier, to_identifier) as table
with recursive
links as materialized (
    select identifier_a as here, identifier_b as there
    from core.fct_identifier_links
    where
        status = 'accepted'
        and coalesce(customer_id, visitor_id) in (
            select coalesce(customer_id, visitor_id)
            from core.fct_identifier_observations
            where identifier_hash = from_identifier
        )
),
ways as materialized (
    select here, there from links
    union
    select there, here from links
),
-- one row per step: whom it reached first, and all that were reached by then
waves as (
    select 0 as step, [from_identifier] as newly_reached, [from_identifier] as reached
    union all
    select step + 1, newly_reached, list_concat(reached, newly_reached)
    from (
        select waves.step, waves.reached, list(distinct ways.there) as newly_reached
        from waves
        inner join ways on list_contains(waves.newly_reached, ways.here)
        where not list_contains(waves.reached, ways.there) and not list_contains(waves.reached, to_identifier)
        group by waves.step, waves.reached
    ) as next_wave
),
places as materialized (
    select step, unnest(newly_reached) as identifier from waves
),
-- from the end back to the beginning
stops as (
    select step, identifier from places where identifier = to_identifier
    union all
    select places.step, min(places.identifier)
    from stops
    inner join ways on ways.here = stops.identifier
    inner join places on places.identifier = ways.there and places.step = stops.step - 1
    group by places.step
)
select
    stops.step as step_number,
    before.identifier as from_identifier_hash,
    case when evidence.identifier_a = before.identifier then evidence.type_a else evidence.type_b end as from_type,
    stops.identifier as to_identifier_hash,
    case when evidence.identifier_a = stops.identifier then evidence.type_a else evidence.type_b end as to_type,
    evidence.link_rule,
    evidence.source_system,
    evidence.observation_count,
    evidence.match_weight,
    evidence.first_seen_at,
    evidence.last_seen_at
from stops
inner join stops as before on before.step = stops.step - 1
inner join core.fct_identifier_links as evidence
    on
        evidence.identifier_a = least(before.identifier, stops.identifier)
        and evidence.identifier_b = greatest(before.identifier, stops.identifier)
        and evidence.status = 'accepted'
order by stops.step, evidence.link_rule, evidence.source_system
