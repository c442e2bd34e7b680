{#- Which identifiers may link people: not those that are blocked, nor those over the caps of their type. -#}
with identifiers as (
    select
        identifiers.*,
        coalesce(people.person_count, 0) as person_count,
        coalesce(devices.device_count, 0) as device_count,
        identifiers.identifier_hash in (
            select identifier_hash from {{ ref('int_blocked_identifiers') }}
        ) as is_blocked
    from {{ ref('int_identifiers_current') }} as identifiers
    left join {{ ref('int_people_per_identifier') }} as people
        on people.identifier_hash = identifiers.identifier_hash
    left join {{ ref('int_devices_per_identifier') }} as devices
        on devices.identifier_hash = identifiers.identifier_hash
),

capped as (
    select
        *,
        coalesce(identifier_kind = 'person' and person_count > max_people, false) as is_over_people_cap,
        identifier_kind = 'person' and device_count > max_devices as is_over_device_cap
    from identifiers
)

select
    identifier_hash,
    identifier_type,
    identifier_kind,
    type_priority,
    person_count,
    is_unique_per_person,
    is_blocked,
    is_over_people_cap or is_over_device_cap as is_over_cap,
    is_over_device_cap,
    not is_blocked and not is_over_people_cap and not is_over_device_cap as is_trusted,
    first_seen_at
from capped
