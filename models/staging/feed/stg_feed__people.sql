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
    {{ hashed_identifiers(entries=json_entries('identifiers')) }} as identifiers,
    {{ normalised_identifier("'email'", json_first('identifiers', 'email')) }} as email_normalised,
    {{ normalised_identifier("'phone'", json_first('identifiers', 'phone')) }} as phone_normalised,
    {{ compared_identifiers(entries=json_entries('identifiers', first_only=true)) }} as compared_identifiers,
    birth_date,
    row_status,
    updated_at,
    loaded_at,
    changed_in
from source
