with source as (
    select * from {{ landed('surveys', 'responses') }}
)

select
    version_key,
    record_key,
    'surveys:' || response_id as event_id,
    'survey_answered' as event_name,
    'surveys' as source_system,
    'survey' as channel,
    coalesce(touchpoint, 'brand') as touchpoint,
    'inbound' as direction,
    survey_type as feedback_kind,
    score_direction as feedback_direction,
    'surveys:invitation:' || invitation_id as invitation_id,
    reference as reference_id,
    reference_kind,
    {{ hashed_identifiers(map_of({
        'email': 'respondent_email',
        'customer_number': 'customer_number',
    })) }} as identifiers,
    -- the comment is free text: it is in the raw table only
    {{ json_of({'survey_id': 'survey_id', 'reference': 'reference'}) }} as properties,
    cast(score as double) as feedback_score,
    cast(scale_min as double) as feedback_scale_min,
    cast(scale_max as double) as feedback_scale_max,
    cast(nullif(length(trim(comment)), 0) as bigint) as text_length,
    is_complete as is_feedback_complete,
    row_status,
    responded_at as occurred_at,
    loaded_at,
    changed_in
from source
-- an employee is no customer: stg_surveys__employee_answers has their answers
where coalesce(respondent_kind, 'customer') <> 'employee'
