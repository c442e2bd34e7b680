{#- How much of the score of the brand goes with the scores of steps: docs/voice.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.drivers.shares_of_r2.score_drivers'}},
) }}

{{ argument('scores') }}
with overall as (
    select
        customer_id,
        score_share,
        row_number() over (partition by customer_id order by answered_at desc, feedback_id asc) as recency
    from {{ ref('int_driver_answers') }}
    where survey_scope = 'relationship' and feedback_kind = 'nps' and not is_anonymous
)

select
    answers.customer_id,
    answers.customer_group,
    answers.touchpoint,
    cast(avg(answers.score_share) as double) as step_score,
    cast(max(overall.score_share) as double) as overall_score
from {{ ref('int_driver_answers') }} as answers
inner join overall
    on overall.customer_id = answers.customer_id and overall.recency = 1
where answers.survey_scope = 'transactional' and answers.touchpoint is not null
group by answers.customer_id, answers.customer_group, answers.touchpoint
order by answers.customer_id, answers.touchpoint;
