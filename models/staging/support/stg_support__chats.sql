with source as (
    select * from {{ landed('support', 'chats') }}
)

select
    version_key,
    record_key,
    'support:' || chat_id || ':chatted' as event_id,
    case when is_missed then 'chat_missed' else 'chat_held' end as event_name,
    'support' as source_system,
    'chat' as channel,
    'chat' as touchpoint,
    coalesce(department, 'service') as department,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({
        'cookie': 'visitor_cookie',
        'email': 'email',
        'customer_number': 'customer_number',
    })) }} as identifiers,
    {{ json_of({
        'wait_seconds': 'wait_seconds',
        'answered_after_seconds': 'case when not coalesce(is_missed, false) then wait_seconds end',
        'message_count': 'message_count',
    }) }} as properties,
    chat_id as reference_id,
    'chat' as reference_kind,
    cast(rating as double) as rating,
    cast(rating_scale_min as double) as rating_scale_min,
    cast(rating_scale_max as double) as rating_scale_max,
    rated_at,
    row_status,
    started_at as occurred_at,
    loaded_at,
    changed_in
from source
