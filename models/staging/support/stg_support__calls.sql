with source as (
    select * from {{ landed('support', 'calls') }}
)

select
    version_key,
    record_key,
    'support:' || call_id || ':called' as event_id,
    case
        when direction = 'outbound' then 'call_made'
        when is_abandoned then 'call_abandoned'
        else 'call_answered'
    end as event_name,
    'support' as source_system,
    'phone' as channel,
    'support_call' as touchpoint,
    coalesce(queue, 'service') as department,
    direction,
    {{ hashed_identifiers(map_of({'phone': 'caller_number'})) }} as identifiers,
    {{ json_of({
        'ticket_id': 'ticket_id',
        'wait_seconds': 'wait_seconds',
        'answered_after_seconds': "case when direction = 'inbound' and not coalesce(is_abandoned, false) then wait_seconds end",
        'talk_seconds': 'talk_seconds',
    }) }} as properties,
    call_id as reference_id,
    'call' as reference_kind,
    cast(rating as double) as rating,
    cast(rating_scale_min as double) as rating_scale_min,
    cast(rating_scale_max as double) as rating_scale_max,
    rated_at,
    row_status,
    started_at as occurred_at,
    loaded_at,
    changed_in
from source
