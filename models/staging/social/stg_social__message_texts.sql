with source as (
    select * from {{ landed('social', 'messages') }}
)

select
    version_key,
    'social:' || message_id || ':sent' as event_id,
    body,
    false as is_of_employee,
    row_status,
    loaded_at,
    changed_in
from source
where direction = 'inbound' and body is not null
