with source as (
    select * from {{ landed('social', 'mentions') }}
)

select
    version_key,
    'social:' || post_id || ':mentioned' as event_id,
    body,
    false as is_of_employee,
    row_status,
    loaded_at,
    changed_in
from source
where body is not null
