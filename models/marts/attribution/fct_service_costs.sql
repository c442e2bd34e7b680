{{ config(materialized='view') }}

{#- Costs of events, published: the warehouse holds them once, in int_service_costs. -#}
select
    event_id,
    customer_id,
    source_system,
    event_name,
    channel,
    touchpoint,
    department,
    event_unit_cost_id,
    minute_unit_cost_id,
    cost_status,
    duration_seconds,
    {{ money_of_micros('event_cost_micros') }} as event_cost,
    {{ money_of_micros('minute_cost_micros') }} as minute_cost,
    {{ money_of_micros('cost_micros') }} as cost,
    is_linkable,
    occurred_on,
    occurred_at
from {{ ref('int_service_costs') }}
