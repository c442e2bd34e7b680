{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_customer_summaries': 'customer_id',
            'int_timeline_events': 'customer_id',
            'int_money_events': 'customer_id',
        },
    }},
) }}

{#- Aggregated in an intermediate model, because segments need the same columns and read no mart. -#}
with first_contacts as (
    select customer_id, min_by(channel, event_number) as first_channel
    from {{ ref('int_timeline_events') }}
    where
        channel is not null
        and not is_bot
        and not is_after_as_of
        and {{ is_changed('customer_id') }}
    group by customer_id
),

purchases as (
    select customer_id, min(occurred_at) as first_purchase_at
    from {{ ref('int_money_events') }}
    where
        is_spending
        and {{ is_changed('customer_id') }}
    group by customer_id
)

select
    summaries.customer_id,
    summaries.is_anonymous,
    summaries.is_linkable,
    summaries.first_seen_at,
    summaries.last_seen_at,
    summaries.event_count,
    first_contacts.first_channel,
    purchases.first_purchase_at
from {{ ref('int_customer_summaries') }} as summaries
left join first_contacts
    on first_contacts.customer_id = summaries.customer_id
left join purchases
    on purchases.customer_id = summaries.customer_id
where {{ is_changed('summaries.customer_id') }}
