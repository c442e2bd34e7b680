with source as (
    select * from {{ source('landing', 'identity_truth') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    source.identifier_type,
    {{ identifier_hash(
        'source.identifier_type',
        normalised_identifier('identifier_rules.rule_of_type[source.identifier_type]', 'source.identifier'),
    ) }} as identifier_hash,
    source.person_id
from source
cross join identifier_rules
