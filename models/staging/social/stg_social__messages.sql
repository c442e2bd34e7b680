with source as (
    select * from {{ landed('social', 'messages') }}
)

select
    version_key,
    record_key,
    'social:' || message_id || ':sent' as event_id,
    case direction
        when 'inbound' then 'social_message_received'
        else 'social_message_answered'
    end as event_name,
    'social' as source_system,
    'social' as channel,
    'social_message' as touchpoint,
    'service' as department,
    direction,
    {{ hashed_identifiers(map_of({
        'social_handle': 'customer_handle',
        'customer_number': 'linked_customer_number',
    })) }} as identifiers,
    {{ json_of({'network': 'network', 'conversation_id': 'conversation_id'}) }} as properties,
    case direction when 'inbound' then cast(nullif(length(trim(body)), 0) as bigint) end as text_length,
    row_status,
    sent_at as occurred_at,
    loaded_at,
    changed_in
from source
