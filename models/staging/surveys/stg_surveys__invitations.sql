with source as (
    select * from {{ landed('surveys', 'invitations') }}
)

select
    version_key,
    'surveys:invitation:' || invitation_id as invitation_id,
    'surveys' as source_system,
    coalesce(respondent_kind, 'customer') as respondent_kind,
    survey_type as feedback_kind,
    touchpoint,
    department,
    reference as reference_id,
    reference_kind,
    -- an employee becomes no customer, whatever address the invitation went to
    {{ hashed_identifiers(map_of({
        'email': "case when coalesce(respondent_kind, 'customer') = 'customer' then respondent_email end",
        'customer_number': "case when coalesce(respondent_kind, 'customer') = 'customer' then customer_number end",
    })) }} as identifiers,
    bounced_at is null as is_delivered,
    row_status,
    sent_at,
    loaded_at,
    changed_in
from source
