{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'feedback_id',
        'from': {
            'stg_surveys__employee_answers': {'landed': 'feedback_id'},
            'stg_feed__employee_answers': {'landed': 'feedback_id'},
        },
    }},
) }}

{#- What employees answer about a touchpoint or a department. They are no customers, so who answered is not known. -#}
{%- set columns = [
    'feedback_id', 'source_system', 'touchpoint', 'department', 'feedback_kind', 'feedback_direction', 'invitation_id',
    'feedback_score', 'feedback_scale_min', 'feedback_scale_max', 'text_length', 'is_feedback_complete', 'answered_at',
] %}
select {{ columns | join(', ') }}
from {{ ref('stg_surveys__employee_answers') }}
where row_status = 'current' and {{ is_changed('feedback_id') }}
union all
select {{ columns | join(', ') }}
from {{ ref('stg_feed__employee_answers') }} as answers
where
    row_status = 'current'
    -- an event that asks nothing and says nothing is what an employee did, and no answer
    and (feedback_kind is not null or text_length > 0)
    and not {{ is_invitation('answers') }}
    and {{ is_changed('feedback_id') }}
