{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_journey_instances': 'customer_id',
        },
    }},
) }}

select
    journey_instance_id,
    journey_id,
    journey_version,
    customer_id,
    level,
    outcome,
    case_value,
    is_linkable,
    first_event_name,
    last_event_name,
    interval_count,
    step_count,
    channel_count,
    duration_seconds,
    started_at,
    last_step_at,
    ended_at
from {{ ref('int_journey_instances') }}
where {{ is_changed('customer_id') }}
