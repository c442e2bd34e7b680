{{ config(materialized='view') }}

{#- The timeline, published: the warehouse holds it once, in int_timeline_events. -#}
select
    event_id,
    customer_id,
    visitor_id,
    session_id,
    event_number,
    source_system,
    event_name,
    channel,
    touchpoint,
    department,
    direction,
    device_type,
    campaign,
    amount,
    currency,
    is_identified,
    is_linkable,
    is_bot,
    is_after_as_of,
    occurred_at,
    loaded_at,
    properties
from {{ ref('int_timeline_events') }}
