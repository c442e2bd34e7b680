{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'period_key',
        'from': {
            'int_measured_events': {'column': 'measured_on', 'of': 'int_period_days', 'key': 'period_key'},
            'int_measured_intervals': {'column': 'measured_on', 'of': 'int_period_days', 'key': 'period_key'},
            'int_measured_costs': {'column': 'measured_on', 'of': 'int_period_days', 'key': 'period_key'},
            'int_measured_churn': {'column': 'measured_on', 'of': 'int_period_days', 'key': 'period_key'},
            'int_measured_credits': {'column': 'measured_on', 'of': 'int_period_days', 'key': 'period_key'},
            'int_measured_spend': 'never: spend is of no customer',
            'int_measured_invitations': 'never: invitations are counted, and not their customers',
            'int_period_days': 'never: a day stays in its periods, and a new day has facts that changed',
            'kpis': 'all',
            'measures': 'all',
        },
    }},
) }}

{#- Customers are counted once a period, not once a day, so days cannot be added up. -#}
with customer_facts as (
    select distinct measure_id, customer_id, measured_on
    from {{ ref('int_measured_facts') }}
    where aggregation = 'distinct_customers'
),

measures as (
    select distinct measure_id, period
    from {{ ref('int_kpi_measures') }}
    where aggregation = 'distinct_customers'
)

select
    days.period_key,
    measures.measure_id,
    days.period,
    cast(count(distinct customer_facts.customer_id) as bigint) as customer_count,
    days.period_start
from measures
inner join {{ ref('int_period_days') }} as days
    on days.period = measures.period
inner join customer_facts
    on customer_facts.measure_id = measures.measure_id and customer_facts.measured_on = days.measured_on
where {{ is_changed('days.period_key') }}
group by days.period_key, measures.measure_id, days.period, days.period_start
