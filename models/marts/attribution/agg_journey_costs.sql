{#- The last row holds what is a step of no instance, so that allocated costs add up to those of all events. -#}
with journeys as (
    select * from {{ ref('int_journey_costs') }}
),

totals as (
    select
        count(*) as event_count,
        count_if(cost_status <> 'costed') as uncosted_event_count,
        coalesce(sum(cost_micros), 0) as cost_micros
    from {{ ref('int_service_costs') }}
    where event_id not in (select event_id from {{ ref('int_steps') }})
)

select
    journey_instance_id,
    journey_id,
    customer_id,
    event_count,
    uncosted_event_count,
    {{ money_of_micros('cost_micros') }} as cost,
    {{ money_of_micros('allocated_cost_micros') }} as allocated_cost
from journeys
union all
select
    '(none)',
    '(none)',
    cast(null as {{ dbt.type_string() }}),
    cast(event_count as bigint),
    cast(uncosted_event_count as bigint),
    {{ money_of_micros('cost_micros') }},
    {{ money_of_micros('cost_micros') }}
from totals
where event_count > 0
