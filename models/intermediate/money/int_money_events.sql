{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_measured_events': 'customer_id',
        },
    }},
) }}

{#-
    What customers spent: events whose amount some measure adds up, each once. A return or a quotation is not in it unless
    a measure counts it as money.
-#}
select
    event_id,
    min(customer_id) as customer_id,
    cast(min(measured_value) as decimal(18, 2)) as amount,
    bool_or(is_without_rate) as is_without_rate,
    bool_or(is_spending) as is_spending,
    min(occurred_at) as occurred_at
from {{ ref('int_measured_events') }}
where
    aggregation = 'sum'
    and value_column = 'amount'
    and (measured_value is not null or is_without_rate)
    and {{ is_changed('customer_id') }}
group by event_id
