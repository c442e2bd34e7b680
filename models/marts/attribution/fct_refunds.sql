{{ config(materialized='view') }}

{#- The refunds, published: the warehouse holds them once, in int_refunds. -#}
select
    refund_id,
    conversion_id,
    conversion_type,
    customer_id,
    event_id,
    refund_outcome,
    stated_value,
    refunded_value,
    refunded_on,
    refunded_at
from {{ ref('int_refunds') }}
