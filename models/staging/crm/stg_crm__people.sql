with source as (
    select * from {{ source('crm', 'contacts') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('crm.contacts') }} as version_key,
    'crm' as source_system,
    contact_id as person_key,
    {{ identifier_hash("'record'", "'crm:' || contact_id") }} as person_key_hash,
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
    birth_date,
    _row_status as row_status,
    updated_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
