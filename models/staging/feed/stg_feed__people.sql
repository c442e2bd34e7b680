with source as (
    select * from {{ landed('feed', 'people') }}
)

select
    version_key,
    source_system,
    person_key,
    {{ record_hash('source_system', 'person_key') }} as person_key_hash,
    first_name,
    last_name,
    street,
    city,
    postcode,
    country,
    {{ hashed_identifiers(json_to_map('identifiers')) }} as identifiers,
    {{ normalised_identifier("'email'", json_text('identifiers', 'email')) }} as email_normalised,
    {{ normalised_identifier("'phone'", json_text('identifiers', 'phone')) }} as phone_normalised,
    {{ compared_identifiers(json_to_map('identifiers')) }} as compared_identifiers,
    birth_date,
    row_status,
    updated_at,
    loaded_at,
    changed_in
from source
