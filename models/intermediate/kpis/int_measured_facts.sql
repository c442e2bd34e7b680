{{ config(materialized='ephemeral') }}

{#- What measures count, events and phase intervals alike. -#}
select measure_id, customer_id, aggregation, channel, measured_value, is_without_rate, measured_on
from {{ ref('int_measured_events') }}
union all
select measure_id, customer_id, aggregation, channel, measured_value, false, measured_on
from {{ ref('int_measured_intervals') }}
