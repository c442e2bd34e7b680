with source as (
    select * from {{ source('loyalty', 'members') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('loyalty.members') }} as version_key,
    'loyalty' as source_system,
    member_id as person_key,
    {{ identifier_hash("'record'", "'loyalty:' || member_id") }} as person_key_hash,
    first_name,
    last_name,
    cast(null as {{ dbt.type_string() }}) as street,
    city,
    postcode,
    cast(null as {{ dbt.type_string() }}) as country,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card', 'email': 'email'})) }} as identifiers,
    {{ normalised_identifier("'email'", 'email') }} as email_normalised,
    cast(null as {{ dbt.type_string() }}) as phone_normalised,
    birth_date,
    _row_status as row_status,
    updated_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
