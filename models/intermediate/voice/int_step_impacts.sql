{#- How much each step lifts or lowers what people say of all: docs/voice.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.drivers.impacts.step_impacts'}},
) }}

{{ argument('sums') }}
with answers as (
    select feedback_id, customer_id, customer_group, feedback_kind, touchpoint, points
    from {{ ref('int_driver_answers') }}
    where survey_scope = 'transactional'
),

at_steps as (
    select
        feedback_kind,
        'touchpoint' as dimension,
        '' as journey_id,
        coalesce(touchpoint, '') as step,
        customer_group,
        customer_id,
        points
    from answers
    union all
    select
        answers.feedback_kind,
        'phase',
        journeys.journey_id,
        journeys.phase_id,
        answers.customer_group,
        answers.customer_id,
        answers.points
    from answers
    inner join {{ ref('int_feedback_journeys') }} as journeys
        on journeys.feedback_id = answers.feedback_id
)

select
    feedback_kind,
    dimension,
    journey_id,
    step,
    customer_group,
    cast(count(*) as bigint) as answer_count,
    cast(count(distinct customer_id) as bigint) as customer_count,
    cast(sum(points) as double) as point_sum
from at_steps
group by feedback_kind, dimension, journey_id, step, customer_group
order by feedback_kind, dimension, journey_id, step, customer_group;
