with source as (
    select * from {{ landed('feed', 'events') }}
)

select
    version_key,
    event_id,
    event_name,
    source_system,
    channel,
    touchpoint,
    department,
    direction,
    device_type,
    campaign,
    {{ json_text('properties', 'medium') }} as medium,
    {{ json_text('properties', 'user_agent') }} as user_agent,
    currency,
    feedback_kind,
    {{ hashed_identifiers(json_to_map('identifiers')) }} as identifiers,
    {{ public_properties('feed', 'events', 'properties') }} as properties,
    sequence_number,
    amount,
    feedback_score,
    feedback_scale_min,
    feedback_scale_max,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from source
