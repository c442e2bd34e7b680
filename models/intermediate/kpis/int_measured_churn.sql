{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'churn_decision_id',
        'from': {
            'int_churn_decisions': 'churn_decision_id',
            'measures': 'all',
            'clock': {'where': 'decided_at > {built_as_of} and decided_at <= {as_of}', 'of': 'int_churn_decisions'},
        },
    }},
) }}

{#- Every decision of a rule of churn with each measure that counts it, on the day on which it is known. -#}
select
    measures.measure_id,
    decisions.churn_decision_id,
    decisions.customer_id,
    measures.aggregation,
    decisions.channel,
    cast(null as decimal(28, 6)) as measured_value,
    {{ local_date('decisions.decided_at') }} as measured_on
from {{ ref('int_churn_decisions') }} as decisions
inner join {{ ref('measures') }} as measures
    on
        measures.churn_rule_id = decisions.churn_rule_id
        and (measures.channel is null or measures.channel = decisions.channel)
        and {{ outcome_is_counted('measures', 'decisions.outcome') }}
where
    measures.subject = 'churn'
    and decisions.decided_at <= {{ as_of() }}
    and {{ is_changed('decisions.churn_decision_id') }}
