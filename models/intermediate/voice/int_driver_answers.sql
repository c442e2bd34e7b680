{#-
    The scored answers of customers about a step, of the last year before the clock: what is wrong now, and not what was
    repaired long ago. With the points that the kind's figure is the mean of.
-#}
with answers as (
    select
        answers.*,
        case answers.feedback_kind
            when 'nps' then {{ nps_points('answers.feedback_group') }}
            when 'ces' then answers.score_share
            else case when answers.feedback_group = 'satisfied' then 1 else 0 end
        end as points
    from {{ ref('int_answers') }} as answers
    where
        answers.respondent_kind = 'customer'
        and answers.is_counted
        and answers.score_status = 'scored'
        and answers.answered_at > {{ seconds_after(as_of(), -86400 * var('drivers_within_days')) }}
),

customers as (
    select customer_id, {{ hash_text('customer_id') }} as customer_hash
    from answers
    group by customer_id
)

select
    answers.feedback_id,
    answers.customer_id,
    {{ customer_group('customers.customer_hash') }} as customer_group,
    answers.feedback_kind,
    answers.survey_scope,
    answers.touchpoint,
    answers.is_anonymous,
    cast(answers.points as decimal(18, 6)) as points,
    cast(answers.score_share as decimal(18, 6)) as score_share,
    answers.answered_at
from answers
inner join customers
    on customers.customer_id = answers.customer_id
