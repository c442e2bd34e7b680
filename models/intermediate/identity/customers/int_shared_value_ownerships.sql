{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_hash',
        'from': {
            'int_cannot_link_pairs': 'all',
            'int_resolved_links': 'all',
            'int_identifier_owners': 'all',
            'int_identifier_links': 'all',
        },
    }},
) }}

{#-
    A mailbox or telephone of several people whom a cannot-link keeps apart, over time: [valid_from, valid_to). Each has it
    from their first record or event with it to the next one's.
-#}
with refused_links as (
    select distinct
        pairs.shared_identifier as identifier_hash,
        case
            when links.identifier_a = pairs.shared_identifier then links.identifier_b
            else links.identifier_a
        end as other_hash
    from {{ ref('int_resolved_links') }} as links
    inner join {{ ref('int_cannot_link_pairs') }} as pairs
        on pairs.shared_identifier in (links.identifier_a, links.identifier_b)
    where links.refused_because = 'cannot_link'
),

shared_values as (
    select distinct identifier_hash from refused_links
),

people as (
    select refused_links.identifier_hash, owners.owner_id as customer_id
    from refused_links
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = refused_links.other_hash
    union
    select owners.identifier_hash, owners.owner_id
    from {{ ref('int_identifier_owners') }} as owners
    inner join shared_values
        on shared_values.identifier_hash = owners.identifier_hash
),

seen_with as (
    select identifier_a as identifier_hash, identifier_b as other_hash, first_seen_at
    from {{ ref('int_identifier_links') }}
    where identifier_a in (select identifier_hash from shared_values)
    union all
    select identifier_b, identifier_a, first_seen_at
    from {{ ref('int_identifier_links') }}
    where identifier_b in (select identifier_hash from shared_values)
),

first_seen as (
    select
        seen_with.identifier_hash,
        owners.owner_id as customer_id,
        min(seen_with.first_seen_at) as first_seen_at
    from seen_with
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = seen_with.other_hash
    group by seen_with.identifier_hash, owners.owner_id
),

-- of two who have it from one instant on, the one whose link to it was accepted
beginnings as (
    select
        people.identifier_hash,
        people.customer_id,
        first_seen.first_seen_at,
        value_owners.first_seen_at as value_first_seen_at
    from people
    inner join first_seen
        on first_seen.identifier_hash = people.identifier_hash and first_seen.customer_id = people.customer_id
    inner join {{ ref('int_identifier_owners') }} as value_owners
        on value_owners.identifier_hash = people.identifier_hash
    qualify row_number() over (
        partition by people.identifier_hash, first_seen.first_seen_at
        order by people.customer_id = value_owners.owner_id desc, people.customer_id asc
    ) = 1
)

select
    identifier_hash,
    customer_id,
    cast(row_number() over intervals as bigint) as interval_number,
    -- events that carried the value alone before anybody's record are the first one's
    case
        when row_number() over intervals = 1 then least(value_first_seen_at, first_seen_at)
        else first_seen_at
    end as valid_from,
    lead(first_seen_at) over intervals as valid_to
from beginnings
window intervals as (partition by identifier_hash order by first_seen_at)
