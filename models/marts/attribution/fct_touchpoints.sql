{{ config(materialized='view') }}

{#- The touches, published: the warehouse holds them once, in int_touches. -#}
select
    touchpoint_event_id,
    customer_id,
    session_id,
    touch_rule_id,
    channel,
    campaign,
    touch_kind,
    is_direct,
    is_paid,
    is_linkable,
    occurred_on,
    occurred_at,
    window_until
from {{ ref('int_touches') }}
