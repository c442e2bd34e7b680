{{ config(
    materialized='incremental',
    meta={'replace': {'key': 'customer_id', 'changed': 'int_changed_journey_customers'}},
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
from {{ ref('int_journey_instances') }}
where {{ is_changed('customer_id', ref('int_changed_journey_customers'), 'customer_id') }}
