{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'invitation_id',
        'from': {
            'int_invitations': 'all',
            'int_feedback_steps': 'all',
            'int_answers': 'all',
            'measures': 'all',
            'clock': {'where': 'sent_at > {built_as_of} and sent_at <= {as_of}', 'of': 'int_invitations'},
        },
    }},
) }}

{#- Every survey that was sent to a customer with each measure that counts it, on the day on which it was sent. -#}
with answered as (
    {{ answered_invitations() }}
),

invitations as (
    select
        invitations.invitation_id,
        steps.customer_id,
        invitations.feedback_kind,
        coalesce(steps.touchpoint, nullif(invitations.touchpoint, 'brand')) as touchpoint,
        case when answered.invitation_id is not null then 'answered' else 'unanswered' end as outcome,
        {{ local_date('invitations.sent_at') }} as measured_on
    from {{ ref('int_invitations') }} as invitations
    left join {{ ref('int_feedback_steps') }} as steps
        on steps.feedback_id = invitations.invitation_id
    left join answered
        on answered.invitation_id = invitations.invitation_id
    where
        invitations.respondent_kind = 'customer'
        and invitations.is_delivered
        and invitations.sent_at <= {{ as_of() }}
        and {{ is_changed('invitations.invitation_id') }}
)

select
    measures.measure_id,
    invitations.invitation_id,
    invitations.customer_id,
    measures.aggregation,
    '(none)' as channel,
    cast(null as decimal(28, 6)) as measured_value,
    invitations.measured_on
from invitations
inner join {{ ref('measures') }} as measures
    on
        (measures.feedback_kind is null or measures.feedback_kind = invitations.feedback_kind)
        and (measures.touchpoint is null or measures.touchpoint = invitations.touchpoint)
        and {{ outcome_is_counted('measures', 'invitations.outcome') }}
where measures.subject = 'invitations'
