{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_people_and_customers_touched'}},
) }}

{#- Summed up in an intermediate, because segments ask the same of customers and read no mart. -#}
select
    customer_id,
    is_anonymous,
    first_seen_at,
    last_seen_at,
    event_count
from {{ ref('int_customers_summarized') }}
where {{ is_touched('customer_id', ref('int_people_and_customers_touched'), 'customer_id') }}
