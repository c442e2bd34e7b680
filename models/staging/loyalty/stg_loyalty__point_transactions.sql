with source as (
    select * from {{ source('loyalty', 'point_transactions') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('loyalty.point_transactions') }} as version_key,
    'loyalty:' || point_transaction_id || ':booked' as event_id,
    case booking_type when 'earn' then 'points_earned' else 'points_redeemed' end as event_name,
    'loyalty' as source_system,
    'loyalty' as channel,
    'loyalty_programme' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    case booking_type when 'earn' then 'outbound' else 'inbound' end as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card'})) }} as identifiers,
    {{ json_of({'points': 'points', 'reference': 'reference'}) }} as properties,
    cast(null as bigint) as sequence_number,
    -- points are no money
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    booked_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
