-- What events cost is what customers, touchpoints and, allocated, journey instances cost, and each event counts once.
with events as (
    select
        count(*) as event_count,
        count_if(cost_status <> 'costed') as uncosted_event_count,
        coalesce(sum(cost), 0) as cost
    from {{ ref('fct_service_costs') }}
),

journeys as (
    select coalesce(sum(allocated_cost), 0) as cost from {{ ref('agg_journey_costs') }}
),

totals as (
    select
        'customers' as breakdown,
        coalesce(sum(event_count), 0) as event_count,
        coalesce(sum(uncosted_event_count), 0) as uncosted_event_count,
        coalesce(sum(cost), 0) as cost
    from {{ ref('agg_customer_costs') }}
    union all
    select
        'touchpoints',
        coalesce(sum(event_count), 0),
        coalesce(sum(uncosted_event_count), 0),
        coalesce(sum(cost), 0)
    from {{ ref('agg_touchpoint_costs_daily') }}
    union all
    select 'journeys', events.event_count, events.uncosted_event_count, journeys.cost
    from events
    cross join journeys
)

select totals.*, events.cost as cost_of_events
from totals
cross join events
where
    totals.event_count <> events.event_count
    or totals.uncosted_event_count <> events.uncosted_event_count
    or totals.cost <> events.cost
union all
select 'event ' || event_id, 1, 0, cost, coalesce(event_cost, 0) + coalesce(minute_cost, 0)
from {{ ref('fct_service_costs') }}
where
    cost is distinct from case
        when event_cost is not null or minute_cost is not null
            then coalesce(event_cost, 0) + coalesce(minute_cost, 0)
    end
