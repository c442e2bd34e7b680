with source as (
    select * from {{ landed('support', 'tickets') }}
)

select
    version_key,
    'support:' || ticket_id || ':opened' as event_id,
    subject as body,
    false as is_of_employee,
    row_status,
    loaded_at,
    changed_in
from source
where subject is not null
