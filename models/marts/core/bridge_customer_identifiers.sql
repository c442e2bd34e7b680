with person_identifiers as (
    select
        owners.identifier_type,
        owners.identifier_hash,
        owners.owner_id as customer_id,
        'person' as link_rule,
        owners.first_seen_at as valid_from,
        cast(null as timestamp) as valid_to
    from {{ ref('int_identifier_owners') }} as owners
    where owners.identifier_kind = 'person'
),

device_identifiers as (
    select
        owners.identifier_type,
        owners.identifier_hash,
        ownerships.customer_id,
        case when ownerships.is_person then '{{ var('shared_devices') }}' else 'anonymous' end as link_rule,
        ownerships.valid_from,
        ownerships.valid_to
    from {{ ref('int_identifier_owners') }} as owners
    inner join {{ ref('int_visitor_ownerships') }} as ownerships
        on ownerships.visitor_id = owners.owner_id
    where
        owners.identifier_kind = 'device'
        -- an anonymous customer exists by its events: if every event on a device names a person, there is none
        and (
            ownerships.is_person
            or ownerships.customer_id in (select customer_id from {{ ref('dim_customers') }})
        )
)

select identifier_type, identifier_hash, customer_id, link_rule, valid_from, valid_to
from person_identifiers
union all
select identifier_type, identifier_hash, customer_id, link_rule, valid_from, valid_to
from device_identifiers
