with source as (
    select * from {{ landed('surveys', 'responses') }}
)

select
    version_key,
    'surveys:' || response_id as event_id,
    comment as body,
    coalesce(respondent_kind, 'customer') = 'employee' as is_of_employee,
    row_status,
    loaded_at,
    changed_in
from source
where comment is not null
