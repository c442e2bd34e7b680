{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_customer_summaries': 'customer_id',
        },
    }},
) }}

{#- Aggregated in an intermediate model, because segments need the same columns and read no mart. -#}
select
    customer_id,
    is_anonymous,
    is_linkable,
    first_seen_at,
    last_seen_at,
    event_count
from {{ ref('int_customer_summaries') }}
where {{ is_changed('customer_id') }}
