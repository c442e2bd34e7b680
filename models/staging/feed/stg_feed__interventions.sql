with source as (
    select * from {{ landed('feed', 'interventions') }}
)

select
    intervention_id,
    identifier_type,
    {{ identifier_hash(
        'identifier_type', normalised_identifier('rule_of_type[identifier_type]', 'identifier')
    ) }}
        as identifier_hash,
    arm,
    row_status,
    assigned_at,
    updated_at,
    loaded_at,
    changed_in
from source
