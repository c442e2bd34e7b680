with source as (
    select * from {{ landed('crm', 'contacts') }}
)

select
    version_key,
    'crm' as source_system,
    contact_id as person_key,
    {{ record_hash("'crm'", 'contact_id') }} as person_key_hash,
    first_name,
    last_name,
    street,
    city,
    postcode,
    country,
    {{ hashed_identifiers(map_of({
        'customer_number': 'customer_number',
        'email': 'email',
        'phone': 'phone',
    })) }} as identifiers,
    {{ normalised_identifier("'email'", 'email') }} as email_normalised,
    {{ normalised_identifier("'phone'", 'phone') }} as phone_normalised,
    {{ compared_identifiers(map_of({'customer_number': 'customer_number'})) }} as compared_identifiers,
    birth_date,
    row_status,
    updated_at,
    loaded_at,
    changed_in
from source
