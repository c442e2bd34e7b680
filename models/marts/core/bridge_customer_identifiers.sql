with person_identifiers as (
    select
        owners.identifier_type,
        owners.identifier_hash,
        coalesce(shared_values.customer_id, owners.owner_id) as customer_id,
        'person' as link_rule,
        coalesce(shared_values.valid_from, owners.first_seen_at) as valid_from,
        shared_values.valid_to
    from {{ ref('int_identifier_owners') }} as owners
    -- several people whom a cannot-link keeps apart have a value one after another
    left join {{ ref('int_shared_value_ownerships') }} as shared_values
        on shared_values.identifier_hash = owners.identifier_hash
    where owners.identifier_kind = 'person'
),

owned_devices as (
    select distinct visitor_id, device_hash
    from {{ ref('int_visitor_ownerships') }}
    where device_hash is not null
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
    left join owned_devices
        on
            owned_devices.visitor_id = owners.owner_id
            and owned_devices.device_hash = owners.identifier_hash
    where
        owners.identifier_kind = 'device'
        -- a device with logins of its own has its own intervals, any other its visitor's
        and ownerships.device_hash is not distinct from owned_devices.device_hash
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
