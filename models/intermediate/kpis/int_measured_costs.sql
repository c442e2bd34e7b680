{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_service_costs': 'customer_id',
            'int_steps': 'customer_id',
            'measures': 'all',
        },
    }},
) }}

{#-
    Every event that a price names, with each measure of measures.csv that counts it. Of a journey or a phase those that are
    a step of it: each once, however many of its instances it is a step of. An event whose cost is not, or not wholly, known
    is in a sum as one without a rate: what is not known is counted apart, and is not 0. A count leaves it out without a cost.
-#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'costs'
),

costs as (
    select
        event_id,
        customer_id,
        event_name,
        source_system,
        coalesce(channel, '(none)') as channel,
        touchpoint,
        cost_micros,
        cost_status,
        is_linkable,
        occurred_on
    from {{ ref('int_service_costs') }}
    where {{ is_changed('customer_id') }}
),

steps as (
    select distinct journey_id, phase_id, event_id
    from {{ ref('int_steps') }}
    where
        journey_id in (select journey_id from measures)
        and {{ is_changed('customer_id') }}
),

steps_of_measures as (
    select distinct measures.measure_id, steps.event_id
    from measures
    inner join steps
        on
            steps.journey_id = measures.journey_id
            and (measures.phase_id is null or steps.phase_id = measures.phase_id)
)

select
    measures.measure_id,
    costs.event_id,
    costs.customer_id,
    measures.aggregation,
    costs.channel,
    cast({{ money_of_micros('costs.cost_micros') }} as decimal(28, 6)) as measured_value,
    measures.aggregation = 'sum' and costs.cost_status <> 'costed' as is_without_rate,
    costs.is_linkable,
    costs.occurred_on as measured_on
from costs
inner join measures
    on
        (measures.event_name is null or measures.event_name = costs.event_name)
        and (measures.source_system is null or measures.source_system = costs.source_system)
        and (measures.channel is null or measures.channel = costs.channel)
        and (measures.touchpoint is null or measures.touchpoint = costs.touchpoint)
left join steps_of_measures
    on steps_of_measures.measure_id = measures.measure_id and steps_of_measures.event_id = costs.event_id
where
    (measures.journey_id is null or steps_of_measures.event_id is not null)
    and (measures.aggregation = 'sum' or costs.cost_micros is not null)
