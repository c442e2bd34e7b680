with source as (
    select * from {{ landed('shop', 'subscriptions') }}
),

-- one row for each moment of the subscription that has come
moments as (
    select source.*, 'started' as moment, started_at as occurred_at from source
    union all
    select source.*, 'cancelled', cancelled_at from source where cancelled_at is not null
)

select
    version_key,
    record_key,
    'shop:' || subscription_id || ':subscription_' || moment as event_id,
    'subscription_' || moment as event_name,
    'shop' as source_system,
    'shop' as channel,
    'subscription' as touchpoint,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({'customer_number': 'customer_number', 'email': 'email'})) }} as identifiers,
    {{ json_of({
        'subscription_id': 'subscription_id',
        'plan': 'plan',
        'monthly_price': 'monthly_price',
        'price_currency': 'currency',
        'cancel_reason': "case moment when 'cancelled' then cancel_reason end",
    }) }} as properties,
    -- the money comes with each renewal's order
    subscription_id as reference_id,
    'subscription' as reference_kind,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
