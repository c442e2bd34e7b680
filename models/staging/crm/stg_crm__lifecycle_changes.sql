with source as (
    select * from {{ source('crm', 'lifecycle_changes') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('crm.lifecycle_changes') }} as version_key,
    'crm:' || change_id || ':stage_changed' as event_id,
    'lifecycle_stage_changed' as event_name,
    'crm' as source_system,
    'crm' as channel,
    'crm_record' as touchpoint,
    'sales' as department,
    'outbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    -- a contact is an identifier of its own, so what is known about it needs no account or address
    {{ hashed_identifiers(map_of({'record': "'crm:' || contact_id"})) }} as identifiers,
    {{ json_of({
        'from_stage': 'from_stage',
        'to_stage': 'to_stage',
        'changed_by': 'changed_by',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    changed_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
