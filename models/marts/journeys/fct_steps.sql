{{ config(materialized='view') }}

{#- The steps, published: the warehouse holds them once, in int_steps. -#}
select
    journey_instance_id,
    journey_id,
    customer_id,
    event_id,
    step_number,
    phase_id,
    event_name,
    channel,
    touchpoint,
    pause_seconds,
    occurred_at
from {{ ref('int_steps') }}
