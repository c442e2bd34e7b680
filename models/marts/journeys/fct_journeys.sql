{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_journey_customers_touched'}},
) }}

select
    journey_instance_id,
    journey_id,
    journey_version,
    customer_id,
    level,
    outcome,
    interval_count,
    step_count,
    channel_count,
    started_at,
    ended_at
from {{ ref('int_journeys_leveled') }}
where {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
