{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'invitation_id',
        'from': {
            'stg_surveys__invitations': {'landed': 'invitation_id'},
            'stg_feed__employee_answers': {'landed': 'feedback_id'},
            'int_event_versions': 'event_id',
        },
    }},
) }}

{#- Who was asked: the survey tool's invitations, and outbound events with a kind of feedback and without a score. -#}
select
    invitation_id,
    cast(null as {{ dbt.type_string() }}) as event_id,
    reference_id,
    reference_kind,
    respondent_kind,
    feedback_kind,
    touchpoint,
    department,
    is_delivered,
    sent_at
from {{ ref('stg_surveys__invitations') }}
where row_status = 'current' and {{ is_changed('invitation_id') }}
union all
select
    events.event_id as invitation_id,
    events.event_id,
    events.reference_id,
    events.reference_kind,
    'customer' as respondent_kind,
    events.feedback_kind,
    events.touchpoint,
    events.department,
    true as is_delivered,
    events.occurred_at as sent_at
from {{ ref('int_event_versions') }} as events
where
    events.is_current
    and not events.is_bot
    and {{ is_invitation('events') }}
    and {{ is_changed('events.event_id') }}
union all
select
    answers.feedback_id as invitation_id,
    cast(null as {{ dbt.type_string() }}) as event_id,
    cast(null as {{ dbt.type_string() }}) as reference_id,
    cast(null as {{ dbt.type_string() }}) as reference_kind,
    'employee' as respondent_kind,
    answers.feedback_kind,
    answers.touchpoint,
    answers.department,
    true as is_delivered,
    answers.answered_at as sent_at
from {{ ref('stg_feed__employee_answers') }} as answers
where
    answers.row_status = 'current'
    and {{ is_invitation('answers') }}
    and {{ is_changed('answers.feedback_id') }}
