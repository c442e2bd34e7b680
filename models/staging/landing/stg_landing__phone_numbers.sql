{#- Each known telephone number once per identifier type of the rule `phone`, because the type is part of what is hashed. -#}
with source as (
    select * from {{ source('landing', 'phone_numbers') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    identifier_types.identifier_type,
    source.written_form,
    source.phone_number,
    {{ identifier_hash('identifier_types.identifier_type', 'source.written_form') }} as written_hash,
    {{ identifier_hash('identifier_types.identifier_type', 'source.phone_number') }} as identifier_hash
from source
cross join {{ ref('identifier_types') }} as identifier_types
cross join identifier_rules
where identifier_types.normalisation = 'phone'
