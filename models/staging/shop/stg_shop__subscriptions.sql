with source as (
    select * from {{ source('shop', 'subscriptions') }}
),

identifier_rules as (
    {{ identifier_rules() }}
),

-- one row for each moment of the subscription that has come
moments as (
    select source.*, 'started' as moment, started_at as occurred_at from source
    union all
    select source.*, 'cancelled', cancelled_at from source where cancelled_at is not null
)

select
    {{ version_key('shop.subscriptions') }} as version_key,
    'shop:' || subscription_id || ':subscription_' || moment as event_id,
    'subscription_' || moment as event_name,
    'shop' as source_system,
    'shop' as channel,
    'subscription' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'customer_number': 'customer_number', 'email': 'email'})) }} as identifiers,
    {{ json_of({
        'subscription_id': 'subscription_id',
        'plan': 'plan',
        'monthly_price': 'monthly_price',
        'price_currency': 'currency',
        'cancel_reason': "case moment when 'cancelled' then cancel_reason end",
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    -- the money comes with each renewal's order
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    occurred_at,
    {{ landing_columns() }}
from moments
cross join identifier_rules
