with source as (
    select * from {{ landed('shop', 'orders') }}
),

-- one row for each moment of the order that has come
moments as (
    select source.*, 'placed' as moment, placed_at as occurred_at from source
    union all
    select source.*, 'shipped', shipped_at from source where shipped_at is not null
    union all
    select source.*, 'delivered', delivered_at from source where delivered_at is not null
    union all
    select source.*, 'cancelled', cancelled_at from source where cancelled_at is not null
    union all
    select source.*, 'returned', returned_at from source where returned_at is not null
)

select
    version_key,
    record_key,
    'shop:' || order_id || ':' || moment as event_id,
    case
        when moment = 'placed' and order_type = 'subscription_renewal' then 'subscription_renewed'
        else 'order_' || moment
    end as event_name,
    'shop' as source_system,
    case
        when moment <> 'placed' or order_type = 'subscription_renewal' then 'shop'
        when source_name = 'call_centre' then 'phone'
        when source_name = 'subscription' then 'shop'
        else source_name
    end as channel,
    case
        when moment = 'placed' and order_type = 'subscription_renewal' then 'subscription'
        when moment in ('shipped', 'delivered') then 'delivery'
        when moment = 'returned' then 'return'
        else 'checkout'
    end as touchpoint,
    case when moment in ('shipped', 'delivered') then 'logistics' end as department,
    case when moment in ('shipped', 'delivered') then 'outbound' else 'inbound' end as direction,
    case moment when 'placed' then currency end as currency,
    -- a device takes part in placing the order only: a courier's ring opens no session in the buyer's browser
    {{ hashed_identifiers(map_of({
        'customer_number': 'customer_number',
        'email': 'email',
        'phone': 'phone',
        'loyalty_card': 'loyalty_card',
        'cookie': "case moment when 'placed' then checkout_cookie end",
        'device_id': "case moment when 'placed' then app_device_id end",
    })) }} as identifiers,
    {{ json_of({
        'order_id': 'order_id',
        'order_type': 'order_type',
        'subscription_id': 'subscription_id',
        'line_count': "case moment when 'placed' then line_count end",
        'shipping_price': "case moment when 'placed' then shipping_price end",
        'total_discounts': "case moment when 'placed' then total_discounts end",
        'discount_code': "case moment when 'placed' then discount_code end",
        'payment_method': "case moment when 'placed' then payment_method end",
        'shipping_method': 'shipping_method',
        'refunded_amount': "case when moment in ('cancelled', 'returned') then refunded_amount end",
    }) }} as properties,
    -- once per order, or the order's money would count as often as the order moves
    case moment when 'placed' then total_price end as amount,
    order_id as reference_id,
    'order' as reference_kind,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
