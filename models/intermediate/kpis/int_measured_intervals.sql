{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_phase_intervals': 'customer_id',
            'int_journey_instances': 'customer_id',
            'measures': 'all',
        },
    }},
) }}

{#- Every phase interval with each measure of measures.csv that counts it, on the day of entry. -#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'intervals'
),

intervals as (
    select * from {{ ref('int_measurable_intervals') }}
    where {{ is_changed('customer_id') }}
)

select
    measures.measure_id,
    intervals.interval_id,
    intervals.customer_id,
    measures.aggregation,
    measures.value_column,
    intervals.entry_channel as channel,
    intervals.level,
    cast(case measures.value_column when 'dwell_seconds' then intervals.dwell_seconds end as decimal(28, 6))
        as measured_value,
    intervals.measured_on
from intervals
inner join measures
    on
        {{ is_measured_interval('measures', 'intervals') }}
