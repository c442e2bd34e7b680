with source as (
    select * from {{ landed('feed', 'erasures') }}
)

select
    identifier_type,
    {{ identifier_hash(
        'identifier_type', normalised_identifier('rule_of_type[identifier_type]', 'identifier')
    ) }}
        as identifier_hash,
    row_status,
    requested_at,
    updated_at,
    loaded_at,
    changed_in
from source
