with source as (
    select * from {{ source('feed', 'people') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('feed.people') }} as version_key,
    source_system,
    person_key,
    {{ identifier_hash("'record'", "source_system || ':' || person_key") }} as person_key_hash,
    first_name,
    last_name,
    street,
    city,
    postcode,
    country,
    {{ hashed_identifiers(json_to_map('identifiers')) }} as identifiers,
    {{ normalised_identifier("'email'", json_text('identifiers', 'email')) }} as email_normalised,
    {{ normalised_identifier("'phone'", json_text('identifiers', 'phone')) }} as phone_normalised,
    birth_date,
    _row_status as row_status,
    updated_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
