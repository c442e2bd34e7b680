with person_identifiers as (
    select
        resolved.identifier_type,
        resolved.identifier_hash,
        resolved.owner_id as customer_id,
        'person' as link_rule,
        resolved.first_seen_at as valid_from,
        cast(null as timestamp) as valid_to
    from {{ ref('int_identifiers_resolved') }} as resolved
    where resolved.identifier_kind = 'person'
),

device_identifiers as (
    select
        resolved.identifier_type,
        resolved.identifier_hash,
        ownerships.customer_id,
        case when ownerships.customer_id like 'a%' then 'anonymous' else '{{ var('shared_devices') }}' end as link_rule,
        ownerships.valid_from,
        ownerships.valid_to
    from {{ ref('int_identifiers_resolved') }} as resolved
    inner join {{ ref('int_visitor_ownerships') }} as ownerships
        on ownerships.visitor_id = resolved.owner_id
    where
        resolved.identifier_kind = 'device'
        -- an anonymous customer exists by its events: where every event on a device names somebody, there is none
        and (
            ownerships.customer_id like 'c%'
            or ownerships.customer_id in (select customer_id from {{ ref('dim_customers') }})
        )
)

select identifier_type, identifier_hash, customer_id, link_rule, valid_from, valid_to
from person_identifiers
union all
select identifier_type, identifier_hash, customer_id, link_rule, valid_from, valid_to
from device_identifiers
