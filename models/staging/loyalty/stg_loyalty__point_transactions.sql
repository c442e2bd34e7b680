with source as (
    select * from {{ landed('loyalty', 'point_transactions') }}
)

select
    version_key,
    record_key,
    'loyalty:' || point_transaction_id || ':booked' as event_id,
    case booking_type when 'earn' then 'points_earned' else 'points_redeemed' end as event_name,
    'loyalty' as source_system,
    'loyalty' as channel,
    'loyalty_programme' as touchpoint,
    case booking_type when 'earn' then 'outbound' else 'inbound' end as direction,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card'})) }} as identifiers,
    {{ json_of({'points': 'points', 'reference': 'reference'}) }} as properties,
    -- points are not money
    row_status,
    booked_at as occurred_at,
    loaded_at,
    changed_in
from source
