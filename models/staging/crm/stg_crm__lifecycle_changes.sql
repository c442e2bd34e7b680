with source as (
    select * from {{ landed('crm', 'lifecycle_changes') }}
)

select
    version_key,
    record_key,
    'crm:' || change_id || ':stage_changed' as event_id,
    'lifecycle_stage_changed' as event_name,
    'crm' as source_system,
    'crm' as channel,
    'crm_record' as touchpoint,
    'sales' as department,
    'outbound' as direction,
    -- a contact is an identifier of its own, so what is known about it needs no account or address
    {{ hashed_identifiers(map_of({'record': "'crm:' || contact_id"})) }} as identifiers,
    {{ json_of({
        'from_stage': 'from_stage',
        'to_stage': 'to_stage',
        'changed_by': 'changed_by',
    }) }} as properties,
    row_status,
    changed_at as occurred_at,
    loaded_at,
    changed_in
from source
