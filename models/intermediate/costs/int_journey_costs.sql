{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_service_costs': 'customer_id',
            'int_steps': 'customer_id',
        },
    }},
) }}

{#-
    The costs of a journey instance's steps. An event that is a step of several instances is in the cost of each; its
    allocated cost is split evenly among them, in millionths, and those that are left over go to the first instances in the
    order of their ids. Allocated costs therefore add up to what the events cost.
-#}
with steps as (
    select
        steps.journey_instance_id,
        steps.journey_id,
        steps.customer_id,
        costs.cost_status,
        costs.cost_micros,
        row_number() over (partition by steps.event_id order by steps.journey_instance_id) as place,
        count(*) over (partition by steps.event_id) as instance_count
    from {{ ref('int_steps') }} as steps
    inner join {{ ref('int_service_costs') }} as costs
        on costs.event_id = steps.event_id
    where {{ is_changed('steps.customer_id') }}
),

parts as (
    select
        *,
        {{ quotient_of('cost_micros', 'instance_count') }} as even_micros
    from steps
)

select
    journey_instance_id,
    journey_id,
    customer_id,
    cast(count(*) as bigint) as event_count,
    cast(count_if(cost_status <> 'costed') as bigint) as uncosted_event_count,
    cast(coalesce(sum(cost_micros), 0) as bigint) as cost_micros,
    cast(coalesce(sum(
        even_micros + case when place <= cost_micros - even_micros * instance_count then 1 else 0 end
    ), 0) as bigint) as allocated_cost_micros
from parts
group by journey_instance_id, journey_id, customer_id
