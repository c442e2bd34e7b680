{#- Each step with the one after it, as numbers only: millions of rows are sorted and grouped by them. -#}
with answers as (
    select event_id, feedback_share
    from {{ ref('int_timeline_events') }}
    where feedback_share is not null
),

steps as (
    select
        instances.instance_number,
        instances.customer_number,
        names.name_number,
        numbered.step_number,
        numbered.pause_seconds,
        answers.feedback_share,
        numbered.occurred_at
    from {{ ref('int_steps') }} as numbered
    inner join {{ ref('int_instance_numbers') }} as instances
        on instances.journey_instance_id = numbered.journey_instance_id
    inner join {{ ref('int_step_names') }} as names
        on
            names.journey_id = numbered.journey_id
            and names.phase = coalesce(numbered.phase_id, '(none)')
            and names.channel = coalesce(numbered.channel, '(none)')
            and names.touchpoint = coalesce(numbered.touchpoint, '(none)')
            and names.event = coalesce(numbered.event_name, '(none)')
    left join answers
        on answers.event_id = numbered.event_id
)

select
    instance_number,
    customer_number,
    name_number,
    lead(name_number) over instance as next_name_number,
    step_number,
    pause_seconds as next_seconds,
    feedback_share,
    lead(feedback_share) over instance as next_feedback_share,
    occurred_at
from steps
window instance as (partition by instance_number order by step_number)
