with source as (
    select * from {{ landed('surveys', 'responses') }}
)

-- who answered is not kept: an employee becomes no customer and no identity
select
    version_key,
    'surveys:' || response_id as feedback_id,
    'surveys' as source_system,
    touchpoint,
    department,
    survey_type as feedback_kind,
    score_direction as feedback_direction,
    'surveys:invitation:' || invitation_id as invitation_id,
    cast(score as double) as feedback_score,
    cast(scale_min as double) as feedback_scale_min,
    cast(scale_max as double) as feedback_scale_max,
    cast(nullif(length(trim(comment)), 0) as bigint) as text_length,
    is_complete as is_feedback_complete,
    row_status,
    responded_at as answered_at,
    loaded_at,
    changed_in
from source
where respondent_kind = 'employee'
