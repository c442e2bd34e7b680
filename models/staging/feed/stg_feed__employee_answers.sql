with source as (
    select * from {{ landed('feed', 'events') }}
)

-- who answered is not kept: an employee becomes no customer and no identity
select
    version_key,
    {{ pseudonymous_key('source_system', 'event_id', json_entries('identifiers')) }} as feedback_id,
    source_system,
    touchpoint,
    department,
    feedback_kind,
    feedback_direction,
    direction,
    case
        when invitation_id is not null
            then {{ pseudonymous_key('source_system', 'invitation_id', json_entries('identifiers')) }}
    end as invitation_id,
    feedback_score,
    feedback_scale_min,
    feedback_scale_max,
    cast(nullif(length(trim(feedback_text)), 0) as bigint) as text_length,
    is_feedback_complete,
    row_status,
    occurred_at as answered_at,
    loaded_at,
    changed_in
from source
where respondent_kind = 'employee'
