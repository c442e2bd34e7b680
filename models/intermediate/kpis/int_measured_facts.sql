{{ config(materialized='ephemeral') }}

{#- What measures count: events, phase intervals, rows of spend and costs of events alike. Spend is of no customer. -#}
select measure_id, customer_id, aggregation, channel, measured_value, is_without_rate, measured_on
from {{ ref('int_measured_events') }}
union all
select measure_id, customer_id, aggregation, channel, measured_value, false, measured_on
from {{ ref('int_measured_intervals') }}
union all
select
    measure_id,
    cast(null as {{ dbt.type_string() }}),
    aggregation,
    channel,
    measured_value,
    is_without_rate,
    measured_on
from {{ ref('int_measured_spend') }}
union all
select measure_id, customer_id, aggregation, channel, measured_value, is_without_rate, measured_on
from {{ ref('int_measured_costs') }}
