with records as (
    select distinct source_system, person_key_hash
    from {{ ref('int_people_unioned') }}
    where is_current
)

select
    records.source_system,
    records.person_key_hash,
    resolved.owner_id as customer_id
from records
inner join {{ ref('int_identifiers_resolved') }} as resolved
    on resolved.identifier_hash = records.person_key_hash
