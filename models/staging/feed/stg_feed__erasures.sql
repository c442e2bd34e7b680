with source as (
    select * from {{ source('feed', 'erasures') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    identifier_type,
    {{ identifier_hash('identifier_type', normalised_identifier('rule_of_type[identifier_type]', 'identifier')) }}
        as identifier_hash,
    _row_status as row_status,
    requested_at,
    updated_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
