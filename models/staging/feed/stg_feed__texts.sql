with source as (
    select * from {{ landed('feed', 'events') }}
)

select
    version_key,
    {{ pseudonymous_key('source_system', 'event_id', json_entries('identifiers')) }} as event_id,
    feedback_text as body,
    coalesce(respondent_kind, 'customer') = 'employee' as is_of_employee,
    row_status,
    loaded_at,
    changed_in
from source
where feedback_text is not null
