{{ config(materialized='view') }}

{#- The conversions, published: the warehouse holds them once, in int_conversions. -#}
select
    conversion_id,
    conversion_type,
    customer_id,
    event_id,
    channel,
    unattributed_reason,
    touch_count,
    gross_value,
    refunded_value,
    net_value,
    is_first_of_customer,
    is_without_rate,
    converted_on,
    converted_at
from {{ ref('int_conversions') }}
