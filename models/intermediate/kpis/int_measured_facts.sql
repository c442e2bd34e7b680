{{ config(materialized='ephemeral') }}

{#-
    What measures count: events, phase intervals, rows of spend, costs of events, conversions, credits, decisions about
    churn and invitations alike. Spend is of no customer, and so is an invitation to an address that nothing else names.
-#}
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
union all
select measure_id, customer_id, aggregation, channel, measured_value, false, measured_on
from {{ ref('int_measured_churn') }}
union all
select measure_id, customer_id, aggregation, channel, measured_value, false, measured_on
from {{ ref('int_measured_invitations') }}
union all
select measure_id, customer_id, aggregation, channel, measured_value, is_without_rate, measured_on
from {{ ref('int_measured_credits') }}
