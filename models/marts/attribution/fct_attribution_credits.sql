{{ config(materialized='view') }}

{#- The credits, published: the warehouse holds them once, in int_rule_credits. -#}
select
    conversion_id,
    touchpoint_event_id,
    conversion_type,
    rule,
    customer_id,
    channel,
    campaign,
    touch_kind,
    unattributed_reason,
    credit_share,
    gross_value,
    refunded_value,
    credited_value,
    is_default,
    converted_on
from {{ ref('int_rule_credits') }}
