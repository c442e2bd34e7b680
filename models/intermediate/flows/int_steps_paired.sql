{#-
    Each step beside the one after it, under the four names that flows are told by. What is grouped by, not shown,
    is a number: counting millions of pairs by texts takes three times as long.
-#}
with instances as (
    select
        journey_instance_id,
        level,
        outcome,
        row_number() over (order by journey_instance_id) as instance_number,
        dense_rank() over (order by customer_id) as customer_number
    from {{ ref('int_journeys_leveled') }}
),

answers as (
    select
        event_id,
        -- a decimal, so that sums of it do not depend on the order of rows
        cast(feedback_score / nullif(feedback_scale_max, 0) as decimal(18, 6)) as feedback_share
    from {{ ref('int_events_unioned') }}
    where is_current and feedback_score is not null and feedback_scale_max is not null
),

steps as (
    select
        instances.instance_number,
        instances.customer_number,
        numbered.journey_id,
        numbered.customer_id,
        instances.level,
        instances.outcome,
        coalesce(numbered.phase_id, '(none)') as phase,
        coalesce(numbered.channel, '(none)') as channel,
        coalesce(numbered.touchpoint, '(none)') as touchpoint,
        coalesce(numbered.event_name, '(none)') as event,
        numbered.step_number,
        answers.feedback_share,
        numbered.occurred_at
    from {{ ref('int_steps_numbered') }} as numbered
    inner join instances
        on instances.journey_instance_id = numbered.journey_instance_id
    left join answers
        on answers.event_id = numbered.event_id
)

select
    instance_number,
    customer_number,
    journey_id,
    customer_id,
    level,
    outcome,
    {% for step_type in step_types() -%}
    {{ step_type }},
    lead({{ step_type }}) over instance as next_{{ step_type }},
    {% endfor -%}
    step_number,
    {{ seconds_between('occurred_at', 'lead(occurred_at) over instance') }} as next_seconds,
    feedback_share,
    lead(feedback_share) over instance as next_feedback_share,
    occurred_at
from steps
window instance as (partition by instance_number order by step_number)
