with records as (
    select distinct source_system, person_key_hash
    from {{ ref('int_people_versions') }}
    where is_current
)

select
    records.source_system,
    records.person_key_hash,
    owners.owner_id as customer_id
from records
inner join {{ ref('int_identifier_owners') }} as owners
    on owners.identifier_hash = records.person_key_hash
