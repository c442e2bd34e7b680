with source as (
    select * from {{ landed('store', 'visits') }}
)

select
    version_key,
    record_key,
    'store:' || visit_id || ':visited' as event_id,
    'store_visited' as event_name,
    'store' as source_system,
    'store' as channel,
    case noticed_by when 'beacon' then 'store_visit' else noticed_by end as touchpoint,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({
        'device_id': 'device_id',
        'loyalty_card': 'loyalty_card',
    })) }} as identifiers,
    {{ json_of({
        'store_id': 'store_id',
        'order_id': 'order_id',
        'dwell_seconds': 'dwell_seconds',
    }) }} as properties,
    visit_id as reference_id,
    'visit' as reference_kind,
    row_status,
    arrived_at as occurred_at,
    loaded_at,
    changed_in
from source
