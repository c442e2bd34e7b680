with source as (
    select * from {{ landed('loyalty', 'members') }}
)

select
    version_key,
    'loyalty' as source_system,
    member_id as person_key,
    {{ record_hash("'loyalty'", 'member_id') }} as person_key_hash,
    first_name,
    last_name,
    city,
    postcode,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card', 'email': 'email'})) }} as identifiers,
    {{ normalised_identifier("'email'", 'email') }} as email_normalised,
    {{ compared_identifiers(map_of({'loyalty_card': 'loyalty_card'})) }} as compared_identifiers,
    birth_date,
    row_status,
    updated_at,
    loaded_at,
    changed_in
from source
