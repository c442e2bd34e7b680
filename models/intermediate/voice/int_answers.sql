{#- What each customer and employee said, at which step. Of two answers to one invitation the later counts. -#}
with employees as (
    select
        answers.feedback_id,
        answers.invitation_id,
        answers.source_system,
        -- a text without a question
        coalesce(answers.feedback_kind, 'text') as feedback_kind,
        -- brand is no touchpoint, and what an answer does not say its invitation says
        nullif(coalesce(nullif(answers.touchpoint, 'brand'), invitations.touchpoint), 'brand') as touchpoint,
        coalesce(answers.department, invitations.department) as department,
        answers.feedback_direction,
        answers.feedback_score,
        answers.feedback_scale_min,
        answers.feedback_scale_max,
        answers.text_length,
        answers.is_feedback_complete,
        answers.answered_at
    from {{ ref('int_employee_answers') }} as answers
    left join {{ ref('int_invitations') }} as invitations
        on invitations.invitation_id = answers.invitation_id and invitations.respondent_kind = 'employee'
),

answers as (
    select
        answers.feedback_id,
        steps.customer_id,
        steps.event_id,
        answers.invitation_id,
        'customer' as respondent_kind,
        answers.source_system,
        answers.feedback_kind,
        case
            when answers.is_about_event then 'transactional'
            when coalesce(steps.named_touchpoint, steps.reference_id) is not null then 'transactional'
            else 'relationship'
        end as survey_scope,
        steps.join_kind,
        steps.touchpoint,
        coalesce(answers.department, steps.step_department) as department,
        answers.channel,
        coalesce(answers.feedback_direction, 'up') as feedback_direction,
        answers.feedback_score,
        answers.feedback_scale_min,
        answers.feedback_scale_max,
        steps.hours_between,
        answers.text_length,
        answers.is_feedback_complete,
        steps.is_anonymous,
        steps.is_reference_of_another,
        answers.answered_at
    from {{ ref('int_feedback') }} as answers
    inner join {{ ref('int_feedback_steps') }} as steps
        on steps.feedback_id = answers.feedback_id
    union all
    select
        {{ answer_id('feedback_id') }},
        null,
        null,
        invitation_id,
        'employee',
        source_system,
        feedback_kind,
        case when touchpoint is null then 'relationship' else 'transactional' end,
        case when touchpoint is null then 'none' else 'named' end,
        touchpoint,
        department,
        null,
        coalesce(feedback_direction, 'up'),
        feedback_score,
        feedback_scale_min,
        feedback_scale_max,
        null,
        text_length,
        is_feedback_complete,
        true,
        false,
        answered_at
    from employees
),

assessed as (
    select
        answers.*,
        {{ score_status('answers') | indent(8) }} as score_status,
        case
            when answers.invitation_id is null then 'unsolicited'
            when invitations.invitation_id is null then 'unknown_invitation'
            when answers.answered_at < invitations.sent_at then 'before_invitation'
            else 'invited'
        end as invitation_status
    from answers
    left join {{ ref('int_invitations') }} as invitations
        on invitations.invitation_id = answers.invitation_id
    where answers.answered_at <= {{ as_of() }}
),

grouped as (
    select
        assessed.*,
        {{ feedback_group('assessed', 'assessed.score_status') | indent(8) }} as feedback_group,
        case
            when assessed.score_status = 'scored' then {{ scaled_score('assessed') | indent(12) }}
        end as score_share,
        assessed.invitation_status <> 'invited' or row_number() over (
            partition by assessed.invitation_id, assessed.invitation_status
            order by
                assessed.score_status = 'scored' desc,
                assessed.answered_at desc,
                assessed.feedback_id asc
        ) = 1 as is_latest_answer
    from assessed
)

select
    grouped.feedback_id,
    grouped.customer_id,
    grouped.event_id,
    journeys.journey_instance_id,
    grouped.invitation_id,
    grouped.respondent_kind,
    grouped.source_system,
    grouped.feedback_kind,
    grouped.survey_scope,
    grouped.feedback_group,
    grouped.score_status,
    grouped.invitation_status,
    grouped.join_kind,
    journeys.journey_id,
    journeys.phase_id,
    grouped.touchpoint,
    grouped.department,
    grouped.channel,
    grouped.feedback_direction,
    grouped.feedback_score as score,
    grouped.feedback_scale_min as scale_min,
    grouped.feedback_scale_max as scale_max,
    cast(grouped.score_share as double) as score_share,
    grouped.hours_between,
    grouped.text_length,
    grouped.score_status in ('scored', 'outside_scale', 'no_scale', 'unusual_scale', 'text') as is_complete,
    grouped.is_latest_answer,
    grouped.is_latest_answer and grouped.score_status in ('scored', 'text') as is_counted,
    grouped.is_anonymous,
    grouped.is_reference_of_another,
    {{ local_date('grouped.answered_at') }} as answered_on,
    grouped.answered_at
from grouped
left join {{ ref('int_feedback_journeys') }} as journeys
    on journeys.feedback_id = grouped.feedback_id and journeys.preference = 1
